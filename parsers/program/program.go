// Package program runs line formats that are compiled once: literals with fields between them, as nginx's log_format and
// Apache's LogFormat describe a line. Packages nginx and apache make programs of the servers' own format strings.
//
// A line is read once, left to right, in time linear in its length. Where a field ends:
//   - one in double quotes, at the first `"` that is not escaped: servers escape those inside;
//   - a list of upstreams, before the first literal that is not one of its own separators;
//   - a time of fixed length, behind it;
//   - any other, before the first place where the whole literal after it stands: a user name may hold spaces.
package program

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/gatemeter/gatemeter/parsers/escape"
	"github.com/gatemeter/gatemeter/parsers/field"
	"github.com/gatemeter/gatemeter/pipeline/batch"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// Bounds of a format string, in bytes and in fields.
const (
	MaxFormat = 16 << 10
	MaxOps    = 200
)

// ErrNoTime is what Seal returns when no field of the format is a time.
var ErrNoTime = errors.New("it has no time")

// Op reads one field and the literal after it.
type Op struct {
	field.Op
	Literal string // after the field; empty at the format's end, and after a field of fixed length
	Length  int    // of a field whose length is fixed, else 0
	Name    string // as the format string has it, for errors
	Wide    bool   // may hold what looks like the format, without escapes: the fields behind it are found from the line's end
	Padded  bool   // has spaces before or behind it
	Words   bool   // may be two words: API Gateway's `GET /pets`

	list    bool // ends where a list ends
	quoted  bool // ends at the first quote that is not escaped
	address bool // an address before `:`, which an IPv6 address holds too: ends at the last one before stop
	stop    []byte
	kind    plain

	word, mask uint64 // Literal as the low bytes of a word, and which these are; 0 for one that is empty or longer than a word
}

// Program is a compiled format. It is not changed by use.
type Program struct {
	Name   string // of the format
	Kind   string // of the records
	Escape escape.Kind
	Prefix string // the literal before the first field
	Ops    []Op

	wide  int // the op that is Wide, else len(Ops)
	frame *frame
}

// Seal checks a program and works out how each field ends. It is called once, after Ops is complete.
func (p *Program) Seal() error {
	timed := false
	p.wide = len(p.Ops)
	for i := range p.Ops {
		op := &p.Ops[i]
		if op.Wide && p.wide == len(p.Ops) {
			p.wide = i
		}
		timed = timed || op.Action.IsTime()
		last := i == len(p.Ops)-1
		if op.Literal == "" && !last && op.Length == 0 {
			return fmt.Errorf("nothing separates %.200s from %.200s: where one ends cannot be told", op.Name, p.Ops[i+1].Name)
		}
		op.quoted = p.Escape != escape.None && op.Literal != "" && op.Literal[0] == '"'
		op.list = op.list && op.Literal != "" && op.Literal[0] == ' '
		op.address = op.Literal == ":" && !last && (op.Field == record.ClientAddress || op.Action == field.VHost || op.Action == field.HostPort)
		if op.address {
			op.stop = []byte(p.Ops[i+1].Literal)
		}
		op.kind = plainOf(op, last)
		if n := len(op.Literal); n <= 8 {
			op.word, op.mask = wordOf(op.Literal)
		}
	}
	switch {
	case len(p.Ops) == 0:
		return errors.New("there is no field in it")
	case len(p.Ops) > MaxOps:
		return fmt.Errorf("it has more than %d fields", MaxOps)
	case !timed:
		return ErrNoTime
	}
	p.frame = newFrame(p)
	return nil
}

// wordOf returns s, of at most eight bytes, as the low bytes of a word, and which these are.
func wordOf(s string) (word, mask uint64) {
	return binary.LittleEndian.Uint64([]byte(s + "\x00\x00\x00\x00\x00\x00\x00\x00")), 1<<(8*len(s)) - 1
}

// List marks op as one whose value may be a list, also when the value is left aside.
func (op *Op) List() { op.list = true }

// Parser runs a program on lines. It is used by one goroutine.
type Parser struct {
	program *Program
	framed  framed
	bare    bare
	reader  field.Reader
	arena   []byte // text that does not stand in the line as it is; valid until Reset
}

// NewParser returns a Parser of p.
func NewParser(p *Program) *Parser {
	parser := &Parser{program: p}
	if p.frame.pays(len(p.Ops)) {
		parser.framed = newFramed(p.frame)
	}
	return parser
}

// Format returns the program's name.
func (p *Parser) Format() string { return p.program.Name }

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
	if p.framed.try() {
		fits := p.readFramed(r)
		if p.framed.learn(fits); fits {
			return
		}
		r.Clear()
	}
	p.search(r)
}

// search is Read without a frame. What it says of a line is the rule.
func (p *Parser) search(r *record.Record) {
	prog, line := p.program, r.Line
	if len(line) < len(prog.Prefix) || string(line[:len(prog.Prefix)]) != prog.Prefix {
		r.Fail(mismatch(line, 0, prog.Prefix))
		return
	}
	escaped := prog.Escape != escape.None && bytes.IndexByte(line, '\\') >= 0
	at := len(prog.Prefix)
	for i := range prog.Ops[:prog.wide] {
		op := &prog.Ops[i]
		if op.kind != notPlain {
			if next := op.plain(r, line, at); next >= 0 {
				at = next
				continue
			}
		}
		end, next := p.end(line, at, op)
		if end < 0 {
			r.Fail(p.missing(line, at, op))
			return
		}
		if op.Action != field.Skip {
			v := line[at:end:end]
			if escaped {
				v = p.unescaped(v)
			}
			if op.Padded {
				v = bytes.Trim(v, " ")
			}
			if op.Action == field.Text && len(v) > 2 { // and so not Absent
				*r.Text(op.Field) = v
			} else if reason := p.reader.Take(r, &op.Op, v); reason != record.None {
				r.Fail(reason, at)
				return
			}
		}
		at = next
	}
	if prog.wide < len(prog.Ops) {
		if !p.backwards(r, at) {
			return
		}
		at = len(line)
	}
	if at < len(line) {
		r.Fail(record.Unexpected, at)
		return
	}
	if r.TimeNanos == 0 && !r.TimeFromArrival() {
		r.Fail(record.NoTime, -1)
		return
	}
	r.Kind = prog.Kind
	p.arena = field.Finish(r, p.arena)
}

// end returns where the field that begins at `at` ends and what follows its literal begins; -1 when the literal is not there.
func (p *Parser) end(line []byte, at int, op *Op) (end, next int) {
	literal := op.Literal
	if op.Length > 0 {
		end = at + op.Length
		if next = end + len(literal); op.follows(line, end, next) {
			return end, next
		}
		if literal == "" {
			return -1, 0
		}
	}
	switch {
	case literal == "":
		return len(line), len(line)
	case op.quoted:
		end = at + bytes.IndexByte(line[at:], '"')
		if end <= at || line[end-1] == '\\' {
			end = p.quote(line, at)
		}
		if next = end + len(literal); end < 0 || !op.follows(line, end, next) {
			return -1, 0
		}
		return end, next
	case op.address:
		stop := len(line)
		if len(op.stop) > 0 {
			if n := bytes.Index(line[at:], op.stop); n >= 0 {
				stop = at + n
			}
		}
		if n := bytes.LastIndexByte(line[at:stop], ':'); n >= 0 {
			return at + n, at + n + 1
		}
		return -1, 0
	}
	end = at
	if op.Words {
		end = secondWord(line, at)
	}
	for ; ; end++ {
		n := bytes.IndexByte(line[end:], literal[0])
		if n < 0 {
			return -1, 0
		}
		end += n
		next = end + len(literal)
		if next > len(line) {
			return -1, 0
		}
		if (len(literal) == 1 || op.follows(line, end, next)) && !(op.list && field.InList(line, at, end)) {
			return end, next
		}
	}
}

// follows reports whether op's literal stands in line from at to next.
func (op *Op) follows(line []byte, at, next int) bool {
	if at+8 <= len(line) && op.mask != 0 {
		return binary.LittleEndian.Uint64(line[at:])&op.mask == op.word
	}
	return next <= len(line) && string(line[at:next]) == op.Literal
}

// quote returns where the first double quote from at on is that no backslash escapes, -1 when there is none.
func (p *Parser) quote(line []byte, at int) int {
	for i := at; ; i++ {
		n := bytes.IndexByte(line[i:], '"')
		if n < 0 {
			return -1
		}
		i += n
		if i == at || line[i-1] != '\\' || p.program.Escape == escape.Hex || backslashes(line[at:i])%2 == 0 {
			return i
		}
	}
}

// backslashes returns how many backslashes b ends with.
func backslashes(b []byte) int {
	n := 0
	for n < len(b) && b[len(b)-1-n] == '\\' {
		n++
	}
	return n
}

// missing says why the literal after the field that begins at `at` was not found.
func (p *Parser) missing(line []byte, at int, op *Op) (record.Reason, int) {
	if op.Literal == "" || at >= len(line) {
		return record.Truncated, len(line)
	}
	i := 0
	if op.quoted {
		i = p.quote(line, at)
	} else if i = bytes.IndexByte(line[at:], op.Literal[0]); i >= 0 {
		i += at
	}
	if i < 0 {
		return record.Truncated, len(line)
	}
	return mismatch(line, i, op.Literal)
}

// mismatch tells where line, from at on, differs from the literal that should be there.
func mismatch(line []byte, at int, literal string) (record.Reason, int) {
	for i := range len(literal) {
		if at+i >= len(line) {
			return record.Truncated, len(line)
		}
		if line[at+i] != literal[i] {
			return record.Unexpected, at + i
		}
	}
	return record.Unexpected, at
}

// unescaped returns v with its escapes undone; v itself when it has none.
func (p *Parser) unescaped(v []byte) []byte {
	if bytes.IndexByte(v, '\\') < 0 {
		return v
	}
	start := len(p.arena)
	p.arena = escape.Append(p.arena, v, p.program.Escape)
	return p.arena[start:len(p.arena):len(p.arena)]
}
