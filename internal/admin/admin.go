// Package admin is the HTTP server of `listen`: for those who run gatemeter, and for what watches it.
//
//	/livez        200 while the process serves
//	/readyz       200 when sources, sinks and the state folder all do their work, else 503 and what does not
//	/metrics      gatemeter's own metrics, for Prometheus
//	/debug/pprof/ profiles of the process
//
// It asks its caller for everything it shows at the time of each request (Settings.Checks, Settings.Collect) and keeps
// nothing. It has no authentication: it is for loopback, or for a network where everybody may read what it says. It changes
// nothing in the process.
package admin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"time"
)

// Settings is what a Server is made of. Its functions are called by many goroutines at a time.
type Settings struct {
	Listen  string // host:port; the host must be named, see New
	Version string // of gatemeter, for the page at / and the metric gatemeter_build_info
	Log     *slog.Logger

	Checks  func() []Check          // what must work for gatemeter to be ready
	Collect func(emit func(Sample)) // our own metrics as they are now
}

// The server's limits: it answers a few tools of the house and must not cost the pipeline anything.
const (
	headerTimeout = 5 * time.Second
	readTimeout   = 10 * time.Second
	writeTimeout  = 2 * time.Minute // the longest profile
	idleTimeout   = 2 * time.Minute
	stopTimeout   = 2 * time.Second
	maxHeader     = 16 << 10
)

// Server serves until its Run ends.
type Server struct {
	listener net.Listener
	server   *http.Server
}

// New binds Settings.Listen. An address without a host would be open to every network the machine is in, which nobody means
// who writes ":9180": it is an error. A host that is not loopback is taken as said, with a warning.
func New(set Settings) (*Server, error) {
	host, _, err := net.SplitHostPort(set.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen %q is not host:port: %w", set.Listen, err)
	}
	if host == "" {
		return nil, fmt.Errorf("listen %q names no host: write 127.0.0.1%[1]s, or 0.0.0.0%[1]s if every network may read it", set.Listen)
	}
	listener, err := net.Listen("tcp", set.Listen)
	if err != nil {
		return nil, fmt.Errorf("serve health and metrics: %w", err)
	}
	if a, ok := listener.Addr().(*net.TCPAddr); ok && !a.IP.IsLoopback() {
		set.Log.Warn("health, metrics and profiles can be read from other machines, without a password", "listen", a.String())
	}
	return &Server{
		listener: listener,
		server: &http.Server{
			Handler:           handler(&set),
			ReadHeaderTimeout: headerTimeout,
			ReadTimeout:       readTimeout,
			WriteTimeout:      writeTimeout,
			IdleTimeout:       idleTimeout,
			MaxHeaderBytes:    maxHeader,
			ErrorLog:          slog.NewLogLogger(set.Log.Handler(), slog.LevelWarn),
		},
	}, nil
}

// Addr returns where the server listens.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Run serves until ctx ends, lets requests at hand finish for two seconds, and returns nil. It is called once.
func (s *Server) Run(ctx context.Context) error {
	ended := make(chan error, 1)
	go func() { ended <- s.server.Serve(s.listener) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serve health and metrics: %w", err)
	case <-ctx.Done():
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	if err := s.server.Shutdown(stop); err != nil {
		s.server.Close() // a profile being taken, say
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve health and metrics: %w", err)
	}
	return nil
}

// Close frees the address of a server whose Run was not called.
func (s *Server) Close() error { return s.listener.Close() }

func handler(set *Settings) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { servePage(w, set.Version) })
	mux.HandleFunc("GET /livez", serveLive)
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) { serveReady(w, r, set.Checks()) })
	mux.Handle("GET /metrics", metricsHandler(set))
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		mux.ServeHTTP(w, r)
	})
}
