package auto

import (
	"bytes"

	"github.com/gatemeter/gatemeter/parsers/field"
	"github.com/gatemeter/gatemeter/parsers/haproxy"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// The values of a Common Log Format line. They are never written.
var (
	opTime       = field.Op{Action: field.TimeCLF, Field: record.Time}
	opStatus     = field.Op{Action: field.Number, Field: record.Status}
	opBodyBytes  = field.Op{Action: field.Octets, Field: record.ResponseBodyBytes}
	opVHost      = field.Op{Action: field.VHost}
	opDuration   = field.Op{Action: field.Span, Field: record.Duration, Unit: field.Seconds}
	opUpstream   = field.Op{Action: field.SpanSum, Field: record.UpstreamDuration, Unit: field.Seconds, Tries: true}
	opRequestLen = field.Op{Action: field.Number, Field: record.RequestBytes}
	opAddress    = field.Op{Action: field.TextLast, Field: record.UpstreamAddress, Tries: true}
	opUpStatus   = field.Op{Action: field.NumberLast, Field: record.UpstreamStatus, Tries: true}
	opService    = field.Op{Action: field.Text, Field: record.Service}
	opRequestID  = field.Op{Action: field.Text, Field: record.RequestID}
	opCache      = field.Op{Action: field.Text, Field: record.Cache}
	opDomain     = field.Op{Action: field.HostPort, Field: record.Domain}
	opUser       = field.Op{Action: field.Text, Field: record.User}
)

// cursor reads a line from left to right. The first failure stays.
type cursor struct {
	line   []byte
	at     int
	reason record.Reason
}

func (c *cursor) fail(reason record.Reason, at int) {
	if c.reason == record.None {
		c.reason, c.at = reason, at
	}
}

// expect reads literal.
func (c *cursor) expect(literal string) bool {
	for i := range len(literal) {
		if c.at+i >= len(c.line) {
			c.fail(record.Truncated, len(c.line))
			return false
		}
		if c.line[c.at+i] != literal[i] {
			c.fail(record.Unexpected, c.at+i)
			return false
		}
	}
	c.at += len(literal)
	return true
}

// sees reports whether literal comes next.
func (c *cursor) sees(literal string) bool {
	return len(c.line)-c.at >= len(literal) && string(c.line[c.at:c.at+len(literal)]) == literal
}

// word reads up to the next space, or to the line's end. It may be empty.
func (c *cursor) word() []byte {
	start := c.at
	if n := bytes.IndexByte(c.line[start:], ' '); n >= 0 {
		c.at += n
	} else {
		c.at = len(c.line)
	}
	return c.line[start:c.at:c.at]
}

// quoted reads up to the quote that ends a string whose first quote has been read, and that quote.
func (c *cursor) quoted() []byte {
	start := c.at
	for i := start; ; i++ {
		n := bytes.IndexByte(c.line[i:], '"')
		if n < 0 {
			c.fail(record.Truncated, len(c.line))
			return nil
		}
		i += n
		backslashes := 0
		for i-1-backslashes >= start && c.line[i-1-backslashes] == '\\' {
			backslashes++
		}
		if backslashes%2 == 0 {
			c.at = i + 1
			return c.line[start:i:i]
		}
	}
}

// timeAt returns where the brackets around the time begin, -1 when there are none.
func timeAt(line []byte) int {
	for i := 0; ; i++ {
		n := bytes.IndexByte(line[i:], '[')
		if n < 0 {
			return -1
		}
		i += n
		if i+27 < len(line) && line[i+27] == ']' && line[i+3] == '/' && line[i+7] == '/' {
			return i
		}
		if i+12 < len(line) && i+27 >= len(line) && line[i+3] == '/' && line[i+7] == '/' {
			return i // cut short
		}
	}
}

// readCLF reads `client ident user [time] "request" status bytes` and what there is around it.
func (p *Parser) readCLF(r *record.Record) {
	line := r.Line
	i := p.timeAt
	if i < 0 {
		i = timeAt(line)
	}
	if i < 2 || line[i-1] != ' ' {
		r.Fail(record.UnknownFormat, -1)
		return
	}
	p.escaped = bytes.IndexByte(line, '\\') >= 0
	c := cursor{line: line, at: i + 1}
	if i+28 > len(line) {
		r.Fail(record.Truncated, len(line))
		return
	}
	c.at = i + 27
	p.take(r, &c, &opTime, line[i+1:i+27])
	if c.reason == record.None {
		c.at++
	}
	if c.reason == record.None && (c.sees(" TCP ") || c.sees(" UDP ")) {
		reread(r)
		p.stream.Read(r)
		p.format = p.stream.Format()
		return
	}
	if c.reason == record.None && c.sees(` `) && !c.sees(` "`) {
		reread(r)
		p.apisix.Read(r) // has the host there
		p.format = p.apisix.Format()
		return
	}
	// API Gateway's CLF has no space there, as its documentation has it.
	if c.reason == record.None && (c.sees(`"`) && c.expect(`"`) || c.expect(` "`)) {
		field.SplitRequest(r, p.text(c.quoted()))
	}
	status := c.at + 1
	if c.reason == record.None && c.expect(" ") {
		if c.sees("-1 ") && p.haproxyCLF(r, status) {
			return
		}
		p.take(r, &c, &opStatus, c.word())
	}
	if c.reason == record.None && c.expect(" ") {
		if size := c.word(); len(size) > 0 {
			p.take(r, &c, &opBodyBytes, size)
		} else {
			c.fail(record.Truncated, c.at)
		}
	}
	if c.reason == record.None {
		if c.sees(` "" "" `) && p.haproxyCLF(r, status) {
			return
		}
		p.format, r.Kind = "common", "clf"
		vhost := p.head(r, line[:i])
		p.tail(r, &c, vhost)
	}
	if c.reason != record.None {
		r.Fail(c.reason, c.at)
		return
	}
	p.arena = field.Finish(r, p.arena)
}

// haproxyCLF reads the line anew if it goes on as HAProxy's does from its status on.
func (p *Parser) haproxyCLF(r *record.Record, status int) bool {
	if !haproxy.IsCLF(r.Line[status:]) {
		return false
	}
	reread(r)
	p.readShape(r, haproxyList)
	return true
}

// take reads v, which has just been read, by op.
func (p *Parser) take(r *record.Record, c *cursor, op *field.Op, v []byte) {
	if reason := p.reader.Take(r, op, v); reason != record.None {
		c.fail(reason, c.at-len(v))
	}
}
