// Package userjson reads JSON lines of which the user says, or the keys themselves say, what is where: the config's `fields:`,
// names of the Elastic Common Schema, nginx's variables under their own names, and a few in common use.
//
// A length of time is in the unit of what it is: nginx's variables in seconds, ECS' event.duration in nanoseconds, one that the
// config maps in the unit it names (`event.duration:ms`), nanoseconds without one.
package userjson

import (
	"bytes"

	"github.com/gatemeter/gatemeter/parsers/field"
	"github.com/gatemeter/gatemeter/parsers/jsonscan"
	"github.com/gatemeter/gatemeter/parsers/stamp"
	"github.com/gatemeter/gatemeter/pipeline/batch"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// Mapping says what becomes of which key. It is not changed by use.
type Mapping struct{ root *node }

// NewMapping returns the mapping of fields, by paths of keys with dots between them, over that of the well-known keys.
func NewMapping(fields map[string]field.Op) *Mapping {
	return &Mapping{root: withFields(wellKnown(), fields)}
}

// OnlyMapping is NewMapping without the well-known keys.
func OnlyMapping(fields map[string]field.Op) *Mapping {
	return &Mapping{root: withFields(&node{}, fields)}
}

func withFields(root *node, fields map[string]field.Op) *node {
	for path, op := range fields {
		root.add(path, target{Op: op, rank: byConfig})
	}
	return root
}

// Parser reads lines by a mapping. It is used by one goroutine.
type Parser struct {
	mapping *Mapping
	scan    jsonscan.Scanner
	reader  field.Reader
	ranks   [record.NumFields]uint8 // of what fills a field of the line at hand
}

// New returns a parser.
func New(m *Mapping) *Parser { return &Parser{mapping: m} }

// Format returns the format's name.
func (p *Parser) Format() string { return "json" }

// Reset forgets the bytes that records of the batch before pointed to.
func (p *Parser) Reset(*batch.Partition) { p.scan.Reset() }

// Parse reads each record's Line.
func (p *Parser) Parse(recs []record.Record) {
	for i := range recs {
		p.Read(&recs[i])
	}
}

// Read reads r.Line into r, which is empty but for its Line and Offset, or fails it.
func (p *Parser) Read(r *record.Record) {
	if !p.Overlay(r) {
		return
	}
	if r.TimeNanos == 0 && !r.TimeFromArrival() {
		r.Fail(record.NoTime, -1)
		return
	}
	r.Kind = "json"
}

// Overlay puts what the mapping finds in r.Line over what r holds. It returns false when it has failed r. A URL that it puts
// there takes the place of the path and the query of the one before.
func (p *Parser) Overlay(r *record.Record) bool {
	for i := range p.ranks {
		p.ranks[i] = never
	}
	p.scan.Start(r.Line)
	p.object(r, p.mapping.root)
	if reason, at := p.scan.End(); reason != record.None {
		r.Fail(reason, at)
		return false
	}
	if p.ranks[record.URL] != never {
		if p.ranks[record.Path] == never {
			r.Path = nil
		}
		if p.ranks[record.Query] == never {
			r.Query = nil
		}
	}
	arena := p.scan.Arena()
	*arena = field.Finish(r, *arena)
	return true
}

// object reads the object at hand. Its depth is bounded by the mapping's paths.
func (p *Parser) object(r *record.Record, at *node) {
	for p.scan.Next() {
		child := at.find(p.scan.Key())
		if child == nil {
			continue
		}
		if len(child.children) > 0 && p.scan.Enter() {
			p.object(r, child)
			continue
		}
		if t := child.target; t != nil && t.rank < p.ranks[t.Field] {
			p.take(r, t)
		}
	}
}

// take reads the value at hand.
func (p *Parser) take(r *record.Record, t *target) {
	at, kind := p.scan.Pos(), p.scan.Kind()
	v := p.scan.Text()
	if field.Absent(v) || kind == jsonscan.Object {
		return
	}
	if v[0] == '-' && t.Field != record.NoField && t.Field.Class() != record.Text {
		return // -1 where there is nothing
	}
	if t.Action == field.Request {
		p.request(r, t, v)
		return
	}
	before := r.TimeNanos
	if t.Action.IsTime() {
		r.TimeNanos = 0
	}
	reason := record.None
	if kind != jsonscan.Number {
		reason = p.reader.Take(r, &t.Op, v)
	}
	if kind == jsonscan.Number || reason != record.None && kind == jsonscan.String { // "612.0"
		reason = p.number(r, t, v)
	}
	switch {
	case reason != record.None && t.rank == byHabit:
		r.TimeNanos = before
	case reason != record.None:
		p.scan.Fail(reason, at)
	case t.Field != record.NoField:
		p.ranks[t.Field] = t.rank
	}
}

// requestFields are what a request line fills. They are not written.
var requestFields = [...]record.Field{record.Method, record.URL, record.HTTPVersion}

// request takes a request line apart. A part of it fills its field unless what is there ranks as low; a line without that
// part leaves it.
func (p *Parser) request(r *record.Record, t *target, line []byte) {
	var before [len(requestFields)][]byte
	for i, f := range requestFields {
		if t.rank < p.ranks[f] {
			before[i], *r.Text(f) = *r.Text(f), nil // only what is empty is filled
		}
	}
	field.SplitRequest(r, line)
	for i, f := range requestFields {
		if to := r.Text(f); len(*to) == 0 {
			*to = before[i]
		} else {
			p.ranks[f] = min(p.ranks[f], t.rank)
		}
	}
}

// number is Reader.Take for a number as JSON writes it.
func (p *Parser) number(r *record.Record, t *target, v []byte) record.Reason {
	places := 0
	switch {
	case t.Action == field.TimeAny || t.Action == field.TimeEpoch:
		ns, ok := stamp.EpochDecimal(v)
		if !ok {
			return record.BadTime
		}
		r.TimeNanos = ns
		return record.None
	case t.Field.Class() == record.Nanos:
		if places = t.Unit.Places(); places == 0 && hasFraction(v) {
			return record.BadNumber // seconds, it seems, with no unit in the config
		}
	case t.Field.Class() == record.Text:
		return p.reader.Take(r, &t.Op, v)
	}
	n, ok := stamp.Decimal(v, places)
	if !ok {
		return record.BadNumber
	}
	return field.SetNumber(r, t.Field, n)
}

// hasFraction reports whether v has a digit other than 0 behind its point, or is written with a negative exponent.
func hasFraction(v []byte) bool {
	if e := bytes.IndexAny(v, "eE"); e >= 0 {
		return bytes.IndexByte(v[e:], '-') == 1
	}
	point := bytes.IndexByte(v, '.')
	return point >= 0 && len(bytes.Trim(v[point+1:], "0")) > 0
}
