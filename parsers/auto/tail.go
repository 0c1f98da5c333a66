package auto

import (
	"bytes"

	"github.com/gatemeter/gatemeter/parsers/field"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// maxExtra bounds how many values behind a combined line are looked at.
const maxExtra = 32

// tail reads what follows the size: referrer and user agent, and what servers put behind those. What it does not know it leaves
// aside; a quote that is not closed is a line cut short.
func (p *Parser) tail(r *record.Record, c *cursor, vhost []byte) {
	hosted := len(vhost) > 0
	if hosted {
		p.format = "vhost_common"
	}
	if c.at == len(c.line) {
		return
	}
	if c.sees(` "`) {
		c.at += 2
		first := c.quoted()
		if c.reason != record.None {
			return
		}
		if c.sees(` "`) {
			c.at += 2
			second := c.quoted()
			if c.reason != record.None {
				return
			}
			if !field.Absent(first) {
				r.Referrer = p.text(first)
			}
			if !field.Absent(second) {
				r.UserAgent = p.text(second)
			}
			p.format = "combined"
			if hosted {
				p.format = "vhost_combined"
			}
		}
	}
	switch {
	case c.at == len(c.line):
		if bytes.IndexByte(vhost, ':') > 0 { // Debian's, with %O
			r.ResponseBytes, r.ResponseBodyBytes, r.Kind = r.ResponseBodyBytes, record.Absent, "apache"
		}
	case c.sees(` kong_request_id: "`):
		c.at += len(` kong_request_id: "`)
		p.take(r, c, &opRequestID, c.quoted())
		p.format, r.Kind = "kong_nginx", "kong"
	case p.gateway(r, c):
	case p.ingress(r, c):
		p.format, r.Kind = "ingress_nginx", "nginx"
	default:
		p.extras(r, c)
	}
}

// gateway reads what API Gateway's CLF has behind the size, a request's id and perhaps its extended id, and reads the request anew: it
// has a route in place of a target. It returns false, and has read nothing, when the tail is another.
func (p *Parser) gateway(r *record.Record, c *cursor) bool {
	d := *c
	id, ok := d.next()
	if !ok || p.format != "common" || !isUUID(id.bytes) {
		return false
	}
	extended := d.at < len(d.line)
	if extended {
		if _, ok = d.next(); !ok || d.at < len(d.line) {
			return false
		}
	}
	*c = d
	r.RequestID, r.Kind = id.bytes, "aws_apigw"
	p.format = "aws_apigw_rest_clf"
	key := r.URL
	r.URL = nil
	if i := bytes.IndexByte(key, ' '); i > 0 && key[0] != '/' || len(key) > 0 && key[0] == '$' || !extended {
		p.format = "aws_apigw_http_clf"
		p.reader.Take(r, &opRouteKey, key)
		return true
	}
	r.Route = key
	return true
}

var opRouteKey = field.Op{Action: field.RouteKey, Field: record.Route} // never written

func isUUID(v []byte) bool {
	if len(v) != 36 {
		return false
	}
	for i, c := range v {
		dash := i == 8 || i == 13 || i == 18 || i == 23
		if dash != (c == '-') || !dash && !(('0' <= c && c <= '9') || 'a' <= c|0x20 && c|0x20 <= 'f') {
			return false
		}
	}
	return true
}

// value is one value of the tail.
type value struct {
	key    []byte // of key=value
	bytes  []byte
	quoted bool
}

// next reads a value and the space before it: `word`, `"text"`, `[text]`, `key=value`, or a list without quotes.
func (c *cursor) next() (v value, ok bool) {
	if !c.sees(" ") {
		return v, false
	}
	c.at++
	start := c.at
	for c.at < len(c.line) && c.line[c.at] != ' ' && c.line[c.at] != '"' && c.line[c.at] != '=' {
		c.at++
	}
	if c.sees("=") && c.at > start {
		v.key = c.line[start:c.at:c.at]
		c.at++
		start = c.at
	}
	if c.sees(`"`) && c.at == start {
		c.at++
		v.bytes, v.quoted = c.quoted(), true
		return v, c.reason == record.None
	}
	for {
		c.word()
		if c.at == len(c.line) || !field.InList(c.line, start, c.at) {
			break
		}
		c.at++
	}
	v.bytes = c.line[start:c.at:c.at]
	return v, true
}

// ingress reads ingress-nginx's default: length, time, [upstream] [alternative], four lists and the request's id. It returns
// false, and has read nothing, when the tail is another.
func (p *Parser) ingress(r *record.Record, c *cursor) bool {
	d := *c
	var values [9][]byte
	for i := range values {
		v, ok := d.next()
		if !ok || v.quoted || v.key != nil {
			return false
		}
		values[i] = v.bytes
	}
	if d.at != len(d.line) || !bracketed(values[2]) || !bracketed(values[3]) || !isSeconds(values[1]) {
		return false
	}
	*c = d
	values[2] = values[2][1 : len(values[2])-1]
	for i, op := range [...]*field.Op{&opRequestLen, &opDuration, &opService, nil, &opAddress, nil, &opUpstream, &opUpStatus, &opRequestID} {
		if op != nil {
			p.take(r, c, op, values[i])
		}
	}
	return true
}

func bracketed(v []byte) bool { return len(v) >= 2 && v[0] == '[' && v[len(v)-1] == ']' }

// isSeconds reports whether v is a time as nginx writes it, 0.004: three digits behind the point, and less than $msec.
func isSeconds(v []byte) bool {
	point := len(v) - 4
	if point < 1 || point > 7 || v[point] != '.' {
		return false
	}
	for i, c := range v {
		if i != point && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// extras reads values in no order that is known. The first time without a name is $request_time, one right behind it
// $upstream_response_time; named ones by the names that users give them.
func (p *Parser) extras(r *record.Record, c *cursor) {
	unnamed, quoted := false, false // what the line before has had
	timed := -2
	n := 0
	for ; n < maxExtra; n++ {
		v, ok := c.next()
		if !ok {
			break
		}
		quoted = quoted || v.quoted
		switch {
		case v.key != nil:
			p.named(r, v)
		case r.DurationNanos < 0 && isSeconds(v.bytes):
			p.reader.Take(r, &opDuration, v.bytes)
			timed, unnamed = n, true
		case timed == n-1 && isSecondsList(v.bytes):
			p.reader.Take(r, &opUpstream, v.bytes)
		}
	}
	switch {
	case unnamed:
		p.format, r.Kind = "nginx_timed", "nginx"
	case n == 1 && quoted && p.format == "combined":
		p.format, r.Kind = "nginx_main", "nginx"
	}
}

// isSecondsList reports whether v is a list of times, each 0.004 or `-`.
func isSecondsList(v []byte) bool {
	for len(v) > 0 {
		i := bytes.IndexByte(v, ' ')
		if i < 0 {
			i = len(v)
		}
		entry := bytes.TrimSuffix(v[:i], []byte{','})
		if !isSeconds(entry) && string(entry) != "-" && string(entry) != ":" {
			return false
		}
		v = v[min(i+1, len(v)):]
	}
	return true
}

// named reads key=value. A value that is not what its name says is left aside.
func (p *Parser) named(r *record.Record, v value) {
	var op *field.Op
	switch string(v.key) {
	case "rt", "request_time":
		op = &opDuration
	case "urt", "ut", "upstream_response_time":
		op = &opUpstream
	case "us", "upstream_status":
		op = &opUpStatus
	case "ua", "upstream_addr":
		if len(v.bytes) == 0 || bytes.IndexByte(v.bytes, ':') < 0 || bytes.IndexByte(v.bytes, '/') >= 0 && !bytes.HasPrefix(v.bytes, []byte("unix:")) {
			return // a user agent
		}
		op = &opAddress
	case "cs", "ucs", "upstream_cache_status":
		op = &opCache
	case "sn", "server_name":
		op = &opVHost
	case "host", "http_host":
		op = &opDomain
	case "rl", "request_length":
		op = &opRequestLen
	case "rid", "req_id", "request_id":
		op = &opRequestID
	default:
		return
	}
	p.reader.Take(r, op, p.text(v.bytes))
}
