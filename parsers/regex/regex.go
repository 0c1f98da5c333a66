// Package regex reads lines by a regular expression of the user's, RE2 as Go has it: a line of n bytes takes time linear in n,
// whatever the expression. Its named groups are what `fields:` and well-known names give a place in the record.
//
// Package machine finds them.
package regex

import (
	"errors"
	"fmt"
	"regexp/syntax"
	"slices"

	"github.com/gatemeter/gatemeter/parsers/field"
	"github.com/gatemeter/gatemeter/parsers/program"
	"github.com/gatemeter/gatemeter/parsers/regex/machine"
	"github.com/gatemeter/gatemeter/pipeline/batch"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// Expression is a compiled expression. It is not changed by use.
type Expression struct {
	name    string // of the format
	program *machine.Program
	ops     []field.Op // what is done with each group that the program keeps
}

// Compile compiles an expression. names, when it is not nil, are the groups' names in place of the expression's own: those of RE2
// can have no dots.
func Compile(format, expression string, names []string, fields map[string]field.Op, known map[string]field.Ranked) (*Expression, error) {
	if len(expression) > program.MaxFormat {
		return nil, fmt.Errorf("it is longer than %d bytes", program.MaxFormat)
	}
	re, err := syntax.Parse(expression, syntax.Perl)
	if err != nil {
		return nil, err
	}
	if names == nil {
		names = re.CapNames()
	}
	if len(names) > program.MaxOps {
		return nil, fmt.Errorf("it has more than %d groups", program.MaxOps)
	}
	unused := program.NewUnused(fields)
	var ranks [record.NumFields]uint8
	e := &Expression{name: format}
	var groups []int                 // of e.ops
	chosen := map[record.Field]int{} // index in e.ops
	for group, name := range names {
		if name == "" {
			continue
		}
		o, rank := known[name].Op, known[name].Rank
		if mapped, ok := fields[name]; ok {
			o, rank = mapped, 0
			unused.Use(name)
		} else if o.Action == field.Skip {
			continue
		}
		rank++
		if f := o.Field; f != record.NoField && ranks[f] != 0 {
			if rank < ranks[f] {
				ranks[f] = rank
				e.ops[chosen[f]], groups[chosen[f]] = o, group
			}
			continue
		}
		ranks[o.Field], chosen[o.Field] = rank, len(e.ops)
		e.ops, groups = append(e.ops, o), append(groups, group)
	}
	if err := unused.Err("group "); err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(e.ops, func(o field.Op) bool { return o.Action.IsTime() }) {
		return nil, errors.New("no group is a time: fields has to give one the place @timestamp")
	}
	e.program, err = machine.Compile(re, groups)
	return e, err
}

// Parser reads lines. It is used by one goroutine.
type Parser struct {
	expression *Expression
	machine    *machine.Machine
	reader     field.Reader
	arena      []byte // text that does not stand in the line as it is; valid until Reset
}

// New returns a parser.
func New(e *Expression) *Parser { return &Parser{expression: e, machine: machine.New(e.program)} }

// Format returns the format's name.
func (p *Parser) Format() string { return p.expression.name }

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
	places, ok := p.machine.Match(r.Line)
	if !ok {
		r.Fail(record.Unexpected, 0)
		return
	}
	for i := range p.expression.ops {
		o := &p.expression.ops[i]
		from, to := int(places[2*i]), int(places[2*i+1])
		if from < 0 {
			continue
		}
		v := r.Line[from:to:to]
		if field.Absent(v) || o.Field.Class() != record.Text && field.None(v) {
			if o.Action == field.Octets && len(v) == 1 {
				r.SetNumber(o.Field, 0)
			}
			continue
		}
		if reason := p.reader.Take(r, o, v); reason != record.None {
			r.Fail(reason, from)
			return
		}
	}
	if r.TimeNanos == 0 && !r.TimeFromArrival() {
		r.Fail(record.NoTime, -1)
		return
	}
	r.Kind = p.expression.name
	p.arena = field.Finish(r, p.arena)
}
