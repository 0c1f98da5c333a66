package kong

import (
	"strconv"

	"github.com/gatemeter/gatemeter/parsers/field"
	"github.com/gatemeter/gatemeter/parsers/jsonscan"
	"github.com/gatemeter/gatemeter/parsers/stamp"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// request reads the object at hand and returns its url.
func (p *Parser) request(r *record.Record) (url []byte) {
	s := &p.scan
	var had seen
	for s.Next() {
		switch string(s.Key()) {
		case "id":
			if had.first(0) {
				r.RequestID = p.text()
			}
		case "method":
			if had.first(1) {
				r.Method = p.text()
			}
		case "uri":
			if had.first(2) {
				r.URL = p.text()
			}
		case "url":
			if had.first(3) {
				url = p.text()
			}
		case "size":
			if had.first(4) {
				p.count(r, record.RequestBytes)
			}
		case "headers":
			if had.first(5) && s.Enter() {
				p.requestHeaders(r)
			}
		case "tls":
			if had.first(6) && s.Enter() {
				version, cipher, _ := p.names("version", "cipher", "")
				p.reader.Take(r, &tlsVersion, version)
				r.TLSCipher = cipher
			}
		}
	}
	return url
}

var (
	tlsVersion = field.Op{Action: field.TLS, Field: record.TLSVersion} // never written
	domain     = field.Op{Action: field.HostPort, Field: record.Domain}
)

func (p *Parser) requestHeaders(r *record.Record) {
	var had seen
	for p.scan.Next() {
		switch string(p.scan.Key()) {
		case "user-agent":
			if had.first(0) {
				r.UserAgent = p.text()
			}
		case "referer":
			if had.first(1) {
				r.Referrer = p.text()
			}
		case "host":
			if had.first(2) {
				p.take(r, &domain)
			}
		}
	}
}

func (p *Parser) response(r *record.Record) {
	s := &p.scan
	var had seen
	for s.Next() {
		switch string(s.Key()) {
		case "status":
			if had.first(0) {
				p.count(r, record.Status)
			}
		case "size":
			if had.first(1) {
				p.count(r, record.ResponseBytes)
			}
		case "headers":
			if had.first(2) && s.Enter() {
				r.Cache, _, _ = p.names("x-cache-status", "", "") // of the plugin proxy-cache
			}
		}
	}
}

// latencies reads the object at hand: milliseconds, -1 for what did not happen.
func (p *Parser) latencies(r *record.Record) {
	var had seen
	for p.scan.Next() {
		switch string(p.scan.Key()) {
		case "request", "session":
			if had.first(0) {
				p.millis(r, record.Duration)
			}
		case "proxy":
			if had.first(1) {
				p.millis(r, record.UpstreamDuration)
			}
		case "kong":
			if had.first(2) {
				p.millis(r, record.GatewayDuration)
			}
		}
	}
}

func (p *Parser) session(r *record.Record) {
	var had seen
	for p.scan.Next() {
		switch string(p.scan.Key()) {
		case "received":
			if had.first(0) {
				p.count(r, record.RequestBytes)
			}
		case "sent":
			if had.first(1) {
				p.count(r, record.ResponseBytes)
			}
		case "status":
			if had.first(2) {
				p.count(r, record.Status)
			}
		}
	}
}

// tries reads the array at hand and returns how many there are. The address is that of the last one.
func (p *Parser) tries(r *record.Record) (n int32) {
	var ip, port []byte
	for p.scan.Element() {
		if !p.scan.Enter() {
			continue
		}
		n++
		ip, port = nil, nil
		var had seen
		for p.scan.Next() {
			switch string(p.scan.Key()) {
			case "ip":
				if had.first(0) {
					ip = p.text()
				}
			case "port":
				if had.first(1) {
					port = p.scan.Text()
				}
			}
		}
	}
	p.upstream(r, ip, port)
	return n
}

// tried notes how many tries there were, when Kong has written of each: in place of how many statuses upstream_status has.
func tried(r *record.Record, n int32) {
	if n > 0 {
		r.Tries = n
	}
}

// upstream stores the address of an upstream.
func (p *Parser) upstream(r *record.Record, ip, port []byte) {
	if len(ip) == 0 {
		return
	}
	arena := p.scan.Arena()
	start := len(*arena)
	if n, ok := stamp.Decimal(port, 0); !ok || n < 0 || n > 65535 {
		*arena = append(*arena, ip...)
	} else {
		*arena = append(appendHost(*arena, ip), ':')
		*arena = strconv.AppendInt(*arena, n, 10)
	}
	r.UpstreamAddress = (*arena)[start:len(*arena):len(*arena)]
}

// appendHost appends ip, in brackets when it is an IPv6 address without.
func appendHost(dst, ip []byte) []byte {
	for _, c := range ip {
		if c == ':' && ip[0] != '[' {
			return append(append(append(dst, '['), ip...), ']')
		}
	}
	return append(dst, ip...)
}

// traceID reads a text, or of an object of one text for each way to write the id the first, w3c before others.
func (p *Parser) traceID(r *record.Record) {
	s := &p.scan
	if !s.Enter() {
		r.TraceID = p.text()
		return
	}
	best := false
	for s.Next() {
		w3c := string(s.Key()) == "w3c"
		if v := p.text(); len(v) > 0 && !best && (w3c || len(r.TraceID) == 0) {
			r.TraceID, best = v, w3c
		}
	}
}

// count reads a whole number, which may stand in a string or have a fraction of zeros.
func (p *Parser) count(r *record.Record, f record.Field) { p.number(r, f, 0) }

func (p *Parser) millis(r *record.Record, f record.Field) {
	p.number(r, f, field.Milliseconds.Places())
}

// number reads a number times ten to the power of places. Negative ones, and strings that are none, are absent.
func (p *Parser) number(r *record.Record, f record.Field, places int) {
	at, kind := p.scan.Pos(), p.scan.Kind()
	if kind != jsonscan.Number && kind != jsonscan.String {
		return
	}
	n, ok := stamp.Decimal(p.scan.Text(), places)
	switch {
	case ok && n < 0, !ok && kind == jsonscan.String:
	case !ok || field.SetNumber(r, f, n) != record.None:
		p.scan.Fail(record.BadNumber, at)
	}
}

// take reads a string by op.
func (p *Parser) take(r *record.Record, op *field.Op) {
	at := p.scan.Pos()
	if reason := p.reader.Take(r, op, p.text()); reason != record.None {
		p.scan.Fail(reason, at)
	}
}
