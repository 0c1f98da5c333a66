package listen

import (
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestParseAddress(t *testing.T) {
	f := func(s, want, wantError string) {
		t.Helper()
		a, err := ParseAddress(s, "udp", "tcp", "unix")
		if err == nil && (a.String() != want || wantError != "") || err != nil && (wantError == "" || !strings.Contains(err.Error(), wantError)) {
			t.Errorf("%q is %v, %v; want %s %s", s, a, err, want, wantError)
		}
	}
	f("udp://127.0.0.1:5514", "udp://127.0.0.1:5514", "")
	f("tcp://[::1]:514/", "tcp://[::1]:514", "")
	f("tcp://localhost:0", "tcp://localhost:0", "")
	f("unix:///run/x.sock", "unix:///run/x.sock", "")
	f("127.0.0.1:514", "", "does not say what to listen for: udp://127.0.0.1:514")
	f("http://127.0.0.1:514", "", `"http" is unknown here; udp, tcp, unix are known`)
	f("tcp://127.0.0.1", "", "is no address like tcp://127.0.0.1:5514")
	f("tcp://:514", "", "names no host")
	f("tcp://127.0.0.1:99999", "", "has no port")
	f("unix://run/x.sock", "", "begins with /")
	f("unix:///"+strings.Repeat("x", 107), "", "at most 107")
}

func TestPeers(t *testing.T) {
	p, err := ParsePeers([]string{"10.0.0.0/8", "192.0.2.1", "2001:db8::/32"})
	if err != nil {
		t.Fatal(err)
	}
	f := func(address string, want bool) {
		t.Helper()
		if got := p.Allow(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s may send: %v", address, got)
		}
	}
	f("10.1.2.3", true)
	f("::ffff:10.1.2.3", true)
	f("11.1.2.3", false)
	f("192.0.2.1", true)
	f("192.0.2.2", false)
	f("2001:db8::1%eth0", true)
	f("::1", false)
	if !Peers(nil).Allow(netip.MustParseAddr("1.2.3.4")) || !p.AllowAddr(&net.UnixAddr{}) || p.AllowAddr(&net.TCPAddr{IP: net.IPv4(1, 2, 3, 4)}) {
		t.Error("everybody, a socket, a stranger")
	}
	for _, wrong := range []string{"", "x", "10.0.0.1/8", "10.0.0.0/33", "fe80::1%eth0"} {
		if _, err := ParsePeers([]string{wrong}); err == nil {
			t.Errorf("%q is taken", wrong)
		}
	}
}

func TestSockets(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	a := Address{Scheme: "unix", Path: path}
	l, err := Stream(a)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != socketMode {
		t.Errorf("%v, %v", info, err)
	}
	if _, err := Stream(a); err == nil || !strings.Contains(err.Error(), "somebody listens") {
		t.Errorf("a socket in use: %v", err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	l.Close() // as a crash leaves it
	l, err = Stream(a)
	if err != nil {
		t.Fatalf("a socket that is left behind: %v", err)
	}
	l.Close()
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Stream(a); err == nil || !strings.Contains(err.Error(), "no socket") {
		t.Errorf("a file: %v", err)
	}
	if _, err := Datagram(a); err == nil {
		t.Error("a file is taken for a socket")
	}
	os.Remove(path)
	c, err := Datagram(a)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}

func TestTLS(t *testing.T) {
	for _, wrong := range []TLS{{}, {CertFile: "x"}, {CertFile: "/nowhere", KeyFile: "/nowhere"}} {
		if _, err := wrong.Config(); err == nil {
			t.Errorf("%+v is taken", wrong)
		}
	}
}
