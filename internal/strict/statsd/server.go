package statsd

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// Options say what a server speaks.
type Options struct {
	Network    string // udp, tcp or unixgram; udp when empty
	Dog        bool   // DogStatsD's tags on every line, and a gauge's sign is part of its value
	ReadBuffer int    // bytes of the socket's receive buffer, which the kernel doubles; 0 leaves it as it is
	MaxPacket  int    // a larger datagram is a violation; 1432 when 0
}

// Behaviour says what a server does from now on. The zero value is a healthy server.
type Behaviour struct {
	Refuse bool                       // nobody listens; streams that are open go on until Cut
	Stall  <-chan struct{}            // not nil: nothing is read until it is closed
	Lose   func(datagram []byte) bool // not nil: those it says are counted as lost and nothing else
}

// Server is a StatsD. Its methods are safe for concurrent use.
type Server struct {
	Address string // udp://127.0.0.1:port, tcp://127.0.0.1:port, unixgram:///path

	options Options
	bind    string // host:port or path
	dir     string // made for a unix socket

	mu         sync.Mutex
	behaviour  Behaviour
	changed    chan struct{} // closed at each Behave
	closed     bool
	listener   net.Listener   // of streams
	datagrams  net.PacketConn // or this
	streams    map[net.Conn]bool
	counters   map[string]int64
	gauges     map[string]float64
	stats      Stats
	violations []string

	running sync.WaitGroup
}

// Stats counts what a server has seen.
type Stats struct {
	Lines     int64 // taken
	Streams   int64 // accepted
	Datagrams int64 // the lost ones included
	Bytes     int64 // of streams and datagrams, the lost ones included
	Lost      int64 // datagrams lost on demand
	Halves    int64 // streams that broke in the middle of a line
}

// New starts a server on a free port of 127.0.0.1, or in a folder of its own.
func New(options Options) (*Server, error) {
	if options.Network == "" {
		options.Network = "udp"
	}
	if options.MaxPacket == 0 {
		options.MaxPacket = 1432
	}
	s := &Server{
		options: options, bind: "127.0.0.1:0", changed: make(chan struct{}),
		streams: map[net.Conn]bool{}, counters: map[string]int64{}, gauges: map[string]float64{},
	}
	var err error
	if options.Network == "unixgram" {
		if s.dir, err = os.MkdirTemp("", "statsd"); err != nil {
			return nil, fmt.Errorf("start the strict StatsD: %w", err)
		}
		s.bind = filepath.Join(s.dir, "socket")
	}
	if err = s.open(); err != nil {
		_ = os.RemoveAll(s.dir) // empty
		return nil, fmt.Errorf("start the strict StatsD: %w", err)
	}
	s.Address = options.Network + "://" + s.bind
	return s, nil
}

// open begins to listen at s.bind, of which the port may be 0. s.mu is held or not needed yet.
func (s *Server) open() error {
	if s.options.Network == "tcp" {
		l, err := net.Listen("tcp", s.bind)
		if err != nil {
			return err
		}
		s.listener, s.bind = l, l.Addr().String()
		s.running.Go(func() { s.accept(l) })
		return nil
	}
	d, err := net.ListenPacket(s.options.Network, s.bind)
	if err != nil {
		return err
	}
	if s.options.ReadBuffer > 0 {
		if err := d.(interface{ SetReadBuffer(int) error }).SetReadBuffer(s.options.ReadBuffer); err != nil {
			_ = d.Close() // the option is what failed
			return err
		}
	}
	s.datagrams, s.bind = d, d.LocalAddr().String()
	s.running.Go(func() { s.receive(d) })
	return nil
}

// shut ends listening. s.mu is held.
func (s *Server) shut() {
	if s.listener != nil {
		_ = s.listener.Close() // nothing is in it that could fail to get out
		s.listener = nil
	}
	if s.datagrams != nil {
		_ = s.datagrams.Close()
		s.datagrams = nil
		if s.dir != "" {
			_ = os.Remove(s.bind) // so that it can be bound again
		}
	}
}

// Behave changes what the server does. An error says that it could not listen again.
func (s *Server) Behave(b Behaviour) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errors.New("the strict StatsD is closed")
	}
	if b.Refuse {
		s.shut()
	} else if s.listener == nil && s.datagrams == nil {
		if err := s.open(); err != nil {
			return fmt.Errorf("listen again: %w", err)
		}
	}
	s.behaviour = b
	close(s.changed)
	s.changed = make(chan struct{})
	return nil
}

// Cut resets every open stream. What was sent and not read yet is lost: under a Stall all since it began.
func (s *Server) Cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for conn := range s.streams {
		reset(conn)
		delete(s.streams, conn)
	}
}

func reset(conn net.Conn) {
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
		if s.dir != "" {
			_ = os.RemoveAll(s.dir)
		}
	}
	s.mu.Unlock()
	s.running.Wait()
}

// Counters returns a copy of the sums. In DogStatsD's dialect a name has its tags behind it: a.b|#shard:web1.
func (s *Server) Counters() map[string]int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.counters)
}

// Gauges returns a copy of the newest values, under names as those of Counters.
func (s *Server) Gauges() map[string]float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.gauges)
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

// violate notes a violation. s.mu is held.
func (s *Server) violate(format string, args ...any) {
	if len(s.violations) < maxViolations {
		s.violations = append(s.violations, fmt.Sprintf(format, args...))
	}
}

// take keeps lines, joined by newlines. s.mu is held.
func (s *Server) take(text string) {
	for one := range strings.SplitSeq(text, "\n") {
		l, err := parseLine(one, s.options.Dog)
		if err != nil {
			s.violate("%v", err)
			continue
		}
		s.stats.Lines++
		switch {
		case !l.gauge:
			s.counters[l.name] += l.count
		case l.sign && !s.options.Dog:
			s.gauges[l.name] += l.value // as StatsD means it
		default:
			s.gauges[l.name] = l.value
		}
	}
}
