package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/gatemeter/gatemeter/internal/fault"
	"github.com/gatemeter/gatemeter/pipeline/cursor"
)

// committer saves cursors, and keeps the order of saving and sending that discarding sinks need (rule 4): a cursor is saved
// once every at_least_once sink has the changes of its epoch; an at_most_once sink gets those of an epoch once it is saved.
type committer struct {
	pipeline *Pipeline
	wake     chan struct{} // has room for one

	mu      sync.Mutex
	pending *candidate // waits to be saved
	next    *candidate // the newest after it
	saved   uint64     // newest epoch whose cursors are saved
	shards  []ShardStats
	stats   CommitStats
}

// candidate is an epoch's cursors.
type candidate struct {
	epoch   uint64
	cursors []cursor.Cursor
}

func newCommitter(p *Pipeline) *committer {
	return &committer{pipeline: p, wake: make(chan struct{}, 1)}
}

// offer hands over what an epoch leaves to be saved. It does not wait.
func (c *committer) offer(epoch uint64, cursors []cursor.Cursor) {
	c.mu.Lock()
	k := &candidate{epoch, cursors}
	if c.pending == nil {
		c.pending = k
	} else {
		c.next = k // one in between is left out: the newer says all that it did
	}
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// forget takes the shard's cursor out of what waits to be saved: the shard goes to another process, and its panes that are left
// will not be sent.
func (c *committer) forget(shard string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	without := func(k *candidate) *candidate {
		if k == nil {
			return nil
		}
		others := slices.DeleteFunc(slices.Clone(k.cursors), func(s cursor.Cursor) bool { return s.Shard == shard })
		return &candidate{k.epoch, others}
	}
	c.pending, c.next = without(c.pending), without(c.next)
}

// run saves until ctx ends.
func (c *committer) run(ctx context.Context) {
	retry := time.NewTicker(time.Second) // at_least_once sinks confirm, and full disks are emptied, without a wake
	defer retry.Stop()
	for {
		select {
		case <-c.wake:
		case <-retry.C:
		case <-ctx.Done():
			return
		}
		for c.step() {
		}
	}
}

// settled waits until the cursors of epoch are saved, or ctx ends.
func (c *committer) settled(ctx context.Context, epoch uint64) bool {
	for {
		c.mu.Lock()
		done := c.saved >= epoch
		c.mu.Unlock()
		if done {
			return true
		}
		if !pause(ctx, 5*time.Millisecond) {
			return false
		}
	}
}

// saveLast saves what is still to be saved, when no one else runs any more. Changes that an at_most_once sink could not be sent
// are not saved either, which would lose them: the next run makes them again.
func (c *committer) saveLast() error {
	for _, l := range c.pipeline.lanes {
		if l.set.Discarding && !l.set.AtLeastOnce && l.unsaved() {
			return nil
		}
	}
	for c.step() {
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stats.LastError != "" {
		return fmt.Errorf("cursor not saved: %s", c.stats.LastError)
	}
	return nil
}

// step saves the pending candidate if it may be, and reports whether to go on with the next.
func (c *committer) step() bool {
	c.mu.Lock()
	k := c.pending
	c.mu.Unlock()
	if k == nil {
		return false
	}
	for _, l := range c.pipeline.lanes {
		if l.set.Discarding && l.set.AtLeastOnce && l.confirmed() < k.epoch {
			return false
		}
	}
	c.mu.Lock()
	forgotten := c.pending != k // and with it, perhaps, panes that the sink did not confirm
	c.mu.Unlock()
	if forgotten {
		return true
	}
	err := c.save(k.cursors)
	c.mu.Lock()
	if err != nil {
		if c.stats.LastError == "" {
			c.pipeline.set.Log.Error("cursor not saved; trying again, and going on without", "error", err)
		}
		c.stats.Failures++
		c.stats.LastError = err.Error()
		if c.next != nil { // the newest is the one to try again
			c.pending, c.next = c.next, nil
		}
		c.mu.Unlock()
		return false
	}
	if c.stats.LastError != "" {
		c.pipeline.set.Log.Info("cursor saved again", "failed_attempts", c.stats.Failures)
	}
	c.stats.Saves++
	c.saved = k.epoch
	c.stats.LastError = ""
	c.shards = c.shards[:0]
	for _, saved := range k.cursors {
		c.shards = append(c.shards, ShardStats{Label: saved.Shard, Emitted: saved.Emitted, Final: saved.Final})
	}
	c.pending, c.next = c.next, nil
	c.mu.Unlock()
	c.pipeline.savedCursors(k)
	return true
}

// save saves each cursor where it is kept.
func (c *committer) save(cursors []cursor.Cursor) error {
	set := &c.pipeline.set
	kept, moving := make([]cursor.Cursor, 0, len(cursors)), map[*SourceSettings][]cursor.Cursor{}
	for i := range cursors {
		if s := set.keeper(&cursors[i]); s != nil {
			moving[s] = append(moving[s], cursors[i])
		} else {
			kept = append(kept, cursors[i])
		}
	}
	var errs []error
	for s, list := range moving {
		errs = append(errs, s.Save(list))
	}
	if set.Save != nil && (len(kept) > 0 || len(moving) == 0) {
		errs = append(errs, set.Save(kept))
		_ = fault.At("cursor.saved")
	}
	return errors.Join(errs...)
}

// keeper returns the source that keeps the cursor of a shard that moves between processes, nil for one that stays.
func (s *Settings) keeper(c *cursor.Cursor) *SourceSettings {
	for _, k := range c.Partitions {
		for i := range s.Sources {
			if s.Sources[i].Name == k.Source && s.Sources[i].Save != nil {
				return &s.Sources[i]
			}
		}
	}
	return nil
}

// savedCursors tells those who wait for it that k has been saved.
func (p *Pipeline) savedCursors(k *candidate) {
	p.known.Lock()
	for _, c := range k.cursors {
		for _, saved := range c.Partitions {
			for _, part := range p.partitions {
				if part.Source == saved.Source && part.Name == saved.Name && part.Shard == c.Shard {
					part.Needed.Store(saved.Start())
				}
			}
		}
	}
	p.known.Unlock()
	for _, l := range p.lanes {
		if l.set.Discarding && !l.set.AtLeastOnce {
			l.release(k.epoch)
		}
	}
}
