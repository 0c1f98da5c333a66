package oneway

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestNewTarget(t *testing.T) {
	good := func(address string, stream bool) {
		t.Helper()
		target, err := NewTarget(Settings{Address: address}, "tcp", "tls", "udp", "unixgram")
		if err != nil {
			t.Errorf("%s: %v", address, err)
			return
		}
		if target.String() != address || target.Stream() != stream {
			t.Errorf("%s: %s, stream %v", address, target, target.Stream())
		}
	}
	good("tcp://127.0.0.1:2003", true)
	good("tls://carbon.example.com:2003", true)
	good("udp://[::1]:8125", false)
	good("unixgram:///run/statsd.sock", false)

	bad := func(address, want string) {
		t.Helper()
		_, err := NewTarget(Settings{Address: address}, "tcp", "udp", "unixgram")
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "address: ") {
			t.Errorf("%s: %v, want %q", address, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the error tells the password: %v", address, err)
		}
	}
	bad("", "want tcp://…, udp://…, unixgram://…")
	bad("127.0.0.1:2003", "want tcp://")
	bad("localhost:2003", "want tcp://")
	bad("http://127.0.0.1:2003", "want tcp://")
	bad("tls://127.0.0.1:2003", "want tcp://")
	bad("tcp://127.0.0.1", "want tcp://host:port")
	bad("tcp://:2003", "want tcp://host:port")
	bad("tcp://h:0", "want tcp://host:port")
	bad("tcp://h:99999", "want tcp://host:port")
	bad("tcp://h:2003/", "behind the port")
	bad("tcp://h:2003?a=b", "behind the port")
	bad("tcp://user:secret@h:2003", "must not hold a user")
	bad("tcp://user:secret@h:2003:%", "not an address")
	bad("unixgram://run/statsd.sock", "three slashes")
	bad("unixgram://", "three slashes")
}

func TestTLSSettings(t *testing.T) {
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	f := func(address string, set TLS, want string) {
		t.Helper()
		_, err := NewTarget(Settings{Address: address, TLS: set}, "tcp", "tls")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", set, err, want)
		}
	}
	f("tcp://h:1", TLS{SkipVerify: true}, "not tls://")
	f("tls://h:1", TLS{CAFile: filepath.Join(dir, "none.pem")}, "tls.ca: open")
	f("tls://h:1", TLS{CAFile: empty}, "tls.ca: no certificate in")
	f("tls://h:1", TLS{CertFile: empty}, "tls.cert and tls.key")
	f("tls://h:1", TLS{KeyFile: empty}, "tls.cert and tls.key")
}
