package pipeline

import (
	"context"

	"github.com/gatemeter/gatemeter/pipeline/point"
)

// PaneSpool keeps on disk the panes of a sink that is down for longer than memory should hold them (rule 5). Its methods are
// called by two goroutines.
type PaneSpool interface {
	// Append stores panes behind those that are there, and returns nil once they outlive a crash of the machine.
	Append(ctx context.Context, panes []*point.Pane) error
	// Read returns the oldest panes, about maxPoints points of them, and the place after them, which is above 0; none when the
	// spool is empty. A pane may come back in several with part of the points each.
	Read(maxPoints int) (panes []*point.Pane, next int64, err error)
	// Trim removes what is before next.
	Trim(next int64)
}

// spooled returns the oldest panes of the spool, where they end, and lane.moves of before the look.
func (l *lane) spooled() (panes []queued, next int64, moves uint64, err error) {
	if l.set.Spool == nil {
		return nil, 0, 0, nil
	}
	l.mu.Lock()
	moves = l.moves
	l.mu.Unlock()
	stored, next, err := l.set.Spool.Read(sendPoints)
	for _, pane := range stored {
		panes = append(panes, queued{pane: pane})
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if stored := len(panes) > 0 || err != nil; stored != l.stored {
		l.stored = stored
		l.notify()
	}
	return panes, next, moves, err
}

// unreadable says that the spool cannot be read, waits a little, and reports whether the run goes on.
func (l *lane) unreadable(ctx context.Context, err error) bool {
	if ctx.Err() != nil {
		return false
	}
	l.all.Log.Error("spooled panes cannot be read; trying again", "sink", l.set.Name, "error", err)
	return pause(ctx, backoff(8, l.all.Rand))
}

// spool moves panes from a crowded queue to the spool until ctx ends.
func (l *lane) spool(ctx context.Context) {
	for {
		select {
		case <-l.crowded:
		case <-ctx.Done():
			return
		}
		panes := l.takeOldest()
		if len(panes) == 0 {
			continue
		}
		err := l.set.Spool.Append(ctx, panes)
		if ctx.Err() != nil && err != nil {
			return // not confirmed: the next run makes them again
		}
		l.mu.Lock()
		l.spooling = none
		if err == nil {
			l.stats.SpooledPanes += int64(len(panes))
		} else {
			l.stats.DroppedPanes += int64(len(panes))
		}
		failed := err != nil && !l.full
		l.full = err != nil
		l.notify()
		token(l.wake)
		l.mu.Unlock()
		if failed {
			l.all.Log.Error("panes of a sink that is down cannot be spooled: the oldest are dropped", "sink", l.set.Name, "error", err)
		}
	}
}

// takeOldest takes the older half of the queue. Panes of shards that move between processes are not among them, as another process
// may have sent newer ones when they come out of the spool: those for which there is no room are dropped.
func (l *lane) takeOldest() (panes []*point.Pane) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var stay []queued
	for i, q := range l.queue {
		if l.points <= l.set.MaxPoints/2 || i == len(l.queue)-1 {
			stay = append(stay, l.queue[i:]...)
			break
		}
		if q.shard.until != nil {
			stay = append(stay, q)
			continue
		}
		if len(panes) == 0 {
			l.moves++
			l.spooling = q.epoch
		}
		l.points -= q.pane.Len()
		panes = append(panes, q.pane)
	}
	l.queue = stay
	l.dropOldest(l.set.MaxPoints)
	return panes
}
