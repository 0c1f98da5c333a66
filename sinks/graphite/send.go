package graphite

import (
	"context"
	"fmt"
	"time"

	"github.com/gatemeter/gatemeter/pipeline/point"
)

// Send writes panes and returns nil when, over TCP and TLS, the server's host has acknowledged all of it (on Linux), over UDP
// when no refusal came back at once. Where there is no connection, or the server has ended it, it makes one, and writes the
// panes of the last minute again before the new ones. After an error nothing of panes counts as sent, though some of it may
// have been; sending it again does no harm. The connection is cut then.
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
	if err := s.attempt(ctx, panes); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("send to %s: %w", s.target, err)
	}
	s.kept.add(panes, s.now())
	return nil
}

func (s *Sink) release() { s.turn <- struct{}{} }

// attempt writes panes, which may be none, to a connection that works: one there is, or a new one that begins with what was
// written recently. The caller has the turn.
func (s *Sink) attempt(ctx context.Context, panes []*point.Pane) error {
	if s.conn != nil {
		select {
		case <-s.conn.Gone():
			s.abort()
		default:
		}
	}
	again := s.conn == nil
	if s.conn != nil && s.conn.Stale() {
		s.abort()
	}
	err := s.connect(ctx)
	if err == nil {
		stop := s.conn.Use(ctx)
		err = s.write(ctx, panes, again)
		if !stop() && err == nil {
			err = ctx.Err()
		}
	}
	if err != nil {
		s.stats.errors.Add(1)
		s.abort()
	}
	s.sick = err != nil
	return err
}

// connect makes a connection if there is none.
func (s *Sink) connect(ctx context.Context) error {
	if s.conn != nil {
		return nil
	}
	conn, err := s.target.Dial(ctx)
	if err != nil {
		return err
	}
	s.conn = conn
	s.stats.connects.Add(1)
	if s.target.Stream() {
		s.watchers.Go(func() { s.watch(conn) })
	}
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

func (s *Sink) write(ctx context.Context, panes []*point.Pane, again bool) error {
	if again && len(s.kept.panes) > 0 {
		points, err := s.writePanes(ctx, s.kept.panes)
		s.stats.again.Add(points)
		if err != nil {
			return err
		}
	}
	if _, err := s.writePanes(ctx, panes); err != nil {
		return err
	}
	if err := s.conn.Drain(ctx); err != nil {
		return err
	}
	wait := refusalWait
	if s.sick {
		wait = refusalWaitSick
	}
	if err := s.conn.Refused(wait); err != nil {
		return err
	}
	if again && len(s.kept.panes) > 0 {
		s.kept.again(s.now())
		s.log.Info("connected again; what was sent last was sent once more", "server", s.target.String(), "points", s.kept.points)
	}
	return nil
}

// writePanes returns how many points it has written.
func (s *Sink) writePanes(ctx context.Context, panes []*point.Pane) (points int64, err error) {
	s.enc.reset(panes)
	for packet := s.enc.next(); packet != nil; packet = s.enc.next() {
		if err = s.conn.Write(ctx, packet); err != nil {
			break
		}
		points += s.enc.points
		s.stats.points.Add(s.enc.points)
		s.stats.bytes.Add(int64(len(packet)))
		s.stats.packets.Add(1)
	}
	s.enc.panes, s.enc.reader = nil, point.Reader{} // they may be large, and the next Send may be long in coming
	s.stats.notFinite.Add(s.enc.notFinite)
	s.stats.oversize.Add(s.enc.oversize)
	if s.enc.oversize > 0 && !s.told {
		s.told = true
		s.log.Warn("names too long for a datagram: their points are left out, now and later", "points", s.enc.oversize, "bytes", s.enc.limit)
	}
	return points, err
}

// closing bounds what Close does when the server has lost something.
const closing = 2 * time.Second

// Close ends the connection in order: over TCP and TLS it waits up to two seconds for the server to have read all. When the
// server was lost before it had, Close makes one more attempt to write what was sent last, and returns an error when that
// fails too.
func (s *Sink) Close() error {
	s.cancel()
	<-s.turn
	defer s.watchers.Wait()
	defer s.release()
	if s.done {
		return nil
	}
	s.done = true
	if s.conn != nil && s.end() == nil {
		return nil
	}
	if !s.target.Stream() || len(s.kept.panes) == 0 || s.now().Sub(s.kept.newest) > maxRecentAge {
		return nil // nothing that a server might not have read
	}
	ctx, cancel := context.WithTimeout(context.Background(), closing)
	defer cancel()
	err := s.attempt(ctx, nil)
	if err == nil {
		err = s.end()
	}
	if err != nil {
		return fmt.Errorf("close %s, what was sent last may not have been read: %w", s.target, err)
	}
	return nil
}

// end closes the connection in order. An error says that the server has not read all.
func (s *Sink) end() error {
	conn := s.conn
	s.conn = nil
	return conn.Close()
}
