package pipeline

import (
	"math"

	"github.com/gatemeter/gatemeter/pipeline/distinct"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// pair is a series in a window, where the task first meets it.
type pair struct {
	series    *series
	window    int64
	watermark int64   // of the task's lines before
	target    *series // what it counts under; nil: not decided, and after partition.pass: it came too late
}

// windowKey is a window of a shard.
type windowKey struct {
	shard int
	start int64 // Unix seconds
}

// window is a worker's part of an open window.
type window struct {
	cells   map[*series]*cell
	changed bool // since the last epoch
}

// note makes a fact of r and finds its series.
func (w *worker) note(t *task, r *record.Record) {
	cfg := w.pipeline.windows
	now := t.now
	if r.ArrivalNanos > 0 && t.batch.Received {
		now = min(now, r.ArrivalNanos)
	}
	filtered, future := r.Drop&record.DropMetrics != 0, r.TimeNanos > now+cfg.maxFuture
	switch {
	case filtered:
		w.counts.Reasons[record.Filtered]++
	case future:
		w.counts.Reasons[record.Future]++
	}
	if future {
		return // it says nothing of how far the log has come
	}
	if filtered { // but this one does
		for range w.pipeline.chains {
			w.inPair = append(w.inPair, -1)
		}
		w.facts = append(w.facts, fact{time: r.TimeNanos, filtered: true})
		w.watermark = max(w.watermark, r.TimeNanos-cfg.lateness)
		return
	}
	f := fact{
		time: r.TimeNanos, window: cfg.start(r.TimeNanos), status: r.Status,
		duration: r.DurationNanos, upstream: r.UpstreamNanos, gateway: r.GatewayNanos,
		requestBytes: r.RequestBytes, responseBytes: r.ResponseBytes, cache: verdictOf(r.Cache),
	}
	if f.requestBytes < 0 {
		f.requestBytes = r.RequestBodyBytes
	}
	if f.responseBytes < 0 {
		f.responseBytes = r.ResponseBodyBytes
	}
	if len(r.ClientAddress) > 0 {
		f.client = distinct.Hash(r.ClientAddress)
	}
	if len(r.Consumer) > 0 {
		f.consumer = distinct.Hash(r.Consumer)
	}
	final := f.window+cfg.width <= t.final
	if !final && (len(w.touched) == 0 || w.touched[len(w.touched)-1].window != f.window) {
		w.touched = append(w.touched, firstRecord{f.window, r.Offset, w.watermark})
	}
	for _, c := range w.pipeline.chains {
		i := int32(-1)
		if !final {
			i = w.pair(t, w.series.of(c, r), f.window)
		}
		w.inPair = append(w.inPair, i)
	}
	w.facts = append(w.facts, f)
	w.watermark = max(w.watermark, f.time-cfg.lateness)
}

// pair returns which of w.pairs is s in window.
func (w *worker) pair(t *task, s *series, window int64) int32 {
	if s.pairTask == w.taskNumber && s.pairWindow == window {
		return s.pair
	}
	p := pair{series: s, window: window, watermark: w.watermark}
	if s.verdictPartition == t.partition && s.verdictWindow == window {
		p.target = s.target
	}
	w.pairs = append(w.pairs, p)
	s.pairTask, s.pairWindow, s.pair = w.taskNumber, window, int32(len(w.pairs)-1)
	s.usedTask = w.taskNumber
	return s.pair
}

// count adds the facts to their cells; before is the watermark before the first.
func (w *worker) count(t *task, before int64) {
	cfg, chains := w.pipeline.windows, len(w.pipeline.chains)
	codes := w.pipeline.set.Metrics.StatusCodes
	watermark := before
	var win *window
	key := windowKey{start: math.MinInt64}
	for i := range w.facts {
		f := &w.facts[i]
		end := f.window + cfg.width
		switch {
		case f.filtered:
		case cfg.late(f.window, watermark):
			w.counts.Reasons[record.Late]++
		case end <= t.final:
			w.counts.Reasons[record.AfterIdle]++
		default:
			w.counts.Counted++
			if k := (windowKey{t.partition.shard.index, f.window}); k != key {
				key, win = k, w.window(k)
			}
			replayed := t.replayed && end <= t.emitted
			for c := range chains {
				target := w.pairs[w.inPair[i*chains+c]].target
				w.cell(win, key, target).add(f, codes, replayed)
			}
			win.changed = true
		}
		watermark = max(watermark, f.time-cfg.lateness)
	}
}

func (w *worker) window(key windowKey) *window {
	win := w.windows[key]
	if win == nil {
		win = &window{cells: map[*series]*cell{}}
		w.windows[key] = win
		w.pipeline.openParts.Add(1)
	}
	return win
}

func (w *worker) cell(win *window, key windowKey, s *series) *cell {
	if s.cell != nil && s.cellKey == key {
		return s.cell
	}
	c := win.cells[s]
	if c == nil {
		if n := len(w.free); n > 0 {
			c, w.free = w.free[n-1], w.free[:n-1]
		} else {
			c = &cell{}
		}
		win.cells[s] = c
		s.cells++
	}
	s.cellKey, s.cell = key, c
	return c
}

// maxFree bounds the emptied cells a worker keeps.
const maxFree = 4096

// drop forgets the window. The dispatcher calls it at a barrier.
func (w *worker) drop(key windowKey) {
	win := w.windows[key]
	if win == nil {
		return
	}
	for s, c := range win.cells {
		s.cells--
		if s.cell == c {
			s.cell = nil
		}
		if len(w.free) < maxFree {
			c.reset()
			w.free = append(w.free, c)
		}
	}
	delete(w.windows, key)
	w.pipeline.openParts.Add(-1)
}
