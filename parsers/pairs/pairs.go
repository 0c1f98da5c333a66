// Package pairs reads lines that are pairs of a key and a value: logfmt (`key=value key="a b"`), LTSV (`key:value`, tabs between)
// and the way Go prints a map (`map[key:value key:value]`).
//
// What a key means is a Mapping, a table. To add a format of this form: a Mapping, and a row in the table of formats.
package pairs

import (
	"bytes"

	"github.com/gatemeter/gatemeter/parsers/escape"
	"github.com/gatemeter/gatemeter/parsers/field"
	"github.com/gatemeter/gatemeter/pipeline/batch"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// Syntax is how pairs are written.
type Syntax uint8

// The ways to write pairs.
const (
	Logfmt Syntax = iota // key=value, in quotes with Go's escapes where it has spaces
	LTSV                 // key:value, tabs between them
	GoMap                // map[key:value …] of fmt's %s: nothing is escaped, and where a value ends only the next key says
)

// MaxPairs bounds how many pairs of a line are looked at.
const MaxPairs = 256

// Ranks of a format's own names.
const (
	byName   = field.ByConfig + 1
	bySecond = field.ByConfig + 2 // where there is none of those
)

// Mapping says what becomes of which key. It is not changed by use.
type Mapping struct {
	Name, Kind string
	Syntax     Syntax
	Keys       map[string]field.Ranked
	Order      []string // GoMap: all keys there are, sorted, as Go prints them

	// Select, when it is not "", is a pair that a record of the format has, `prefix=access-log`: lines with another value, or
	// without the key, are another log's and no fault.
	Select, Selected string

	Least int // fields a line must fill besides its time

	Finish func(r *record.Record) // when it is not nil: what the values say together

	selection []byte // the pair of Select as it stands in a line
}

// Map puts a config's fields over the mapping's own.
func (m *Mapping) Map(fields map[string]field.Op) {
	for name, op := range fields {
		m.Keys[name] = field.Ranked{Op: op, Rank: field.ByConfig}
	}
}

// Parser reads lines by a mapping. It is used by one goroutine.
type Parser struct {
	mapping *Mapping
	reader  field.Reader
	arena   []byte                  // text that does not stand in the line as it is; valid until Reset
	ranks   [record.NumFields]uint8 // of what fills a field of the line at hand
	filled  int                     // how many fields it has filled
	chosen  bool                    // Select has been seen
}

// New returns a parser.
func New(m *Mapping) *Parser { return &Parser{mapping: m} }

// Format returns the mapping's name.
func (p *Parser) Format() string { return p.mapping.Name }

// Reset forgets the bytes that records of the batch before pointed to.
func (p *Parser) Reset(*batch.Partition) { p.arena = p.arena[:0] }

// Parse reads each record's Line.
func (p *Parser) Parse(recs []record.Record) {
	for i := range recs {
		p.Read(&recs[i])
	}
}

// Read reads r.Line into r, which is empty but for its Line and Offset, or fails it.
func (p *Parser) Read(r *record.Record) {
	m := p.mapping
	for i := range p.ranks {
		p.ranks[i] = field.Never
	}
	p.filled, p.chosen = 0, m.Select == ""
	switch m.Syntax {
	case Logfmt:
		p.logfmt(r)
	case LTSV:
		p.ltsv(r)
	case GoMap:
		p.goMap(r)
	}
	switch {
	case !p.chosen && !bytes.Contains(r.Line, m.selection):
		field.Pass(r)
		return
	case r.Reason != record.None:
		return
	case !p.chosen:
		field.Pass(r)
		return
	case r.TimeNanos == 0 && !r.TimeFromArrival():
		r.Fail(record.NoTime, -1)
		return
	case p.filled < m.Least:
		r.Fail(record.Unexpected, 0)
		return
	}
	if m.Finish != nil {
		m.Finish(r)
	}
	r.Kind = m.Kind
	p.arena = field.Finish(r, p.arena)
}

// take reads a pair; the value begins at `at` of the line. It returns false when it has failed r.
func (p *Parser) take(r *record.Record, key, v []byte, at int) bool {
	m := p.mapping
	if !p.chosen && string(key) == m.Select && string(v) == m.Selected {
		p.chosen = true
	}
	t, known := m.Keys[string(key)]
	return !known || p.fill(r, &t, v, at)
}

// fill puts v where t says. It returns false when it has failed r.
func (p *Parser) fill(r *record.Record, t *field.Ranked, v []byte, at int) bool {
	if field.Absent(v) || t.Field.Class() != record.Text && field.None(v) {
		return true
	}
	if t.Field != record.NoField && t.Rank >= p.ranks[t.Field] {
		return true
	}
	before := r.TimeNanos
	if t.Action.IsTime() {
		r.TimeNanos = 0
	}
	if reason := p.reader.Take(r, &t.Op, v); reason != record.None {
		if t.Rank == field.ByHabit {
			r.TimeNanos = before
			return true
		}
		r.Fail(reason, at)
		return false
	}
	if t.Field != record.Time {
		p.filled++
	}
	if t.Field != record.NoField {
		p.ranks[t.Field] = t.Rank
	}
	return true
}

// unquoted returns v, which stood in quotes, with its escapes undone.
func (p *Parser) unquoted(v []byte) []byte {
	start := len(p.arena)
	p.arena = escape.Append(p.arena, v, escape.JSON) // Go's, but for \U, \a and \'
	return p.arena[start:len(p.arena):len(p.arena)]
}
