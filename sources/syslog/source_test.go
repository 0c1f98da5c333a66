package syslog

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/internal/servers"
	"github.com/gatemeter/gatemeter/pipeline/batch"
	"github.com/gatemeter/gatemeter/sources/listen"
	"github.com/gatemeter/gatemeter/sources/spool"
)

// logBuffer is what was logged.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// world is a source that runs.
type world struct {
	*Source
	t      *testing.T
	logs   *logBuffer
	spool  *spool.Spool
	cancel context.CancelFunc
	ended  chan error

	mu    sync.Mutex
	lines []string
}

// start starts a source that listens on addresses; change changes its settings.
func start(t *testing.T, change func(*Settings), addresses ...string) *world {
	t.Helper()
	w := &world{t: t, logs: &logBuffer{}, ended: make(chan error, 1)}
	log := slog.New(slog.NewTextHandler(w.logs, nil))
	var err error
	w.spool, err = spool.Open(spool.Settings{Dir: t.TempDir(), MaxBytes: 64 << 20, FsyncEvery: time.Millisecond, Now: time.Now, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	reader, err := spool.NewSource(spool.SourceSettings{
		Name: "lb", Shard: "web1", Spool: w.spool, MaxLine: 1000, Pool: batch.NewPool(64<<10, 1<<20), Log: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	set := Settings{Name: "lb", Spool: w.spool, Reader: reader, MaxMessage: 1000, Now: time.Now, Log: log}
	for _, a := range addresses {
		parsed, err := listen.ParseAddress(a, Schemes()...)
		if err != nil {
			t.Fatal(err)
		}
		set.Listen = append(set.Listen, parsed)
	}
	if change != nil {
		change(&set)
	}
	if w.Source, err = New(set); err != nil {
		t.Fatal(err)
	}
	if err := w.Listen(); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Open(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	w.cancel = cancel
	out := make(chan *batch.Batch)
	go func() { w.ended <- w.Run(ctx, out); close(out) }()
	var taking sync.WaitGroup
	taking.Go(func() {
		for b := range out {
			w.take(b)
		}
	})
	t.Cleanup(func() {
		w.stop()
		taking.Wait()
		if err := errors.Join(w.Close(), w.spool.Close()); err != nil {
			t.Error(err)
		}
	})
	return w
}

func (w *world) stop() {
	w.cancel()
	if err := <-w.ended; err != nil && !errors.Is(err, context.Canceled) {
		w.t.Errorf("Run: %v", err)
	}
	w.ended <- nil
}

func (w *world) take(b *batch.Batch) {
	w.mu.Lock()
	defer w.mu.Unlock()
	begin := int32(0)
	for _, end := range b.Ends {
		w.lines = append(w.lines, string(b.Data[begin:end]))
		begin = end
	}
	for range b.Oversize {
		w.lines = append(w.lines, "oversize")
	}
	b.Release()
}

// want waits for lines, in any order, and forgets them.
func (w *world) want(lines ...string) {
	w.t.Helper()
	slices.Sort(lines)
	servers.Await(w.t, 30*time.Second, func() error {
		w.mu.Lock()
		defer w.mu.Unlock()
		got := slices.Sorted(slices.Values(w.lines))
		if !slices.Equal(got, lines) {
			return fmt.Errorf("read %.100q, want %.100q", got, lines)
		}
		return nil
	})
	w.mu.Lock()
	w.lines = nil
	w.mu.Unlock()
}

// address returns the i-th address, sockets before listeners.
func (w *world) address(i int) string { return w.Addresses()[i].String() }

func (w *world) dial(network, address string) net.Conn {
	w.t.Helper()
	conn, err := net.Dial(network, address)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { conn.Close() })
	return conn
}

func send(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	if _, err := conn.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
}

// awaitStats waits until the counts are as f wants them.
func (w *world) awaitStats(what string, f func(s Stats) bool) {
	w.t.Helper()
	servers.Await(w.t, 30*time.Second, func() error {
		if s := w.Stats(); !f(s) {
			return fmt.Errorf("%s: %+v\n%s", what, s, w.logs)
		}
		return nil
	})
}

// closed waits until the other side has closed conn.
func closed(t *testing.T, conn net.Conn) {
	t.Helper()
	_ = conn.SetReadDeadline(time.Now().Add(30 * time.Second))
	var one [1]byte
	if n, err := conn.Read(one[:]); n > 0 || err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("not closed: %v", err)
	}
}

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
	if !strings.Contains(w.logs.String(), "allowed_sources") {
		t.Errorf("logged %s", w.logs)
	}
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
		if !strings.Contains(w.logs.String(), wantLog) {
			t.Errorf("%q: logged %s", text, w.logs)
		}
	}
	f("999999999 <34>1 x", TooLarge, "the octet count is too large: 999999999")
	f("5 <1>ab<34>no count", Framing, "no octet count where one must be")
	w.want("ab")
	// Both ways on one connection: nothing is made up.
	conn := w.dial("tcp", w.address(0))
	send(t, conn, "<1>first\n5 <1>ab\nlast\n")
	w.want("first", "5 <1>ab", "last")
}

func TestLimits(t *testing.T) {
	c := servers.MakeCertificates(t)
	w := start(t, func(s *Settings) {
		s.Connections, s.Idle, s.Handshake = 2, 300*time.Millisecond, 300*time.Millisecond
		s.TLS = listen.TLS{CertFile: c.ServerCert, KeyFile: c.ServerKey, ClientCAFile: c.CA}
	}, "tcp://127.0.0.1:0", "tls://127.0.0.1:0")
	one, two := w.dial("tcp", w.address(0)), w.dial("tcp", w.address(0))
	w.awaitStats("two", func(s Stats) bool { return s.Accepted == 2 })
	closed(t, w.dial("tcp", w.address(0)))
	w.awaitStats("one too many", func(s Stats) bool { return s.Closed[Crowd] == 1 })
	closed(t, one)
	closed(t, two)
	w.awaitStats("idle", func(s Stats) bool { return s.Closed[Idle] == 2 && s.Connections == 0 })

	closed(t, w.dial("tcp", w.address(1))) // says nothing
	w.awaitStats("silent", func(s Stats) bool { return s.Closed[Handshake] == 1 })
	f := func(what, cert, key string) {
		t.Helper()
		before := w.Stats().Closed[Handshake]
		conn := tls.Client(w.dial("tcp", w.address(1)), c.ClientConfig(t, cert, key))
		_ = conn.Handshake() // with TLS 1.3 the refusal comes later
		closed(t, conn)
		w.awaitStats(what, func(s Stats) bool { return s.Closed[Handshake] == before+1 })
	}
	f("no certificate", "", "")
	f("an expired certificate", c.OldCert, c.OldKey)
	f("somebody else's certificate", c.StrangeCert, c.StrangeKey)
	conn := tls.Client(w.dial("tcp", w.address(1)), c.ClientConfig(t, c.ClientCert, c.ClientKey))
	send(t, conn, "known\n")
	w.want("known")
	if w.Ready() != nil {
		t.Errorf("not ready: %v", w.Ready())
	}
}

// TestIdleConnections: a connection that says nothing costs little. Both ends are in this process.
func TestIdleConnections(t *testing.T) {
	const n = 2000
	w := start(t, func(s *Settings) { s.Connections = n }, "tcp://127.0.0.1:0")
	memory := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc + m.StackInuse
	}
	before := memory()
	conns := make([]net.Conn, n)
	for i := range conns {
		conns[i] = w.dial("tcp", w.address(0))
		send(t, conns[i], "x\n")
	}
	w.awaitStats("all", func(s Stats) bool { return s.Appended == n })
	each := (memory() - before) / n
	t.Logf("%d bytes a connection, both ends together", each)
	if each > 16<<10 {
		t.Errorf("%d bytes a connection", each)
	}
	for _, conn := range conns {
		conn.Close()
	}
	w.awaitStats("none", func(s Stats) bool { return s.Connections == 0 })
}

// TestHalfMessages: many connections with half a message each do not take memory without a bound.
func TestHalfMessages(t *testing.T) {
	w := start(t, func(s *Settings) { s.MaxMessage = 512 << 10 }, "tcp://127.0.0.1:0")
	half := strings.Repeat("x", 500<<10)
	for range 200 { // 100 MB, and 64 MiB may be held
		conn := w.dial("tcp", w.address(0))
		_ = conn.SetWriteDeadline(time.Now().Add(30 * time.Second))
		_, _ = conn.Write([]byte(half)) // fails where the other end has closed
	}
	w.awaitStats("memory", func(s Stats) bool { return s.Closed[Memory] > 0 && w.held.Load() <= maxHeld+1<<20 })
}

// TestSeveralSockets has many senders to several sockets at one address, faster than they may be read: what is not received has
// been dropped by the kernel, and is counted.
func TestSeveralSockets(t *testing.T) {
	w := start(t, func(s *Settings) { s.Sockets, s.ReceiveBuffer = 3, 16<<10 }, "udp://127.0.0.1:0")
	if n := len(w.Addresses()); n != 3 || w.address(0) != w.address(2) {
		t.Fatalf("listens on %v", w.Addresses())
	}
	const senders, each = 8, 5000
	var sending sync.WaitGroup
	for i := range senders {
		conn := w.dial("udp", w.address(0))
		sending.Go(func() {
			for j := range each {
				if _, err := fmt.Fprintf(conn, "<1>1 - - - - - - %d/%d %s", i, j, strings.Repeat("x", 200)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	sending.Wait()
	w.awaitStats("received and dropped", func(s Stats) bool { return s.Received+s.KernelDrops == senders*each })
	t.Logf("of %d datagrams %d were dropped", senders*each, w.Stats().KernelDrops)
	before := w.Stats()
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	if after := w.Stats(); after.Received != before.Received || after.KernelDrops != before.KernelDrops {
		t.Errorf("before the end %+v, after %+v", before, after)
	}
}

// TestFullSpool: senders wait, and nothing is lost.
func TestFullSpool(t *testing.T) {
	w := start(t, func(s *Settings) {
		var err error
		s.Spool, err = spool.Open(spool.Settings{Dir: t.TempDir(), MaxBytes: 2 << 20, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Spool.Close() })
	}, "tcp://127.0.0.1:0")
	conn := w.dial("tcp", w.address(0))
	sent := make(chan error, 1)
	const lines = 20_000
	go func() {
		_, err := conn.Write([]byte(strings.Repeat(strings.Repeat("z", 499)+"\n", lines)))
		sent <- err
	}()
	servers.Await(t, 30*time.Second, func() error {
		if s := w.set.Spool.Stats(); s.Bytes < 3<<19 {
			return fmt.Errorf("%+v", s)
		}
		return nil
	})
	servers.Await(t, 60*time.Second, func() error { // nobody reads that spool but this
		w.set.Spool.Trim(w.set.Spool.Durable())
		if s := w.Stats(); s.Appended != lines {
			return fmt.Errorf("%+v", s)
		}
		return nil
	})
	if err := <-sent; err != nil || w.set.Spool.Next() != lines {
		t.Errorf("%v, %d in the spool", err, w.set.Spool.Next())
	}
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
