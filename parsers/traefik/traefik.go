// Package traefik reads Traefik's access log in its own Common Log Format:
//
//	client - user [time] "GET / HTTP/1.1" 200 14 "referrer" "agent" 7 "router@provider" "http://10.0.0.1:80" 3ms
//
// Source: Traefik's pkg/middlewares/accesslog/logger_formatters.go. Until 3.7 it wrote quotes inside a value as they are, since then
// with a backslash, and backslashes as they are in both. So what follows the agent is found from the line's end, and the agent is
// what is left.
package traefik

import (
	"bytes"

	"github.com/gatemeter/gatemeter/parsers/field"
	"github.com/gatemeter/gatemeter/pipeline/batch"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// Parser reads lines. It is used by one goroutine.
type Parser struct {
	reader field.Reader
	arena  []byte
}

// New returns a parser.
func New() *Parser { return &Parser{} }

// Format returns the format's name.
func (p *Parser) Format() string { return "traefik" }

// Reset forgets the bytes that records of the batch before pointed to.
func (p *Parser) Reset(*batch.Partition) { p.arena = p.arena[:0] }

// Parse reads each record's Line.
func (p *Parser) Parse(recs []record.Record) {
	for i := range recs {
		p.Read(&recs[i])
	}
}

// The values. They are never written.
var (
	opTime     = field.Op{Action: field.TimeCLF, Field: record.Time}
	opStatus   = field.Op{Action: field.Number, Field: record.Status}
	opSize     = field.Op{Action: field.Octets, Field: record.ResponseBodyBytes}
	opDuration = field.Op{Action: field.SpanSpelled, Field: record.Duration}
	opUpstream = field.Op{Action: field.Upstream, Field: record.UpstreamAddress}
	dash       = []byte(" - ")
)

// Is reports whether line ends as this format does, `"router" "service" 3ms`: what tells it from others of the family.
func Is(line []byte) bool {
	n := len(line)
	if n < 40 || line[n-1] != 's' || line[n-2] != 'm' || line[n-3] < '0' || line[n-3] > '9' {
		return false
	}
	_, _, _, _, ok := behind(line)
	return ok
}

// behind takes what follows the agent off the line's end: the number of requests, router, service and duration. rest ends behind
// the agent's last quote.
func behind(line []byte) (rest, router, service, duration []byte, ok bool) {
	rest, duration, ok = lastWord(line)
	if !ok {
		return
	}
	if rest, service, ok = lastValue(rest); !ok {
		return
	}
	if rest, router, ok = lastValue(rest); !ok {
		return
	}
	rest, _, ok = lastWord(rest)
	return rest, router, service, duration, ok
}

func lastWord(b []byte) (rest, word []byte, ok bool) {
	i := bytes.LastIndexByte(b, ' ')
	if i < 0 || i+1 == len(b) {
		return nil, nil, false
	}
	return b[:i:i], b[i+1:], true
}

// lastValue takes a value in quotes, or `-`, off b's end.
func lastValue(b []byte) (rest, v []byte, ok bool) {
	if n := len(b); n > 2 && b[n-1] == '-' && b[n-2] == ' ' {
		return b[: n-2 : n-2], nil, true
	}
	if len(b) < 3 || b[len(b)-1] != '"' {
		return nil, nil, false
	}
	inner := b[:len(b)-1]
	i := bytes.LastIndex(inner, []byte(` "`))
	if i < 0 {
		return nil, nil, false
	}
	return b[:i:i], inner[i+2:], true
}

// Read reads r.Line into r, which is empty but for its Line and Offset, or fails it.
func (p *Parser) Read(r *record.Record) {
	line := r.Line
	open := bytes.Index(line, []byte(" ["))
	if open < 0 || open+len(` [10/Oct/2000:13:55:36 -0700] "`) > len(line) {
		r.Fail(record.Truncated, len(line))
		return
	}
	client, user, ok := bytes.Cut(line[:open:open], dash)
	if !ok {
		r.Fail(record.Unexpected, 0)
		return
	}
	at := open + 2
	if reason := p.reader.Take(r, &opTime, line[at:at+26]); reason != record.None {
		r.Fail(reason, at)
		return
	}
	if at += 26; string(line[at:at+3]) != `] "` {
		r.Fail(record.Unexpected, at)
		return
	}
	at += 3
	end := requestEnd(line, at)
	if end < 0 {
		r.Fail(record.Truncated, len(line))
		return
	}
	field.SplitRequest(r, p.plain(line[at:end:end]))
	if at = p.numbers(r, end+2); at < 0 {
		return
	}
	r.ClientAddress, r.User = value(client), value(user)
	if at < len(line) && !p.rest(r, at) {
		return
	}
	r.Kind = "traefik"
	p.arena = field.Finish(r, p.arena)
}

// requestEnd returns where the quote is that ends the request line: the first with a status behind it, digits or a dash.
func requestEnd(line []byte, at int) int {
	for i := at; ; i++ {
		n := bytes.IndexByte(line[i:], '"')
		if n < 0 || i+n+2 >= len(line) {
			return -1
		}
		i += n
		if c := line[i+2]; line[i+1] == ' ' && (c == '-' || '0' <= c && c <= '9') {
			return i
		}
	}
}

// numbers reads status and size, and returns where what follows them begins, -1 when it has failed r.
func (p *Parser) numbers(r *record.Record, at int) int {
	for _, op := range [...]*field.Op{&opStatus, &opSize} {
		end := len(r.Line)
		if n := bytes.IndexByte(r.Line[at:], ' '); n >= 0 {
			end = at + n
		}
		switch {
		case end == at && end < len(r.Line), end > at && r.Line[at] == '"':
			r.Fail(record.Unexpected, at)
			return -1
		case end == at, end+1 >= len(r.Line) && (op == &opStatus || end < len(r.Line)):
			r.Fail(record.Truncated, len(r.Line))
			return -1
		}
		if reason := p.reader.Take(r, op, r.Line[at:end:end]); reason != record.None {
			r.Fail(reason, at)
			return -1
		}
		at = min(end+1, len(r.Line))
	}
	return at
}

// rest reads from the referrer on. It returns false when it has failed r.
func (p *Parser) rest(r *record.Record, at int) bool {
	line := r.Line[at-1:] // with the space before the referrer
	if Is(r.Line) {
		rest, router, service, duration, _ := behind(r.Line)
		if len(rest) < at {
			r.Fail(record.Unexpected, at)
			return false
		}
		if reason := p.reader.Take(r, &opDuration, duration); reason != record.None {
			r.Fail(reason, len(r.Line)-len(duration))
			return false
		}
		p.reader.Take(r, &opUpstream, service)
		if router = value(router); string(router) != "backend not found" {
			r.Route = router
		}
		line = rest[at-1:]
	}
	agent, referrer, ok := split(line)
	if !ok {
		r.Fail(record.Truncated, len(r.Line))
		return false
	}
	r.Referrer, r.UserAgent = value(p.plain(referrer)), value(p.plain(agent))
	return true
}

// split takes ` "referrer" "agent"` apart, each of which may be a dash without quotes. The referrer is a URL and has no quote.
func split(b []byte) (agent, referrer []byte, ok bool) {
	if len(b) < 2 || b[0] != ' ' {
		return nil, nil, false
	}
	b = b[1:]
	switch {
	case b[0] == '-':
		b = b[1:]
	case b[0] == '"':
		i := bytes.Index(b[1:], []byte(`" `))
		if i < 0 {
			return nil, nil, false
		}
		referrer, b = b[1:i+1:i+1], b[i+2:]
	default:
		return nil, nil, false
	}
	switch {
	case len(b) == 2 && b[1] == '-':
		return nil, referrer, true
	case len(b) < 3 || b[0] != ' ' || b[1] != '"' || b[len(b)-1] != '"':
		return nil, nil, false
	}
	return b[2 : len(b)-1 : len(b)-1], referrer, true
}

// value returns v, nil when it says that there is none.
func value(v []byte) []byte {
	if field.Absent(v) {
		return nil
	}
	return v
}

// plain returns v with `\"` as a quote.
func (p *Parser) plain(v []byte) []byte {
	if bytes.IndexByte(v, '\\') < 0 {
		return v
	}
	start := len(p.arena)
	for i := 0; i < len(v); i++ {
		if v[i] == '\\' && i+1 < len(v) && v[i+1] == '"' {
			i++
		}
		p.arena = append(p.arena, v[i])
	}
	return p.arena[start:len(p.arena):len(p.arena)]
}
