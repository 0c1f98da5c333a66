package graphite

import (
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"sync"
	"syscall"
)

// Options say what a server speaks.
type Options struct {
	Pickle bool        // over TCP pickle, in place of the plaintext protocol
	TLS    *tls.Config // not nil: TCP connections are TLS

	ReadBuffer int // bytes of each stream's receive buffer, which the kernel doubles; 0 leaves it as it is
}

// Behaviour says what a server does from now on. The zero value is a healthy server.
type Behaviour struct {
	Refuse     bool            // nobody listens; streams that are open go on until Cut
	Stall      <-chan struct{} // not nil: nothing is read until it is closed
	Rate       int             // not 0: of each stream no more than so many bytes a second are read
	ResetAfter int64           // not 0: having taken so many more bytes of streams, the server resets each that has another
}

// Server is a carbon. Its methods are safe for concurrent use.
type Server struct {
	Address string // 127.0.0.1:port, of TCP and UDP

	options Options

	mu         sync.Mutex
	behaviour  Behaviour
	changed    chan struct{} // closed at each Behave
	left       int64         // of ResetAfter
	closed     bool
	listener   net.Listener
	datagrams  net.PacketConn
	streams    map[net.Conn]bool
	values     map[string]map[int64]string
	stats      Stats
	violations []string

	running sync.WaitGroup
}

// Stats counts what a server has seen.
type Stats struct {
	Points    int64 // taken, whether new or written over an older value
	Streams   int64 // accepted
	Datagrams int64
	Bytes     int64 // of streams and datagrams, as read
	Halves    int64 // streams that broke in the middle of a line or message
	Resets    int64 // streams the server itself has reset
}

// New starts a server on free ports of 127.0.0.1.
func New(options Options) (*Server, error) {
	s := &Server{
		options: options, changed: make(chan struct{}),
		streams: map[net.Conn]bool{}, values: map[string]map[int64]string{},
	}
	var err error
	for range 20 { // the port free for TCP may be taken for UDP
		s.Address = "127.0.0.1:0"
		if err = s.open(); err == nil {
			return s, nil
		}
	}
	return nil, fmt.Errorf("start the strict Graphite: %w", err)
}

// open begins to listen at s.Address, of which the port may be 0. s.mu is held or not needed yet.
func (s *Server) open() error {
	l, err := net.Listen("tcp", s.Address)
	if err != nil {
		return err
	}
	d, err := net.ListenPacket("udp", l.Addr().String())
	if err != nil {
		_ = l.Close() // the other port is what failed
		return err
	}
	s.Address = l.Addr().String()
	if s.options.ReadBuffer > 0 { // what is accepted has the listener's
		if err := setReadBuffer(l.(*net.TCPListener), s.options.ReadBuffer); err != nil {
			_ = l.Close() // the option is what failed
			_ = d.Close()
			return err
		}
	}
	s.listener, s.datagrams = l, d
	s.running.Go(func() { s.accept(l) })
	s.running.Go(func() { s.receive(d) })
	return nil
}

func setReadBuffer(l *net.TCPListener, n int) error {
	raw, err := l.SyscallConn()
	if err != nil {
		return err
	}
	var failure error
	if err := raw.Control(func(fd uintptr) { failure = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, n) }); err != nil {
		return err
	}
	return failure
}

// shut ends listening. s.mu is held.
func (s *Server) shut() {
	if s.listener != nil {
		_ = s.listener.Close() // nothing is in them that could fail to get out
		_ = s.datagrams.Close()
		s.listener, s.datagrams = nil, nil
	}
}

// Behave changes what the server does. An error says that it could not listen again.
func (s *Server) Behave(b Behaviour) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errors.New("the strict Graphite is closed")
	}
	if b.Refuse {
		s.shut()
	} else if s.listener == nil {
		if err := s.open(); err != nil {
			return fmt.Errorf("listen again: %w", err)
		}
	}
	s.behaviour, s.left = b, b.ResetAfter
	close(s.changed)
	s.changed = make(chan struct{})
	return nil
}

// Cut resets every open stream. What was sent and not read yet is lost: under a Stall all since it began.
func (s *Server) Cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for conn := range s.streams {
		s.stats.Resets++
		reset(conn)
		delete(s.streams, conn)
	}
}

func reset(conn net.Conn) {
	if t, ok := conn.(*tls.Conn); ok {
		conn = t.NetConn()
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // fails only on a connection that is broken anyway
	}
	_ = conn.Close()
}

// Close stops the server and cuts its streams.
func (s *Server) Close() {
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		s.shut()
		for conn := range s.streams {
			reset(conn)
		}
		close(s.changed)
	}
	s.mu.Unlock()
	s.running.Wait()
}

// Values returns a copy of all values: series, then Unix seconds, then the value in its shortest decimal form.
func (s *Server) Values() map[string]map[int64]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make(map[string]map[int64]string, len(s.values))
	for name, values := range s.values {
		all[name] = maps.Clone(values)
	}
	return all
}

// Series returns a copy of the values of one series, by Unix seconds.
func (s *Server) Series(name string) map[int64]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.values[name])
}

// Value returns the value of a series at a time, "" when there is none.
func (s *Server) Value(name string, time int64) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.values[name][time]
}

// Stats returns the counts now.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stats
}

// Violations returns what clients did wrong, in words, the first hundred.
func (s *Server) Violations() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.violations)
}

const maxViolations = 100

func (s *Server) violate(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.violations) < maxViolations {
		s.violations = append(s.violations, fmt.Sprintf(format, args...))
	}
}

// take keeps points.
func (s *Server) take(points ...point) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range points {
		values := s.values[p.name]
		if values == nil {
			values = map[int64]string{}
			s.values[p.name] = values
		}
		values[p.time] = p.value
		s.stats.Points++
	}
}
