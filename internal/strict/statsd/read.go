package statsd

import (
	"bytes"
	"errors"
	"io"
	"net"
)

// accept takes streams until l is closed.
func (s *Server) accept(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
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

// maxLine is the longest line of a stream, in bytes.
const maxLine = 64 << 10

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
		n, err := conn.Read(buf)
		s.stalled() // what came in meanwhile is as good as unread
		s.mu.Lock()
		if !s.streams[conn] {
			s.mu.Unlock()
			return
		}
		s.stats.Bytes += int64(n)
		held = append(held, buf[:n]...)
		if i := bytes.LastIndexByte(held, '\n'); i >= 0 {
			s.take(string(held[:i]))
			held = append(held[:0], held[i+1:]...)
		}
		if len(held) > maxLine {
			s.violate("a line of more than %d bytes", maxLine)
			err = errors.New("no end of a line")
		}
		if err != nil && len(held) > 0 {
			s.stats.Halves++
			if errors.Is(err, io.EOF) {
				s.violate("a stream ends with half a line: %.200q", held)
			}
		}
		s.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// receive takes datagrams until d is closed.
func (s *Server) receive(d net.PacketConn) {
	buf := make([]byte, 64<<10)
	for {
		s.stalled()
		n, _, err := d.ReadFrom(buf)
		if err != nil {
			return
		}
		s.stalled()
		s.mu.Lock()
		s.stats.Datagrams++
		s.stats.Bytes += int64(n)
		if n > s.options.MaxPacket {
			s.violate("a datagram of %d bytes", n)
		}
		if s.behaviour.Lose != nil && s.behaviour.Lose(buf[:n]) {
			s.stats.Lost++
		} else {
			s.take(string(buf[:n]))
		}
		s.mu.Unlock()
	}
}
