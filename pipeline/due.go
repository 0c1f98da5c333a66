package pipeline

import (
	"math"
	"slices"
	"time"

	"github.com/gatemeter/gatemeter/pipeline/cursor"
	"github.com/gatemeter/gatemeter/pipeline/point"
)

// takeDue takes from the workers what is due of s, and notes for the collector what cannot change any more. A window that was sent before is
// due when there is more of it.
func (p *Pipeline) takeDue(e *epoch, s *shard, end bool) {
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
		if stop > emitted {
			continue
		}
		key := windowKey{s.index, start}
		due := dueWindow{key: key, shard: s, final: stop <= final, parts: p.detach(key)}
		if len(due.parts) == 0 {
			if due.final {
				e.final = append(e.final, due.key)
			}
			continue
		}
		switch {
		case stop <= s.emitted:
			due.kind = point.Late
		case kind == point.Early && stop > cfg.closedOr(watermark):
			due.kind = point.Early
		}
		e.due = append(e.due, due)
		p.totals.panes[due.kind].Add(1)
	}
	s.emitted = emitted
	if final > s.final {
		s.final = final
		s.finals = append(s.finals, finalAt{p.epochs, final})
	}
}

// closedOr is closed for a watermark that may be none.
func (c *windowing) closedOr(watermark int64) int64 {
	if watermark == cursor.NoWatermark {
		return math.MinInt64
	}
	return c.closed(watermark, 0)
}

// openWindows returns the starts of the shard's windows in memory, in order. Call it when no panes are made.
func (p *Pipeline) openWindows(s *shard) []int64 {
	var starts []int64
	for _, w := range p.workers {
		for key := range w.windows {
			if key.shard == s.index {
				starts = append(starts, key.start)
			}
		}
	}
	for key := range p.collector.sent {
		if key.shard == s.index {
			starts = append(starts, key.start)
		}
	}
	slices.Sort(starts)
	return slices.Compact(starts)
}

// detach takes all parts of a window from the workers. Call it at a barrier.
func (p *Pipeline) detach(key windowKey) (parts []*window) {
	for _, w := range p.workers {
		if part := w.detach(key); part != nil {
			parts = append(parts, part)
		}
	}
	return parts
}

// drop forgets a window. Call it at a barrier, when no panes are made.
func (p *Pipeline) drop(key windowKey) {
	for _, part := range p.detach(key) {
		for _, c := range part.cells {
			p.collector.stock.put(c)
		}
	}
	p.collector.forget(key)
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
			p.drop(windowKey{s.index, start})
		}
	}
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
