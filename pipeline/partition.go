package pipeline

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatemeter/gatemeter/pipeline/batch"
	"github.com/gatemeter/gatemeter/pipeline/cursor"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// partition is what the pipeline knows of one partition.
type partition struct {
	*batch.Partition
	source *SourceSettings
	number int // of the source, among Settings.Sources
	shard  *shard

	// The dispatcher's own.
	saved    cursor.Partition // where the run before left it; zero for a new one
	next     int64            // offset after the last task given out
	tasks    uint64           // given out
	caughtUp bool
	ended    bool
	lastData time.Time // clock, when lines last came
	state    []byte    // the source's, of the newest batch

	// In turn: written by the task whose turn it is, and by the dispatcher at a barrier.
	mu        sync.Mutex
	turned    *sync.Cond
	turn      uint64       // the task whose turn it is
	watermark int64        // Unix nanoseconds
	spoke     int64        // Unix nanoseconds by the clock, when a record that has a time last came
	shown     atomic.Int64 // watermark, for who is not in turn
	first     []firstRecord
	admitted  []*admission

	counts Counts // under mu
	said   map[record.Reason]time.Time

	full     map[string]int64 // by rollup, windows in which it had no room for a series; under mu
	fullNews string           // one of them that the operator has not been told of; under mu
	fullSaid time.Time

	reading  int64  // under mu: next, and the newest state, for the record lanes
	newState []byte // under mu

	progress []*progress // by record sink
	gone     atomic.Bool // another process may have it now
}

// firstRecord is the first record of a window in a partition: where a restart has to begin to build the window anew.
type firstRecord struct {
	window    int64
	offset    int64
	watermark int64 // just before that record
}

// admission is the series of one window that the partition's records may be counted under: the first max_series keys of each
// level, in the order of the log's bytes, so that a restart admits the same.
type admission struct {
	window int64
	keys   [][]map[string]struct{} // chain, level
	full   []string                // names of rollups that had no room for a series
}

func newPartition(b *batch.Partition, number int, source *SourceSettings, s *shard, sinks int, now time.Time) *partition {
	p := &partition{
		Partition: b, number: number, source: source, shard: s, watermark: cursor.NoWatermark, lastData: now, spoke: now.UnixNano(),
		said: map[record.Reason]time.Time{}, full: map[string]int64{},
	}
	p.turned = sync.NewCond(&p.mu)
	p.shown.Store(cursor.NoWatermark)
	p.progress = make([]*progress, sinks)
	for i := range p.progress {
		p.progress[i] = &progress{}
	}
	return p
}

// begin sets p where its first batch begins.
func (p *partition) begin(offset int64) {
	p.mu.Lock() // who asks for p's state may know it already
	p.next, p.reading = offset, offset
	p.mu.Unlock()
	for _, k := range p.progress {
		k.start(offset)
	}
}

// position returns up to where lines have been given to the workers, and the source's state there.
func (p *partition) position() (next int64, state []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.reading, p.newState
}

// indexed returns the offset below which every record sink has confirmed.
func (p *partition) indexed() int64 {
	if len(p.progress) == 0 {
		next, _ := p.position()
		return next
	}
	lowest := p.progress[0].indexed()
	for _, k := range p.progress[1:] {
		lowest = min(lowest, k.indexed())
	}
	return lowest
}

// resume sets p where the run before left it.
func (p *partition) resume(saved cursor.Partition) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.saved = saved
	p.watermark = saved.Watermark
	p.shown.Store(saved.Watermark)
	p.state, p.newState = saved.State, saved.State
	p.Needed.Store(saved.Start())
}

// rebuilt reports whether p is back where the run before had read to.
func (p *partition) rebuilt() bool { return p.next >= p.saved.Read || p.ended || p.caughtUp }

// pass waits for the task's turn, and in it: judges which of the task's windows begin here, admits its series, and leaves
// the watermark for the next task. It returns the watermark before the task's first line. Rule 1 is here: nothing but the
// partition's bytes so far decides.
func (p *partition) pass(t *task, w *worker) int64 {
	cfg := w.pipeline.windows
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.turn != t.number {
		p.turned.Wait()
	}
	before := p.watermark
	for i := range w.visits {
		f := w.visits[i].firstRecord
		f.watermark = max(f.watermark, before)
		if !w.visits[i].final && !cfg.late(f.window, f.watermark) &&
			!slices.ContainsFunc(p.first, func(k firstRecord) bool { return k.window == f.window }) {
			p.first = append(p.first, f)
		}
	}
	for i := range w.pairs {
		pair := &w.pairs[i]
		if pair.target == nil && !cfg.late(pair.window, max(pair.watermark, before)) {
			pair.target = p.admit(pair.window, pair.series, w)
		}
	}
	p.watermark = max(before, w.watermark)
	if w.watermark != cursor.NoWatermark {
		p.spoke = max(p.spoke, t.now)
	}
	p.shown.Store(p.watermark)
	p.turn++
	p.turned.Broadcast()
	return before
}

// admit returns the series that s counts under in window: s itself, or the one it is folded into.
func (p *partition) admit(window int64, s *series, w *worker) *series {
	i := slices.IndexFunc(p.admitted, func(a *admission) bool { return a.window == window })
	if i < 0 {
		i = len(p.admitted)
		p.admitted = append(p.admitted, newAdmission(window, w.pipeline.chains))
	}
	a := p.admitted[i]
	target := s
	for level, l := range s.chain.levels {
		if l.width == 0 {
			continue
		}
		key := s.key[:s.ends[level]]
		known := a.keys[s.chain.index][level]
		if _, ok := known[key]; ok {
			continue
		}
		if len(known) >= w.pipeline.set.Metrics.MaxSeries {
			if name := l.rollup.Name; !slices.Contains(a.full, name) {
				a.full = append(a.full, name)
				p.full[name]++
				p.fullNews = name
			}
			target = w.series.folded(s, level)
			break
		}
		known[key] = struct{}{}
	}
	last := &s.last[w.pipeline.windows.parity(window)]
	last.verdictPartition, last.verdictWindow, last.target = p, window, target
	return target
}

func newAdmission(window int64, chains []*chain) *admission {
	a := &admission{window: window, keys: make([][]map[string]struct{}, len(chains))}
	for i, c := range chains {
		a.keys[i] = make([]map[string]struct{}, len(c.levels))
		for j := range a.keys[i] {
			a.keys[i][j] = map[string]struct{}{}
		}
	}
	return a
}

// forget drops what p knows of windows that can no longer change (admitted) or are final also in the saved cursor (first).
func (p *partition) forget(cfg *windowing, final, savedFinal int64) {
	p.admitted = slices.DeleteFunc(p.admitted, func(a *admission) bool { return a.window+cfg.width <= final })
	p.first = slices.DeleteFunc(p.first, func(f firstRecord) bool { return f.window+cfg.width <= savedFinal })
}

// cursor returns where p stands, to be saved. Call it at a barrier.
func (p *partition) cursor() cursor.Partition {
	c := cursor.Partition{
		Source: p.Source, Name: p.Name, ID: p.ID, Replay: p.next, Watermark: p.watermark,
		Read: p.next, Indexed: p.indexed(), State: p.state,
	}
	for _, f := range p.first {
		if f.offset < c.Replay {
			c.Replay, c.Watermark = f.offset, f.watermark
		}
	}
	return c
}
