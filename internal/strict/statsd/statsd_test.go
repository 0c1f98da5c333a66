package statsd

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
	good := func(text string, dog bool, want line) {
		t.Helper()
		got, err := parseLine(text, dog)
		if err != nil || got != want {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
	good("a.b:3|c", false, line{name: "a.b", count: 3})
	good("a.b:-3|c", false, line{name: "a.b", count: -3, sign: true})
	good("a:0.25|g", false, line{name: "a", gauge: true, value: 0.25})
	good("a:0|g", false, line{name: "a", gauge: true})
	good("a:-5|g", false, line{name: "a", gauge: true, value: -5, sign: true})
	good("a:1|c|#shard:web1,service:orders", true, line{name: "a|#shard:web1,service:orders", count: 1})
	bad := func(text string, dog bool, want string) {
		t.Helper()
		if _, err := parseLine(text, dog); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	for _, text := range []string{"", "a", ":1|c", "a..b:1|c", "a b:1|c", "a\x00:1|c", "ü:1|c", "a;b=c:1|c"} {
		bad(text, false, "name")
	}
	for _, text := range []string{"a:0|c", "a:1.5|c", "a:+1|c", "a:|c", "a:01|c", "a:1e3|c", "a:99999999999999999999|c", "a:1:2|c"} {
		bad(text, false, "counter's value")
	}
	for _, text := range []string{"a:NaN|g", "a:+1|g", "a:1e3|g", "a:1.0|g", "a:|g"} {
		bad(text, false, "gauge's value")
	}
	for _, text := range []string{"a:1", "a:1|", "a:1|ms", "a:1|s", "a:1|c|@0.1", "a:1|c\r", "a:1|c|"} {
		bad(text, false, "type")
	}
	bad("a:1|c|#b:c", false, "tags")
	bad("a:1|c", true, "tags")
	for _, tags := range []string{"", "b", "b:", ":c", "b:c,", "b:c:d", "b:c,b:d", "b:c|#d:e", "b:c d"} {
		bad("a:1|c|#"+tags, true, "tags")
	}
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

func (s *Server) mustHave(t *testing.T, counters map[string]int64, violations ...string) {
	t.Helper()
	await(t, func() error {
		if d := cmp.Diff(counters, s.Counters()); d != "" {
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

func start(t *testing.T, options Options) (*Server, func() net.Conn) {
	t.Helper()
	s, err := New(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	network, address, _ := strings.Cut(s.Address, "://")
	return s, func() net.Conn {
		t.Helper()
		conn, err := net.Dial(network, address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		return conn
	}
}

func write(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	if _, err := conn.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
}

func TestDatagrams(t *testing.T) {
	for _, network := range []string{"udp", "unixgram"} {
		s, dial := start(t, Options{Network: network})
		conn := dial()
		write(t, conn, "a:1|c\na:2|c\nb:0.5|g")
		write(t, conn, "b:0|g\nb:-2.5|g")
		s.mustHave(t, map[string]int64{"a": 3})
		write(t, conn, "a:1|c\n")
		s.mustHave(t, map[string]int64{"a": 4}, "name")
		write(t, conn, strings.Repeat("a:1|c\n", 250)+"a:1|c")
		s.mustHave(t, map[string]int64{"a": 255}, "name", "datagram of 1505 bytes")
		if d := cmp.Diff(map[string]float64{"b": -2.5}, s.Gauges()); d != "" {
			t.Error(d)
		}
		if err := s.Behave(Behaviour{Lose: func(d []byte) bool { return d[0] == 'l' }}); err != nil {
			t.Fatal(err)
		}
		write(t, conn, "lost:1|c")
		write(t, conn, "a:1|c")
		s.mustHave(t, map[string]int64{"a": 256}, "name", "datagram")
		if got := s.Stats(); got.Datagrams != 6 || got.Lost != 1 || got.Lines != 258 {
			t.Errorf("%s: %+v", network, got)
		}
		if err := s.Behave(Behaviour{Refuse: true}); err != nil {
			t.Fatal(err)
		}
		if err := s.Behave(Behaviour{}); err != nil {
			t.Fatal(err)
		}
		write(t, dial(), "c:1|c")
		s.mustHave(t, map[string]int64{"a": 256, "c": 1}, "name", "datagram")
	}
}

func TestStream(t *testing.T) {
	s, dial := start(t, Options{Network: "tcp", Dog: true})
	conn := dial()
	write(t, conn, "a:1|c|#b:c\na:2|c|")
	write(t, conn, "#b:c\ng:-1|g|#b:c\n\n")
	s.mustHave(t, map[string]int64{"a|#b:c": 3}, "name")
	if d := cmp.Diff(map[string]float64{"g|#b:c": -1}, s.Gauges()); d != "" {
		t.Error(d)
	}
	write(t, conn, "half")
	_ = conn.Close()
	s.mustHave(t, map[string]int64{"a|#b:c": 3}, "name", "ends with half")

	stall := make(chan struct{})
	if err := s.Behave(Behaviour{Stall: stall}); err != nil {
		t.Fatal(err)
	}
	lost := dial()
	write(t, lost, "lost:1|c|#b:c\n")
	await(t, func() error {
		if got := s.Stats().Streams; got != 2 {
			return fmt.Errorf("%d streams", got)
		}
		return nil
	})
	s.Cut()
	if _, err := lost.Read(make([]byte, 1)); err == nil || !strings.Contains(err.Error(), "reset") {
		t.Errorf("after Cut: %v", err)
	}
	close(stall)
	write(t, dial(), "kept:1|c|#b:c\n")
	s.mustHave(t, map[string]int64{"a|#b:c": 3, "kept|#b:c": 1}, "name", "ends with half")
}

func TestClosed(t *testing.T) {
	s, _ := start(t, Options{})
	s.Close()
	if err := s.Behave(Behaviour{}); err == nil {
		t.Error("a closed server takes a Behaviour")
	}
	if _, err := New(Options{Network: "carrier-pigeon"}); err == nil {
		t.Error("an unknown network is served")
	}
}
