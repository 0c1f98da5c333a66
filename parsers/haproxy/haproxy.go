// Package haproxy reads HAProxy's logs as its options httplog, httpslog and tcplog write them, and those of failed connections,
// with or without a syslog header:
//
//	10.0.1.2:33317 [06/Feb/2009:12:14:14.655] http-in static/srv1 10/0/30/69/109 200 2750 - - ---- 1/1/1/1/0 0/0 {1wt.eu} {} "GET / HTTP/1.1"
//	10.0.1.2:33313 [06/Feb/2009:12:12:51.443] fnt bck/srv1 0/0/5007 212 -- 0/0/0/0/3 0/0
//
// Which of them a line is, its timers say: five for HTTP, three for TCP. Values that an administrator has put between the server and
// the timers are left aside.
//
// A log-format of the user's own is compiled (Compile) and read by another parser (Custom): there a value ends where what the format has
// behind it begins.
//
// Source: HAProxy's configuration manual, chapter 8, "Logging"; for what it says nothing of, what HAProxy 2.6 writes.
package haproxy

import (
	"bytes"

	"github.com/gatemeter/gatemeter/parsers/field"
	"github.com/gatemeter/gatemeter/parsers/stamp"
	"github.com/gatemeter/gatemeter/parsers/syslog"
	"github.com/gatemeter/gatemeter/pipeline/batch"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// Captures are the places that a config gives to captured headers: the first group in braces is the request's, one behind it the
// response's. They are not changed by use.
type Captures struct{ request, response []capture }

// capture is the value i of a group.
type capture struct {
	i  int
	op field.Op
}

// Parser reads lines. It is used by one goroutine.
type Parser struct {
	captures *Captures
	values
}

// New returns a parser. captures may be nil.
func New(captures *Captures) *Parser {
	if captures == nil {
		captures = &Captures{}
	}
	return &Parser{captures: captures}
}

// Format returns the format's name.
func (p *Parser) Format() string { return "haproxy" }

// Reset forgets the bytes that records of the batch before pointed to.
func (p *Parser) Reset(*batch.Partition) { p.arena = p.arena[:0] }

// Parse reads each record's Line.
func (p *Parser) Parse(recs []record.Record) {
	for i := range recs {
		p.Read(&recs[i])
	}
}

// cursor reads a line's words from left to right.
type cursor struct {
	line []byte
	at   int
}

// word reads up to the next space, and the space. It is empty at the line's end.
func (c *cursor) word() []byte {
	start, end := c.at, len(c.line)
	if n := bytes.IndexByte(c.line[start:], ' '); n >= 0 {
		end = start + n
	}
	c.at = min(end+1, len(c.line))
	return c.line[start:end:end]
}

func (c *cursor) ends() bool { return c.at >= len(c.line) }

// The values. They are never written.
var (
	opTime   = field.Op{Action: field.TimeLocal, Field: record.Time}
	opClient = field.Op{Action: field.Client}
	opStatus = field.Op{Action: field.Number, Field: record.Status}
	opBytes  = field.Op{Action: field.Number, Field: record.ResponseBytes}
	opTLS    = field.Op{Action: field.TLS, Field: record.TLSVersion}
	https    = []byte("https")
)

// Is reports whether line, without a syslog header, begins as HAProxy's do: a client with a port, and a time without a zone in
// brackets.
func Is(line []byte) bool {
	i := bytes.IndexByte(line[:min(len(line), 64)], ' ')
	return i > 0 && i+len(" [06/Feb/2009:12:14:14.655]") < len(line) && line[i+1] == '[' &&
		line[i+4] == '/' && line[i+8] == '/' && line[i+22] == '.'
}

// Read reads r.Line into r, which is empty but for its Line and Offset, or fails it.
func (p *Parser) Read(r *record.Record) {
	c := cursor{r.Line, syslog.Header(r.Line)}
	if isNotice(r.Line[c.at:]) {
		field.Pass(r)
		return
	}
	if reason := p.read(r, &c); reason != record.None {
		r.Fail(reason, min(c.at, len(c.line)))
		return
	}
	r.Kind = "haproxy"
	p.arena = field.Finish(r, p.arena)
}

// isNotice reports whether line is one of HAProxy's about itself, in the same stream.
func isNotice(line []byte) bool {
	for _, begin := range [...]string{"Proxy ", "Server ", "Backend ", "Health check ", "Stopping ", "Pausing ", "Resuming ", "Loading ", "[NOTICE]", "[WARNING]", "[ALERT]"} {
		if len(line) >= len(begin) && string(line[:len(begin)]) == begin {
			return true
		}
	}
	return false
}

func (p *Parser) read(r *record.Record, c *cursor) record.Reason {
	if bytes.HasPrefix(c.line[c.at:], connect) {
		c.at += len(connect)
		return p.connected(r, c)
	}
	client := c.word()
	if c.ends() {
		return record.Truncated
	}
	if c.line[c.at] != '[' || len(client) == 0 {
		return record.Unexpected
	}
	c.at++
	start := c.at
	when := c.word()
	if len(when) < 2 || when[len(when)-1] != ']' {
		c.at = start
		return record.BadTime
	}
	if reason := p.reader.Take(r, &opTime, when[:len(when)-1]); reason != record.None {
		c.at = start
		return reason
	}
	p.reader.Take(r, &opClient, client)
	front := c.word()
	if len(front) == 0 {
		return record.Truncated
	}
	if n := len(front); n > 1 && front[n-1] == ':' { // frontend/bind: message
		name, _, _ := bytes.Cut(front[:n-1], []byte{'/'})
		r.Service = name[:len(name):len(name)]
		return record.None
	}
	if n := len(front); n > 0 && front[n-1] == '~' {
		r.Scheme = https
	}
	backend, server, ok := bytes.Cut(c.word(), []byte{'/'})
	if !ok {
		return record.Truncated
	}
	r.Service = backend[:len(backend):len(backend)]
	if len(server) > 0 && server[0] != '<' { // <NOSRV>, <STATS>
		r.UpstreamAddress = server
	}
	for range maxOwn {
		start = c.at
		word := c.word()
		switch bytes.Count(word, []byte{'/'}) {
		case 4:
			if reason := httpTimers(r, word); reason != record.None {
				c.at = start
				return reason
			}
			return p.http(r, c)
		case 2:
			if reason := tcpTimers(r, word); reason == record.None {
				return p.tcp(r, c)
			}
		}
		if c.ends() {
			return record.Truncated
		}
	}
	c.at = start
	return record.Unexpected
}

// maxOwn is how many values between server and timers are left aside.
const maxOwn = 8

// timers reads `10/0/30/69/109`, milliseconds; -1 is a phase that was not reached, and a plus stands before a total that was
// logged early (option logasap).
func timers(word []byte, to []int64) record.Reason {
	for i := range to {
		v, rest, _ := bytes.Cut(word, []byte{'/'})
		n, ok := millis(v)
		if !ok {
			return record.BadNumber
		}
		to[i], word = n, rest
	}
	return record.None
}

// millis reads one of them.
func millis(v []byte) (n int64, ok bool) {
	if len(v) > 1 && v[0] == '+' {
		v = v[1:]
	}
	n, ok = stamp.Int(v)
	return n, ok && n >= -1 && n <= maxMillis
}

const maxMillis = 1 << 40

const (
	milli   = 1_000_000
	tConn   = 2 // of the timers of HTTP: until the server was connected
	tAnswer = 3 // until it began to answer
	tTotal  = 4
)

func httpTimers(r *record.Record, word []byte) record.Reason {
	var t [5]int64
	if reason := timers(word, t[:]); reason != record.None {
		return reason
	}
	if t[tTotal] >= 0 {
		r.DurationNanos = t[tTotal] * milli
	}
	if t[tConn] >= 0 && t[tAnswer] >= 0 {
		r.UpstreamNanos = (t[tConn] + t[tAnswer]) * milli
	}
	return record.None
}

func tcpTimers(r *record.Record, word []byte) record.Reason {
	var t [3]int64
	if reason := timers(word, t[:]); reason != record.None {
		return reason
	}
	if t[2] >= 0 {
		r.DurationNanos = t[2] * milli
	}
	return record.None
}

// number reads a whole number with or without a plus before it; -1 is none.
func (p *Parser) number(r *record.Record, c *cursor, op *field.Op) record.Reason {
	start := c.at
	v := c.word()
	if len(v) == 0 {
		return record.Truncated
	}
	if v[0] == '+' && len(v) > 1 {
		v = v[1:]
	}
	if field.None(v) {
		return record.None
	}
	reason := p.reader.Take(r, op, v)
	if reason != record.None {
		c.at = start
	}
	return reason
}

// tcp reads behind the timers: bytes, state, connections, queues. Where nothing follows the bytes, the rest was cut off.
func (p *Parser) tcp(r *record.Record, c *cursor) record.Reason {
	reason := p.number(r, c, &opBytes)
	if reason == record.None {
		end(r, c.word(), c.word())
	}
	return reason
}

// end reads how a session ended, `sD` or `SC--`, all dashes when as it should, and the counts of connections, `1/1/1/1/0`, of which the
// last is that of retries; a plus before it says that another server was tried then.
func end(r *record.Record, state, connections []byte) {
	if len(bytes.Trim(state, "-")) > 0 {
		r.Flags = state
	}
	if bytes.Count(connections, []byte{'/'}) != 4 || len(r.UpstreamAddress) == 0 {
		return
	}
	retries := bytes.TrimPrefix(connections[bytes.LastIndexByte(connections, '/')+1:], []byte{'+'})
	if n, ok := stamp.Int(retries); ok && n >= 0 {
		field.SetNumber(r, record.Tries, n+1)
	}
}

// http reads behind the timers: status, bytes, two cookies, state, connections, queues, captured headers, the request, and what
// httpslog adds.
func (p *Parser) http(r *record.Record, c *cursor) record.Reason {
	if reason := p.number(r, c, &opStatus); reason != record.None {
		return reason
	}
	if reason := p.number(r, c, &opBytes); reason != record.None {
		return reason
	}
	words, reason := c.session()
	if reason != record.None {
		return reason
	}
	end(r, words[2], words[3])
	for group := 0; !c.ends() && c.line[c.at] == '{'; group++ {
		end := bytes.IndexByte(c.line[c.at:], '}')
		if end < 0 {
			return record.Truncated
		}
		captures := p.captures.request
		if group > 0 {
			captures = p.captures.response
		}
		p.captured(r, captures, c.line[c.at+1:c.at+end:c.at+end])
		if c.at += end + 1; c.ends() {
			return record.Truncated
		}
		if c.line[c.at] != ' ' {
			return record.Unexpected
		}
		c.at++
	}
	if c.ends() {
		return record.Truncated
	}
	if c.line[c.at] != '"' {
		return record.Unexpected
	}
	c.at++
	rest := c.line[c.at:]
	end := bytes.IndexByte(rest, '"') // those inside are #22
	if end < 0 {
		end = len(rest) // the syslog server's longest line
	}
	request := rest[:end:end]
	if len(request) > 0 && request[0] != '<' { // <BADREQ>
		field.SplitRequest(r, p.plain(request))
	}
	c.at = min(c.at+end+2, len(c.line))
	p.handshake(r, c)
	return record.None
}

// maxCookie is how many spaces a cookie may have.
const maxCookie = 32

// session reads the cookies of request and response, state, connections and queues. A client may write spaces into its cookie, and what
// looks like the rest: the five are those before a brace or a quote of which the fourth is connections.
func (c *cursor) session() (words [5][]byte, reason record.Reason) {
	var first [5][]byte
	after := 0
	for n := 1; n <= len(words)+maxCookie; n++ {
		copy(words[:], words[1:])
		if words[4] = c.word(); len(words[4]) == 0 && c.ends() {
			if n <= len(words) {
				return words, record.Truncated
			}
			break
		}
		if n < len(words) {
			continue
		}
		if n == len(words) {
			first, after = words, c.at
		}
		if !c.ends() && (c.line[c.at] == '{' || c.line[c.at] == '"') && bytes.Count(words[3], []byte{'/'}) == 4 {
			return words, record.None
		}
	}
	c.at = after
	return first, record.None
}

// handshake reads what httpslog writes behind the request: errors, and `sni/TLSv1.3/cipher`.
func (p *Parser) handshake(r *record.Record, c *cursor) {
	if c.ends() || bytes.Count(c.word(), []byte{'/'}) != 4 || c.ends() {
		return
	}
	sni, rest, ok := bytes.Cut(c.word(), []byte{'/'})
	version, cipher, ok2 := bytes.Cut(rest, []byte{'/'})
	if !ok || !ok2 {
		return
	}
	if len(r.Domain) == 0 && !field.Absent(sni) {
		r.Domain = sni[:len(sni):len(sni)]
	}
	p.reader.Take(r, &opTLS, version)
	if !field.Absent(cipher) {
		r.TLSCipher = cipher
	}
}
