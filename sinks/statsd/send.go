package statsd

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/gatemeter/gatemeter/pipeline/point"
	"github.com/gatemeter/gatemeter/sinks/oneway"
)

// attempt is how far a Send that failed has come.
type attempt struct {
	panes []*point.Pane // nil: the last Send did not fail
	from  position      // of the first packet that did not arrive
}

// Send writes panes. nil means: over UDP that the datagrams have left and no refusal came back at once; over a unix socket
// that the server's socket has taken them; over TCP that the server's host has acknowledged all (on Linux).
//
// After an error part of panes may have arrived. When Send is called again with the same panes, datagrams that have left are
// not sent again, so that at_least_once doubles at most the one or two around the failure; over TCP all is sent again.
func (s *Sink) Send(ctx context.Context, panes []*point.Pane) error {
	select {
	case <-s.turn:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer s.release()
	if s.done {
		return ErrClosed
	}
	begin := from(panes)
	if s.tried.panes != nil && slices.Equal(s.tried.panes, panes) {
		begin = s.tried.from
	}
	err := s.attempt(ctx, begin)
	s.sick = err != nil
	at := s.enc.position
	s.enc.position = position{} // panes may be large, and the next Send may be long in coming
	if err == nil {
		s.tried = attempt{}
		return nil
	}
	s.tried = attempt{panes: panes, from: at}
	s.stats.errors.Add(1)
	s.abort()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("send to %s: %w", s.target, err)
}

func (s *Sink) release() { s.turn <- struct{}{} }

// attempt sends all from a position on. After an error the encoder stands where the next attempt has to begin.
func (s *Sink) attempt(ctx context.Context, from position) error {
	s.enc.reset(from)
	if err := s.connect(ctx); err != nil {
		return err
	}
	stop := s.conn.Use(ctx)
	err := s.write(ctx, from)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	s.stats.oldGauges.Add(s.enc.oldGauges)
	s.stats.notFinite.Add(s.enc.notFinite)
	s.stats.oversize.Add(s.enc.oversize)
	if s.enc.oversize > 0 && !s.told {
		s.told = true
		s.log.Warn("names too long for a datagram: their points are left out, now and later", "points", s.enc.oversize, "bytes", s.enc.limit)
	}
	return err
}

// connect opens a socket if there is none that will do.
func (s *Sink) connect(ctx context.Context) error {
	if s.conn != nil {
		select {
		case <-s.conn.Gone():
			s.abort()
		default:
			if s.conn.Stale() {
				s.abort()
			}
		}
	}
	if s.conn != nil {
		return nil
	}
	conn, err := s.target.Dial(ctx)
	if err != nil {
		return err
	}
	s.conn = conn
	s.stats.connects.Add(1)
	return nil
}

// abort cuts the connection, if there is one.
func (s *Sink) abort() {
	if s.conn != nil {
		s.conn.Abort()
		s.conn = nil
	}
}

// How long to wait for the news that nobody listens at a UDP port. On one host it is there before the write returns, from
// another it takes a round trip: once it has come, the sink waits for that, so that it does not count as well again between
// two refusals.
const (
	refusalWait     = time.Millisecond
	refusalWaitSick = 250 * time.Millisecond
)

// write sends all packets. On an error it puts the encoder back to what has to be sent again.
func (s *Sink) write(ctx context.Context, from position) error {
	last, wait := from, refusalWait
	if s.sick {
		wait = refusalWaitSick
	}
	for n := 0; ; n++ {
		here := s.enc.position
		packet := s.enc.next()
		if packet == nil {
			break
		}
		err := s.conn.Write(ctx, packet)
		if n == 0 && s.target.UDP() && oneway.IsRefused(err) {
			// The datagram has not left: the refusal is of one of the Send before.
			s.stats.refused.Add(1)
			wait = refusalWaitSick
			err = s.conn.Write(ctx, packet)
		}
		if err != nil {
			s.back(err, from, last, here)
			return err
		}
		last = here
		s.stats.points.Add(s.enc.points)
		s.stats.bytes.Add(int64(len(packet)))
		s.stats.packets.Add(1)
	}
	err := s.conn.Drain(ctx)
	if err == nil {
		err = s.conn.Refused(wait)
	}
	if err != nil {
		s.back(err, from, last, last)
	}
	return err
}

// back puts the encoder to where sending has to begin again after err: a stream at from, as nobody knows what of it was
// read; datagrams at here, the one that did not leave, or at last, the one before, when it is that one which was refused.
func (s *Sink) back(err error, from, last, here position) {
	switch {
	case s.target.Stream():
		s.enc.position = from
	case s.target.UDP() && oneway.IsRefused(err):
		s.stats.refused.Add(1)
		s.enc.position = last
	default:
		s.enc.position = here
	}
}

// Close ends the connection in order: over TCP it waits up to two seconds for the server to have read all, and returns an
// error when it has not.
func (s *Sink) Close() error {
	<-s.turn
	defer s.release()
	s.done = true
	if s.conn == nil {
		return nil
	}
	conn := s.conn
	s.conn = nil
	if err := conn.Close(); err != nil {
		return fmt.Errorf("close %s, what was sent last may not have been read: %w", s.target, err)
	}
	return nil
}
