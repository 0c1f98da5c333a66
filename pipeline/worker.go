package pipeline

import (
	"context"
	"hash/maphash"
	"time"

	"github.com/gatemeter/gatemeter/internal/fault"
	"github.com/gatemeter/gatemeter/pipeline/batch"
	"github.com/gatemeter/gatemeter/pipeline/bitmap"
	"github.com/gatemeter/gatemeter/pipeline/cursor"
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
	sent    int64 // up to where the shard's windows have been sent: does not change while tasks run
	final   int64 // the shard's Final: neither does this
}

// worker parses and counts. Its goroutine owns it while a task runs, the dispatcher at a barrier.
type worker struct {
	pipeline *Pipeline
	parsers  []Parser     // by source
	bare     []bareSource // by source
	series   *dictionary
	recent   *recent
	windows  map[windowKey]*window
	stock    stock

	// Of the task at hand.
	taskNumber uint64
	routes     bool // routes of its records are needed, besides for what they are counted under
	masked     bool // its lines are masked before they are parsed, because they leave or the parser cannot do without
	recs       [ChunkLines]record.Record
	n          int               // filled of recs
	marks      []bitmap.Pair     // of the stretch at hand: newlines, and redact.Marks
	which      [ChunkLines]int32 // for each of recs, where its batch has its Ends
	arena      []byte
	facts      []fact
	more       []int32 // for each fact that is not filtered and each chain but the first, its pair
	pairs      []pair
	visits     []visit
	visit      int   // the last fact's of visits
	watermark  int64 // of the lines so far
	lastTime   int64 // of the last record with a time; 0 before
	bodies     []*Body
	counts     Counts
	sample     malformed // the first of the task
}

// malformed is a line to show the operator.
type malformed struct {
	offset int64
	reason record.Reason
	column int32
	line   []byte // of the batch
}

func newWorker(p *Pipeline) *worker {
	seed := maphash.MakeSeed()
	w := &worker{pipeline: p, series: newDictionary(seed), recent: newRecent(seed, p.chains), windows: map[windowKey]*window{}, stock: newStock(p)}
	for i := range p.set.Sources {
		parser := p.set.Sources[i].NewParser()
		w.parsers, w.bare = append(w.parsers, parser), append(w.bare, bareSource{parser: p.set.bareParser(parser)})
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
	w.arena, w.facts, w.more = w.arena[:0], w.facts[:0], w.more[:0]
	w.pairs, w.visits, w.visit = w.pairs[:0], w.visits[:0], 0
	w.watermark, w.lastTime = cursor.NoWatermark, 0
	w.counts, w.sample = Counts{}, malformed{}
	records := w.open(t)
	w.routes = records || w.pipeline.filtersRoutes
	w.masked = records && w.pipeline.storesLines || !w.bare[p.number].try()
	if records || t.metrics {
		w.parsers[p.number].Reset(p.Partition)
		w.split(t)
		if !w.masked {
			w.bare[p.number].learn()
		}
	}
	before := p.pass(t, w)
	w.submit(t)
	_ = fault.At("records.handed")
	w.count(t, before)
	_ = fault.At("task.counted")
	w.report(t)
	if w.series.tidy(w.taskNumber) {
		w.recent.clear()
	}
	w.recent.fit(w.series.n)
}

// forward hands the task's records over, and waits for room. A record lane's worker does nothing else.
func (w *worker) forward(ctx context.Context, t *task) error {
	w.arena, w.counts, w.sample, w.lastTime = w.arena[:0], Counts{}, malformed{}, 0
	w.open(t)
	w.routes, w.masked = true, true
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
	if w.routes && len(r.Route) == 0 {
		w.makeRoute(r)
	}
	if set.Filter != nil {
		set.Filter.Apply(r)
	}
}

// makeRoute makes the route of a record that has none of its own, if it has a path.
func (w *worker) makeRoute(r *record.Record) {
	path := pathOf(r)
	if len(path) == 0 {
		return
	}
	start := len(w.arena)
	w.arena = w.pipeline.set.Routes.Append(w.arena, path)
	r.Route = w.arena[start:len(w.arena):len(w.arena)]
}

// pathOf returns what r's route is made of.
func pathOf(r *record.Record) []byte {
	if len(r.Path) == 0 {
		return r.URL
	}
	return r.Path
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

// report adds the task's counts to the partition's, and shows the operator a malformed line, one a minute for each reason, and,
// as often, that there is no room for series.
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
	full := p.fullNews
	if full != "" && now.Sub(p.fullSaid) < time.Minute {
		full = ""
	} else if full != "" {
		p.fullNews, p.fullSaid = "", now
	}
	p.mu.Unlock()
	if full != "" {
		w.pipeline.set.Log.Warn("max_series is reached: what else comes counts under _other", "source", p.Source, "partition", p.Name,
			"rollup", full, "max_series", w.pipeline.set.Metrics.MaxSeries)
	}
	if show {
		w.pipeline.set.Log.Warn("malformed line", "source", p.Source, "partition", p.Name, "offset", bad.offset,
			"reason", bad.reason.String(), "column", bad.column, "line", string(bad.line[:min(len(bad.line), 200)]))
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
