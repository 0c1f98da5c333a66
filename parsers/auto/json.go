package auto

import (
	"bytes"

	"github.com/gatemeter/gatemeter/pipeline/record"
)

var startedAt = []byte(`"started_at"`) // Kong's time, in every record of it; never written

// readJSON reads a JSON object: Kong's, that of a gateway whose keys are known, or one with well-known keys.
func (p *Parser) readJSON(r *record.Record) {
	if bytes.Contains(r.Line, startedAt) {
		p.kong.Read(r)
		if p.format = p.kong.Format(); r.Reason != record.NoTime {
			return
		}
		reread(r)
	}
	if i := p.detect.Detect(r.Line); i >= 0 {
		p.logs[i].Read(r)
		p.format = p.logs[i].Format()
		return
	}
	p.json.Read(r)
	p.format = p.json.Format()
	if r.Reason == record.None && len(r.Method) == 0 && len(r.URL) == 0 && r.Status < 0 {
		r.Fail(record.UnknownFormat, -1) // a log of something else
	}
	if r.Reason == record.NoTime {
		r.Fail(record.UnknownFormat, -1)
	}
}
