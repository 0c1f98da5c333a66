package graphite

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseLine(t *testing.T) {
	good := func(line, name, value string, time int64) {
		t.Helper()
		p, err := parseLine([]byte(line))
		if err != nil || p != (point{name, time, value}) {
			t.Errorf("%q: %+v, %v", line, p, err)
		}
	}
	good("a 1 2", "a", "1", 2)
	good("gateway.web1.all.requests.count 12 1700000000", "gateway.web1.all.requests.count", "12", 1700000000)
	good("a.b;shard=web1;service=orders 0.25 1700000000", "a.b;shard=web1;service=orders", "0.25", 1700000000)
	good("a -3.5 0", "a", "-3.5", 0)
	bad := func(line, want string) {
		t.Helper()
		if _, err := parseLine([]byte(line)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", line, err, want)
		}
	}
	for _, line := range []string{"", "a", "a 1", "a;1"} {
		bad(line, "not three fields")
	}
	for _, line := range []string{" 1 2", "a..b 1 2", ".a 1 2", "a. 1 2", "ü 1 2", "a\x00 1 2", "a:b 1 2", "a\r 1 2", "a=b 1 2"} {
		bad(line, "path")
	}
	for _, line := range []string{"a; 1 2", "a;b 1 2", "a;b= 1 2", "a;=b 1 2", "a;b=~ 1 2", "a;b=c=d 1 2", "a;b=c;b=c 1 2", "a;b=c;; 1 2"} {
		bad(line, "tag")
	}
	for _, value := range []string{"", "NaN", "inf", "+1", "1e9", "01", "1.", ".5", "1.50", "-0", "0x1", "1,5", "-"} {
		bad("a "+value+" 2", "value")
	}
	for _, stamp := range []string{"", "-1", "1.5", "01", "2 ", "2 3", "2\r", "99999999999", "x"} {
		bad("a 1 "+stamp, "timestamp")
	}
	bad(strings.Repeat("a", maxLine)+" 1 2", "bytes")
}

// await calls check until it returns nil.
func await(t *testing.T, check func() error) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		<-tick.C
	}
}

func start(t *testing.T, options Options) *Server {
	t.Helper()
	s, err := New(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func dial(t *testing.T, network string, s *Server) net.Conn {
	t.Helper()
	conn, err := net.Dial(network, s.Address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func write(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	if _, err := conn.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
}

func (s *Server) mustHave(t *testing.T, want map[string]map[int64]string, violations ...string) {
	t.Helper()
	await(t, func() error {
		if d := cmp.Diff(want, s.Values()); d != "" {
			return errors.New(d)
		}
		got := s.Violations()
		if len(got) != len(violations) {
			return fmt.Errorf("violations %q, want %q", got, violations)
		}
		for i := range got {
			if !strings.Contains(got[i], violations[i]) {
				return fmt.Errorf("violations %q, want %q", got, violations)
			}
		}
		return nil
	})
}

func TestServer(t *testing.T) {
	s := start(t, Options{})
	tcp, udp := dial(t, "tcp", s), dial(t, "udp", s)
	write(t, tcp, "a 1 10\na 2 10\nb")
	s.mustHave(t, map[string]map[int64]string{"a": {10: "2"}})
	write(t, tcp, " 0.5 20\nbroken\nNaN NaN 1\n")
	write(t, udp, "c 3 30\nc 4 40\n")
	want := map[string]map[int64]string{"a": {10: "2"}, "b": {20: "0.5"}, "c": {30: "3", 40: "4"}}
	s.mustHave(t, want, "three fields", "value")
	write(t, udp, "d 3 30")
	s.mustHave(t, want, "three fields", "value", "datagram ends with half a line")
	write(t, tcp, "half 1 1")
	_ = tcp.Close()
	s.mustHave(t, want, "three fields", "value", "datagram ends", "stream ends with half")
	if got := s.Value("c", 40); got != "4" {
		t.Errorf("c at 40: %q", got)
	}
	if got := s.Stats(); got.Points != 5 || got.Streams != 1 || got.Datagrams != 2 || got.Halves != 1 || got.Resets != 0 {
		t.Errorf("%+v", got)
	}
}

func TestPickle(t *testing.T) {
	s := start(t, Options{Pickle: true})
	conn := dial(t, "tcp", s)
	message := "\x80\x02](" + "X\x01\x00\x00\x00a" + "J\x0a\x00\x00\x00" + "G\x3f\xe0\x00\x00\x00\x00\x00\x00" + "\x86\x86" +
		"X\x03\x00\x00\x00a.b" + "J\x14\x00\x00\x00" + "\x8a\x08\x00\x00\x00\x00\x01\x00\x00\x00" + "\x86\x86" + "e."
	framed := string([]byte{0, 0, 0, byte(len(message))}) + message
	write(t, conn, framed[:20])
	write(t, conn, framed[20:])
	want := map[string]map[int64]string{"a": {10: "0.5"}, "a.b": {20: "4294967296"}}
	s.mustHave(t, want)
	write(t, conn, "\x00\x00\x00\x04\x80\x02].")
	s.mustHave(t, want, "MARK")
	bad := func(message, want string) {
		t.Helper()
		if _, err := parsePickle([]byte(message)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", message, err, want)
		}
	}
	bad("", "ends early")
	bad(message[:len(message)-1], "ends early")
	bad(message+".", "after STOP")
	bad("\x80\x02](e.", "without a point")
	bad(strings.Replace(message, "a.b", "a b", 1), "path")
	bad(strings.Replace(message, "\x3f\xe0", "\x7f\xf8", 1), "value NaN")
	bad(strings.Replace(message, "J\x0a\x00\x00\x00", "J\x0a\x00\x00\xff", 1), "timestamp")
	bad(strings.Replace(message, "G", "N", 1), "opcode")
	bad("\x80\x02](X\xff\xff\xff\xff", "ends early")
}

func TestMisbehaviour(t *testing.T) {
	s := start(t, Options{})
	behave := func(b Behaviour) {
		t.Helper()
		if err := s.Behave(b); err != nil {
			t.Fatal(err)
		}
	}
	behave(Behaviour{ResetAfter: 10})
	conn := dial(t, "tcp", s)
	write(t, conn, "a 1 1\nb 1 1\n")
	s.mustHave(t, map[string]map[int64]string{"a": {1: "1"}})
	if _, err := conn.Read(make([]byte, 1)); err == nil || !strings.Contains(err.Error(), "reset") {
		t.Errorf("after ResetAfter: %v", err)
	}
	await(t, func() error {
		if got := s.Stats(); got.Halves != 1 || got.Resets != 1 {
			return fmt.Errorf("%+v", got)
		}
		return nil
	})

	behave(Behaviour{Refuse: true})
	if _, err := net.Dial("tcp", s.Address); err == nil {
		t.Error("a server that refuses accepts")
	}
	stall := make(chan struct{})
	behave(Behaviour{Stall: stall})
	lost, kept := dial(t, "tcp", s), net.Conn(nil)
	write(t, lost, "lost 1 1\n")
	await(t, func() error {
		if got := s.Stats(); got.Streams != 2 {
			return fmt.Errorf("%+v", got)
		}
		return nil
	})
	s.Cut()
	kept = dial(t, "tcp", s)
	write(t, kept, "kept 1 1\n")
	if got := len(s.Values()); got != 1 {
		t.Errorf("%d series under a stall", got)
	}
	close(stall)
	s.mustHave(t, map[string]map[int64]string{"a": {1: "1"}, "kept": {1: "1"}})
	s.Close()
	if err := s.Behave(Behaviour{}); err == nil {
		t.Error("a closed server takes a Behaviour")
	}
}

func FuzzParsePickle(f *testing.F) {
	f.Add([]byte("\x80\x02](X\x01\x00\x00\x00aJ\x0a\x00\x00\x00J\x0a\x00\x00\x00\x86\x86e."))
	f.Fuzz(func(t *testing.T, message []byte) {
		points, err := parsePickle(message)
		if err != nil {
			return
		}
		for _, p := range points {
			line := fmt.Sprintf("%s %s %d", p.name, p.value, p.time)
			if len(line) > maxLine {
				continue
			}
			if got, err := parseLine([]byte(line)); err != nil || got != p {
				t.Errorf("%+v is no line: %v", p, err)
			}
		}
	})
}
