package pipeline

import (
	"math"
	"slices"

	"github.com/gatemeter/gatemeter/internal/fault"
	"github.com/gatemeter/gatemeter/pipeline/cursor"
	"github.com/gatemeter/gatemeter/pipeline/point"
)

// epoch is the one step in which panes leave and the cursor follows (rule 3). It has three parts: at a barrier, when no worker is busy, what is
// due is taken from the workers, and the cursors are noted; the panes are made beside the workers; when they are, they leave, and the
// cursors after them. So what is sent of a window is its value at each partition's noted `read`, and reading goes on meanwhile.
type epoch struct {
	number  uint64
	due     []dueWindow
	final   []windowKey // those sent before that cannot change any more, and are not due
	cursors []cursor.Cursor

	panes []duePane // to be read when made is closed
	made  chan struct{}
}

// dueWindow is a window of which a pane is to be made.
type dueWindow struct {
	key   windowKey
	shard *shard
	kind  point.PaneKind
	final bool      // it cannot change any more
	parts []*window // the workers'
}

// duePane is a pane of a shard.
type duePane struct {
	pane  *point.Pane
	shard *shard
}

// epoch is a whole one.
func (p *Pipeline) epoch(end bool) {
	p.beginEpoch(end)
	p.endEpoch()
}

// beginEpoch takes what is due and has panes made of it. end says that nothing will come any more: every window becomes final.
func (p *Pipeline) beginEpoch(end bool) {
	p.endEpoch()
	p.busy.Wait()
	p.epochs++
	e := &epoch{number: p.epochs, made: make(chan struct{})}
	for _, s := range p.shards {
		if p.rebuild(s, end) {
			p.takeDue(e, s, end)
		}
	}
	p.newCells.Store(0)
	e.cursors = p.cursors()
	p.making = e
	if len(e.due) == 0 && len(e.final) == 0 {
		close(e.made)
		p.endEpoch()
		return
	}
	go func() { // endEpoch waits for it
		defer close(e.made)
		p.collector.collect(e)
	}()
}

// endEpoch lets the panes of the epoch that was begun leave, when they are made. Without one it does nothing.
func (p *Pipeline) endEpoch() {
	e := p.making
	if e == nil {
		return
	}
	<-e.made
	p.making = nil
	_ = fault.At("epoch.collected")
	p.leave(e)
	_ = fault.At("epoch.offered")
}

// settle is an epoch in which no pane leaves: it saves where the sinks are by now. Nothing may have been read since the last.
func (p *Pipeline) settle() {
	p.endEpoch()
	p.epochs++
	p.leave(&epoch{number: p.epochs, cursors: p.cursors()})
}

// leave gives the panes of an epoch to the lanes, and the cursors to the committer.
func (p *Pipeline) leave(e *epoch) {
	for _, l := range p.lanes {
		l.push(e.number, e.panes, p.holds())
	}
	p.committer.offer(e.number, e.cursors)
}

// cursors returns where all shards stand, to be saved. Call it at a barrier.
func (p *Pipeline) cursors() []cursor.Cursor {
	confirmed := p.confirmed()
	cursors := make([]cursor.Cursor, 0, len(p.shards))
	for _, s := range p.shards {
		if !s.whole {
			cursors = append(cursors, s.saved)
			continue
		}
		for len(s.finals) > 0 && s.finals[0].epoch <= confirmed {
			s.savedFinal = s.finals[0].final
			s.finals = s.finals[1:]
		}
		cursors = append(cursors, p.cursor(s))
	}
	return cursors
}

// rebuild reports whether s is back where the run before left it, or will come no nearer as the run is at its end: nothing leaves
// before.
func (p *Pipeline) rebuild(s *shard, end bool) bool {
	if s.whole {
		return true
	}
	s.whole = end || !slices.ContainsFunc(s.partitions, func(k *partition) bool { return !k.rebuilt() })
	if !s.whole {
		return false
	}
	for _, k := range s.partitions {
		if k.next < k.saved.Read {
			p.keepAsSent(s, k)
		}
	}
	return true
}

// holds reports whether reading waits for the metric sinks: the log can wait, and is read faster than time passes.
func (p *Pipeline) holds() bool { return p.set.Once || p.behind() }

// waitForRoom holds the reading up while a sink has more than enough to do.
func (p *Pipeline) waitForRoom() {
	if !p.holds() {
		return
	}
	for _, l := range p.lanes {
		l.waitForRoom(p.stopping)
	}
}

// behind reports whether a log is being caught up with: its windows are older than any that is sent live.
func (p *Pipeline) behind() bool {
	live := p.set.Now().Add(-2 * (p.set.Metrics.Window + p.set.Metrics.Lateness + p.set.Metrics.Amend)).Unix()
	for _, s := range p.shards {
		if s.emitted != cursor.NoWatermark && s.emitted < live && !s.early {
			return true
		}
	}
	return false
}

// confirmed returns the epoch up to which every accumulating sink has, or has given up, all panes.
func (p *Pipeline) confirmed() uint64 {
	confirmed := uint64(math.MaxUint64)
	for _, l := range p.lanes {
		if !l.set.Discarding {
			confirmed = min(confirmed, l.confirmed())
		}
	}
	return confirmed
}

// cursor returns where s stands, to be saved.
func (p *Pipeline) cursor(s *shard) cursor.Cursor {
	c := cursor.Cursor{Shard: s.label, Emitted: s.emitted, Final: s.savedFinal, Fingerprint: p.set.Metrics.Fingerprint}
	for _, k := range s.partitions {
		k.forget(p.windows, s.final, s.savedFinal)
		if k.ID != "" {
			c.Partitions = append(c.Partitions, k.cursor())
		}
	}
	return c
}
