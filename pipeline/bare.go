package pipeline

import (
	"fmt"

	"github.com/gatemeter/gatemeter/pipeline/record"
)

// BareParser is a Parser that can read lines in which no secret has been masked, and say what would be in them had they been
// masked. So lines that no record sink is to store need not be masked: that costs more than to read them. What is counted, and what
// else is stored of a record, does not depend on it.
type BareParser interface {
	Parser

	// Bare comes before the first ParseBare. Of the texts of a record those in fields are wanted; with record.Route, Path and URL
	// too, where there is no route. masks reports whether the value of a member of JSON is masked because of the
	// member's name. Bare returns false when lines cannot be read so; then ParseBare is not called.
	Bare(fields record.FieldSet, masks func(member string) bool) bool

	// ParseBare does what Parse does, for lines that have not been masked. A record that is None has the Kind, the time and the
	// numbers, and the texts that are wanted, that it would have if its line had been; others need not be filled.
	// A line of which this is not certain, and one that is no record, it fails, for whatever reason: that one is masked, and
	// Parse reads it.
	ParseBare(recs []record.Record)
}

// wanted returns the fields of records that metrics are made of, filters look at, and documents have.
func (s *Settings) wanted() record.FieldSet {
	fields := record.Fields(record.ClientAddress, record.Consumer, record.Cache)
	if len(s.RecordSinks) > 0 {
		fields = ^record.FieldSet(0) &^ record.Fields(record.Line) // all that documents have
	}
	for _, r := range s.Metrics.Rollups {
		for _, d := range r.Dimensions {
			fields |= fieldsOf[d]
		}
	}
	if s.Filter != nil {
		fields |= s.Filter.Fields()
	}
	return fields
}

// fieldsOf is the texts that dimensions are made of. It is never written.
var fieldsOf = [numDimensions]record.FieldSet{
	Service: record.Fields(record.Service), Route: record.Fields(record.Route), Method: record.Fields(record.Method),
	Consumer: record.Fields(record.Consumer), Stage: record.Fields(record.Stage), Domain: record.Fields(record.Domain),
	Cache: record.Fields(record.Cache),
}

// bareParser returns parser when it can read lines for s that are not masked, else nil.
func (s *Settings) bareParser(parser Parser) BareParser {
	masks := func(string) bool { return false }
	if s.Redact != nil {
		masks = s.Redact.MasksMember
	}
	if b, ok := parser.(BareParser); ok && b.Bare(s.wanted(), masks) {
		return b
	}
	return nil
}

// bareSource is a source as one worker reads it bare.
type bareSource struct {
	parser      BareParser // nil: it cannot be
	lines, vain int        // of the task at hand: how many were tried, and how many of them had to be masked
	rest        int        // tasks that are to come without a try
}

// restAfterVain is for how many tasks no line is tried after one in which more than a third had to be masked: they were read twice, which
// costs about twice what the others save.
const restAfterVain = 31

// try reports whether a task's lines are to be read bare.
func (b *bareSource) try() bool {
	b.lines, b.vain = 0, 0
	if b.rest > 0 {
		b.rest--
		return false
	}
	return b.parser != nil
}

// learn comes after each task that was tried.
func (b *bareSource) learn() {
	if 3*b.vain > b.lines {
		b.rest = restAfterVain
	}
}

// parseBare reads recs, whose lines have not been masked, and masks those that have to be.
func (w *worker) parseBare(source int, recs []record.Record) {
	w.tryBare(source, recs)
	b := &w.bare[source]
	b.lines += len(recs)
	for len(recs) > 0 {
		n := 0 // to be masked
		for ; n < len(recs) && recs[n].Reason != record.None; n++ {
			recs[n].Clear()
			w.mask(recs[n].Line)
		}
		if n > 0 {
			b.vain += n
			w.parse(source, recs[:n])
		}
		if n < len(recs) { // this one is read; nobody may have its line, which is not masked
			recs[n].Line = nil
			n++
		}
		recs = recs[n:]
	}
}

// tryBare calls the parser. Of what a panic leaves nothing is kept, and the line is not shown: it is not masked.
func (w *worker) tryBare(source int, recs []record.Record) {
	defer func() {
		if failure := recover(); failure != nil {
			for i := range recs {
				recs[i].Fail(record.Unexpected, 0)
			}
			w.pipeline.set.Log.Error("BUG: a parser panicked", "source", w.pipeline.set.Sources[source].Name,
				"offset", recs[0].Offset, "panic", fmt.Sprint(failure))
		}
	}()
	w.bare[source].parser.ParseBare(recs)
}

// mask masks the secrets of a line.
func (w *worker) mask(line []byte) {
	if r := w.pipeline.set.Redact; r != nil {
		r.Line(line)
	}
}
