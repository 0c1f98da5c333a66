package graphite

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"time"
)

// accept takes streams until l is closed.
func (s *Server) accept(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		if s.options.TLS != nil {
			conn = tls.Server(conn, s.options.TLS)
		}
		s.mu.Lock()
		if s.closed {
			reset(conn)
			s.mu.Unlock()
			return
		}
		s.streams[conn] = true
		s.stats.Streams++
		s.running.Go(func() { s.stream(conn) })
		s.mu.Unlock()
	}
}

// stalled waits as long as the Behaviour says to read nothing.
func (s *Server) stalled() {
	for {
		s.mu.Lock()
		stall, changed, closed := s.behaviour.Stall, s.changed, s.closed
		s.mu.Unlock()
		if stall == nil || closed {
			return
		}
		select {
		case <-stall:
			return
		case <-changed:
		}
	}
}

// paced returns how much of buf to read at once, having waited as long as the Behaviour's Rate wants before it.
func (s *Server) paced(buf []byte) []byte {
	const perSecond = 20
	for {
		s.mu.Lock()
		rate, changed, closed := s.behaviour.Rate, s.changed, s.closed
		s.mu.Unlock()
		if rate == 0 || closed {
			return buf
		}
		timer := time.NewTimer(time.Second / perSecond)
		select {
		case <-timer.C:
			return buf[:min(len(buf), max(1, rate/perSecond))]
		case <-changed:
			timer.Stop()
		}
	}
}

// stream reads one stream to its end.
func (s *Server) stream(conn net.Conn) {
	defer func() {
		s.mu.Lock()
		delete(s.streams, conn)
		s.mu.Unlock()
		_ = conn.Close() // it has ended
	}()
	var held []byte // begins where nothing has been taken from yet
	buf := make([]byte, 64<<10)
	for {
		n, err := conn.Read(s.paced(buf))
		s.stalled() // what came in meanwhile is as good as unread
		n, last, cut := s.allow(conn, n)
		if cut {
			return
		}
		var ok bool
		if held, ok = s.consume(append(held, buf[:n]...)); !ok {
			reset(conn)
			return
		}
		if err == nil && !last {
			continue
		}
		if len(held) > 0 {
			s.half(held, !last && errors.Is(err, io.EOF))
		}
		return
	}
}

// allow counts n bytes read and returns how many of them ResetAfter leaves, having reset the stream when that is fewer, and
// whether the stream was cut before.
func (s *Server) allow(conn net.Conn, n int) (allowed int, last, cut bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.streams[conn] {
		return 0, true, true
	}
	if s.behaviour.ResetAfter > 0 {
		if int64(n) > s.left {
			n, last = int(s.left), true
			s.stats.Resets++
			reset(conn)
		}
		s.left -= int64(n)
	}
	s.stats.Bytes += int64(n)
	return n, last, false
}

func (s *Server) half(held []byte, inOrder bool) {
	s.mu.Lock()
	s.stats.Halves++
	s.mu.Unlock()
	if inOrder {
		s.violate("a stream ends with half a line: %.200q", held)
	}
}

// consume takes what is whole in data and returns the rest, or that the stream makes no sense any more.
func (s *Server) consume(data []byte) (rest []byte, ok bool) {
	if s.options.Pickle {
		return s.messages(data)
	}
	rest = s.lines(data)
	if len(rest) > maxLine {
		s.violate("a line of more than %d bytes", maxLine)
		return nil, false
	}
	return rest, true
}

// lines takes all whole lines and returns the rest.
func (s *Server) lines(data []byte) (rest []byte) {
	var points []point
	for {
		line, after, found := bytes.Cut(data, []byte("\n"))
		if !found {
			s.take(points...)
			return data
		}
		if p, err := parseLine(line); err != nil {
			s.violate("%v", err)
		} else {
			points = append(points, p)
		}
		data = after
	}
}

// messages takes all whole pickle messages and returns the rest.
func (s *Server) messages(data []byte) (rest []byte, ok bool) {
	for len(data) >= 4 {
		n := int64(binary.BigEndian.Uint32(data))
		if n > maxMessage {
			s.violate("a message of %d bytes", n)
			return nil, false
		}
		if int64(len(data)) < 4+n {
			break
		}
		points, err := parsePickle(data[4 : 4+n])
		if err != nil {
			s.violate("pickle: %v", err)
			return nil, false
		}
		s.take(points...)
		data = data[4+n:]
	}
	return data, true
}

// MaxDatagram is the largest datagram without a violation: what fits an Ethernet frame whatever is around it.
const MaxDatagram = 1432

// receive takes datagrams until d is closed.
func (s *Server) receive(d net.PacketConn) {
	buf := make([]byte, 64<<10)
	for {
		n, _, err := d.ReadFrom(buf)
		s.stalled()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.stats.Datagrams++
		s.stats.Bytes += int64(n)
		s.mu.Unlock()
		switch {
		case n > MaxDatagram:
			s.violate("a datagram of %d bytes", n)
		case n == 0:
			s.violate("an empty datagram")
		}
		if rest := s.lines(buf[:n]); len(rest) > 0 {
			s.violate("a datagram ends with half a line: %.200q", rest)
		}
	}
}
