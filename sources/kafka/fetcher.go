package kafka

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/gatemeter/gatemeter/pipeline/batch"
)

const (
	// fetchBytes is about how much is fetched at a time. A batch comes whole however large it is.
	fetchBytes = 1 << 20
	// fetchWait is how long a broker waits for messages when it has none.
	fetchWait = 500 * time.Millisecond
	// maxPayload bounds a message when decompressed.
	maxPayload = 16 << 20
	// holdLook is how often to look whether the pipeline lets a partition go on.
	holdLook = 50 * time.Millisecond
	// stallTime is for how long nothing may come of what is there before the connections are made anew.
	stallTime = 10 * time.Second
	// openTime is how long a transaction may keep messages back before that is said.
	openTime = time.Minute
	// corruptTries is how often a batch that cannot be read is fetched before it is passed over.
	corruptTries = 4
)

// fetcher reads one partition, from an offset on. Its run is one goroutine; stats may be called from any.
type fetcher struct {
	source    *Source
	topic     string
	number    int
	partition *batch.Partition
	out       chan<- *batch.Batch
	fill      filler

	sent, told, ended bool  // any batch; that all has been read; the end
	given             int64 // offset after what was sent
	maxBytes          int32
	moved             time.Time // when anything last came, or there was nothing to come
	open              time.Time // since when a transaction that has not ended keeps messages back; zero: none does
	openSaid          bool

	mu    sync.Mutex
	shown PartitionStats
}

// truncatedError says that a partition's log ends before what has been read of it.
type truncatedError struct{ end int64 }

func (e *truncatedError) Error() string {
	return fmt.Sprintf("the log ends at offset %d, before what has been read of it", e.end)
}

func (s *Source) newFetcher(topic string, number int, out chan<- *batch.Batch, pool *batch.Pool) *fetcher {
	f := &fetcher{source: s, topic: topic, number: number, out: out, maxBytes: fetchBytes}
	f.fill = filler{pool: pool, maxLine: s.set.MaxLine, values: s.set.Values, limit: math.MaxInt64, send: f.send}
	f.fill.split.Mode, f.fill.split.MaxBytes = s.set.Envelope, maxPayload
	return f
}

// begin sets where to begin, and who gets the batches.
func (f *fetcher) begin(p *batch.Partition, offset int64) {
	f.partition, f.fill.partition = p, p
	f.fill.start(offset)
	f.shown = PartitionStats{Name: p.Name, Next: offset, High: -1}
}

// send gives b away.
func (f *fetcher) send(ctx context.Context, b *batch.Batch) error {
	select {
	case f.out <- b:
		f.sent, f.told, f.given = true, b.CaughtUp, b.Next
		return nil
	case <-ctx.Done():
		b.Release()
		return ctx.Err()
	}
}

// outcome is what became of a fetchCall.
type outcome struct {
	call *fetchCall
	err  error
}

// ask fetches from offset on. The outcome comes also when ctx ends.
func (f *fetcher) ask(ctx context.Context, offset int64, reuse *fetchCall) <-chan outcome {
	call := &fetchCall{topic: f.topic, partition: int32(f.number), offset: offset, maxBytes: f.maxBytes, wait: fetchWait}
	if reuse != nil {
		call.buf, call.answer.aborted = reuse.buf, reuse.answer.aborted
	}
	c := make(chan outcome, 1)
	go func() {
		ctx, cancel := context.WithTimeout(ctx, fetchWait+requestTimeout)
		defer cancel()
		_, err := f.source.transport.RoundTrip(ctx, f.source.addr, call)
		c <- outcome{call, err}
	}()
	return c
}

// errHangs says that kafka-go has not come back in the time it was given.
var errHangs = errors.New("the connection hangs")

// await waits for an outcome.
func await(ctx context.Context, c <-chan outcome) outcome {
	late := time.NewTimer(fetchWait + 2*requestTimeout)
	defer late.Stop()
	select {
	case o := <-c:
		return o
	case <-late.C:
		return outcome{err: errHangs}
	case <-ctx.Done():
		return outcome{err: ctx.Err()}
	}
}

// run reads until ctx ends, or until the end when there is one. While an answer is made batches of, the next is under way.
func (f *fetcher) run(ctx context.Context) error {
	what := "partition " + f.partition.Name
	defer f.source.health.forget(what)
	var pending <-chan outcome
	var free *fetchCall
	failures, corrupt := 0, 0
	f.moved = f.source.set.Now()
	for {
		if f.fill.next >= f.fill.limit {
			f.ended = true
			return f.send(ctx, &batch.Batch{Partition: f.partition, First: f.fill.next, Next: f.fill.next, CaughtUp: true, Ended: true})
		}
		for f.partition.Hold.Load() {
			if !pause(ctx, holdLook) {
				return ctx.Err()
			}
		}
		if pending == nil {
			pending, free = f.ask(ctx, f.fill.next, free), nil
		}
		o := await(ctx, pending)
		pending = nil
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if o.err == nil {
			o.err = o.call.answer.err
		}
		if o.err == nil {
			a := &o.call.answer
			if end := wholeEnd(a.records); end > f.fill.next && end < f.fill.limit && !f.partition.Hold.Load() {
				pending, free = f.ask(ctx, end, free), nil
			}
			o.err = f.take(ctx, a)
			if o.err == nil {
				free, failures, corrupt = o.call, 0, 0
				f.source.health.is(what, nil)
				continue
			}
			pending = nil // of the wrong offset
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		var bad *corruptError
		var truncated *truncatedError
		switch {
		case errors.Is(o.err, kafkago.OffsetOutOfRange):
			o.err = f.reposition(ctx)
			if errors.As(o.err, &truncated) {
				return o.err
			}
		case errors.As(o.err, &bad):
			if corrupt++; corrupt >= corruptTries && f.passOver(ctx, bad) {
				corrupt = 0
				continue
			}
		case errors.Is(o.err, errHangs), errors.Is(o.err, errStands):
			f.note(func(p *PartitionStats) { p.Restarts++ })
			f.source.transport.CloseIdleConnections()
		}
		if o.err != nil {
			f.source.health.is(what, o.err)
			f.note(func(p *PartitionStats) { p.Failures++ })
			if !pause(ctx, backoff(failures)) {
				return ctx.Err()
			}
			failures++
		}
	}
}

// errStands says that nothing comes of what is there.
var errStands = errors.New("the broker has more and sends nothing")

// take makes batches of an answer.
func (f *fetcher) take(ctx context.Context, a *answer) error {
	before, now := f.fill.next, f.source.set.Now()
	err := f.fill.take(ctx, a)
	f.note(func(p *PartitionStats) {
		p.Next, p.High, p.Stable = f.fill.next, a.high, a.stable
		p.Newest = f.fill.newest
		p.Aborted = f.fill.given
	})
	if err != nil {
		return err
	}
	f.watchOpen(a, now)
	switch {
	case f.fill.next > before:
		f.moved = now
	case f.fill.next >= a.stable:
		f.moved = now
		if !f.told {
			return f.send(ctx, &batch.Batch{Partition: f.partition, First: before, Next: before, CaughtUp: true})
		}
	case len(a.records) > 0 && wholeEnd(a.records) == 0: // an old broker cuts batches
		f.maxBytes = min(2*f.maxBytes, maxAnswer/2)
	case now.Sub(f.moved) > stallTime:
		f.moved = now
		return errStands
	}
	return nil
}

// watchOpen says, once, when a transaction keeps messages back for long: nothing else is wrong then, and nothing is read.
func (f *fetcher) watchOpen(a *answer, now time.Time) {
	switch {
	case f.fill.next < a.stable || a.stable >= a.high:
		f.open, f.openSaid = time.Time{}, false
	case f.open.IsZero():
		f.open = now
	case !f.openSaid && now.Sub(f.open) > openTime:
		f.openSaid = true
		f.source.set.Log.Warn("a producer's transaction that does not end keeps messages back", "partition", f.partition.Name, "from", a.stable,
			"messages", a.high-a.stable)
	}
}

// reposition finds out why the next offset is not there, and goes on where the log begins if what lies between was removed.
func (f *fetcher) reposition(ctx context.Context) error {
	first, err := f.source.offsetAt(ctx, f.topic, f.number, kafkago.FirstOffset)
	if err != nil {
		return err
	}
	if next := f.fill.next; first > next {
		f.source.set.Log.Error("messages were removed before they were read: the topic's retention is too short for how far we are behind",
			"partition", f.partition.Name, "from", next, "to", first, "messages", first-next)
		f.note(func(p *PartitionStats) { p.Lost += first - next })
		return f.fill.pass(ctx, first, false)
	}
	end, err := f.source.offsetAt(ctx, f.topic, f.number, kafkago.LastOffset)
	if err != nil {
		return err
	}
	if end < f.fill.next {
		return &truncatedError{end}
	}
	return nil
}

// passOver leaves a batch that cannot be read, if its header can be believed.
func (f *fetcher) passOver(ctx context.Context, bad *corruptError) bool {
	const sane = 1 << 24 // offsets that a batch may have
	next := f.fill.next
	if bad.last < next || bad.base > next+sane || bad.last-bad.base > sane || bad.last >= f.shown.High {
		return false
	}
	f.source.set.Log.Error("a batch cannot be read and is passed over", "partition", f.partition.Name, "from", next, "to", bad.last+1, "error", bad.err)
	f.note(func(p *PartitionStats) { p.Corrupt += bad.last + 1 - next })
	return f.fill.pass(ctx, bad.last+1, false) == nil
}

// note changes what stats shows.
func (f *fetcher) note(change func(*PartitionStats)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(&f.shown)
}

func (f *fetcher) stats() PartitionStats {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.shown
}
