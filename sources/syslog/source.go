package syslog

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatemeter/gatemeter/pipeline"
	"github.com/gatemeter/gatemeter/pipeline/batch"
	"github.com/gatemeter/gatemeter/pipeline/cursor"
	"github.com/gatemeter/gatemeter/sources/listen"
	"github.com/gatemeter/gatemeter/sources/spool"
)

var _ pipeline.Source = (*Source)(nil)

// Source receives syslog, from Listen to Close, and reads what it has received, from Open to the end of Run. Make one with New.
// Stats, Ready and Addresses may be called at any time from anywhere.
type Source struct {
	set   Settings
	tls   *tls.Config
	count counters
	held  atomic.Int64 // bytes of half messages
	limit int          // bytes of a frame

	buffers sync.Pool // of *[]byte, what is read from a connection
	groups  sync.Pool // of *spool.Group

	receiving sync.WaitGroup

	mu        sync.Mutex // guards what follows
	cancel    context.CancelFunc
	listeners []net.Listener
	sockets   []*socket
	drops     int64 // of sockets that are closed
	said      map[string]time.Time
}

// headerRoom is what a frame may have beside its message.
const headerRoom = 2 << 10

// New returns a source of s. It reads the files of a certificate.
func New(s Settings) (*Source, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	src := &Source{set: s, said: map[string]time.Time{}, limit: s.MaxMessage + headerRoom}
	src.buffers.New = func() any { b := make([]byte, src.limit+readSize); return &b }
	src.groups.New = func() any { return new(spool.Group) }
	if slices.ContainsFunc(s.Listen, func(a listen.Address) bool { return a.Scheme == "tls" }) {
		var err error
		if src.tls, err = s.TLS.Config(); err != nil {
			return nil, fmt.Errorf("syslog: %w", err)
		}
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
	s.mu.Lock()
	defer s.mu.Unlock()
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	for _, k := range s.sockets {
		s.receiving.Go(func() { s.receive(ctx, k) })
	}
	for _, l := range s.listeners {
		s.receiving.Go(func() { s.accept(ctx, l) })
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

// listen opens the sockets of one address.
func (s *Source) listen(a listen.Address) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var at net.Addr
	switch a.Scheme {
	case "udp":
		for i := range s.set.Sockets {
			conn, err := listenUDP(a.Host, s.set.Sockets > 1)
			if err != nil {
				return fmt.Errorf("listen on %s: %w", a, err)
			}
			s.addSocket(conn, conn)
			if at = conn.LocalAddr(); i == 0 && s.set.Sockets > 1 {
				a.Host = at.String() // a port that the kernel chose is chosen once
			}
		}
	case "unixgram":
		conn, err := listen.Datagram(a)
		if err != nil {
			return err
		}
		s.addSocket(conn, conn)
		at = conn.LocalAddr()
	default:
		l, err := listen.Stream(a)
		if err != nil {
			return err
		}
		at = l.Addr()
		if a.Scheme == "tls" {
			l = &tlsListener{l}
		}
		s.listeners = append(s.listeners, l)
	}
	if !listen.IsLoopback(at) && len(s.set.Peers) == 0 {
		s.set.Log.Warn("every host that reaches this address may send logs; allowed_sources says who may", "source", s.set.Name, "listen", a.String())
	}
	return nil
}

func (s *Source) addSocket(conn datagramConn, raw rawConn) {
	k := &socket{conn: conn}
	k.granted = setReceiveBuffer(raw, s.set.ReceiveBuffer)
	if k.granted > 0 && k.granted < s.set.ReceiveBuffer {
		s.set.Log.Warn("the kernel gives the socket a smaller queue than asked for; bursts may be dropped: raise net.core.rmem_max",
			"source", s.set.Name, "asked", s.set.ReceiveBuffer, "given", k.granted)
	}
	s.sockets = append(s.sockets, k)
}

// Close stops receiving: what is on its way is still taken, for a moment. Nothing is appended to the spool afterwards.
func (s *Source) Close() error {
	s.mu.Lock()
	if s.cancel != nil {
		s.cancel()
	}
	s.mu.Unlock()
	s.receiving.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	var err error
	for _, l := range s.listeners {
		err = errors.Join(err, ignoreClosed(l.Close()))
	}
	for _, k := range s.sockets { // of a Listen that failed
		err = errors.Join(err, ignoreClosed(k.conn.Close()))
	}
	s.listeners, s.sockets = nil, nil
	return err
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// Addresses returns where the source listens.
func (s *Source) Addresses() []net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []net.Addr
	for _, k := range s.sockets {
		all = append(all, k.conn.LocalAddr())
	}
	for _, l := range s.listeners {
		all = append(all, l.Addr())
	}
	return all
}

// Ready returns nil when messages are received and kept, else what is wrong.
func (s *Source) Ready() error {
	stats := s.set.Spool.Stats()
	if stats.Error != "" {
		return errors.New(stats.Error)
	}
	return nil
}

// add adds the message of a frame to g, if there is one.
func (s *Source) add(g *spool.Group, frame []byte) {
	s.count.received.Add(1)
	frame = trimEnd(frame)
	m := frame
	if !s.set.KeepHeader {
		m = message(frame)
	}
	switch {
	case len(frame) > s.limit: // a part of it
		m = frame
		fallthrough
	case len(m) > s.set.MaxMessage:
		s.count.oversize.Add(1)
		m = m[:s.set.MaxMessage+1] // whoever reads it sees that it is too long, and no more is needed for that
	case len(bytes.TrimSpace(m)) == 0:
		s.count.messages[Empty].Add(1)
		return
	}
	g.Add(m)
}

// trimEnd leaves out what some senders put behind a message.
func trimEnd(b []byte) []byte {
	for len(b) > 0 && (b[len(b)-1] == '\n' || b[len(b)-1] == '\r' || b[len(b)-1] == 0) {
		b = b[:len(b)-1]
	}
	return b
}

// retryAfter is how long to wait after the disk has refused.
const retryAfter = time.Second

// append appends g to the spool, however long it takes: the sender has to wait. Once ctx has ended it is tried for a moment.
func (s *Source) append(ctx context.Context, g *spool.Group) {
	if g.Len() == 0 {
		return
	}
	for {
		_, err := s.set.Spool.Append(ctx, g)
		switch {
		case err == nil, errors.Is(err, spool.ErrUnsynced):
			s.count.appended.Add(int64(g.Len()))
			return
		case ctx.Err() == nil && !errors.Is(err, spool.ErrClosed):
			s.say("append", "messages cannot be kept; receiving waits", "error", err)
			wait := time.NewTimer(retryAfter)
			select {
			case <-wait.C:
			case <-ctx.Done():
				wait.Stop()
			}
			continue
		}
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), retryAfter)
		defer cancel()
		if _, err = s.set.Spool.Append(last, g); err == nil || errors.Is(err, spool.ErrUnsynced) {
			s.count.appended.Add(int64(g.Len()))
			return
		}
		s.count.messages[Lost].Add(int64(g.Len()))
		s.say("lost", "messages received at the end are lost", "messages", g.Len(), "error", err)
		return
	}
}

// say logs something, once a minute for each kind.
func (s *Source) say(kind, text string, args ...any) {
	now := s.set.Now()
	s.mu.Lock()
	quiet := now.Sub(s.said[kind]) < time.Minute
	if !quiet {
		s.said[kind] = now
	}
	s.mu.Unlock()
	if !quiet {
		s.set.Log.Warn(text, append([]any{"source", s.set.Name}, args...)...)
	}
}

// isEnd reports whether err says that the peer has closed.
func isEnd(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) }
