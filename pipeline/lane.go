package pipeline

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/gatemeter/gatemeter/pipeline/point"
)

// lane is the way of panes to one metric sink: a queue and the goroutine that empties it, so that no sink waits for another.
// A pane that is newer than a queued one of the same window takes its place, as a full value makes the older one needless.
type lane struct {
	set  *MetricSinkSettings
	sink MetricSink
	all  *Settings

	mu       sync.Mutex
	wake     chan struct{} // has room for one
	crowded  chan struct{} // has room for one: the spooler should look
	queue    []queued
	points   int           // in queue
	pushed   uint64        // newest epoch in queue or before
	sending  uint64        // lowest epoch among the panes being sent, none when there is no such pane
	spooling uint64        // the same of panes on their way to the spool
	inHand   []*point.Pane // those being sent at this moment
	moves    uint64        // how often panes were taken out of the queue for the spool
	stored   bool          // there are panes in the spool
	full     bool          // the spool could not be written to
	stuck    bool          // the sink refuses, or has long taken nothing: the reading does not wait for it
	released uint64        // at_most_once: newest epoch that has been saved
	acked    chan struct{}
	stats    LaneStats
}

type queued struct {
	epoch uint64
	pane  *point.Pane
	shard *shard // nil for a pane that was spooled
}

// none is an epoch that never comes.
const none = math.MaxUint64

// sendPoints is about how many points one Send is given.
const sendPoints = 20_000

func newLane(set *MetricSinkSettings, all *Settings) *lane {
	return &lane{
		set: set, sink: set.Sink, all: all, wake: make(chan struct{}, 1), acked: make(chan struct{}, 1), crowded: make(chan struct{}, 1),
		sending: none, spooling: none,
		stored: set.Spool != nil, stats: LaneStats{Name: set.Name},
	}
}

// push queues the panes of an epoch. Past MaxPoints the oldest go to the spool or, without one, are dropped; unless hold says
// that the log is read faster than time passes: then waitForRoom slows the reading down, as the log itself is the buffer.
func (l *lane) push(epoch uint64, panes []duePane, hold bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	hold = hold && (l.all.Once || !l.stuck)
	for _, due := range panes {
		pane := due.pane
		if !l.set.Discarding {
			l.supersede(pane)
		}
		l.queue = append(l.queue, queued{epoch, pane, due.shard})
		l.points += pane.Len()
	}
	bound := l.set.MaxPoints
	if l.set.Spool != nil && !hold && l.points > bound {
		token(l.crowded)
		switch {
		case l.full:
		case l.spooling == none:
			bound = l.points // they go now
		default:
			bound *= 2 // the disk has a moment
		}
	}
	if !hold {
		l.dropOldest(bound)
	}
	l.pushed = epoch
	token(l.wake)
}

// dropOldest drops panes until the queue has no more points than bound, or one pane.
func (l *lane) dropOldest(bound int) {
	for l.points > bound && len(l.queue) > 1 {
		l.points -= l.queue[0].pane.Len()
		l.stats.DroppedPanes++
		l.queue = l.queue[1:]
	}
}

// patience is how long the reading of what is behind waits for a sink that takes nothing.
const patience = 30 * time.Second

// waitForRoom waits until the queue is no longer full, or stop is closed; unless all is to be read at once, not for a sink that
// is stuck.
func (l *lane) waitForRoom(stop <-chan struct{}) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		l.mu.Lock()
		full := l.points > l.set.MaxPoints/4 && (l.all.Once || !l.stuck)
		l.mu.Unlock()
		if !full {
			return
		}
		select {
		case <-l.acked:
			timer.Reset(patience)
		case <-timer.C:
			l.mu.Lock()
			l.stuck = true
			l.mu.Unlock()
		case <-stop:
			return
		}
	}
}

// supersede takes out of the queue what pane makes needless.
func (l *lane) supersede(pane *point.Pane) {
	for i := range l.queue {
		old := l.queue[i].pane
		if old.Start == pane.Start && old.Shard == pane.Shard {
			l.points -= old.Len()
			l.queue = append(l.queue[:i:i], l.queue[i+1:]...)
			return
		}
	}
}

// release lets panes of an at_most_once sink go, up to those of epoch, which has been saved.
func (l *lane) release(epoch uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.released = epoch
	token(l.wake)
}

// token leaves a token in c, which has room for one, unless there is one.
func token(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// confirmed returns the newest epoch of which the sink has everything, or never will.
func (l *lane) confirmed() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.confirmedLocked()
}

func (l *lane) confirmedLocked() uint64 {
	oldest := min(l.sending, l.spooling)
	if len(l.queue) > 0 {
		oldest = min(oldest, l.queue[0].epoch)
	}
	if oldest == none {
		return l.pushed
	}
	return oldest - 1
}

// unsaved reports whether there are panes of an at_most_once sink that wait for their epoch to be saved.
func (l *lane) unsaved() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.ContainsFunc(l.queue, func(q queued) bool { return q.epoch > l.released })
}

// lost returns how many panes the sink will never get.
func (l *lane) lost() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stats.LostPanes + l.stats.DroppedPanes
}

// empty waits until the sink has everything up to epoch.
func (l *lane) empty(ctx context.Context, epoch uint64) error {
	for !l.isEmpty(epoch) {
		select {
		case <-l.acked:
		case <-ctx.Done():
			if l.isEmpty(epoch) {
				return nil
			}
			l.mu.Lock()
			defer l.mu.Unlock()
			return fmt.Errorf("sink %s has not taken %d panes: %s", l.set.Name, max(len(l.queue), 1), l.stats.LastError)
		}
	}
	return nil
}

func (l *lane) isEmpty(epoch uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.confirmedLocked() >= epoch && !(l.all.Once && l.stored)
}

// take returns the next panes that may be sent. moves is of when the spool was seen to be empty: nothing may overtake what went
// there since, as it may be older values of the same windows.
func (l *lane) take(moves uint64) (panes []queued) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.spooling != none || l.moves != moves {
		if l.spooling == none {
			token(l.wake)
		}
		return nil
	}
	clock, points, old := l.all.Now(), 0, 0
	var stay []queued
	for i, q := range l.queue {
		if points >= sendPoints || l.set.Discarding && !l.set.AtLeastOnce && q.epoch > l.released {
			stay = append(stay, l.queue[i:]...)
			break
		}
		lease := q.shard.lease(clock)
		if lease == expired {
			stay = append(stay, q)
			continue
		}
		l.points -= q.pane.Len()
		switch {
		case lease == ended:
			l.leftBehind()
		case l.set.Discarding && l.set.MaxAge > 0 && clock.Unix()-q.pane.End > int64(l.set.MaxAge/time.Second):
			l.stats.TooOldPanes++
			old++
		default:
			if len(panes) == 0 {
				l.sending = q.epoch
			}
			panes = append(panes, q)
			points += q.pane.Len()
		}
	}
	if len(stay)+len(panes) < len(l.queue) {
		l.notify()
	}
	l.queue = stay
	if old > 0 {
		l.all.Log.Warn("panes too old for the sink were left out", "sink", l.set.Name, "panes", old, "max_age", l.set.MaxAge)
	}
	return panes
}

// leftBehind counts a pane whose shard goes to another process before it was sent. l.mu is held.
func (l *lane) leftBehind() {
	if l.set.Discarding && !l.set.AtLeastOnce {
		l.stats.LostPanes++ // who has the shard next takes it as sent
	}
}

// waitsForLease reports whether panes wait until it is known whether this process still has their shard.
func (l *lane) waitsForLease() bool {
	clock := l.all.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.ContainsFunc(l.queue, func(q queued) bool { return q.shard.lease(clock) == expired })
}

// notify tells those who wait for confirmations.
func (l *lane) notify() { token(l.acked) }
