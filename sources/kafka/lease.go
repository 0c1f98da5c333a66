package kafka

import (
	"context"
	"errors"
	"sync"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/gatemeter/gatemeter/pipeline/batch"
)

// lease is until when the members of a generation may be sure that nobody else has their partitions: as long as the coordinator
// cannot have given them up. It is the time before the last heartbeat that was answered, and the session; and once the group
// rebalances, no longer than a rebalance may take.
type lease struct {
	session, rebalance, margin time.Duration

	mu         sync.Mutex
	settled    time.Time // before the last heartbeat that found the generation as it is
	until      int64     // Unix nanoseconds
	over       bool
	partitions []*batch.Partition
}

// past is a lease that has ended. 0 would be one that never does.
const past = 1

func newLease(session, rebalance time.Duration) *lease {
	return &lease{session: session, rebalance: rebalance, margin: min(session/10, time.Second), until: past}
}

// cover gives the lease to a partition.
func (l *lease) cover(p *batch.Partition) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.partitions = append(l.partitions, p)
	p.Lease.Store(l.until)
}

// raise notes that a heartbeat sent at a time was answered.
func (l *lease) raise(at time.Time, rebalancing bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		return
	}
	until := at.Add(l.session)
	if !rebalancing {
		l.settled = at
	} else if end := l.settled.Add(l.rebalance); end.Before(until) {
		until = end
	}
	l.until = until.Add(-l.margin).UnixNano()
	for _, p := range l.partitions {
		p.Lease.Store(l.until)
	}
}

// end ends the lease for good.
func (l *lease) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over, l.until = true, past
	for _, p := range l.partitions {
		p.Lease.Store(past)
	}
}

// isFenced reports whether a coordinator's error says that the generation is over for this member.
func isFenced(err error) bool {
	return errors.Is(err, kafkago.IllegalGeneration) || errors.Is(err, kafkago.UnknownMemberId) || errors.Is(err, kafkago.FencedInstanceID)
}

// beat sends heartbeats until ctx ends. It returns early when the generation is over. first is called after the first that was answered.
func (g *generation) beat(ctx context.Context, first func()) {
	s := g.source
	for {
		at := s.set.Now()
		call := &heartbeatCall{group: s.set.Group, member: g.member, generation: g.number}
		timeout, cancel := context.WithTimeout(ctx, max(s.set.Session/3, time.Second))
		_, err := s.transport.RoundTrip(timeout, s.addr, call)
		cancel()
		if err == nil {
			err = call.err
		}
		switch {
		case ctx.Err() != nil:
			return
		case err == nil || errors.Is(err, kafkago.RebalanceInProgress):
			g.lease.raise(at, err != nil)
			s.health.is("heartbeat", nil)
			first()
		case isFenced(err):
			g.fenced("heartbeat", err)
			return
		default:
			s.health.is("heartbeat", err)
		}
		if !pause(ctx, s.interval()) {
			return
		}
	}
}

// interval is the time between two heartbeats.
func (s *Source) interval() time.Duration {
	return min(max(s.set.Session/10, 100*time.Millisecond), 3*time.Second)
}
