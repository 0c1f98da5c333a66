// Package columns reads lines of values with one separator between them: AWS load balancers' logs, W3C extended logs, Squid's,
// CSV. What the columns of a format are is a Layout, a table; this package splits lines by it and hands the values on.
//
// A line is split once, left to right, in time linear in its length. Columns that a layout does not know, behind those it knows,
// are left aside: gateways append columns in new versions.
package columns

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/gatemeter/gatemeter/parsers/escape"
	"github.com/gatemeter/gatemeter/parsers/field"
	"github.com/gatemeter/gatemeter/pipeline/batch"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// Max is how many columns of a line are looked at.
const Max = 96

// Quoting is what double quotes mean.
type Quoting uint8

// The ways to quote.
const (
	Bare    Quoting = iota // nothing: a separator always separates
	Quoted                 // a value that begins with a quote ends at the next one; servers write one inside as \x22
	Doubled                // as in CSV (RFC 4180): a quote inside is written twice
)

// Layout is what the columns of a format are. It is not changed by use.
type Layout struct {
	Name, Kind string
	Separator  byte
	Padded     bool // several separators are one, and may stand before the first value
	Quoting    Quoting
	Columns    []Column
	Least      int    // columns that a line must have
	Header     string // a line that begins so is a header: no record and no fault. Empty: there is none

	// Finish, when it is not nil, reads what the values say together. values are those of the known columns that the line has. It
	// returns None, or a reason and the value that is to blame.
	Finish func(r *record.Record, values [][]byte) (reason record.Reason, value int)
}

// Column is one of them.
type Column struct {
	field.Op
	Name   string      // as the format calls it, for fields: and errors
	Escape escape.Kind // of its values
}

// Map gives columns the places that a config's fields have for them, by name. A field of the record that is mapped is no longer
// filled by other columns.
func (l *Layout) Map(fields map[string]field.Op) error {
	var taken [record.NumFields]bool
	for name, op := range fields {
		found := false
		for i := range l.Columns {
			found = found || l.Columns[i].Name == name
		}
		if !found {
			names := make([]string, len(l.Columns))
			for i := range l.Columns {
				names[i] = l.Columns[i].Name
			}
			return fmt.Errorf("fields: the format has no column %.200q%s", name, field.DidYouMean(name, names))
		}
		taken[op.Field] = true
	}
	for i := range l.Columns {
		c := &l.Columns[i]
		if op, ok := fields[c.Name]; ok {
			c.Op = op
		} else if c.Field != record.NoField && taken[c.Field] {
			c.Action = field.Skip
		}
	}
	return nil
}

// Timed returns an error when no column says when a request was.
func (l *Layout) Timed() error {
	for i := range l.Columns {
		if l.Columns[i].Action.IsTime() {
			return nil
		}
	}
	return errors.New("no column is a time: fields has to give one the place @timestamp")
}

// Parser reads lines by a layout. It is used by one goroutine.
type Parser struct {
	layout *Layout
	reader field.Reader
	arena  []byte // text that does not stand in the line as it is; valid until Reset
	values [Max][]byte
	starts [Max]int // of the values in the line
}

// NewParser returns a parser of l.
func NewParser(l *Layout) *Parser { return &Parser{layout: l} }

// Format returns the layout's name.
func (p *Parser) Format() string { return p.layout.Name }

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
	l := p.layout
	if h := l.Header; h != "" && len(r.Line) >= len(h) && string(r.Line[:len(h)]) == h {
		field.Pass(r)
		return
	}
	n := p.split(r, l)
	if n < 0 {
		return
	}
	if n < l.Least {
		r.Fail(record.Truncated, len(r.Line))
		return
	}
	p.take(r, l, n)
}

// split splits r's line by l's separator and quoting and returns how many values it has; -1 when it has failed r. The values
// are those of l's columns at most.
func (p *Parser) split(r *record.Record, l *Layout) int {
	line, n, at := r.Line, 0, 0
	most := min(len(l.Columns), Max)
	for n < most {
		if l.Padded {
			for at < len(line) && line[at] == l.Separator {
				at++
			}
			if at == len(line) {
				return n
			}
		}
		end, next := at, 0
		if l.Quoting != Bare && at < len(line) && line[at] == '"' {
			if end, next = closing(line, at+1, l); end < 0 {
				r.Fail(record.Truncated, len(line))
				return -1
			}
			at++
		} else {
			if i := bytes.IndexByte(line[at:], l.Separator); i >= 0 {
				end = at + i
			} else {
				end = len(line)
			}
			next = end + 1
		}
		p.values[n], p.starts[n] = line[at:end:end], at
		n++
		if next > len(line) {
			return n
		}
		at = next
	}
	return n
}

// closing returns where the quote that ends the value from `at` on is, and where what follows the separator behind it begins;
// -1 when there is none. A quote that no separator follows is part of the value where quotes are not escaped otherwise.
func closing(line []byte, at int, l *Layout) (end, next int) {
	for end = at; ; {
		i := bytes.IndexByte(line[end:], '"')
		if i < 0 {
			return -1, 0
		}
		end += i
		switch {
		case end+1 == len(line):
			return end, end + 2
		case line[end+1] == l.Separator:
			return end, end + 2
		case l.Quoting == Doubled && line[end+1] == '"':
			end++
		}
		end++
	}
}

// take reads the first n values of the split line by l's columns.
func (p *Parser) take(r *record.Record, l *Layout, n int) {
	for i := range l.Columns[:n] {
		c := &l.Columns[i]
		if c.Action == field.Skip {
			continue
		}
		v := p.plain(p.values[i], l.Quoting, c.Escape)
		if field.Absent(v) || c.Field.Class() != record.Text && field.None(v) {
			if c.Action == field.Octets && len(v) == 1 {
				r.SetNumber(c.Field, 0)
			}
			continue
		}
		if reason := p.reader.Take(r, &c.Op, v); reason != record.None {
			r.Fail(reason, p.starts[i])
			return
		}
	}
	if l.Finish != nil {
		if reason, i := l.Finish(r, p.values[:n]); reason != record.None {
			r.Fail(reason, p.starts[i])
			return
		}
	}
	if r.TimeNanos == 0 && !r.TimeFromArrival() {
		r.Fail(record.NoTime, -1)
		return
	}
	r.Kind = l.Kind
	p.arena = field.Finish(r, p.arena)
}

// plain returns v with its escapes undone; v itself when it has none.
func (p *Parser) plain(v []byte, quoting Quoting, kind escape.Kind) []byte {
	start := len(p.arena)
	switch {
	case quoting == Doubled && bytes.IndexByte(v, '"') >= 0:
		for i := 0; i < len(v); i++ {
			p.arena = append(p.arena, v[i])
			if v[i] == '"' && i+1 < len(v) && v[i+1] == '"' {
				i++
			}
		}
	case kind == escape.None || bytes.IndexByte(v, escape.Mark(kind)) < 0:
		return v
	case kind >= escape.Hash:
		p.arena = escape.AppendMarked(p.arena, v, kind)
	default:
		p.arena = escape.Append(p.arena, v, kind)
	}
	return p.arena[start:len(p.arena):len(p.arena)]
}
