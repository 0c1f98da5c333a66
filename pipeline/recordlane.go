package pipeline

import (
	"context"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatemeter/gatemeter/internal/fault"
	"github.com/gatemeter/gatemeter/pipeline/batch"
	"github.com/gatemeter/gatemeter/pipeline/cursor"
)

// recordLane brings one record sink what the workers could not give it, because it had no room: it reads the sources again
// from where the sink was left behind, hands the lines over no faster than they are taken, and goes to sleep when the workers
// can go on by themselves. So a record sink that is slow or down holds nothing up; the log is its buffer.
type recordLane struct {
	pipeline *Pipeline
	sink     int           // index of Settings.RecordSinks
	wake     chan struct{} // has room for one; a partition was left behind

	partitions atomic.Int64 // left behind
	lost       atomic.Int64 // stretches that could not be read again

	worker *worker // the lane's own, made when first needed
}

// rejoinEvery is how often a lane looks whether a partition has caught up, besides at each of its batches.
const rejoinEvery = 100 * time.Millisecond

// left notes that a partition was left behind.
func (l *recordLane) left() {
	if l.partitions.Add(1) == 1 {
		l.pipeline.set.Log.Warn("a sink has no room for more records: metrics go on, and what it misses is read again for it later",
			"sink", l.name())
	}
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

func (l *recordLane) name() string { return l.pipeline.set.RecordSinks[l.sink].Name }

// run works until ctx ends.
func (l *recordLane) run(ctx context.Context) {
	failures := 0
	for {
		select {
		case <-l.wake:
		case <-ctx.Done():
			return
		}
		for l.isBehind() {
			err := l.waitForRoom(ctx)
			if err == nil {
				err = l.catchUp(ctx)
			}
			if ctx.Err() != nil {
				return
			}
			if err == nil {
				failures = 0
				continue
			}
			if failures == 0 {
				l.pipeline.set.Log.Error("records cannot be read again; trying again until they can", "sink", l.name(), "error", err)
			}
			failures++
			if !pause(ctx, backoff(failures, l.pipeline.set.Rand)) {
				return
			}
		}
	}
}

// isBehind reports whether there is anything to do.
func (l *recordLane) isBehind() bool {
	for _, k := range l.pipeline.all() {
		if k.progress[l.sink].isBehind() {
			return true
		}
	}
	return false
}

// waitForRoom waits until the sink has taken enough for reading again to be worth while.
func (l *recordLane) waitForRoom(ctx context.Context) error {
	for !l.pipeline.set.RecordSinks[l.sink].Sink.Roomy() {
		if !pause(ctx, rejoinEvery) {
			return ctx.Err()
		}
	}
	return nil
}

// catchUp reads the sources again until there is no gap left, or until a gap is behind what it reads.
func (l *recordLane) catchUp(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var reading sync.WaitGroup
	defer reading.Wait()
	defer cancel()
	if l.worker == nil {
		l.worker = newWorker(l.pipeline)
	}
	in := make(chan *batch.Batch)
	failed := make(chan error, len(l.pipeline.set.Sources))
	reached := map[*partition]*reach{}
	for i := range l.pipeline.set.Sources {
		set := &l.pipeline.set.Sources[i]
		if set.Again == nil {
			continue
		}
		saved, at := l.saved(i)
		for k, offset := range at {
			reached[k] = &reach{next: offset}
		}
		if len(saved) == 0 {
			continue
		}
		err := fault.At("records.again")
		var source Source
		if err == nil {
			source, err = set.Again()
		}
		var opened []Opened
		if err == nil {
			opened, err = source.Open(ctx, saved)
		}
		if err != nil {
			return fmt.Errorf("open source %s again: %w", set.Name, err)
		}
		for k := range at {
			l.begin(k, reached[k], opened)
		}
		reading.Go(func() {
			if err := source.Run(ctx, in); err != nil && ctx.Err() == nil {
				failed <- fmt.Errorf("read source %s again: %w", set.Name, err)
			}
		})
	}
	look := time.NewTicker(rejoinEvery)
	defer look.Stop()
	known := map[*batch.Partition]*partition{}
	for {
		select {
		case b := <-in:
			k := known[b.Partition]
			if k == nil || k.gone.Load() { // it may have come back
				if k = l.pipeline.find(b.Partition); k == nil {
					b.Release() // not known yet: nothing of it is missed
					continue
				}
				known[b.Partition] = k
			}
			r := reached[k]
			if r == nil {
				r = &reach{next: b.First}
				reached[k] = r
			}
			var err error
			if !k.gone.Load() {
				err = l.fill(ctx, k, b, r)
			}
			b.Release()
			if err != nil {
				return err
			}
		case err := <-failed:
			return err
		case <-look.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		if l.settle(reached) {
			return nil
		}
	}
}

// reach is how far a partition has been read again.
type reach struct {
	next     int64
	caughtUp bool
}

// saved returns the cursors from which source i is to be read again: from the first gap, or for a partition without one
// from where the workers are.
func (l *recordLane) saved(i int) (saved []cursor.Partition, at map[*partition]int64) {
	at = map[*partition]int64{}
	gaps := false
	for _, k := range l.pipeline.all() {
		if k.number != i {
			continue
		}
		next, state := k.position()
		from, ok := k.progress[l.sink].firstGap()
		if !ok {
			from = next
		}
		gaps = gaps || ok
		at[k] = from
		saved = append(saved, cursor.Partition{
			Source: k.Source, Name: k.Name, ID: k.ID, Watermark: cursor.NoWatermark, Replay: from, Read: from, Indexed: from, State: state,
		})
	}
	if !gaps {
		return nil, nil
	}
	return saved, at
}

// begin moves r to where the source begins to read k again, and gives up what it does not have any more.
func (l *recordLane) begin(k *partition, r *reach, opened []Opened) {
	offset := int64(math.MaxInt64) // the log is not there at all
	for _, o := range opened {
		if k.is(o.Partition) {
			offset = o.Offset
		}
	}
	for s := k.progress[l.sink].claim(r.next, offset); s != nil; s = k.progress[l.sink].claim(r.next, offset) {
		l.lose(k, s)
	}
	if offset != math.MaxInt64 {
		r.next = max(r.next, offset)
	}
}

// fill hands over what b has of the partition's gaps.
func (l *recordLane) fill(ctx context.Context, k *partition, b *batch.Batch, r *reach) error {
	p := k.progress[l.sink]
	for b.First > r.next { // its log is not what it was: what lay between is gone
		s := p.claim(r.next, b.First)
		if s == nil {
			break
		}
		l.lose(k, s)
	}
	if err := l.awaitWorkers(ctx, k, b.Next); err != nil {
		return err
	}
	for s := p.claim(b.First, b.Next); s != nil; s = p.claim(b.First, b.Next) {
		if len(b.Data) == 0 && b.Oversize == 0 {
			l.lose(k, s)
			continue
		}
		t := &task{
			partition: k, batch: &sharedBatch{Batch: b}, from: s.from, to: s.next, replayed: true,
			spans: make([]*span, len(l.pipeline.set.RecordSinks)), now: l.pipeline.set.Now().UnixNano(),
		}
		t.spans[l.sink] = s
		if err := l.worker.forward(ctx, t); err != nil {
			return err
		}
	}
	r.next, r.caughtUp = max(r.next, b.Next), b.CaughtUp
	return nil
}

// lose gives up s, which cannot be read again.
func (l *recordLane) lose(k *partition, s *span) {
	l.lost.Add(1)
	l.pipeline.set.Log.Warn("records are lost for a sink: their log was removed before it took them", "sink", l.name(),
		"source", k.Source, "partition", k.Name, "from", s.from, "to", s.next)
	k.progress[l.sink].confirm(s)
}

// awaitWorkers waits until the workers have been given the partition's lines up to next, so that it is known what of them is
// missed. Who reads faster than they do has caught up.
func (l *recordLane) awaitWorkers(ctx context.Context, k *partition, next int64) error {
	for {
		if at, _ := k.position(); at >= next {
			return nil
		}
		if !k.progress[l.sink].isBehind() || k.gone.Load() {
			return nil
		}
		l.rejoin(k, true)
		if !pause(ctx, time.Millisecond) {
			return ctx.Err()
		}
	}
}

// rejoin lets the workers go on with k if it has caught up and the sink has room for them.
func (l *recordLane) rejoin(k *partition, near bool) {
	if l.pipeline.set.RecordSinks[l.sink].Sink.Roomy() && k.progress[l.sink].rejoin(near) && l.partitions.Add(-1) == 0 {
		l.pipeline.set.Log.Info("the sink has caught up", "sink", l.name())
	}
}

// settle lets the workers go on with partitions that have caught up, and reports whether reading again has to end: because
// it is done, or because there is a gap that it has passed by, or that it does not know of as it began before.
func (l *recordLane) settle(reached map[*partition]*reach) (end bool) {
	end = true
	for _, k := range l.pipeline.all() {
		r := reached[k]
		l.rejoin(k, r != nil && r.caughtUp)
		if from, ok := k.progress[l.sink].firstGap(); ok && (r == nil || from < r.next) {
			return true
		}
		end = end && !k.progress[l.sink].isBehind()
	}
	return end
}

// find returns the partition that b, of a source read again, is.
func (p *Pipeline) find(b *batch.Partition) *partition {
	for _, k := range p.all() {
		if k.is(b) {
			return k
		}
	}
	return nil
}

// is reports whether b, of a source read again, is p.
func (p *partition) is(b *batch.Partition) bool {
	return p.Source == b.Source && p.Name == b.Name && p.ID == b.ID
}

// all returns the partitions known now.
func (p *Pipeline) all() []*partition {
	p.known.Lock()
	defer p.known.Unlock()
	return p.partitions
}
