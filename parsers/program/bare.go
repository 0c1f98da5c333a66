package program

import (
	"bytes"
	"strings"

	"github.com/gatemeter/gatemeter/parsers/field"
	"github.com/gatemeter/gatemeter/pipeline/bitmap"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// Reading a line whose secrets have not been masked, as if they had been.
//
// Only a line with a frame is read so. Without a backslash, a percent sign and a brace, none of which is in it, masking looks for
// equals signs alone, and changes what is behind one: where that is within quotes, nothing past the closing one, and no space. So the masked
// line has the same cuts, and a field without an equals sign is the same in it, if it has its quotes for itself; of a request line what is
// before the first sign is. Whatever else a line is, it is left to be masked.

// ofRequest is the fields that come from all of a request line. It is never written.
var ofRequest = record.Fields(record.URL, record.Query, record.HTTPVersion, record.Scheme, record.Domain)

// aside is the fields that are not read when they are not wanted: nothing else comes from them. It is never written.
var aside = record.Fields(record.User, record.Referrer, record.UserAgent, record.RequestID, record.TLSCipher, record.Cache)

// bare is what a Parser knows about bare lines.
type bare struct {
	reads   reads
	request bool // all of the request line is wanted
}

// Bare prepares for ParseBare, see pipeline.BareParser.
func (p *Parser) Bare(fields record.FieldSet, _ func(member string) bool) bool {
	if p.framed.frame == nil || fields.Has(record.Line) || p.program.secretive() {
		return false
	}
	all := &p.framed.reads
	p.bare = bare{reads: reads{numbers: all.numbers, decimals: all.decimals, clocks: all.clocks, others: all.others}, request: fields.Any(ofRequest)}
	for _, rd := range all.texts {
		if fields.Has(rd.field) || !aside.Has(rd.field) {
			p.bare.reads.texts = append(p.bare.reads.texts, rd)
		}
	}
	// Where all of a line is wanted, the lines that can be read bare are mostly those that have nothing to mask: the others would be read twice.
	return !p.bare.request || len(p.bare.reads.texts) < len(all.texts)
}

// secretive reports whether the format itself has what secrets are told by.
func (p *Program) secretive() bool {
	all := p.Prefix
	for i := range p.Ops {
		all += p.Ops[i].Literal
	}
	return strings.ContainsAny(all, `=%\{}`)
}

// ParseBare reads lines in which secrets have not been masked, and fails those that have to be.
func (p *Parser) ParseBare(recs []record.Record) {
	for i := range recs {
		if r := &recs[i]; !p.framed.try() || !p.readBare(r) {
			r.Fail(record.Unexpected, -1)
		}
	}
}

// readBare is ParseBare for one record.
func (p *Parser) readBare(r *record.Record) bool {
	line := r.Line
	if !p.fits(line) { // Read is next, and learns it
		return false
	}
	p.framed.learn(true)
	seen := p.framed.seen
	return seen&(bitmap.Backslash|bitmap.Encoding) == 0 && line[len(line)-1] != '}' && (seen&bitmap.Equals == 0 || p.same(line)) &&
		p.fill(r, &p.bare.reads)
}

// same reports whether what is wanted of a line that fits and has equals signs is the same when it is masked.
func (p *Parser) same(line []byte) bool {
	at, outside := p.framed.at, 0
	for i, quote := range p.framed.quotes {
		place := int(at[quote.cut%len(at)])
		if (i%2 == 0 || quote.strict) && bytes.IndexByte(line[outside:place], '=') >= 0 {
			return false
		}
		outside = place
	}
	if bytes.IndexByte(line[outside:], '=') >= 0 {
		return false
	}
	for i := range p.bare.reads.texts {
		if rd := &p.bare.reads.texts[i]; bytes.IndexByte(rd.in(line, at), '=') >= 0 {
			return false
		}
	}
	for i := range p.bare.reads.others {
		rd := &p.bare.reads.others[i]
		v := rd.in(line, at)
		sign := bytes.IndexByte(v, '=')
		if sign >= 0 && (rd.op.Action != field.Request || p.bare.request || !hasPath(v[:sign])) {
			return false
		}
	}
	return true
}

// hasPath reports whether the beginning of a request line has all of its path.
func hasPath(request []byte) bool {
	method := bytes.IndexByte(request, ' ')
	return method >= 0 && method+1 < len(request) && request[method+1] == '/' && bytes.IndexByte(request[method:], '?') >= 0
}
