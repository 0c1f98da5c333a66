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

const (
	maxValue  = 1 << 10 // bytes, taken of a header or key
	maxValues = 1 << 20 // bytes of a batch, after which it takes no more messages
)

// filler makes batches of a partition's answers. It is used by one goroutine.
type filler struct {
	partition *batch.Partition
	pool      *batch.Pool
	maxLine   int
	limit     int64 // messages from this offset on are left
	values    []Value
	send      func(ctx context.Context, b *batch.Batch) error
	split     envelope.Splitter

	next    int64        // offset after what is in batches
	seen    int64        // offset after what has been looked at; between the two nothing is to be read
	batch   *batch.Batch // being filled; nil: none
	lines   int          // of the last batch, for the next one's memory
	reader  recordReader
	aborted map[int64]struct{} // producers in a transaction that was given up

	spans   []batch.Span // of the message at hand's values
	records []byte       // of the message at hand, one after the other
	ends    []int        // of each
	emit    func([]byte)

	newest int64 // time of the newest batch, Unix milliseconds
	given  int64 // messages of transactions that were given up
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
		f.records = append(f.records, record...)
		f.ends = append(f.ends, len(f.records))
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
			f.given += int64(b.count)
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
			if cap(f.records) > maxRecord { // of a payload larger than most
				f.records, f.ends = nil, nil
			}
		}
		if bad != nil {
			break
		}
		f.seen = max(f.seen, b.last+1)
		p = rest
	}
	f.seen = min(f.seen, max(f.limit, f.next))
	if err := f.settle(ctx, bad == nil && max(f.seen, f.next) >= min(a.stable, f.limit)); err != nil {
		return err
	}
	if bad != nil {
		return bad
	}
	return nil
}

// settle sends what is left, up to what has been looked at.
func (f *filler) settle(ctx context.Context, caughtUp bool) error {
	if b := f.batch; b != nil {
		if f.seen > f.next {
			spread(b)
			f.next = f.seen
		}
		return f.flush(ctx, caughtUp)
	}
	if f.seen > f.next {
		return f.pass(ctx, f.seen, caughtUp)
	}
	return nil
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

// add takes one message. Its records stay in one batch; one without a record is a blank line.
func (f *filler) add(ctx context.Context, m *message) error {
	f.records, f.ends = f.records[:0], f.ends[:0]
	text, single := f.split.Single(m.value)
	if single {
		f.ends = append(f.ends, len(text))
	} else {
		text = f.several(m)
	}
	if m.large || len(f.ends) == 1 && len(text) > f.maxLine {
		f.seen = m.offset
		if err := f.settle(ctx, false); err != nil {
			return err
		}
		f.next, f.seen = m.offset+1, m.offset+1
		return f.send(ctx, &batch.Batch{Partition: f.partition, First: m.offset, Next: f.next, Oversize: 1})
	}
	if b := f.batch; b != nil && (len(b.Data)+len(text) > f.pool.Size() || len(b.Ends)+len(f.ends) > maxLines || len(b.Values) > maxValues) {
		if err := f.flush(ctx, false); err != nil {
			return err
		}
	}
	if f.batch == nil {
		if err := f.begin(ctx, len(text)); err != nil {
			return err
		}
	}
	b := f.batch
	if m.offset > f.next || len(f.ends) > 1 {
		spread(b)
	}
	f.spans = f.spans[:0]
	for i := range f.values {
		from := len(b.Values)
		b.Values = append(b.Values, f.values[i].of(m)...)
		f.spans = append(f.spans, batch.Span{From: int32(from), To: int32(len(b.Values))})
	}
	for _, end := range f.ends {
		b.Spans = append(b.Spans, f.spans...)
		b.Ends = append(b.Ends, int32(len(b.Data)+end))
		b.Times = append(b.Times, m.nanos)
		if b.Offsets != nil {
			b.Offsets = append(b.Offsets, m.offset)
		}
	}
	b.Data = append(b.Data, text...)
	f.next = m.offset + 1
	return nil
}

// several splits what is more than a line, or may be, and returns its records, of which f.ends has the ends.
func (f *filler) several(m *message) []byte {
	if len(m.value) > 0 {
		if err := f.split.Split(m.value, f.emit); err != nil { // for the parser to refuse
			f.records, f.ends = append(f.records[:0], m.value...), append(f.ends[:0], len(m.value))
		}
	}
	if len(f.ends) == 0 {
		f.ends = append(f.ends, 0)
	}
	return f.records
}

// of returns the value that m has, no more than maxValue of it; nil for none.
func (v Value) of(m *message) []byte {
	value := m.key
	if !v.Key {
		value = m.header(v.Header)
	}
	return value[:min(len(value), maxValue)]
}

// begin makes a batch for the records at hand, of so many bytes.
func (f *filler) begin(ctx context.Context, size int) error {
	b := &batch.Batch{}
	if size <= f.pool.Size() {
		if b = f.pool.Get(ctx.Done()); b == nil {
			return ctx.Err()
		}
	}
	b.Partition, b.First = f.partition, f.next
	b.MakeLines(max(16, f.lines+f.lines/8, len(f.ends)))
	f.batch = b
	return nil
}

// spread gives each line of b an offset of its own, for lines whose offsets do not follow one another.
func spread(b *batch.Batch) {
	if b.Offsets != nil {
		return
	}
	b.Offsets = make([]int64, len(b.Ends), max(cap(b.Ends), 1))
	for i := range b.Offsets {
		b.Offsets[i] = b.First + int64(i)
	}
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
