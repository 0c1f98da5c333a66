package pipeline

import (
	"sync/atomic"

	"github.com/gatemeter/gatemeter/pipeline/distinct"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// pair is a series in a window, where the task first meets it.
type pair struct {
	series    *series
	window    int64
	watermark int64   // of the task's lines before
	target    *series // what it counts under; nil: not decided, and after partition.pass: it came too late
	cell      *cell   // nil: not counted yet
}

// windowKey is a window of a shard.
type windowKey struct {
	shard int
	start int64 // Unix seconds
}

// window is a worker's part of an open window: what it has counted into it since the window was last sent.
type window struct {
	cells map[*series]*cell
	late  bool // the window was sent before
}

// visit is a window in which records of the task lie.
type visit struct {
	firstRecord
	from, to int64 // what times are in it, Unix nanoseconds
	late     int64 // the watermark from which on its records are late
	parity   int
	final    bool // no longer open
	replayed bool // discarding sinks have had it of a run before
	open     *window
}

// visitOf returns which of w.visits a record of that time and offset is in.
func (w *worker) visitOf(t *task, time, offset int64) int {
	if w.visit < len(w.visits) && time >= w.visits[w.visit].from && time < w.visits[w.visit].to {
		return w.visit
	}
	cfg := w.pipeline.windows
	start := cfg.start(time)
	for i := len(w.visits) - 1; i >= max(0, len(w.visits)-maxVisits); i-- {
		if w.visits[i].window == start {
			w.visit = i
			return i
		}
	}
	end := start + cfg.width
	w.visit = len(w.visits)
	w.visits = append(w.visits, visit{
		firstRecord: firstRecord{start, offset, w.watermark}, from: start * 1e9, to: end * 1e9, late: cfg.lateFrom(start), parity: cfg.parity(start),
		final: end <= t.final, replayed: w.pipeline.discards && t.replayed && end <= t.emitted,
	})
	return w.visit
}

// maxVisits is in how many visits a window is looked for. That there are several of one does no harm.
const maxVisits = 8

// note makes a fact of r and finds its series.
func (w *worker) note(t *task, i int, r *record.Record) {
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
		w.facts = append(w.facts, fact{time: r.TimeNanos, visit: -1})
		w.watermark = max(w.watermark, r.TimeNanos-cfg.lateness)
		return
	}
	visit := w.visitOf(t, r.TimeNanos, r.Offset)
	w.facts = append(w.facts, fact{time: r.TimeNanos, visit: int32(visit), pair: -1, amounts: amounts{
		duration: r.DurationNanos, upstream: r.UpstreamNanos, gateway: r.GatewayNanos,
		requestBytes: r.RequestBytes, responseBytes: r.ResponseBytes,
		status: r.Status, cache: verdictOf(r.Cache), sent: w.visits[visit].replayed,
	}})
	f := &w.facts[len(w.facts)-1]
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
	w.findPairs(t, i, r, f)
	w.watermark = max(w.watermark, r.TimeNanos-cfg.lateness)
}

// findPairs finds r's series.
func (w *worker) findPairs(t *task, at int, r *record.Record, f *fact) {
	v := &w.visits[f.visit]
	for i, c := range w.pipeline.chains {
		n := int32(-1)
		if !v.final {
			n = w.pair(t, w.seriesOf(c, at, r), v)
		}
		if i == 0 {
			f.pair = n
		} else {
			w.more = append(w.more, n)
		}
	}
}

// pair returns which of w.pairs is s in the window of v.
func (w *worker) pair(t *task, s *series, v *visit) int32 {
	last := &s.last[v.parity&1]
	if last.pairTask == w.taskNumber && last.pairWindow == v.window {
		return last.pair
	}
	p := pair{series: s, window: v.window, watermark: w.watermark}
	if last.verdictPartition == t.partition && last.verdictWindow == v.window {
		p.target = last.target
	}
	w.pairs = append(w.pairs, p)
	last.pairTask, last.pairWindow, last.pair = w.taskNumber, v.window, int32(len(w.pairs)-1)
	s.usedTask = w.taskNumber
	return last.pair
}

// count adds the facts to their cells; before is the watermark before the first.
func (w *worker) count(t *task, before int64) {
	lateness, chains := w.pipeline.windows.lateness, len(w.pipeline.chains)
	others := max(0, chains-1)
	watermark, more := before, w.more
	var some [countTogether]addition
	n := 0
	for i := range w.facts {
		f := &w.facts[i]
		if f.visit >= 0 {
			v := &w.visits[f.visit]
			switch {
			case v.late <= watermark:
				w.counts.Reasons[record.Late]++
			case v.final:
				w.counts.Reasons[record.AfterIdle]++
			default:
				w.counts.Counted++
				if v.open == nil {
					v.open = w.window(windowKey{t.partition.shard.index, v.window}, v.window+w.pipeline.windows.width <= t.sent)
				}
				for c := range chains {
					at := f.pair
					if c > 0 {
						at = more[c-1]
					}
					value := w.cellOf(t, at, v).add(&f.amounts, &w.stock)
					if value == nil {
						continue
					}
					if n == countTogether {
						addAll(some[:], w.stock.codes)
						n = 0
					}
					some[n] = addition{&f.amounts, value}
					n++
				}
			}
			more = more[others:]
		}
		watermark = max(watermark, f.time-lateness)
	}
	addAll(some[:n], w.stock.codes)
}

// countTogether is how many additions are made at once.
const countTogether = 64

// cellOf returns the cell of the n'th pair, which is in v.
func (w *worker) cellOf(t *task, n int32, v *visit) *cell {
	p := &w.pairs[n]
	if p.cell == nil {
		p.cell = w.cell(v.open, windowKey{t.partition.shard.index, v.window}, p.target)
	}
	return p.cell
}

func (w *worker) window(key windowKey, late bool) *window {
	win := w.windows[key]
	if win == nil {
		win = &window{cells: map[*series]*cell{}, late: late}
		w.windows[key] = win
		w.parts(late).Add(1)
	}
	return win
}

// parts returns where windows in memory are counted.
func (w *worker) parts(late bool) *atomic.Int64 {
	if late {
		return &w.pipeline.lateParts
	}
	return &w.pipeline.openParts
}

func (w *worker) cell(win *window, key windowKey, s *series) *cell {
	last := &s.last[w.pipeline.windows.parity(key.start)]
	if last.cell != nil && last.cellKey == key {
		return last.cell
	}
	c := win.cells[s]
	if c == nil {
		c = w.stock.cells.take()
		win.cells[s] = c
		s.cells++
		if !win.late {
			w.pipeline.newCells.Add(1)
		}
	}
	last.cellKey, last.cell = key, c
	return c
}

// detach takes the worker's part of the window from it; nil when it has none. The dispatcher calls it at a barrier.
func (w *worker) detach(key windowKey) *window {
	win := w.windows[key]
	if win == nil {
		return nil
	}
	for s, c := range win.cells {
		s.cells--
		for i := range s.last {
			if s.last[i].cell == c {
				s.last[i].cell = nil
			}
		}
	}
	delete(w.windows, key)
	w.parts(win.late).Add(-1)
	return win
}
