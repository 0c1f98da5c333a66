package auto

import (
	"bytes"

	"github.com/gatemeter/gatemeter/parsers/docker"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// Bare prepares for ParseBare, see pipeline.BareParser.
func (p *Parser) Bare(fields record.FieldSet, masks func(member string) bool) bool {
	return p.kong.Bare(fields, masks)
}

// ParseBare reads lines in which secrets have not been masked: Kong's, whose masking costs most. It fails all others. Masking does not
// touch what Kong's lines are told by, a first byte and a key.
func (p *Parser) ParseBare(recs []record.Record) {
	for i := range recs {
		r := &recs[i]
		if r.Line[0] != '{' || docker.Is(r.Line) || !bytes.Contains(r.Line, startedAt) || !p.kong.ReadBare(r) {
			r.Fail(record.UnknownFormat, -1)
			continue
		}
		p.format, p.tried = "kong", "kong"
	}
}
