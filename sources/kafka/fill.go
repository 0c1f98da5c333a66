package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/gatemeter/gatemeter/pipeline/batch"
	"github.com/gatemeter/gatemeter/sources/envelope"
)

// maxLines bounds the lines of a batch, and with it the memory for where they end.
const maxLines = 64 << 10

// filler makes batches of a partition's answers. It is used by one goroutine.
type filler struct {
	partition *batch.Partition
	pool      *batch.Pool
	maxLine   int
	limit     int64 // messages from this offset on are left
	send      func(ctx context.Context, b *batch.Batch) error
	split     envelope.Splitter

	next    int64        // offset after what is in batches
	seen    int64        // offset after what has been looked at; between the two nothing is to be read
	batch   *batch.Batch // being filled; nil: none
	lines   int          // of the last batch, for the next one's memory
	reader  recordReader
	aborted map[int64]struct{} // producers in a transaction that was given up

	unwrapped []byte // the record in an envelope
	records   int    // in the message at hand
	emit      func([]byte)

	newest int64 // time of the newest batch, Unix milliseconds
	counts fillCounts
}

// fillCounts are of what did not become a line of its own.
type fillCounts struct {
	aborted int64 // messages of transactions that were given up
	several int64 // messages with several records
}

// corruptError is of a batch that cannot be read.
type corruptError struct {
	base, last int64 // what its header says
	err        error
}

func (e *corruptError) Error() string { return e.err.Error() }
func (e *corruptError) Unwrap() error { return e.err }

// start sets where the first answer begins.
func (f *filler) start(offset int64) {
	f.next, f.seen, f.aborted = offset, offset, map[int64]struct{}{}
	f.emit = func(record []byte) {
		if f.records++; f.records == 1 {
			f.unwrapped = append(f.unwrapped[:0], record...)
		}
	}
}

// take sends the messages of a. After a corruptError, next is where the messages end that could be read.
func (f *filler) take(ctx context.Context, a *answer) error {
	clear(f.aborted)
	pending := a.aborted // in the order of their offsets
	var bad *corruptError
	for p := a.records; ; {
		b, rest, ok, err := nextBatch(p)
		if !ok {
			break
		}
		if err != nil {
			bad = &corruptError{b.base, b.last, err}
			break
		}
		for len(pending) > 0 && pending[0].first <= b.last {
			f.aborted[pending[0].producer] = struct{}{}
			pending = pending[1:]
		}
		_, given := f.aborted[b.producer]
		switch {
		case b.attributes&control != 0:
			if given && b.aborts() {
				delete(f.aborted, b.producer)
			}
		case b.last < f.next: // read before
		case b.attributes&transactional != 0 && given:
			f.counts.aborted += int64(b.count)
		default:
			if err := f.messages(ctx, &b); err != nil {
				var c *corruptError
				if !errors.As(err, &c) {
					f.drop()
					return err
				}
				bad = c
			}
			f.newest = b.maxTime
		}
		if bad != nil {
			break
		}
		f.seen = max(f.seen, b.last+1)
		p = rest
	}
	f.seen = min(f.seen, max(f.limit, f.next))
	if err := f.settle(ctx, bad == nil && f.seen >= min(a.stable, f.limit)); err != nil {
		return err
	}
	if bad != nil {
		return bad
	}
	return nil
}

// settle sends what is left.
func (f *filler) settle(ctx context.Context, caughtUp bool) error {
	gap := f.seen > f.next
	if err := f.flush(ctx, caughtUp && !gap); err != nil || !gap {
		return err
	}
	return f.pass(ctx, f.seen, caughtUp)
}

// messages takes the messages of a batch.
func (f *filler) messages(ctx context.Context, b *recordBatch) error {
	if err := f.reader.open(b); err != nil {
		return &corruptError{b.base, b.last, err}
	}
	defer f.reader.close()
	before := b.base - 1
	for {
		m, err := f.reader.next()
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return &corruptError{b.base, b.last, err}
		case m.offset <= before || m.offset > b.last:
			return &corruptError{b.base, b.last, fmt.Errorf("%w at offset %d: a message's offset is %d", errCorrupt, b.base, m.offset)}
		case m.offset >= f.limit:
			return nil
		}
		before = m.offset
		if m.offset < f.next {
			continue // the answer begins with the whole batch that the offset asked for lies in
		}
		if err := f.add(ctx, &m); err != nil {
			return err
		}
	}
}

// add takes one message.
func (f *filler) add(ctx context.Context, m *message) error {
	if m.offset > f.next {
		if err := f.flush(ctx, false); err != nil {
			return err
		}
		if err := f.pass(ctx, m.offset, false); err != nil {
			return err
		}
	}
	line := m.value
	if len(line) > 0 {
		line = f.unwrap(line)
	}
	if m.large || len(line) > f.maxLine {
		if err := f.flush(ctx, false); err != nil {
			return err
		}
		f.next++
		return f.send(ctx, &batch.Batch{Partition: f.partition, First: m.offset, Next: f.next, Oversize: 1})
	}
	if b := f.batch; b != nil && (len(b.Data)+len(line) > cap(b.Data) || len(b.Ends) == maxLines) {
		if err := f.flush(ctx, false); err != nil {
			return err
		}
	}
	if f.batch == nil {
		b := f.pool.Get(ctx.Done())
		if b == nil {
			return ctx.Err()
		}
		b.Partition, b.First, b.Ends = f.partition, m.offset, make([]int32, 0, max(16, f.lines+f.lines/8))
		f.batch = b
	}
	b := f.batch
	b.Data = append(b.Data, line...)
	b.Ends = append(b.Ends, int32(len(b.Data)))
	f.next++
	return nil
}

// unwrap returns the record in a message's value. A value with several of them is returned as it is.
func (f *filler) unwrap(value []byte) []byte {
	f.records = 0
	if err := f.split.Split(value, f.emit); err != nil {
		return value // for the parser to refuse
	}
	switch f.records {
	case 0:
		return nil
	case 1:
		return f.unwrapped
	}
	f.counts.several++
	return value
}

// flush sends the batch being filled.
func (f *filler) flush(ctx context.Context, caughtUp bool) error {
	b := f.batch
	if b == nil {
		return nil
	}
	f.batch, f.lines = nil, len(b.Ends)
	b.Next, b.CaughtUp = f.next, caughtUp
	f.seen = max(f.seen, f.next)
	return f.send(ctx, b)
}

// pass sends that there is nothing to be read before to.
func (f *filler) pass(ctx context.Context, to int64, caughtUp bool) error {
	b := &batch.Batch{Partition: f.partition, First: f.next, Next: to, CaughtUp: caughtUp}
	f.next, f.seen = to, max(f.seen, to)
	return f.send(ctx, b)
}

// drop gives back the batch being filled.
func (f *filler) drop() {
	if f.batch != nil {
		f.next = f.batch.First
		f.batch.Release()
		f.batch = nil
	}
}
