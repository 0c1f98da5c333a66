package graphite

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/gatemeter/gatemeter/sinks/oneway"
)

// Between attempts to heal.
const (
	healFirst = 500 * time.Millisecond
	healMost  = 30 * time.Second
)

// watch waits for the end of conn. When panes were written to it just before and no Send notices, as traffic has ceased, it
// connects again, which writes them once more: else the windows a dying server had not read would stay away until the next
// request. It returns when a connection works, or somebody else has seen to it.
func (s *Sink) watch(conn *oneway.Conn) {
	select {
	case <-conn.Gone():
	case <-s.ctx.Done():
		return
	}
	for wait := healFirst; ; wait = min(2*wait, healMost) {
		timer := time.NewTimer(wait/2 + rand.N(wait/2))
		select {
		case <-timer.C:
		case <-s.ctx.Done():
			timer.Stop()
			return
		}
		if s.heal(s.ctx, conn) {
			return
		}
		conn = nil // the attempt has cut it
	}
}

// heal makes one attempt and reports whether nothing is left to do. was is the connection that has ended, nil after the
// first attempt.
func (s *Sink) heal(ctx context.Context, was *oneway.Conn) bool {
	select {
	case <-s.turn:
	case <-ctx.Done():
		return true
	}
	defer s.release()
	if s.done || s.conn != was {
		return true // Send has a new one, or has failed and will be called again
	}
	if was != nil && (len(s.kept.panes) == 0 || s.now().Sub(s.kept.newest) > maxRecentAge) {
		s.abort() // an idle connection: the next Send makes one
		return true
	}
	err := s.attempt(ctx, nil)
	if err != nil {
		s.log.Debug("could not connect again", "server", s.target.String(), "error", err)
	}
	return err == nil
}
