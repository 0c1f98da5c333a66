package push

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatemeter/gatemeter/pipeline"
	"github.com/gatemeter/gatemeter/pipeline/batch"
	"github.com/gatemeter/gatemeter/pipeline/cursor"
	"github.com/gatemeter/gatemeter/sources/envelope"
	"github.com/gatemeter/gatemeter/sources/listen"
	"github.com/gatemeter/gatemeter/sources/spool"
)

var _ pipeline.Source = (*Source)(nil)

const (
	headerTimeout = 10 * time.Second
	idleTimeout   = 5 * time.Minute
	stopTimeout   = 5 * time.Second // for requests at hand when the source is told to stop
	maxHeader     = 32 << 10
)

// Source receives posts, from Listen to Close, and reads what it has received, from Open to the end of Run. Make one with New.
// Stats, Ready and Addresses may be called at any time from anywhere.
type Source struct {
	set      Settings
	tls      *tls.Config
	door     *door
	count    counters
	reserved atomic.Int64 // bytes of memory that requests have taken

	groups    sync.Pool // of *spool.Group
	splitters sync.Pool // of *envelope.Splitter

	serving sync.WaitGroup

	mu        sync.Mutex // guards what follows
	server    *http.Server
	listeners []net.Listener
	said      map[int]time.Time
}

// New returns a source of s. It reads the files of a certificate.
func New(s Settings) (*Source, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	src := &Source{set: s, door: newDoor(&s), said: map[int]time.Time{}}
	src.groups.New = func() any { return new(spool.Group) }
	src.splitters.New = func() any { return &envelope.Splitter{Mode: s.Envelope, MaxBytes: int(s.MaxBody)} }
	if slices.ContainsFunc(s.Listen, func(a listen.Address) bool { return a.Scheme == "https" }) {
		var err error
		if src.tls, err = s.TLS.Config(); err != nil {
			return nil, fmt.Errorf("http: %w", err)
		}
		src.tls.NextProtos = []string{"h2", "http/1.1"}
	}
	return src, nil
}

// Listen opens the sockets, and receives until Close. It does nothing for a source that reads once.
func (s *Source) Listen() error {
	if s.set.Once {
		return nil
	}
	for _, a := range s.set.Listen {
		if err := s.listen(a); err != nil {
			return errors.Join(err, s.Close())
		}
	}
	server := &http.Server{
		Handler: s, ReadHeaderTimeout: headerTimeout, ReadTimeout: s.set.Timeout, WriteTimeout: s.set.Timeout + patience + headerTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader, ErrorLog: slog.NewLogLogger(s.set.Log.Handler(), slog.LevelDebug),
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.server = server
	for _, l := range s.listeners {
		s.serving.Go(func() {
			if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				s.set.Log.Error("posts are no longer received", "source", s.set.Name, "listen", l.Addr().String(), "error", err)
			}
		})
	}
	return nil
}

// Open finds where reading the spool goes on; see pipeline.Source.
func (s *Source) Open(ctx context.Context, saved []cursor.Partition) ([]pipeline.Opened, error) {
	return s.set.Reader.Open(ctx, saved)
}

// Run reads the spool; see pipeline.Source. What is received while it does not run is read by the next.
func (s *Source) Run(ctx context.Context, out chan<- *batch.Batch) error {
	return s.set.Reader.Run(ctx, out)
}

func (s *Source) listen(a listen.Address) error {
	l, err := listen.Stream(a)
	if err != nil {
		return err
	}
	if !listen.IsLoopback(l.Addr()) {
		if a.Scheme == "http" && !s.door.open {
			s.set.Log.Warn("passwords and logs cross the network unencrypted; https:// would not let them", "source", s.set.Name, "listen", a.String())
		}
		if s.door.open && len(s.set.Peers) == 0 {
			s.set.Log.Warn("every host that reaches this address may send logs; give token, username and password, or allowed_sources",
				"source", s.set.Name, "listen", a.String())
		}
	}
	l = &limited{Listener: l, src: s}
	if a.Scheme == "https" {
		l = tls.NewListener(l, s.tls)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listeners = append(s.listeners, l)
	return nil
}

// Close stops receiving: requests at hand are answered, if they come to an end soon, and cut off if not.
func (s *Source) Close() error {
	s.mu.Lock()
	server, listeners := s.server, s.listeners
	s.server, s.listeners = nil, nil
	s.mu.Unlock()
	if server != nil {
		last, cancel := context.WithTimeout(context.Background(), stopTimeout)
		defer cancel()
		if server.Shutdown(last) != nil {
			server.Close()
		}
	}
	s.serving.Wait()
	var all error
	for _, l := range listeners { // of a Listen that failed
		if err := l.Close(); !errors.Is(err, net.ErrClosed) {
			all = errors.Join(all, err)
		}
	}
	return all
}

// Addresses returns where the source listens.
func (s *Source) Addresses() []net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []net.Addr
	for _, l := range s.listeners {
		all = append(all, l.Addr())
	}
	return all
}

// Ready returns nil when posts are received and kept, else what is wrong.
func (s *Source) Ready() error {
	if stats := s.set.Spool.Stats(); stats.Error != "" {
		return errors.New(stats.Error)
	}
	return nil
}

// say logs something of requests, once a minute for each status.
func (s *Source) say(status int, text string, args ...any) {
	now := s.set.Now()
	s.mu.Lock()
	quiet := now.Sub(s.said[status]) < time.Minute
	if !quiet {
		s.said[status] = now
	}
	s.mu.Unlock()
	if !quiet {
		s.set.Log.Warn(text, append([]any{"source", s.set.Name}, args...)...)
	}
}

// limited closes connections that are too many as soon as they come.
type limited struct {
	net.Listener
	src *Source
}

// Accept implements net.Listener.
func (l *limited) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if l.src.count.open.Add(1) <= int64(l.src.set.Connections) {
			return &limitedConn{Conn: conn, src: l.src}, nil
		}
		l.src.count.open.Add(-1)
		l.src.count.refused.Add(1)
		l.src.say(0, "a connection is refused: max_connections are open", "peer", conn.RemoteAddr().String())
		conn.Close()
	}
}

// limitedConn counts its end.
type limitedConn struct {
	net.Conn
	src  *Source
	once sync.Once
}

// Close implements net.Conn.
func (c *limitedConn) Close() error {
	c.once.Do(func() { c.src.count.open.Add(-1) })
	return c.Conn.Close()
}
