package program

import (
	"bytes"
	"encoding/binary"

	"github.com/gatemeter/gatemeter/parsers/escape"
	"github.com/gatemeter/gatemeter/parsers/field"
	"github.com/gatemeter/gatemeter/parsers/stamp"
	"github.com/gatemeter/gatemeter/pipeline/bitmap"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// framed reads lines by a frame.
type framed struct {
	*frame // nil: there is none, or it would be no quicker
	at     *places
	seen   bitmap.Seen // in the line at hand
	vain   int         // lines in a row that were other lines
	rest   int         // lines that are to come without a try
}

// After vainLines lines in a row that a frame does not fit, restLines are read without a try: some logs it never fits.
const (
	vainLines = 16
	restLines = 240
)

// newFramed returns what reads lines by f, which may be nil.
func newFramed(f *frame) framed {
	if f == nil {
		return framed{}
	}
	return framed{frame: f, at: new(places)}
}

// try reports whether the next line is to be read by the frame.
func (f *framed) try() bool {
	if f.rest > 0 {
		f.rest--
		return false
	}
	return f.frame != nil
}

// learn comes after each line that was tried.
func (f *framed) learn(fits bool) {
	if f.vain++; fits {
		f.vain = 0
	} else if f.vain == vainLines {
		f.vain, f.rest = 0, restLines
	}
}

// fits finds the places of a line, and returns false when it is another line.
func (p *Parser) fits(line []byte) bool {
	f, at := p.framed.frame, p.framed.at
	n, seen := bitmap.Cuts(at[:], line)
	if n != f.cuts || len(line) < 8 {
		return false
	}
	at[lineBegin], at[lineEnd] = 0, uint32(len(line))
	p.framed.seen = seen
	if !stand(f.literals, line, at) || f.end.in(at) != len(line) {
		return false
	}
	if seen&bitmap.Backslash != 0 && p.program.Escape != escape.Hex && bytes.Contains(line, []byte(`\"`)) {
		return false
	}
	for i := range f.demands {
		if !p.meets(line, &f.demands[i]) {
			return false
		}
	}
	return true
}

// stand reports whether the literals stand in a line of at least eight bytes where they should.
func stand(literals []literal, line []byte, at *places) bool {
	wrong := uint64(0)
	for i := range literals {
		l := &literals[i]
		begin := uint(l.begin.in(at))
		if begin <= uint(len(line)-8) {
			wrong |= binary.LittleEndian.Uint64(line[begin:])&l.mask ^ l.word
		} else { // the line's last bytes, and zeros, which no literal has
			past := begin - uint(len(line)-8)
			wrong |= binary.LittleEndian.Uint64(line[len(line)-8:])>>(8*past)&l.mask ^ l.word
		}
	}
	return wrong == 0
}

// meets reports whether line has what is demanded.
func (p *Parser) meets(line []byte, d *demand) bool {
	at := p.framed.at
	from, to := d.from.in(at), d.to.in(at)
	switch d.is {
	case order:
		return from <= to
	case length:
		return to-from == d.length
	case clock:
		space := d.space.in(at)
		return to-from == d.length && space == from+clockSpace && line[space] == ' '
	case noList:
		return from <= to && !field.InList(line, from, to)
	default:
		return from <= to && p.run(line[:to], from, d)
	}
}

// run finds the fields of a run, which begins at `from` and ends with the line, and puts them into their slots.
func (p *Parser) run(line []byte, from int, d *demand) bool {
	prog, at := p.program, p.framed.at
	put := func(to place, i int) { at[to.slot] = uint32(i) }
	i := d.first
	for ; i < min(d.last, prog.wide); i++ {
		to, next := p.end(line, from, &prog.Ops[i])
		if to < 0 {
			return false
		}
		put(runTo(i), to)
		put(runFrom(i+1), next)
		from = next
	}
	to := len(line)
	for k := d.last - 1; k >= i; k-- { // from the end, as backwards does
		literal := prog.Ops[k].Literal
		n := bytes.LastIndex(line[from:to], []byte(literal))
		if n < 0 {
			return false
		}
		put(runFrom(k+1), from+n+len(literal))
		to = from + n
		put(runTo(k), to)
	}
	return true
}

// readFramed reads r.Line into r by its frame. It returns false, and r may have anything in it, when it is another line, or malformed.
func (p *Parser) readFramed(r *record.Record) bool {
	return p.fits(r.Line) && p.fill(r, &p.framed.reads)
}

// fill reads what reads name of a line that fits.
func (p *Parser) fill(r *record.Record, reads *reads) bool {
	line, at, seen := r.Line, p.framed.at, p.framed.seen
	if seen&bitmap.Backslash != 0 && p.program.Escape != escape.None {
		return p.fillEscaped(r)
	}
	texts(r, line, at, reads.texts)
	if !p.numbers(r, line, at, reads.numbers) || !p.decimals(r, line, at, reads.decimals) || !p.clocks(r, line, at, reads.clocks) {
		return false
	}
	for i := range reads.others {
		rd := &reads.others[i]
		if v := rd.in(line, at); rd.op.Action == field.Request {
			field.SplitRequest(r, v)
		} else if !p.take(r, rd.op, v) {
			return false
		}
	}
	return p.finish(r, seen&bitmap.Question == 0)
}

// finish fills what follows from other fields. plain: there is no question mark in the line.
func (p *Parser) finish(r *record.Record, plain bool) bool {
	if r.TimeNanos == 0 && !r.TimeFromArrival() {
		return false
	}
	r.Kind = p.program.Kind
	if plain {
		p.arena = field.FinishPath(r, p.arena)
	} else {
		p.arena = field.Finish(r, p.arena)
	}
	return true
}

// fillEscaped is fill for a line that has escapes, and all that is read.
func (p *Parser) fillEscaped(r *record.Record) bool {
	all := &p.framed.reads
	for _, reads := range [...][]read{all.texts, all.numbers, all.decimals, all.clocks, all.others} {
		for i := range reads {
			if rd := &reads[i]; !p.take(r, rd.op, p.unescaped(rd.in(r.Line, p.framed.at))) {
				return false
			}
		}
	}
	return p.finish(r, false)
}

// take reads one field as its Op says.
func (p *Parser) take(r *record.Record, op *Op, v []byte) bool {
	if op.Padded {
		v = bytes.Trim(v, " ")
	}
	return p.reader.Take(r, &op.Op, v) == record.None
}

// in returns the field's text.
func (rd *read) in(line []byte, at *places) []byte {
	from, to := rd.from.in(at), rd.to.in(at)
	return line[from:to:to]
}

func (p *Parser) numbers(r *record.Record, line []byte, at *places, reads []read) bool {
	for i := range reads {
		rd := &reads[i]
		n, ok := stamp.Digits(line, rd.from.in(at), rd.to.in(at))
		if !ok || n > rd.most {
			if !p.take(r, rd.op, rd.in(line, at)) {
				return false
			}
			continue
		}
		r.SetNumber(rd.field, n)
		r.Tries = max(r.Tries, rd.tries)
	}
	return true
}

func (p *Parser) decimals(r *record.Record, line []byte, at *places, reads []read) bool {
	for i := range reads {
		rd := &reads[i]
		n, ok := stamp.Thousandths(line, rd.from.in(at), rd.to.in(at))
		if !ok {
			if !p.take(r, rd.op, rd.in(line, at)) {
				return false
			}
			continue
		}
		r.SetNumber(rd.field, n*rd.most)
		r.Tries = max(r.Tries, rd.tries)
	}
	return true
}

func (p *Parser) clocks(r *record.Record, line []byte, at *places, reads []read) bool {
	for i := range reads {
		rd := &reads[i]
		if v := rd.in(line, at); !p.reader.CLF(r, v) && !p.take(r, rd.op, v) {
			return false
		}
	}
	return true
}

func texts(r *record.Record, line []byte, at *places, reads []read) {
	for i := range reads {
		rd := &reads[i]
		v := rd.in(line, at)
		*r.Text(rd.field) = v[:present(v):len(v)]
	}
}

// present returns how many bytes v has, 0 when it is absent. It takes no branch for a dash: as many users are one as are not.
func present(v []byte) int {
	n := len(v)
	if n == 0 || n == 2 && string(v) == `""` {
		return 0
	}
	one, dash := 0, 0
	if n == 1 {
		one = 1
	}
	if v[0] == '-' {
		dash = 1
	}
	return n - one&dash
}
