package program

import "github.com/gatemeter/gatemeter/pipeline/record"

// BySearch makes p read all lines without a frame.
func (p *Parser) BySearch() *Parser {
	p.framed = framed{}
	return p
}

// ByFrame makes p read lines by a frame where there is one, be it quick or not.
func (p *Parser) ByFrame() *Parser {
	p.framed = newFramed(p.program.frame)
	return p
}

// Framed reports whether p has a frame.
func (p *Parser) Framed() bool { return p.framed.frame != nil }

// ReadFramed reads r.Line by the frame, or returns false.
func (p *Parser) ReadFramed(r *record.Record) bool { return p.readFramed(r) }
