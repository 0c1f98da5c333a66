package jsonlog

import (
	"bytes"

	"github.com/gatemeter/gatemeter/parsers/escape"
	"github.com/gatemeter/gatemeter/parsers/field"
	"github.com/gatemeter/gatemeter/parsers/jsonscan"
	"github.com/gatemeter/gatemeter/pipeline/batch"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// Parser reads the lines of one format. It is used by one goroutine.
type Parser struct {
	format *Format
	scan   jsonscan.Scanner
	reader field.Reader

	seen    [maxNodes / 64]uint64   // which nodes have come
	ranks   [record.NumFields]uint8 // of what fills a field
	kept    [kept][]byte            // values that are read when all have come, by form
	badTime int                     // where a time was that is none, -1
	folded  [maxKey]byte

	quick quick
	bare  bare
}

// New returns a parser of f.
func New(f *Format) *Parser {
	return &Parser{format: f, quick: newQuick(f, func(*node) bool { return true })}
}

// Format returns the format's name.
func (p *Parser) Format() string { return p.format.schema.name }

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
	if p.quick.trail != nil {
		if p.readQuick(r, &p.quick, false) {
			return
		}
		r.Clear()
	}
	p.thorough(r)
}

// begin forgets the line before.
func (p *Parser) begin() {
	p.seen = [len(p.seen)]uint64{}
	p.kept = [kept][]byte{}
	p.badTime = -1
	p.ranks = noRanks
}

// noRanks is the rank of what has not come. It is never written.
var noRanks = func() (ranks [record.NumFields]uint8) {
	for i := range ranks {
		ranks[i] = absentRank
	}
	return ranks
}()

// thorough reads the line key by key.
func (p *Parser) thorough(r *record.Record) {
	p.begin()
	line, before := p.object(r.Line)
	p.scan.Start(line)
	p.read(r, p.format.root)
	if reason, at := p.scan.End(); reason != record.None {
		if at += before; reason == record.BadJSON && before > 0 && at < len(r.Line) && r.Line[at] == ',' {
			reason = record.Unexpected // a second record
		}
		r.Fail(reason, at)
		return
	}
	p.complete(r, before)
}

// complete fills what follows from what has been read, of an object that begins at before. It returns false when that fails.
func (p *Parser) complete(r *record.Record, before int) bool {
	s := p.format.schema
	p.late(r)
	if s.finish != nil {
		if reason := s.finish(p, r); reason != record.None {
			r.Fail(reason, -1)
		}
		if r.Reason != record.None {
			return false
		}
	}
	switch {
	case r.TimeNanos != 0:
	case p.badTime >= 0:
		r.Fail(record.BadTime, p.badTime+before)
		return false
	case !r.TimeFromArrival():
		r.Fail(record.NoTime, -1)
		return false
	}
	r.Kind = s.kind
	arena := p.scan.Arena()
	*arena = field.Finish(r, *arena)
	return true
}

// late reads what fills only what nothing else has.
func (p *Parser) late(r *record.Record) {
	if v := p.keep(requestLine); len(v) > 0 {
		field.SplitRequest(r, v)
	}
	if v := p.keep(vhost); len(v) > 0 {
		p.reader.Take(r, &virtualHost, v)
	}
	if v := p.keep(origin); len(v) > 0 {
		field.Origin(r, v)
	}
}

var virtualHost = field.Op{Action: field.VHost} // never written

// keep returns the value of the form as, one of those that are kept.
func (p *Parser) keep(as form) []byte { return p.kept[as-requestLine] }

// read reads the object at hand. Its depth is bounded by the tree's, or by the scanner's where the schema is deep.
func (p *Parser) read(r *record.Record, at *node) {
	for p.scan.Next() {
		n := p.find(at, p.scan.Key())
		if n == nil {
			if p.format.schema.deep && p.scan.Enter() {
				p.read(r, p.format.root)
			}
			continue
		}
		if !n.wrapper && p.came(n) {
			continue
		}
		switch kind := p.scan.Kind(); {
		case kind == jsonscan.Object:
			if n.children > 0 && p.scan.Enter() {
				p.read(r, n)
			}
		case kind == jsonscan.Array && n.children > 0:
			p.array(r, n)
		case len(n.targets) > 0:
			where := p.scan.Pos()
			p.take(r, n, p.scan.Text(), kind, where)
		}
	}
}

// came notes that n has come and reports whether it had before.
func (p *Parser) came(n *node) bool {
	word, bit := &p.seen[n.id/64], uint64(1)<<(n.id%64)
	before := *word&bit != 0
	*word |= bit
	return before
}

// find returns the node of a key of the object at, nil when there is none.
func (p *Parser) find(at *node, key []byte) *node {
	if p.format.schema.fold {
		if len(key) > maxKey {
			return nil
		}
		key = fold(&p.folded, key)
	}
	return p.format.find(at, key)
}

// array reads the array at hand: attributes, or a batch that has one record.
func (p *Parser) array(r *record.Record, n *node) {
	p.scan.EnterArray()
	for i := 0; p.scan.Element(); i++ {
		where := p.scan.Pos()
		switch {
		case !p.scan.Enter():
		case n.list:
			p.attribute(r, n)
		case i > 0:
			p.scan.Fail(record.Unexpected, where)
		default:
			p.read(r, n)
		}
	}
}

// attribute reads the object at hand, {"key": "http.route", "value": {"stringValue": "/x"}}.
func (p *Parser) attribute(r *record.Record, list *node) {
	var key, value []byte
	var kind jsonscan.Kind
	where := p.scan.Pos()
	for p.scan.Next() {
		switch string(p.scan.Key()) {
		case "key":
			if key == nil {
				key = p.scan.Text()
			}
		case "value":
			if value != nil {
				break
			}
			if !p.scan.Enter() {
				kind, where = p.scan.Kind(), p.scan.Pos()
				value = p.scan.Text()
				break
			}
			for p.scan.Next() {
				if value == nil {
					kind, where = p.scan.Kind(), p.scan.Pos()
					value = p.scan.Text()
				}
			}
		}
	}
	if len(key) == 0 {
		return
	}
	if n := p.find(list, key); n != nil && !p.came(n) {
		p.take(r, n, value, kind, where)
	}
}

// Object returns the object that a line is, and how many bytes of the line stand before it. A batch of one record, as loggers
// that send several in an array write it, is that record; one of several is refused behind the first by whoever reads it.
func Object(line []byte) (object []byte, before int) {
	start := 0
	for start < len(line) && (line[start] == ' ' || line[start] == '\t') {
		start++
	}
	if start == len(line) || line[start] != '[' {
		return line, 0
	}
	object = bytes.TrimRight(line[start+1:], " \t\r\n")
	return bytes.TrimSuffix(object, []byte{']'}), start + 1
}

// object is Object, and for formats that stand in text the object in it.
func (p *Parser) object(line []byte) (object []byte, before int) {
	object, before = Object(line)
	if p.format.schema.text && before == 0 {
		if start := bytes.TrimLeft(line, " \t"); len(start) > 0 && start[0] != '{' && start[0] != 0xEF {
			return p.inText(line)
		}
	}
	return object, before
}

// inText returns the object in a line of text, which may stand there as the text of a quoted value.
func (p *Parser) inText(line []byte) (object []byte, before int) {
	for at, first := 0, 0; ; {
		i := bytes.IndexByte(line[at:], '{')
		if i < 0 || at+i+2 >= len(line) {
			return line[first:], first
		}
		if at += i; first == 0 {
			first = at
		}
		switch {
		case line[at+1] == '"':
			return line[at:], at
		case line[at+1] == '\\' && line[at+2] == '"':
			quoted := line[at:]
			if end := quoteEnd(quoted); end >= 0 {
				quoted = quoted[:end]
			}
			arena := p.scan.Arena()
			start := len(*arena)
			*arena = escape.Append(*arena, quoted, escape.C)
			return (*arena)[start:len(*arena):len(*arena)], at
		}
		at++
	}
}

// quoteEnd returns where the quote is that ends text, -1 when there is none.
func quoteEnd(text []byte) int {
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return -1
}
