package jsonlog

import (
	"bytes"

	"github.com/gatemeter/gatemeter/parsers/jsonscan"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// Reading a line whose secrets have not been masked, as if they had been. Why that can be done package kong says; here too a line is
// left to be masked unless all that is read is in strings without a sign, or in numbers, and no key on the way has a secret's name.

// bare is what a Parser knows about bare lines.
type bare struct {
	quick
	target bool // what a request was for is not wanted, but for its path
	line   bool // nor is the protocol
}

// idle is fields from which no other follows, but from Query the URL: in formats that are read bare no finish asks for them. It is never
// written.
var idle = record.Fields(record.UserAgent, record.Referrer, record.RequestID, record.TraceID, record.TLSCipher, record.User, record.Query)

// Bare prepares for ParseBare, see pipeline.BareParser.
func (p *Parser) Bare(fields record.FieldSet, masks func(member string) bool) bool {
	if fields.Has(record.Line) {
		return false
	}
	wanted := func(n *node) bool {
		for i := range n.targets {
			t := &n.targets[i]
			if t.to == record.NoField || fields.Has(t.to) || !idle.Has(t.to) || t.to == record.Query && fields.Has(record.URL) {
				return true
			}
		}
		return false
	}
	p.bare = bare{quick: newQuick(p.format, wanted)}
	p.bare.target = !fields.Any(record.Fields(record.URL, record.Query))
	p.bare.line = p.bare.target && !fields.Has(record.HTTPVersion)
	return p.bare.trail != nil && !p.anyMasked(p.format.root, masks)
}

// anyMasked reports whether a key that is looked for in n has a name that is masked.
func (p *Parser) anyMasked(n *node, masks func(member string) bool) bool {
	for i := range n.table {
		if e := &n.table[i]; e.node != nil && bytes.IndexByte(p.bare.order, uint8(e.node.id)) >= 0 &&
			(masks(e.key) || p.anyMasked(e.node, masks)) {
			return true
		}
	}
	return false
}

// ParseBare reads lines in which secrets have not been masked, and fails those that have to be.
func (p *Parser) ParseBare(recs []record.Record) {
	for i := range recs {
		if r := &recs[i]; !p.readQuick(r, &p.bare.quick, true) {
			r.Fail(record.Unexpected, -1)
		}
	}
}

// spares reports whether what may be masked in the text of n does not matter: it is behind the question mark of a URL that is wanted for its
// path alone.
func (b *bare) spares(n *node, text []byte) bool {
	i := bytes.IndexByte(text, '?')
	if i < 1 || !jsonscan.Plain(text[:i]) {
		return false
	}
	for k := range n.targets {
		switch t := &n.targets[k]; {
		case t.to == record.URL && t.as == plain:
			if !b.target || text[0] != '/' {
				return false
			}
		case t.as == requestLine: // a method, a blank, and no other before the question mark
			space := bytes.IndexByte(text[:i], ' ')
			if !b.line || space < 1 || text[space+1] != '/' || bytes.IndexByte(text[space+1:i], ' ') >= 0 {
				return false
			}
		default:
			return false
		}
	}
	return true
}
