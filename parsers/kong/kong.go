// Package kong reads the JSON that Kong's logging plugins write (file-log, http-log, tcp-log, udp-log, syslog, kafka-log), one
// object a line.
//
// Source: Kong's kong/pdk/log.lua and its documentation of the log format, 1.x to 3.10. Keys come in any order, missing objects
// are absent rather than null, an empty Lua table is {} where an array should be, and custom_fields_by_lua may add, replace or
// take away anything: whatever is not of the type that Kong documents is left aside.
package kong

import (
	"github.com/gatemeter/gatemeter/parsers/field"
	"github.com/gatemeter/gatemeter/parsers/jsonscan"
	"github.com/gatemeter/gatemeter/parsers/stamp"
	"github.com/gatemeter/gatemeter/pipeline/batch"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// Parser reads Kong's JSON. It is used by one goroutine.
type Parser struct {
	scan   jsonscan.Scanner
	reader field.Reader
	trail  *jsonscan.Trail
	values [numValues]jsonscan.Value
	bare   bare
}

// New returns a parser.
func New() *Parser { return &Parser{trail: jsonscan.NewTrail(tree)} }

// Format returns the format's name.
func (p *Parser) Format() string { return "kong" }

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
	url, ok := p.quick(r)
	if !ok {
		r.Clear()
		if url, ok = p.thorough(r); !ok {
			return
		}
	}
	p.finish(r, url)
}

// thorough reads the line key by key. ok is false when that failed.
func (p *Parser) thorough(r *record.Record) (url []byte, ok bool) {
	p.scan.Start(r.Line)
	url = p.object(r)
	if reason, at := p.scan.End(); reason != record.None {
		r.Fail(reason, at)
		return nil, false
	}
	return url, true
}

// finish fills what follows from other fields.
func (p *Parser) finish(r *record.Record, url []byte) {
	if r.TimeNanos == 0 && !r.TimeFromArrival() {
		r.Fail(record.NoTime, -1)
		return
	}
	r.Kind = "kong"
	field.Origin(r, url)
	if len(r.URL) == 0 {
		r.URL = url
	}
	arena := p.scan.Arena()
	*arena = field.Finish(r, *arena)
}

// seen notes which keys of an object have come: of those that repeat the first counts.
type seen uint32

// first reports whether bit, one of an object's, comes for the first time.
func (s *seen) first(bit uint) bool {
	old := *s
	*s |= 1 << bit
	return old&(1<<bit) == 0
}

// object reads the whole record and returns request.url.
func (p *Parser) object(r *record.Record) (url []byte) {
	s := &p.scan
	var had seen
	var correlation []byte
	tries := int32(0)
	for s.Next() {
		switch string(s.Key()) {
		case "started_at":
			if had.first(0) {
				p.startedAt(r)
			}
		case "client_ip":
			if had.first(1) {
				r.ClientAddress = p.text()
			}
		case "request":
			if had.first(2) && s.Enter() {
				url = p.request(r)
			}
		case "response":
			if had.first(3) && s.Enter() {
				p.response(r)
			}
		case "latencies":
			if had.first(4) && s.Enter() {
				p.latencies(r)
			}
		case "tries":
			if had.first(5) && s.EnterArray() {
				tries = p.tries(r)
			}
		case "upstream_status":
			if had.first(6) {
				p.take(r, &upstreamStatus)
			}
		case "service":
			if had.first(7) && s.Enter() {
				name, host, id := p.names("name", "host", "id")
				r.Service = either(name, host, id)
			}
		case "route":
			if had.first(8) && s.Enter() {
				name, id, _ := p.names("name", "id", "")
				r.Route = either(name, id, nil)
			}
		case "consumer":
			if had.first(9) && s.Enter() {
				name, custom, id := p.names("username", "custom_id", "id")
				r.User = either(name, custom, nil)
				r.Consumer = either(name, custom, id)
			}
		case "session": // a TCP or TLS stream, which has no request and no response
			if had.first(10) && s.Enter() {
				p.session(r)
			}
		case "trace_id":
			if had.first(11) {
				p.traceID(r)
			}
		case "correlation_id":
			if had.first(12) {
				correlation = p.text()
			}
		}
	}
	tried(r, tries)
	if len(r.RequestID) == 0 {
		r.RequestID = correlation
	}
	return url
}

var upstreamStatus = field.Op{Action: field.NumberLast, Field: record.UpstreamStatus, Tries: true} // never written

func (p *Parser) startedAt(r *record.Record) {
	at := p.scan.Pos()
	text := p.scan.Text()
	ns, ok := stamp.Decimal(text, field.Milliseconds.Places())
	if len(text) > 0 && (!ok || !stamp.InRange(ns)) {
		p.scan.Fail(record.BadTime, at)
		return
	}
	r.TimeNanos = ns
}

// text is the text of the value at hand, nil when it is no string.
func (p *Parser) text() []byte {
	if p.scan.Kind() == jsonscan.String || p.scan.Kind() == jsonscan.Array {
		return p.scan.Text()
	}
	return nil
}

// either returns the first that is not empty.
func either(a, b, c []byte) []byte {
	if len(a) > 0 {
		return a
	}
	if len(b) > 0 {
		return b
	}
	return c
}

// names reads up to three texts of the object at hand.
func (p *Parser) names(key1, key2, key3 string) (v1, v2, v3 []byte) {
	var had seen
	for p.scan.Next() {
		switch string(p.scan.Key()) {
		case key1:
			if had.first(0) {
				v1 = p.text()
			}
		case key2:
			if had.first(1) {
				v2 = p.text()
			}
		case key3:
			if had.first(2) {
				v3 = p.text()
			}
		}
	}
	return v1, v2, v3
}
