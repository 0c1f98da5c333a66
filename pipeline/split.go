package pipeline

import (
	"bytes"
	"fmt"
	"math/bits"
	"slices"

	"github.com/gatemeter/gatemeter/pipeline/batch"
	"github.com/gatemeter/gatemeter/pipeline/bitmap"
	"github.com/gatemeter/gatemeter/pipeline/record"
	"github.com/gatemeter/gatemeter/pipeline/redact"
)

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
			w.line(t, b.Data[start:b.Ends[i]:b.Ends[i]], true, b.First+i, 0, int(i))
		}
		w.chunk(t)
		return
	}
	w.lines(t, b.Data[t.from-b.First:t.to-b.First])
	w.chunk(t)
}

// stretch is how many bytes are looked through for lines at a time: they are still near the processor when they are parsed.
const stretch = 16 << 10

// lines cuts data, which begins at t.from, at its newlines.
func (w *worker) lines(t *task, data []byte) {
	begin, marked := 0, false // of the line at hand
	for base := 0; base < len(data); base += stretch {
		w.marks = bitmap.AppendPairs(w.marks[:0], data[base:min(base+stretch, len(data))], '\n', redact.Marks)
		for k := range w.marks {
			ends, marks := w.marks[k][0], w.marks[k][1]
			for ; ends != 0; ends &= ends - 1 {
				end, before := base+k*64+bits.TrailingZeros64(ends), ends&-ends-1
				w.line(t, data[begin:end:end], marked || marks&before != 0, t.from+int64(begin), 0, 0)
				begin, marked, marks = end+1, false, marks&^before
			}
			marked = marked || marks != 0
		}
	}
	if begin < len(data) {
		w.line(t, data[begin:len(data):len(data)], marked, t.from+int64(begin), 0, 0)
	}
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
		w.line(t, b.Data[start:b.Ends[i]:b.Ends[i]], true, b.Offsets[i], part, i)
	}
	w.chunk(t)
}

// line takes one line, without its newline, into the chunk. It has none of redact.Marks unless it is marked. i is which of the
// batch's Ends it has, if that has some.
func (w *worker) line(t *task, line []byte, marked bool, offset int64, part int32, i int) {
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
	if w.masked && (marked || line[len(line)-1] == '}') {
		w.mask(line)
	}
	rec := &w.recs[w.n]
	rec.Reset()
	rec.Line, rec.Offset, rec.Part = line, offset, part
	if times := t.batch.Times; times != nil {
		rec.ArrivalNanos = times[i]
	}
	w.which[w.n] = int32(i)
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
	if w.masked {
		w.parse(t.partition.number, recs)
	} else {
		w.parseBare(t.partition.number, recs)
	}
	if t.batch.Spans != nil {
		w.overlay(t, recs)
	}
	for i := range recs {
		r := &recs[i]
		if r.Reason == record.None {
			w.counts.Parsed++
			w.complete(t, r)
			if t.metrics {
				w.setShape(i, r)
			}
		} else {
			w.counts.Reasons[r.Reason]++
			if w.sample.reason == record.None && r.Reason.Malformed() {
				w.sample = malformed{r.Offset, r.Reason, r.Column, r.Line}
			}
			if w.pipeline.hidesLines {
				r.Line, w.sample.line = nil, nil
			}
			if r.TimeFromArrival() { // the same however often it is read
			} else if r.TimeNanos = w.lastTime; r.TimeNanos == 0 {
				r.TimeNanos = t.now
			}
		}
	}
	if t.metrics {
		for i := range recs {
			if recs[i].Reason == record.None {
				w.note(t, i, &recs[i])
			}
		}
	}
	if t.spans == nil {
		return
	}
	keep := 0
	for i := range recs {
		if recs[i].Drop&record.DropRecords == 0 {
			if keep != i {
				recs[keep] = recs[i]
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

// overlay gives records what is known of their lines besides. Its secrets are masked even where those of lines are not: it may become the
// name of a series.
func (w *worker) overlay(t *task, recs []record.Record) {
	b, fields := t.batch, w.pipeline.set.Sources[t.partition.number].Values
	for k, f := range fields {
		var last batch.Span
		var value []byte
		for i := range recs {
			r, s := &recs[i], b.Spans[int(w.which[i])*len(fields)+k]
			if r.Reason != record.None || s.From == s.To {
				continue
			}
			if s != last { // a copy, for other workers may read the batch; one for all lines of a message
				start := len(w.arena)
				w.arena = append(w.arena, b.Values[s.From:s.To]...)
				last, value = s, w.arena[start:len(w.arena):len(w.arena)]
				w.mask(value)
			}
			*r.Text(f) = value
		}
	}
}

// parse parses recs. A parser that panics must not take the process down, and with it every line after: the line is put
// aside as one that cannot be read.
func (w *worker) parse(source int, recs []record.Record) {
	defer func() {
		if failure := recover(); failure != nil {
			if len(recs) > 1 {
				for i := range recs {
					recs[i].Clear()
					w.parse(source, recs[i:i+1])
				}
				return
			}
			recs[0].Clear()
			recs[0].Fail(record.Unexpected, 0)
			w.pipeline.set.Log.Error("BUG: a parser panicked", "source", w.pipeline.set.Sources[source].Name,
				"offset", recs[0].Offset, "panic", fmt.Sprint(failure), "line", fmt.Sprintf("%.200q", recs[0].Line))
		}
	}()
	w.parsers[source].Parse(recs)
}
