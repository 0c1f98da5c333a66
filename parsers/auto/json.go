package auto

import (
	"bytes"

	"github.com/gatemeter/gatemeter/parsers/docker"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

var startedAt = []byte(`"started_at"`) // Kong's time, in every record of it; never written

// readJSON reads a JSON object: Kong's, that of a gateway whose keys are known, or one with well-known keys.
func (p *Parser) readJSON(r *record.Record) {
	if docker.Is(r.Line) && p.unwrap(r) {
		return
	}
	p.readObject(r)
	if r.Reason == record.UnknownFormat && r.Line[0] == '{' {
		p.unwrap(r) // Filebeat's and its like
	}
	if r.Reason == record.UnknownFormat && r.Line[0] == '{' {
		p.passApplication(r)
	}
}

// unwrap reads the line that a log shipper has put into r.Line's object. It returns false, and has read nothing, when there is none
// that begins like one of a format; an object in an object is read as it is, without another within.
func (p *Parser) unwrap(r *record.Record) bool {
	line := r.Line
	inner, ok := p.docker.Line(line)
	if !ok {
		return false
	}
	failed, column := r.Reason, r.Column
	reread(r)
	r.Line = inner
	if s := p.headed(r); s == jsonLine {
		p.readObject(r)
	} else {
		p.readShape(r, s)
	}
	r.Line = line
	switch {
	case r.Reason == record.UnknownFormat && failed != record.None:
		r.Reason, r.Column = failed, column
	case r.Reason != record.None:
		r.Column = 0 // that of a text that is not the line
	}
	return true
}

// readObject reads a JSON object as it stands.
func (p *Parser) readObject(r *record.Record) {
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
