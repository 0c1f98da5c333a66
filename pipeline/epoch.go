package pipeline

import (
	"math"
	"slices"
	"time"

	"github.com/gatemeter/gatemeter/internal/fault"
	"github.com/gatemeter/gatemeter/pipeline/cursor"
	"github.com/gatemeter/gatemeter/pipeline/point"
)

// epoch is the one step in which panes leave and the cursor follows (rule 3). It waits until no worker is busy, so that what
// it takes of the windows is their value at each partition's `read`. end says that nothing will come any more: every window
// becomes final.
func (p *Pipeline) epoch(end bool) {
	p.busy.Wait()
	p.epochs++
	var panes []duePane
	for _, s := range p.shards {
		if p.rebuild(s, end) {
			panes = p.send(s, end, panes)
		}
	}
	p.newCells.Store(0) // not before: those that a window was gathered into are not new
	_ = fault.At("epoch.collected")
	p.leave(panes)
	_ = fault.At("epoch.offered")
}

// settle is an epoch in which no pane leaves: it saves where the sinks are by now. Nothing may have been read since the last.
func (p *Pipeline) settle() {
	p.epochs++
	p.leave(nil)
}

// leave gives the panes of an epoch to the lanes, and to the committer where all shards stand with it.
func (p *Pipeline) leave(panes []duePane) {
	for _, l := range p.lanes {
		l.push(p.epochs, panes, p.holds())
	}
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
	p.committer.offer(p.epochs, cursors)
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

// duePane is a pane of a shard.
type duePane struct {
	pane  *point.Pane
	shard *shard
}

// keepAsSent makes final all windows of s that a run before has sent, because k's part of them cannot be read again: what would
// be built anew is less than what the sinks have. Call it at a barrier.
func (p *Pipeline) keepAsSent(s *shard, k *partition) {
	if s.saved.Emitted <= s.final {
		return
	}
	p.set.Log.Warn("a log that open windows were made of cannot be read again: those that were sent stay as they are", "shard", s.label,
		"partition", k.Name, "until", time.Unix(s.saved.Emitted, 0).UTC())
	s.final = s.saved.Emitted
	s.emitted = max(s.emitted, s.final)
	s.finals = append(s.finals, finalAt{p.epochs, s.final})
	for _, start := range p.openWindows(s) {
		if start+p.windows.width <= s.final {
			for _, w := range p.workers {
				w.drop(windowKey{s.index, start})
			}
		}
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

// send appends the panes of s that are due, and makes final what cannot change any more.
func (p *Pipeline) send(s *shard, end bool, panes []duePane) []duePane {
	cfg := p.windows
	starts := p.openWindows(s)
	watermark, quiet := p.shardWatermark(s)
	emitted, final := s.emitted, s.final
	if watermark != cursor.NoWatermark {
		emitted = max(emitted, cfg.closed(watermark, 0))
		final = max(final, min(emitted, cfg.closed(watermark, cfg.amend)))
	}
	kind := point.OnTime
	if len(starts) > 0 {
		last := starts[len(starts)-1] + cfg.width
		switch {
		case end:
			emitted = max(emitted, last)
			final = emitted
		case quiet && !s.early: // rule 8: the windows as they stand, which changes nothing else
			s.early = true
			if last > emitted {
				emitted, kind = last, point.Early
			}
		}
	}
	for _, start := range starts {
		stop := start + cfg.width
		if stop > emitted || stop <= s.emitted && !p.changed(s, start) {
			continue
		}
		pane := p.collector.collect(s, start)
		switch {
		case stop <= s.emitted:
			pane.Kind = point.Late
		case kind == point.Early && stop > cfg.closedOr(watermark):
			pane.Kind = point.Early
		}
		panes = append(panes, duePane{pane, s})
		p.totals.panes[pane.Kind].Add(1)
	}
	s.emitted = emitted
	if final > s.final {
		s.final = final
		s.finals = append(s.finals, finalAt{p.epochs, final})
		for _, start := range starts {
			if start+cfg.width <= final {
				for _, w := range p.workers {
					w.drop(windowKey{s.index, start})
				}
			}
		}
	}
	return panes
}

// closedOr is closed for a watermark that may be none.
func (c *windowing) closedOr(watermark int64) int64 {
	if watermark == cursor.NoWatermark {
		return math.MinInt64
	}
	return c.closed(watermark, 0)
}

// openWindows returns the starts of the shard's windows in memory, in order.
func (p *Pipeline) openWindows(s *shard) []int64 {
	var starts []int64
	for _, w := range p.workers {
		for key := range w.windows {
			if key.shard == s.index {
				starts = append(starts, key.start)
			}
		}
	}
	slices.Sort(starts)
	return slices.Compact(starts)
}

// changed reports whether the window has had a record since it was last collected.
func (p *Pipeline) changed(s *shard, start int64) bool {
	for _, w := range p.workers {
		if win := w.windows[windowKey{s.index, start}]; win != nil && win.changed {
			return true
		}
	}
	return false
}

// shardWatermark returns the lowest watermark over the shard's partitions that hold it up, NoWatermark when that cannot be
// said, and whether all partitions that have not ended are silent. A log of which no line can be read is silent too.
func (p *Pipeline) shardWatermark(s *shard) (watermark int64, quiet bool) {
	now, active := p.set.Now(), false
	watermark, quiet = math.MaxInt64, true
	highest := int64(cursor.NoWatermark)
	for _, k := range s.partitions {
		highest = max(highest, k.watermark)
		if k.ended || k.caughtUp && now.UnixNano()-k.spoke >= int64(p.set.Metrics.Idle) {
			continue
		}
		watermark, active, quiet = min(watermark, k.watermark), true, false
	}
	if !active {
		// Nobody holds the windows up, and nobody will bring anything older than what the furthest has brought: as far as
		// that one has come, no further. The clock closes no window.
		watermark = highest
	}
	return watermark, quiet
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
