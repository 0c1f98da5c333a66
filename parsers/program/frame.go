package program

import (
	"slices"
	"strings"

	"github.com/gatemeter/gatemeter/parsers/escape"
	"github.com/gatemeter/gatemeter/parsers/field"
	"github.com/gatemeter/gatemeter/pipeline/bitmap"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// frame is a second way to read a line, for nearly all lines of nearly all formats: those in which every quote, and every space
// outside quotes, is one of the format's own. All of them are found in one pass (bitmap.Cuts), and where the fields are is
// known without a search for each.
//
// A line is read as by search (program.go) or not at all. For let it have as many cuts as the format, let each literal with cuts stand
// where its own are, and let all be right up to where a field begins: it has as many cuts before it as in the format, and is within
// quotes, or outside, as there. Then no cut is in the field, but for the space of a time, which is looked at. So its literal
// does not stand in it, for that has a cut, and no quote ends it before. Behind the literal all is right again. A literal without
// a cut is searched for as ever, but no farther than the next one with some.
//
// Lists of several upstreams, users with a space and quotes behind a backslash make other lines.
type frame struct {
	cuts     int // of a line
	quotes   []quote
	literals []literal
	demands  []demand
	end      place // of the last literal
	reads    reads
}

// places are where a line has its cuts, and behind those the slots.
type places [1024]uint32

// Slots hold what is no cut: where the line begins and ends, and where fields do whose literals have no cut, two for each Op.
const (
	lineBegin = bitmap.CutsLen + iota
	lineEnd
	runSlots
)

// An array of negative length when there are more slots than places.
var _ [len(places{}) - runSlots - 2*(MaxOps+1)]struct{}

// place is a place in any line: so many bytes behind what a slot holds.
type place struct {
	slot uint16
	plus int16
}

func (at place) in(p *places) int { return int(p[at.slot%uint16(len(p))]) + int(at.plus) }

// Of the i'th op in a run.
func runFrom(i int) place { return place{uint16(runSlots + 2*i), 0} }
func runTo(i int) place   { return place{uint16(runSlots + 2*i + 1), 0} }

// quote is a cut that is a quote.
type quote struct {
	cut    int
	strict bool // it ends quotes in which there may be no equals sign, when the line is read bare
}

// literal is eight bytes of a literal, or all of it.
type literal struct {
	begin      place
	word, mask uint64
}

// demand is what else there is to see to in a line. The zero demand is that a field does not end before it begins.
type demand struct {
	is       demanded
	from, to place // the field's
	length   int   // of the field
	space    place
	first    int // of the run
	last     int
}

type demanded uint8

const (
	order  demanded = iota
	length          // that the field has its length
	clock           // the same, and that the cut in it is its space
	noList          // that the field does not end within a list
	run             // that the ops from first on, whose literals have no cut, have fields and literals between `from` and `to`, and last a beginning
)

// reads are what is read of a line. All but the last kind go to fields that no other op has: when they are read makes no difference.
type reads struct {
	texts    []read
	numbers  []read // nearly always of one to eight digits
	decimals []read // nearly always the same with a point before the last three
	clocks   []read // times as 10/Oct/2000:13:55:36 -0700
	others   []read // in this order
}

// read reads one field.
type read struct {
	op       *Op
	from, to place
	field    record.Field
	tries    int32 // at least so many, where it is a number
	most     int64 // that a number may be; of a decimal, the last place in nanoseconds
}

// Of times as 10/Oct/2000:13:55:36 -0700.
const (
	clockLength = 26
	clockSpace  = 20
)

// framer makes a frame.
type framer struct {
	frame
	p       *Program
	quoted  bool     // within quotes
	strict  bool     // within quotes that are
	from    place    // where the next field begins
	run     demand   // its last is 0 when there is none
	pending []demand // of the run's fields
	wide    int      // how many others are before the op that is Wide
}

// newFrame returns the frame of a program, nil when it has none.
func newFrame(p *Program) *frame {
	if p.wide < len(p.Ops) && p.Escape != escape.None {
		return nil
	}
	f := &framer{p: p}
	f.from = place{lineBegin, 0}
	f.count(p.Prefix)
	f.literal(p.Prefix, f.from)
	f.from.plus = int16(len(p.Prefix))
	for i := range p.Ops {
		if !f.op(i) {
			return nil
		}
	}
	if f.run.last > 0 { // nothing is behind the last literal
		to := place{lineEnd, 0}
		f.endRun(len(p.Ops), to)
		f.demands = append(f.demands, demand{is: length, from: f.from, to: to})
		f.from = to
	}
	f.end = f.from
	if f.cuts > bitmap.MaxCuts {
		return nil
	}
	if p.wide < len(p.Ops) {
		slices.Reverse(f.reads.others[f.wide:]) // as backwards does
	}
	return &f.frame
}

// pays reports whether lines of so many fields are read quicker by f. They are not when the fields are few, when there are many cuts for
// each, as JSON has, or hardly any; nor without instructions for it.
func (f *frame) pays(fields int) bool {
	return f != nil && fields >= 6 && fields <= f.cuts && f.cuts <= 3*fields && bitmap.QuickCuts()
}

// op takes the i'th op in, and returns false when its end is not to be found by cuts.
func (f *framer) op(i int) bool {
	op := &f.p.Ops[i]
	behind := i >= f.p.wide // there a field's end has nothing particular
	last := i == len(f.p.Ops)-1
	if op.Words || behind && op.Length == clockLength || strings.Contains(op.Literal, "\x00") {
		return false
	}
	d := demand{from: f.from, length: op.Length, space: f.cut()}
	if op.Length == clockLength && !f.quoted { // in quotes its space is no cut
		d.is = clock
		f.cuts++
	}
	d.to = f.cut()
	if f.quoted && (!strings.HasPrefix(op.Literal, `"`) || op.Action == field.NumberLast) {
		f.strict = true // masking goes on behind the field, or over commas that are counted
	}
	first := f.count(op.Literal)
	inRun := first < 0 && (op.Literal != "" || !last)
	switch {
	case first >= 0:
		d.to.plus = int16(-first)
	case !inRun:
		d.to = place{lineEnd, 0}
	case op.list, behind && (op.Literal == "" || last), i > 0 && i <= f.p.wide && f.p.Ops[i-1].address:
		return false
	default:
		d.to = runTo(i)
		if f.run.last == 0 {
			f.run = demand{is: run, from: f.from, first: i}
		}
		f.run.last = i + 1
	}
	if !inRun && f.run.last > 0 {
		f.endRun(i, d.to)
	}
	f.demand(d, op, behind, inRun)
	if i == f.p.wide {
		f.wide = len(f.reads.others)
	}
	if op.Action != field.Skip {
		f.read(op, d.from, d.to)
	}
	if inRun {
		f.from = runFrom(i + 1)
		return true
	}
	f.literal(op.Literal, d.to)
	f.from = place{d.to.slot, d.to.plus + int16(len(op.Literal))}
	return true
}

// cut returns where the next cut is.
func (f *framer) cut() place { return place{slot: uint16(min(f.cuts, lineEnd))} }

// demand adds what there is to see to in the field of op, d.
func (f *framer) demand(d demand, op *Op, behind, inRun bool) {
	switch {
	case behind || op.Length == 0 || d.is == clock:
	default:
		d.is = length
	}
	switch {
	case inRun && d.is != order:
		f.pending = append(f.pending, d)
	case !inRun && (d.is != order || d.to.plus < 0):
		f.demands = append(f.demands, d)
	}
	if op.list && !behind && !inRun {
		d.is = noList
		f.demands = append(f.demands, d)
	}
}

// endRun ends a run before the i'th op, whose field ends at `to`.
func (f *framer) endRun(i int, to place) {
	f.run.to, f.run.last = to, i
	f.demands = append(append(f.demands, f.run), f.pending...)
	f.run, f.pending = demand{}, nil
}

// count counts the cuts of a literal and returns where the first is, -1 when it has none.
func (f *framer) count(s string) (first int) {
	first = -1
	for i, c := range []byte(s) {
		switch {
		case c == '"':
			f.quoted = !f.quoted
			f.quotes = append(f.quotes, quote{f.cuts, f.strict})
			f.strict = false
		case c != ' ' || f.quoted:
			continue
		}
		if first < 0 {
			first = i
		}
		f.cuts++
	}
	return first
}

// literal demands s at begin.
func (f *framer) literal(s string, begin place) {
	for i := 0; i < len(s); i += 8 {
		if i > len(s)-8 {
			i = max(0, len(s)-8) // those before are looked at twice
		}
		word, mask := wordOf(s[i:min(i+8, len(s))])
		f.literals = append(f.literals, literal{place{begin.slot, begin.plus + int16(i)}, word, mask})
	}
}

// read adds how op is read.
func (f *framer) read(op *Op, from, to place) {
	r := read{op: op, field: op.Field, from: from, to: to, most: field.Most(op.Field), tries: record.Absent}
	if op.Tries && op.Action.IsList() {
		r.tries = 1
	}
	kind := &f.reads.others
	if !op.Padded && f.isAlone(op) {
		switch op.Action {
		case field.Text:
			kind = &f.reads.texts
		case field.Number, field.Octets, field.NumberLast:
			kind = &f.reads.numbers
		case field.Span, field.SpanSum:
			if op.Unit != field.Nanoseconds {
				kind, r.most = &f.reads.decimals, op.Unit.Nanos()/1000
			}
		case field.TimeCLF:
			kind = &f.reads.clocks
		}
	}
	*kind = append(*kind, r)
}

// isAlone reports whether nothing but op fills its field.
func (f *framer) isAlone(op *Op) bool {
	client := false
	switch op.Field {
	case record.ClientAddress:
		client = true
	case record.User, record.Referrer, record.UserAgent, record.RequestID, record.TLSCipher, record.Cache,
		record.Status, record.UpstreamStatus, record.RequestBytes, record.RequestBodyBytes, record.ResponseBytes, record.ResponseBodyBytes,
		record.Duration, record.UpstreamDuration, record.GatewayDuration, record.Time:
	default:
		return false // there are actions that fill it without being asked
	}
	for i := range f.p.Ops {
		switch o := &f.p.Ops[i]; {
		case o == op || o.Action == field.Skip:
		case o.Field == op.Field, op.Field == record.Time && isTime(o.Action):
			return false
		case client && (o.Action == field.Client || o.Action == field.Peer || o.Action == field.Forwarded):
			return false
		}
	}
	return true
}

// isTime reports whether a changes the event time.
func isTime(a field.Action) bool {
	return a >= field.TimeCLF && a <= field.TimeMicros || a >= field.TimeLocal && a <= field.TimeDay
}
