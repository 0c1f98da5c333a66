package syslog

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/internal/servers"
	"github.com/gatemeter/gatemeter/sources/listen"
	"github.com/gatemeter/gatemeter/sources/spool"
)

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
