package syslog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
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

// awaitLog waits until something was logged: it is counted before.
func (w *world) awaitLog(text string) {
	w.t.Helper()
	servers.Await(w.t, 30*time.Second, func() error {
		if !strings.Contains(w.logs.String(), text) {
			return fmt.Errorf("no %q in what was logged: %s", text, w.logs)
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
