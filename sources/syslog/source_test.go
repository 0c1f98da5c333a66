package syslog

import (
	"crypto/tls"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatemeter/gatemeter/internal/servers"
	"github.com/gatemeter/gatemeter/sources/listen"
)

func TestTransports(t *testing.T) {
	c := servers.MakeCertificates(t)
	dir := t.TempDir()
	w := start(t, func(s *Settings) {
		s.TLS = listen.TLS{CertFile: c.ServerCert, KeyFile: c.ServerKey}
	}, "udp://127.0.0.1:0", "unixgram://"+filepath.Join(dir, "d"), "tcp://127.0.0.1:0", "tls://127.0.0.1:0", "unix://"+filepath.Join(dir, "s"))

	udp := w.dial("udp", w.address(0))
	send(t, udp, "<190>Nov 21 10:00:00 web1 nginx: one\n")
	send(t, udp, "<190>Nov 21 10:00:00 web1 nginx: two\nlines\n\x00")
	send(t, udp, strings.Repeat("x", 5000))
	send(t, udp, "<190>Nov 21 10:00:00 web1 nginx: ")
	send(t, udp, "")
	w.want("one", "two\nlines", "oversize")
	w.awaitStats("datagrams", func(s Stats) bool {
		return s.Received == 5 && s.Appended == 3 && s.Oversize == 1 && s.Messages[Empty] == 2
	})

	send(t, w.dial("unixgram", w.address(1)), "<14>Nov 21 10:00:00 kong: {}")
	w.want("{}")

	tcp := w.dial("tcp", w.address(2))
	send(t, tcp, "<190>Nov 21 10:00:00 web1 nginx: three\n<190>Nov 21 10:00:00 web1 nginx: fo")
	w.want("three")
	send(t, tcp, "ur\r\n")
	w.want("four")

	secure := tls.Client(w.dial("tcp", w.address(3)), c.ClientConfig(t, "", ""))
	send(t, secure, "21 <1>1 - - - - - - five23 <1>1 - - - - - - sixx")
	w.want("five")
	send(t, secure, "xx")
	w.want("sixxxx")

	unix := w.dial("unix", w.address(4))
	send(t, unix, strings.Repeat("y", 3000)+"\nseven\n"+strings.Repeat("z", 200_000))
	w.want("oversize", "seven", "oversize")
	send(t, unix, "z\neight\n")
	w.want("eight")
	if s := w.Stats(); s.Connections != 3 || s.Accepted != 3 || s.Received != s.Appended+2 {
		t.Errorf("%+v", s)
	}
}

// TestEnd: what has arrived when the source is closed is kept, and half a message is no message.
func TestEnd(t *testing.T) {
	w := start(t, nil, "udp://127.0.0.1:0", "tcp://127.0.0.1:0")
	tcp, udp, cut := w.dial("tcp", w.address(1)), w.dial("udp", w.address(0)), w.dial("tcp", w.address(1))
	w.awaitStats("accepted", func(s Stats) bool { return s.Connections == 2 })
	send(t, cut, "12 <1>half")
	cut.Close()
	w.awaitStats("cut", func(s Stats) bool { return s.Messages[Cut] == 1 && s.Connections == 1 })
	for range 1000 {
		send(t, tcp, "line\n")
		send(t, udp, "datagram")
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	if s := w.Stats(); s.Appended+s.KernelDrops != 2000 || w.spool.Next() != s.Appended {
		t.Errorf("%+v, %d in the spool", s, w.spool.Next())
	}
	if _, err := net.Dial("tcp", tcp.RemoteAddr().String()); err == nil {
		t.Error("it still listens")
	}
}

func TestStrangers(t *testing.T) {
	w := start(t, func(s *Settings) {
		var err error
		if s.Peers, err = listen.ParsePeers([]string{"10.0.0.0/8"}); err != nil {
			t.Fatal(err)
		}
	}, "udp://127.0.0.1:0", "tcp://127.0.0.1:0")
	send(t, w.dial("udp", w.address(0)), "spoofed")
	closed(t, w.dial("tcp", w.address(1)))
	w.awaitStats("strangers", func(s Stats) bool {
		return s.Received == 1 && s.Messages[Stranger] == 1 && s.Closed[Stranger] == 1 && s.Appended == 0
	})
	w.awaitLog("allowed_sources")
}

func TestBadFrames(t *testing.T) {
	w := start(t, nil, "tcp://127.0.0.1:0")
	f := func(text string, reason Reason, wantLog string) {
		t.Helper()
		before := w.Stats().Closed[reason]
		conn := w.dial("tcp", w.address(0))
		send(t, conn, text)
		closed(t, conn)
		w.awaitStats(text, func(s Stats) bool { return s.Closed[reason] == before+1 })
		w.awaitLog(wantLog)
	}
	f("999999999 <34>1 x", TooLarge, "the octet count is too large: 999999999")
	f("5 <1>ab<34>no count", Framing, "no octet count where one must be")
	w.want("ab")
	// Both ways on one connection: nothing is made up.
	conn := w.dial("tcp", w.address(0))
	send(t, conn, "<1>first\n5 <1>ab\nlast\n")
	w.want("first", "5 <1>ab", "last")
}

func TestNew(t *testing.T) {
	if _, err := New(Settings{}); err == nil {
		t.Error("no spool")
	}
	w := start(t, nil, "tcp://127.0.0.1:0")
	set := w.set
	set.Listen = []listen.Address{{Scheme: "tls", Host: "127.0.0.1:0"}}
	if _, err := New(set); err == nil || !strings.Contains(err.Error(), "tls needs a certificate") {
		t.Errorf("tls without a certificate: %v", err)
	}
	set.Listen = []listen.Address{{Scheme: "udp", Host: "127.0.0.1:0"}, {Scheme: "tcp", Host: w.address(0)}}
	s, err := New(set)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Listen(); err == nil || !strings.Contains(err.Error(), "address already in use") || len(s.Addresses()) != 0 {
		t.Errorf("an address in use: %v, %v", err, s.Addresses())
	}
}
