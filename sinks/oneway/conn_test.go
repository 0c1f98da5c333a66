package oneway

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatemeter/gatemeter/internal/strict/graphite"
)

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

func dial(t *testing.T, set Settings) *Conn {
	t.Helper()
	target, err := NewTarget(set, "tcp", "udp", "unixgram")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := target.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Abort)
	return conn
}

func server(t *testing.T) *graphite.Server {
	t.Helper()
	s, err := graphite.New(graphite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func behave(t *testing.T, s *graphite.Server, b graphite.Behaviour) {
	t.Helper()
	if err := s.Behave(b); err != nil {
		t.Fatal(err)
	}
}

// deaf accepts one connection and reads nothing of it.
func deaf(t *testing.T) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := l.Accept()
		if err != nil {
			return
		}
		_ = conn.(*net.TCPConn).SetReadBuffer(4 << 10)
		<-t.Context().Done()
		_ = conn.Close()
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return l.Addr().String()
}

func TestWriteAndClose(t *testing.T) {
	s := server(t)
	conn := dial(t, Settings{Address: "tcp://" + s.Address})
	for i := range 100 {
		if err := conn.Write(t.Context(), fmt.Appendf(nil, "a %d %d\n", i, i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := conn.Drain(t.Context()); err != nil {
		t.Error(err)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	// Close has waited until the server had read all.
	if got := s.Stats(); got.Points != 100 || len(s.Violations()) > 0 {
		t.Errorf("%+v %q", got, s.Violations())
	}
}

func TestServerEndsTheStream(t *testing.T) {
	s := server(t)
	conn := dial(t, Settings{Address: "tcp://" + s.Address})
	await(t, func() error {
		if s.Stats().Streams == 0 {
			return errors.New("no stream")
		}
		return nil
	})
	s.Cut()
	<-conn.Gone()
	if err := conn.Drain(t.Context()); !errors.Is(err, ErrGone) {
		t.Errorf("Drain: %v", err)
	}
	if err := conn.Close(); !errors.Is(err, ErrGone) {
		t.Errorf("Close: %v", err)
	}
}

// TestUnreadBytes: a server that dies with bytes in its socket has not read them, though its host had acknowledged them.
func TestUnreadBytes(t *testing.T) {
	s := server(t)
	stall := make(chan struct{})
	defer close(stall)
	behave(t, s, graphite.Behaviour{Stall: stall})
	conn := dial(t, Settings{Address: "tcp://" + s.Address})
	if err := conn.Write(t.Context(), []byte("a 1 1\n")); err != nil {
		t.Fatal(err)
	}
	if err := conn.Drain(t.Context()); err != nil {
		t.Errorf("Drain: %v", err)
	}
	closed := make(chan error)
	go func() { closed <- conn.Close() }()
	await(t, func() error {
		s.Cut()
		select {
		case err := <-closed:
			if !errors.Is(err, ErrGone) {
				t.Errorf("Close: %v", err)
			}
			return nil
		default:
			return errors.New("Close still waits")
		}
	})
}

func TestDeafServer(t *testing.T) {
	conn := dial(t, Settings{Address: "tcp://" + deaf(t), WriteTimeout: 50 * time.Millisecond})
	err := conn.Write(t.Context(), make([]byte, 64<<20))
	if !errors.Is(err, os.ErrDeadlineExceeded) || !strings.Contains(err.Error(), "took nothing for 50ms") {
		t.Errorf("Write: %v", err)
	}

	conn = dial(t, Settings{Address: "tcp://" + deaf(t), WriteTimeout: 50 * time.Millisecond})
	if err := conn.raw.(*net.TCPConn).SetWriteBuffer(8 << 20); err != nil {
		t.Fatal(err)
	}
	// The own socket takes what the other host does not.
	for range 60 {
		if err := conn.Write(t.Context(), make([]byte, 64<<10)); err != nil {
			break
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := conn.Drain(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Drain of a ctx that has ended: %v", err)
	}
	if err := conn.Drain(t.Context()); err == nil || !strings.Contains(err.Error(), "acknowledged nothing for 50ms") {
		t.Errorf("Drain: %v", err)
	}
}

func TestContextEndsWrites(t *testing.T) {
	conn := dial(t, Settings{Address: "tcp://" + deaf(t), WriteTimeout: time.Hour})
	ctx, cancel := context.WithCancel(t.Context())
	stop := conn.Use(ctx)
	written := make(chan error)
	go func() { written <- conn.Write(ctx, make([]byte, 64<<20)) }()
	cancel()
	if err := <-written; !errors.Is(err, context.Canceled) {
		t.Errorf("Write: %v", err)
	}
	if stop() {
		t.Error("stop says that ctx has not ended")
	}
}

// slow is a connection that takes some bytes of each write before its deadline.
type slow struct {
	net.Conn
	takes []int
	got   []byte
}

func (s *slow) SetWriteDeadline(time.Time) error { return nil }

func (s *slow) Write(p []byte) (int, error) {
	if len(s.takes) == 0 {
		return 0, os.ErrDeadlineExceeded
	}
	n := min(s.takes[0], len(p))
	s.takes = s.takes[1:]
	s.got = append(s.got, p[:n]...)
	if n < len(p) {
		return n, os.ErrDeadlineExceeded
	}
	return n, nil
}

// TestSlowServer: as long as bytes go, a write goes on, and none is sent twice or left out.
func TestSlowServer(t *testing.T) {
	target := &Target{scheme: "tcp", set: Settings{WriteTimeout: time.Second}}
	s := &slow{takes: []int{3, 1, 2, 100}}
	if err := (&Conn{target: target, raw: s, out: s}).Write(t.Context(), []byte("0123456789")); err != nil || string(s.got) != "0123456789" {
		t.Errorf("%q, %v", s.got, err)
	}
	s = &slow{takes: []int{3, 0}}
	if err := (&Conn{target: target, raw: s, out: s}).Write(t.Context(), []byte("0123456789")); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%q, %v", s.got, err)
	}
}

func TestDialFails(t *testing.T) {
	s := server(t)
	behave(t, s, graphite.Behaviour{Refuse: true})
	target, err := NewTarget(Settings{Address: "tcp://" + s.Address}, "tcp")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := target.Dial(t.Context()); !IsRefused(err) {
		t.Errorf("refused: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := target.Dial(ctx); err != context.Canceled { //nolint:errorlint // exactly ctx's error is promised
		t.Errorf("ended: %v", err)
	}
}

func TestRefused(t *testing.T) {
	s := server(t)
	conn := dial(t, Settings{Address: "udp://" + s.Address})
	write := func() {
		t.Helper()
		if err := conn.Write(t.Context(), []byte("a 1 1\n")); err != nil {
			t.Fatal(err)
		}
	}
	write()
	if err := conn.Refused(time.Millisecond); err != nil {
		t.Errorf("with a server: %v", err)
	}
	behave(t, s, graphite.Behaviour{Refuse: true})
	write()
	if err := conn.Refused(10 * time.Second); !IsRefused(err) {
		t.Errorf("without one: %v", err)
	}
	behave(t, s, graphite.Behaviour{})
	write()
	if err := conn.Refused(time.Millisecond); err != nil {
		t.Errorf("with a server again: %v", err)
	}
}

// TestPace: sixteen datagrams at once, then a pause, however many there are.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &Conn{target: &Target{scheme: "udp"}, timer: time.NewTimer(time.Hour)}
		c.timer.Stop()
		start := time.Now()
		for range 100 {
			if err := c.pause(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if got, want := time.Since(start), 6*burstPause; got != want {
			t.Errorf("100 datagrams in %v, want %v", got, want)
		}
		time.Sleep(time.Minute)
		start = time.Now()
		for range 12 + burstDatagrams { // 4 of the last burst are left
			if err := c.pause(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if got := time.Since(start); got != 0 {
			t.Errorf("after a rest a burst takes %v", got)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		var err error
		for range burstDatagrams {
			err = errors.Join(err, c.pause(ctx))
		}
		if !errors.Is(err, context.Canceled) {
			t.Errorf("ended: %v", err)
		}
	})
}

func TestStale(t *testing.T) {
	f := func(address string, age time.Duration, want bool) {
		t.Helper()
		target, err := NewTarget(Settings{Address: address}, "tcp", "udp", "unixgram")
		if err != nil {
			t.Fatal(err)
		}
		if got := (&Conn{target: target, made: time.Now().Add(-age)}).Stale(); got != want {
			t.Errorf("%s after %v: %v", address, age, got)
		}
	}
	f("udp://localhost:8125", 0, false)
	f("udp://localhost:8125", 2*lookupAgain, true)
	f("udp://127.0.0.1:8125", 2*lookupAgain, false)
	f("udp://[::1]:8125", 2*lookupAgain, false)
	f("tcp://localhost:8125", 2*lookupAgain, false)
	f("unixgram:///run/statsd.sock", 0, true)
}

// TestHalfLine: an aborted stream does not end in order.
func TestHalfLine(t *testing.T) {
	s := server(t)
	conn := dial(t, Settings{Address: "tcp://" + s.Address})
	if err := conn.Write(t.Context(), []byte("a 1 1\nb 2 2")); err != nil {
		t.Fatal(err)
	}
	if err := conn.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	conn.Abort()
	await(t, func() error {
		if got := s.Stats(); got.Halves != 1 {
			return fmt.Errorf("%+v", got)
		}
		return nil
	})
	if len(s.Violations()) > 0 || s.Value("b", 2) != "" || s.Value("a", 1) != "1" {
		t.Errorf("%q %v", s.Violations(), s.Values())
	}
}
