package syslog

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"sync"
	"time"

	"github.com/gatemeter/gatemeter/sources/spool"
)

const (
	readSize = 64 << 10 // bytes read from a connection at a time
	tlsSize  = 8 << 10  // the same of TLS, which holds a buffer while it waits
	maxHeld  = 64 << 20 // bytes of half messages of all connections together

	lastReads = 100 * time.Millisecond // for what is on its way when the source is told to stop
)

// tlsListener marks a listener whose connections begin with a handshake.
type tlsListener struct{ net.Listener }

// accept takes connections until ctx ends, and waits for them.
func (s *Source) accept(ctx context.Context, l net.Listener) {
	var serving sync.WaitGroup
	defer serving.Wait()
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	_, secure := l.(*tlsListener)
	for ctx.Err() == nil {
		conn, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return
			}
			s.say("accept", "connections cannot be accepted", "listen", l.Addr().String(), "error", err)
			wait := time.NewTimer(100 * time.Millisecond) // too many files are open, say
			select {
			case <-wait.C:
			case <-ctx.Done():
				wait.Stop()
			}
			continue
		}
		if !s.set.Peers.AllowAddr(conn.RemoteAddr()) {
			s.refuse(conn, Stranger, "a connection from an address that allowed_sources does not name is refused")
			continue
		}
		if s.count.open.Add(1) > int64(s.set.Connections) {
			s.count.open.Add(-1)
			s.refuse(conn, Crowd, "a connection is refused: max_connections are open")
			continue
		}
		s.count.accepted.Add(1)
		serving.Go(func() {
			defer s.count.open.Add(-1)
			s.serve(ctx, conn, secure)
		})
	}
}

// refuse closes conn for a reason.
func (s *Source) refuse(conn net.Conn, r Reason, why string) {
	s.count.closed[r].Add(1)
	s.say(r.String(), why, "peer", conn.RemoteAddr().String())
	conn.Close()
}

// connection is one that is being read.
type connection struct {
	net.Conn
	src    *Source
	framer framer
	rest   []byte // half a message
	own    []byte // buffer to read into; nil: one is taken when there is something to read
}

// serve reads conn until it ends, or ctx does.
func (s *Source) serve(ctx context.Context, conn net.Conn, secure bool) {
	defer conn.Close()
	c := &connection{Conn: conn, src: s, framer: framer{max: s.limit}}
	if secure {
		t := tls.Server(conn, s.tls)
		handshake, cancel := context.WithTimeout(ctx, s.set.Handshake)
		err := t.HandshakeContext(handshake)
		cancel()
		if err != nil {
			s.count.closed[Handshake].Add(1)
			s.say("handshake", "a connection is closed: no TLS", "peer", conn.RemoteAddr().String(), "error", err)
			return
		}
		c.Conn, c.own = t, make([]byte, tlsSize)
	}
	// What is on its way when the end comes is still taken, for a moment: its sender thinks it delivered.
	stop := context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Now().Add(lastReads)) })
	defer stop()
	defer func() { s.held.Add(-int64(cap(c.rest))) }()
	for {
		if ctx.Err() == nil {
			_ = c.SetReadDeadline(time.Now().Add(s.set.Idle))
			if ctx.Err() != nil { // AfterFunc has come before
				_ = c.SetReadDeadline(time.Now().Add(lastReads))
			}
		}
		err := c.readSome(ctx)
		if err == nil {
			continue
		}
		if len(c.rest) > 0 {
			s.count.received.Add(1)
			s.count.messages[Cut].Add(1)
		}
		c.report(ctx, err)
		return
	}
}

// report counts and says why the connection ends.
func (c *connection) report(ctx context.Context, err error) {
	var reason Reason
	switch {
	case ctx.Err() != nil || isEnd(err):
		return
	case errors.Is(err, os.ErrDeadlineExceeded):
		reason = Idle
	case errors.Is(err, errCount):
		reason = TooLarge
	case errors.Is(err, errFraming):
		reason = Framing
	case errors.Is(err, errHeld):
		reason = Memory
	default:
		reason = Broken
	}
	c.src.count.closed[reason].Add(1)
	c.src.say(reason.String(), "a connection is closed", "peer", c.RemoteAddr().String(), "reason", reason.String(), "error", err)
}

var errHeld = errors.New("half messages take too much memory")

// readSome reads once, and appends the messages that are whole.
func (c *connection) readSome(ctx context.Context) error {
	s := c.src
	buf, n, err := c.read()
	if n > 0 {
		g := s.groups.Get().(*spool.Group)
		g.Reset()
		g.Time = s.set.Now().UnixNano()
		b := buf[:n]
		rest, failed := c.framer.cut(b, func(frame []byte) { s.add(g, frame) })
		s.append(ctx, g)
		s.groups.Put(g)
		if failed != nil {
			rest, err = nil, failed
		}
		if kept := c.keep(rest); kept != nil && err == nil {
			err = kept
		}
	}
	s.giveBack(buf)
	return err
}

// giveBack keeps a buffer for the next who reads.
func (s *Source) giveBack(buf []byte) {
	if buf != nil {
		s.buffers.Put(&buf)
	}
}

// keep keeps a copy of half a message until more comes.
func (c *connection) keep(rest []byte) error {
	before := cap(c.rest)
	switch {
	case len(rest) == 0:
		c.rest = nil
	case len(rest) > cap(c.rest) || cap(c.rest) > 4*len(rest)+1024:
		c.rest = append(make([]byte, 0, len(rest)+len(rest)/4), rest...)
	default:
		c.rest = append(c.rest[:0], rest...)
	}
	if c.src.held.Add(int64(cap(c.rest)-before)) > maxHeld && cap(c.rest) > before {
		return errHeld
	}
	return nil
}

// read waits for bytes and returns a buffer of which the first n are the half message and what has come.
func (c *connection) read() (buf []byte, n int, err error) {
	if c.own != nil {
		n, err = c.Conn.Read(c.own)
		if n == 0 {
			return nil, 0, err
		}
		buf = c.buffer()
		copy(buf[len(c.rest):], c.own[:n])
		return buf, len(c.rest) + n, err
	}
	buf, n, err = c.readRaw()
	if n > 0 {
		n += len(c.rest)
	}
	return buf, n, err
}

// buffer takes a buffer that begins with the half message.
func (c *connection) buffer() []byte {
	buf := *c.src.buffers.Get().(*[]byte)
	copy(buf, c.rest)
	return buf
}
