package haproxy

import (
	"bytes"

	"github.com/gatemeter/gatemeter/parsers/field"
	"github.com/gatemeter/gatemeter/parsers/syslog"
	"github.com/gatemeter/gatemeter/pipeline/batch"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// Custom reads lines of formats of the user's own, and what HAProxy writes beside them whatever the format is: connections that failed, and
// lines about itself. It is used by one goroutine.
type Custom struct {
	name    string
	formats []*Format
	own     *Parser
	last    string // the format of the last line
	values

	// Of the line at hand, from which more is made at its end.
	connect, answer int64 // ms; -1 is none
	retries         int64 // -1 is none
}

// NewCustom returns a parser of lines that are of one of formats; the first that a line is of counts. name is what Format calls them: ""
// is haproxy for times without a zone and log-format for those with one.
func NewCustom(name string, formats ...*Format) *Custom {
	return &Custom{name: name, formats: formats, own: New(nil), last: nameOf(name, formats[0])}
}

func nameOf(name string, f *Format) string {
	switch {
	case name != "":
		return name
	case f.local:
		return "haproxy"
	}
	return "log-format"
}

// Format returns the name of the last line's format.
func (p *Custom) Format() string { return p.last }

// Reset forgets the bytes that records of the batch before pointed to.
func (p *Custom) Reset(partition *batch.Partition) {
	p.arena = p.arena[:0]
	p.own.Reset(partition)
}

// Parse reads each record's Line.
func (p *Custom) Parse(recs []record.Record) {
	for i := range recs {
		p.Read(&recs[i])
	}
}

// Read reads r.Line into r, which is empty but for its Line and Offset, or fails it.
func (p *Custom) Read(r *record.Record) {
	header := syslog.Header(r.Line)
	message := r.Line[header:]
	p.last = nameOf(p.name, p.formats[0])
	var why record.Reason
	var column int
	for at := header; at >= 0; at -= max(header, 1) { // what looks like a header may be of the format
		for i, f := range p.formats {
			reason, where := p.read(r, f, at)
			if reason == record.None {
				p.last = nameOf(p.name, f)
				p.arena = field.Finish(r, p.arena)
				return
			}
			if r.Clear(); at == header && (i == 0 || where > column) { // what comes farthest says most
				why, column = reason, where
			}
		}
	}
	switch {
	case isNotice(message):
		field.Pass(r)
	case bytes.HasPrefix(message, connect) || isFailed(message):
		p.own.Read(r)
		p.last = p.own.Format()
	default:
		r.Fail(why, min(column, len(r.Line)))
	}
}

// isFailed reports whether line is of a connection that failed: `10.0.0.1:56059 [03/Dec/2012:17:35:10.380] frt/f1: message`.
func isFailed(line []byte) bool {
	if !Is(line) {
		return false
	}
	_, rest, _ := bytes.Cut(line, []byte("] "))
	front, _, _ := bytes.Cut(rest, []byte{' '})
	return len(front) > 1 && front[len(front)-1] == ':' && bytes.IndexByte(front, '/') > 0
}

// maxTrusted is how many values that strangers write are taken to be without what looks like the format, one more with each try.
const maxTrusted = 2

// read reads r.Line from at on. column is where it failed.
func (p *Custom) read(r *record.Record, f *Format, at int) (reason record.Reason, column int) {
	reason, column = p.try(r, f, at, 0)
	for trusted := 1; reason != record.None && trusted <= min(f.raw-1, maxTrusted); trusted++ {
		r.Clear()
		if again, _ := p.try(r, f, at, trusted); again == record.None {
			return again, -1
		}
	}
	return reason, column
}

// try reads r.Line from at on. From the first value on that strangers write, when there have been as many as are trusted, what is behind is
// found from the line's end.
func (p *Custom) try(r *record.Record, f *Format, at, trusted int) (reason record.Reason, column int) {
	line := bytes.TrimRight(r.Line, " ")
	p.connect, p.answer, p.retries = 0, -1, -1
	if at > len(line) || !bytes.HasPrefix(line[at:], []byte(f.prefix)) {
		return differs(line, at, f.prefix)
	}
	at += len(f.prefix)
	for i := range f.items {
		if at == len(line) && i >= f.optional {
			break
		}
		it := &f.items[i]
		if it.raw && i < f.last && !it.noCookie(line[at:]) {
			if trusted == 0 {
				reason, column := p.backwards(r, f, line, at, i)
				if reason == record.None {
					reason = p.finish(r, f)
				}
				return reason, column
			}
			trusted--
		}
		end, next := it.end(line, at)
		if end < 0 {
			if end, next = f.cutOff(i, line, at); end < 0 {
				return differs(line, it.seek(line, at), it.literal)
			}
		}
		if reason := p.take(r, f, it, line[at:end:end]); reason != record.None {
			return reason, at
		}
		at = next
	}
	if at < len(line) {
		return record.Unexpected, at
	}
	return p.finish(r, f), -1
}

// noCookie reports whether b begins with what stands for no cookie: one begins with its name.
func (it *item) noCookie(b []byte) bool {
	if !it.quoted {
		b, _ = bytes.CutPrefix(b, []byte{'-'})
	}
	return it.cookie && bytes.HasPrefix(b, it.behind)
}

// cutOff is end for an item that the line ends with before its literal does: all behind it are empty, or it is the request, which a
// syslog server has cut off.
func (f *Format) cutOff(i int, line []byte, at int) (end, next int) {
	it := &f.items[i]
	short := bytes.TrimRight(it.behind, " ")
	switch {
	case i+1 >= f.optional && len(short) < len(it.behind) && bytes.HasSuffix(line[at:], short):
		return len(line) - len(short), len(line)
	case i+1 >= f.optional && it.mayBeEmpty() && bytes.Equal(line[at:], bytes.TrimPrefix(short, []byte{' '})):
		return at, len(line)
	case i == len(f.items)-1 && it.hashed && it.literal == `"`:
		return len(line), len(line)
	}
	return -1, 0
}

// differs says where line, from at on, is another than literal.
func differs(line []byte, at int, literal string) (record.Reason, int) {
	for i := range len(literal) {
		if at+i >= len(line) {
			return record.Truncated, len(line)
		}
		if line[at+i] != literal[i] {
			return record.Unexpected, at + i
		}
	}
	return record.Truncated, len(line)
}

// finish fills what is made of several values.
func (p *Custom) finish(r *record.Record, f *Format) record.Reason {
	if p.connect >= 0 && p.answer >= 0 {
		r.UpstreamNanos = (p.connect + p.answer) * milli
	}
	if p.retries >= 0 && (!f.server || len(r.UpstreamAddress) > 0) {
		field.SetNumber(r, record.Tries, p.retries+1)
	}
	const second = 1e9 // of a time that is only milliseconds, the seconds are missing
	if r.TimeNanos >= 0 && r.TimeNanos < second {
		if r.TimeNanos = 0; !r.TimeFromArrival() {
			return record.NoTime
		}
	}
	if f.written && r.DurationNanos > 0 {
		r.TimeNanos -= r.DurationNanos
	}
	r.Kind = "haproxy"
	return record.None
}
