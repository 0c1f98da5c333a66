package pipeline

import (
	"context"
	"slices"
	"time"

	"github.com/gatemeter/gatemeter/pipeline/batch"
	"github.com/gatemeter/gatemeter/pipeline/cursor"
	"github.com/gatemeter/gatemeter/pipeline/point"
)

// handedOver returns the cursor that came with the partition.
func (p *Pipeline) handedOver(b *batch.Partition) []cursor.Cursor {
	c, err := cursor.Decode(b.Saved)
	if err != nil {
		p.set.Log.Error("the cursor that came with the partition cannot be read; its open windows are partial", "partition", b.Name, "error", err)
		return nil
	}
	return []cursor.Cursor{*c}
}

// revokeWait is how long a partition that leaves is given for its last panes and its cursor. Whoever gets it next makes again
// what was not confirmed.
const revokeWait = 2 * time.Second

// revoke ends k, which goes to another process: what is due is sent, its cursor saved, and the rest forgotten. Its open
// windows are made again, from `replay`, by whoever has it next.
func (p *Pipeline) revoke(k *partition) {
	p.epoch(false)
	ctx, cancel := context.WithTimeout(p.drain, revokeWait)
	defer cancel()
	for _, l := range p.lanes {
		if l.healthy() && !(l.set.Discarding && !l.set.AtLeastOnce) {
			_ = l.empty(ctx, p.epochs)
		}
	}
	p.settle() // now with what the sinks have confirmed
	saved := p.committer.settled(ctx, p.epochs)
	for _, l := range p.lanes {
		if l.set.Discarding && !l.set.AtLeastOnce && saved && l.healthy() {
			_ = l.empty(ctx, p.epochs) // whoever is next takes these changes as sent
		}
	}
	k.shard.gone.Store(true)
	p.committer.forget(k.shard.label)
	for _, l := range p.lanes {
		l.forget(ctx, k.shard.label)
	}
	if !saved {
		p.set.Log.Warn("a partition went to another process before its cursor was saved: that one begins at the cursor before", "partition", k.Name)
	}
	p.remove(k)
}

// remove forgets k, and its shard when it was the last.
func (p *Pipeline) remove(k *partition) {
	k.gone.Store(true)
	for i, progress := range k.progress {
		if progress.rejoin(true) {
			p.records[i].partitions.Add(-1)
		}
	}
	s := k.shard
	p.known.Lock()
	defer p.known.Unlock()
	other := func(q *partition) bool { return q == k }
	p.partitions = slices.DeleteFunc(slices.Clone(p.partitions), other)
	s.partitions = slices.DeleteFunc(s.partitions, other)
	delete(p.byBatch, k.Partition)
	if len(s.partitions) > 0 {
		return
	}
	for _, start := range p.openWindows(s) {
		p.drop(windowKey{s.index, start})
	}
	p.shards = slices.DeleteFunc(p.shards, func(q *shard) bool { return q == s })
}

// healthy reports whether the last attempt to send went well.
func (l *lane) healthy() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stats.LastError == ""
}

// forget takes the shard's panes out of the queue, and waits, until ctx ends, while any is being sent: nothing that this process
// still has of it may come after what the next sends.
func (l *lane) forget(ctx context.Context, shard string) {
	l.mu.Lock()
	kept := l.queue[:0]
	for _, q := range l.queue {
		if q.pane.Shard != shard {
			kept = append(kept, q)
			continue
		}
		l.points -= q.pane.Len()
		l.leftBehind()
	}
	clear(l.queue[len(kept):])
	l.queue = kept
	l.notify()
	l.mu.Unlock()
	for l.isSending(shard) && pause(ctx, time.Millisecond) {
	}
}

func (l *lane) isSending(shard string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.ContainsFunc(l.inHand, func(p *point.Pane) bool { return p.Shard == shard })
}

// leaseState is whether this process may send for a shard.
type leaseState uint8

const (
	held    leaseState = iota
	expired            // another process may have it; it may yet turn out that none has
	ended              // another process has it, or will
)

// lease looks whether this process may send for s now (rule 9). Spooled panes have no shard: none that moves is spooled.
func (s *shard) lease(now time.Time) leaseState {
	if s == nil || s.until == nil {
		return held
	}
	until := s.until.Load()
	switch {
	case s.gone.Load():
		return ended
	case until != 0 && now.UnixNano() > until:
		return expired
	}
	return held
}
