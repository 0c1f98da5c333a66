package pipeline

import (
	"bytes"
	"context"
	"fmt"
	"hash/maphash"
	"math"
	"slices"
	"time"

	"github.com/gatemeter/gatemeter/internal/fault"
	"github.com/gatemeter/gatemeter/pipeline/batch"
	"github.com/gatemeter/gatemeter/pipeline/cursor"
	"github.com/gatemeter/gatemeter/pipeline/distinct"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// task is a stretch of a batch's lines that are all treated alike.
type task struct {
	partition *partition
	number    uint64 // among the partition's tasks, from 0
	batch     *sharedBatch
	from, to  int64 // offsets

	metrics  bool    // count the lines into windows
	replayed bool    // a run before has counted them: discarding sinks have had their part of windows it emitted
	spans    []*span // by record sink: what it is to be handed; nil for one that is not

	now     int64 // Unix nanoseconds, when the task was given out
	emitted int64 // the saved Emitted of the shard, for replayed
	final   int64 // the shard's Final: does not change while tasks run
}

// worker parses and counts. Its goroutine owns it while a task runs, the dispatcher at a barrier.
type worker struct {
	pipeline *Pipeline
	parsers  []Parser // by source
	series   *dictionary
	windows  map[windowKey]*window
	free     []*cell

	// Of the task at hand.
	taskNumber uint64
	recs       [ChunkLines]record.Record
	n          int // filled of recs
	arena      []byte
	facts      []fact
	inPair     []int32 // for each fact and chain, its pair
	pairs      []pair
	touched    []firstRecord
	watermark  int64 // of the lines so far
	lastTime   int64 // of the last record with a time; 0 before
	bodies     []*Body
	counts     Counts
	sample     malformed // the first of the task

	foldedSeries int64
}

// pair is a series in a window, where the task first meets it.
type pair struct {
	series    *series
	window    int64
	watermark int64   // of the task's lines before
	target    *series // what it counts under; nil: not decided, and after partition.pass: it came too late
}

// malformed is a line to show the operator.
type malformed struct {
	offset int64
	reason record.Reason
	column int32
	line   []byte // of the batch
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

func newWorker(p *Pipeline) *worker {
	w := &worker{pipeline: p, series: newDictionary(maphash.MakeSeed()), windows: map[windowKey]*window{}}
	for i := range p.set.Sources {
		w.parsers = append(w.parsers, p.set.Sources[i].NewParser())
	}
	w.bodies = make([]*Body, len(p.set.RecordSinks))
	return w
}

// run works tasks off until there are no more.
func (w *worker) run(tasks <-chan *task) {
	for t := range tasks {
		w.process(t)
		t.batch.release()
		w.pipeline.busy.Done()
	}
}

// process is the one pass over a task's lines: parse all, wait for the turn, count all.
func (w *worker) process(t *task) {
	p := t.partition
	w.taskNumber++
	w.arena, w.facts, w.inPair = w.arena[:0], w.facts[:0], w.inPair[:0]
	w.pairs, w.touched = w.pairs[:0], w.touched[:0]
	w.watermark, w.lastTime = cursor.NoWatermark, 0
	w.counts, w.sample = Counts{}, malformed{}
	if records := w.open(t); records || t.metrics {
		w.parsers[p.number].Reset(p.Partition)
		w.split(t)
	}
	before := p.pass(t, w)
	w.submit(t)
	_ = fault.At("records.handed")
	w.count(t, before)
	_ = fault.At("task.counted")
	w.report(t)
	w.series.tidy(w.taskNumber)
}

// forward hands the task's records over, and waits for room. A record lane's worker does nothing else.
func (w *worker) forward(ctx context.Context, t *task) error {
	w.arena, w.counts, w.sample, w.lastTime = w.arena[:0], Counts{}, malformed{}, 0
	w.open(t)
	w.parsers[t.partition.number].Reset(t.partition.Partition)
	w.split(t)
	defer w.report(t)
	for i, body := range w.bodies {
		if body == nil {
			continue
		}
		w.bodies[i] = nil
		w.address(t, i, body)
		if body.Docs == 0 {
			body.Done(body)
		} else if err := w.pipeline.set.RecordSinks[i].Sink.Submit(ctx, body); err != nil {
			return err // the run is at its end
		}
	}
	return nil
}

// open gets a body for each record sink that the task's records are for.
func (w *worker) open(t *task) (any bool) {
	for i, s := range t.spans {
		if s != nil {
			w.bodies[i], any = w.pipeline.bodies[i].get(), true
		}
	}
	return any
}

// split cuts the task's bytes into lines and parses them a chunk at a time.
func (w *worker) split(t *task) {
	b := t.batch.Batch
	if len(b.Data) == 0 && b.Oversize == 0 {
		return // a stretch that its source could not read
	}
	if b.Oversize > 0 {
		w.counts.Read += int64(b.Oversize)
		w.counts.Reasons[record.Oversize] += int64(b.Oversize)
		return
	}
	if b.Offsets != nil {
		w.messages(t)
		return
	}
	if b.Ends != nil {
		for i := t.from - b.First; i < t.to-b.First; i++ {
			start := int32(0)
			if i > 0 {
				start = b.Ends[i-1]
			}
			w.line(t, b.Data[start:b.Ends[i]], b.First+i, 0)
		}
		w.chunk(t)
		return
	}
	data, offset := b.Data[t.from-b.First:t.to-b.First], t.from
	for len(data) > 0 {
		n := bytes.IndexByte(data, '\n')
		next := n + 1
		if n < 0 {
			n, next = len(data), len(data)
		}
		w.line(t, data[:n:n], offset, 0)
		data, offset = data[next:], offset+int64(next)
	}
	w.chunk(t)
}

// messages is split for a batch whose lines have offsets of their own.
func (w *worker) messages(t *task) {
	b := t.batch.Batch
	part := int32(0)
	first, _ := slices.BinarySearch(b.Offsets, t.from)
	for i := first; i < len(b.Offsets) && b.Offsets[i] < t.to; i++ {
		if part++; i == first || b.Offsets[i] != b.Offsets[i-1] {
			part = 0
		}
		start := int32(0)
		if i > 0 {
			start = b.Ends[i-1]
		}
		w.line(t, b.Data[start:b.Ends[i]], b.Offsets[i], part)
	}
	w.chunk(t)
}

// line takes one line, without its newline, into the chunk.
func (w *worker) line(t *task, line []byte, offset int64, part int32) {
	w.counts.Read++
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	switch {
	case len(line) == 0 || line[0] <= ' ' && len(bytes.TrimSpace(line)) == 0:
		w.counts.Reasons[record.Blank]++
		return
	case len(line) > w.pipeline.set.MaxLine:
		w.counts.Reasons[record.Oversize]++
		return
	}
	if r := w.pipeline.set.Redact; r != nil {
		r.Line(line)
	}
	rec := &w.recs[w.n]
	rec.Reset()
	rec.Line, rec.Offset, rec.Part = line, offset, part
	w.n++
	if w.n == ChunkLines {
		w.chunk(t)
	}
}

// chunk parses the lines at hand and makes facts and documents of them.
func (w *worker) chunk(t *task) {
	recs := w.recs[:w.n]
	w.n = 0
	if len(recs) == 0 {
		return
	}
	w.parse(t.partition.number, recs)
	keep := 0
	for i := range recs {
		r := &recs[i]
		if r.Reason == record.None {
			w.counts.Parsed++
			w.complete(t, r)
			if t.metrics {
				w.note(t, r)
			}
		} else {
			w.counts.Reasons[r.Reason]++
			if w.sample.reason == record.None {
				w.sample = malformed{r.Offset, r.Reason, r.Column, r.Line}
			}
			if w.pipeline.hidesLines {
				r.Line, w.sample.line = nil, nil
			}
			r.TimeNanos = w.lastTime
			if r.TimeNanos == 0 {
				r.TimeNanos = t.now
			}
		}
		if t.spans != nil && r.Drop&record.DropRecords == 0 {
			if keep != i {
				recs[keep] = *r
			}
			keep++
		}
	}
	if keep == 0 {
		return
	}
	for i, body := range w.bodies {
		if body == nil {
			continue
		}
		body.Bytes = w.pipeline.set.RecordSinks[i].Sink.Append(body.Bytes, t.partition.Partition, recs[:keep])
		body.Docs += keep
	}
}

// parse parses recs. A parser that panics must not take the process down, and with it every line after: the line is put
// aside as one that cannot be read.
func (w *worker) parse(source int, recs []record.Record) {
	defer func() {
		if failure := recover(); failure != nil {
			if len(recs) > 1 {
				for i := range recs {
					restore(&recs[i])
					w.parse(source, recs[i:i+1])
				}
				return
			}
			restore(&recs[0])
			recs[0].Fail(record.Unexpected, 0)
			w.pipeline.set.Log.Error("BUG: a parser panicked", "source", w.pipeline.set.Sources[source].Name,
				"offset", recs[0].Offset, "panic", fmt.Sprint(failure), "line", fmt.Sprintf("%.200q", recs[0].Line))
		}
	}()
	w.parsers[source].Parse(recs)
}

// restore makes r what the parser was given.
func restore(r *record.Record) {
	line, offset, part := r.Line, r.Offset, r.Part
	r.Reset()
	r.Line, r.Offset, r.Part = line, offset, part
}

// complete fills what the parser leaves to the pipeline, and applies redaction and filters.
func (w *worker) complete(t *task, r *record.Record) {
	set := &w.pipeline.set
	w.lastTime = r.TimeNanos
	if len(r.Service) == 0 {
		r.Service = w.pipeline.services[t.partition.number]
	}
	if r.GatewayNanos < 0 && r.DurationNanos >= 0 && r.UpstreamNanos >= 0 {
		r.GatewayNanos = max(0, r.DurationNanos-r.UpstreamNanos)
	}
	if set.Redact != nil {
		w.arena = set.Redact.Record(r, w.arena)
	}
	if len(r.Route) == 0 && (len(r.Path) > 0 || len(r.URL) > 0) {
		path := r.Path
		if len(path) == 0 {
			path = r.URL
		}
		start := len(w.arena)
		w.arena = set.Routes.Append(w.arena, path)
		r.Route = w.arena[start:len(w.arena):len(w.arena)]
	}
	if set.Filter != nil {
		set.Filter.Apply(r)
	}
}

// note makes a fact of r and finds its series.
func (w *worker) note(t *task, r *record.Record) {
	cfg := w.pipeline.windows
	filtered, future := r.Drop&record.DropMetrics != 0, r.TimeNanos > t.now+cfg.maxFuture
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

// submit hands the documents to the record sinks. A sink without room is left behind, and its record lane reads them again;
// unless that cannot be, or all is to be read at once and nothing is live: then submit waits.
func (w *worker) submit(t *task) {
	p, set := t.partition, &w.pipeline.set
	for i, body := range w.bodies {
		if body == nil {
			continue
		}
		w.bodies[i] = nil
		w.address(t, i, body)
		switch sink := set.RecordSinks[i].Sink; {
		case body.Docs == 0:
			body.Done(body)
		case sink.Offer(body):
		case p.source.Again != nil && !set.Once:
			w.pipeline.bodies[i].put(body)
			if p.progress[i].leave(t.spans[i]) {
				w.pipeline.records[i].left()
			}
		default:
			if err := sink.Submit(w.pipeline.drain, body); err != nil {
				// The run is at its end: what is not confirmed is read again by the next.
				set.Log.Debug("records left for the next run", "sink", set.RecordSinks[i].Name, "error", err)
			}
		}
	}
}

// address says what is to happen when record sink i has the body.
func (w *worker) address(t *task, i int, body *Body) {
	pool, progress, s := w.pipeline.bodies[i], t.partition.progress[i], t.spans[i]
	body.Done = func(b *Body) {
		pool.put(b)
		progress.confirm(s)
	}
}

// report adds the task's counts to the partition's, and shows the operator a malformed line, one a minute for each reason.
func (w *worker) report(t *task) {
	p := t.partition
	now := time.Unix(0, t.now)
	p.mu.Lock()
	if t.metrics && !t.replayed {
		p.counts.add(&w.counts)
	} else {
		p.counts.Replayed += w.counts.Read
	}
	bad := &w.sample
	show := bad.reason != record.None && !t.replayed && now.Sub(p.said[bad.reason]) >= time.Minute
	if show {
		p.said[bad.reason] = now
	}
	p.mu.Unlock()
	if show {
		w.pipeline.set.Log.Warn("malformed line", "source", p.Source, "partition", p.Name, "offset", bad.offset,
			"reason", bad.reason.String(), "column", bad.column, "line", fmt.Sprintf("%.200q", bad.line))
	}
}

// sharedBatch is a batch that several tasks read.
type sharedBatch struct {
	*batch.Batch
	left int // tasks; under the pipeline's mutex
	pipe *Pipeline
}

func (b *sharedBatch) release() {
	b.pipe.shared.Lock()
	b.left--
	last := b.left == 0
	b.pipe.shared.Unlock()
	if last {
		b.Release()
	}
}
