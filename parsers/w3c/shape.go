package w3c

import (
	"bytes"

	"github.com/gatemeter/gatemeter/parsers/escape"
	"github.com/gatemeter/gatemeter/parsers/field"
	"github.com/gatemeter/gatemeter/pipeline/address"
	"github.com/gatemeter/gatemeter/pipeline/batch"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// IIS writes the columns that its administrator chose always in one order:
//
//	date time s-sitename s-computername s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs-version
//	cs(User-Agent) cs(Cookie) cs(Referer) cs-host sc-status sc-substatus sc-win32-status sc-bytes cs-bytes time-taken
//
// Of most of them the value itself says which it is. So a line can be read without the header, which stands at the file's
// beginning only.

// Shape reads IIS lines by their shape. It is used by one goroutine.
type Shape struct {
	reader field.Reader
	arena  []byte
	values [maxShape][]byte
	starts [maxShape]int // of the values in the line
}

// maxShape is how many values of a line are looked at: IIS' columns, and some of the administrator's own behind them.
const maxShape = 40

// NewShape returns a Shape.
func NewShape() *Shape { return &Shape{} }

// Format returns the format's name.
func (s *Shape) Format() string { return "iis" }

// Reset forgets the bytes that records of the batch before pointed to.
func (s *Shape) Reset(*batch.Partition) { s.arena = s.arena[:0] }

// Parse reads each record's Line.
func (s *Shape) Parse(recs []record.Record) {
	for i := range recs {
		s.Read(&recs[i])
	}
}

// What the columns with a value of their own become. They are never written.
var (
	opDay      = field.Op{Action: field.TimeLayout, Field: record.Time, Layout: day}
	opClock    = field.Op{Action: field.TimeDay, Field: record.Time}
	opStatus   = field.Op{Action: field.Number, Field: record.Status}
	opSent     = field.Op{Action: field.Number, Field: record.ResponseBytes}
	opReceived = field.Op{Action: field.Number, Field: record.RequestBytes}
	opProtocol = field.Op{Action: field.Protocol, Field: record.HTTPVersion}
	opHost     = field.Op{Action: field.HostPort, Field: record.Domain}
)

// Read reads r.Line into r, which is empty but for its Line and Offset, or fails it.
func (s *Shape) Read(r *record.Record) {
	if r.Line[0] == '#' {
		field.Pass(r)
		return
	}
	n := s.split(r.Line)
	port := s.port(n)
	if port < 0 {
		r.Fail(record.Unexpected, 0)
		if n < 12 {
			r.Fail(record.Truncated, len(r.Line))
		}
		return
	}
	status := s.status(port+3, n)
	if status < 0 {
		r.Fail(record.Truncated, len(r.Line))
		return
	}
	s.request(r, port)
	s.headers(r, port+3, status)
	s.numbers(r, status, n)
	if r.Reason != record.None {
		return
	}
	r.Kind, r.URL = "iis", r.Path // as it is logged; the query stands apart
	s.arena = field.Finish(r, s.arena)
}

func (s *Shape) split(line []byte) int {
	n, at := 0, 0
	for n < maxShape {
		end := len(line)
		if i := bytes.IndexByte(line[at:], ' '); i >= 0 {
			end = at + i
		}
		s.values[n], s.starts[n] = line[at:end:end], at
		n++
		if end == len(line) {
			break
		}
		at = end + 1
	}
	return n
}

// port returns which value is s-port: the first that is a port with a user and an address behind it and a method, a path and a
// query before it; -1 when there is none.
func (s *Shape) port(n int) int {
	for i := 5; i <= 8 && i+3 < n; i++ {
		if isNumber(s.values[i], 5) && isMethod(s.values[i-3]) && isAddress(s.values[i+2]) {
			return i
		}
	}
	return -1
}

// status returns which value from `from` on is sc-status: the first of three digits that numbers alone follow; -1 when there is none.
func (s *Shape) status(from, n int) int {
	for i := from; i < n && i <= from+5; i++ {
		if v := s.values[i]; len(v) == 3 && isNumber(v, 3) && (i+1 == n || isNumber(s.values[i+1], 10)) {
			return i
		}
	}
	return -1
}

// request reads what stands before the client's address, and the address.
func (s *Shape) request(r *record.Record, port int) {
	method := port - 3
	s.take(r, &opDay, 0)
	s.take(r, &opClock, 1)
	if r.TimeNanos == 0 && r.Reason == record.None && !r.TimeFromArrival() {
		r.Fail(record.NoTime, -1)
	}
	if method > 2 && bytes.HasPrefix(s.values[2], siteName) {
		r.Service = s.values[2]
	}
	r.Method = s.values[method]
	r.Path = value(s.values[method+1])
	r.Query = value(s.values[method+2])
	r.User = value(s.values[port+1])
	r.ClientAddress = value(s.values[port+2])
}

var siteName = []byte("W3SVC") // never written

// headers reads what stands between the client's address and the status: version, user agent, cookie, referrer and host, each
// of which may be left out.
func (s *Shape) headers(r *record.Record, from, to int) {
	if from < to && bytes.HasPrefix(s.values[from], []byte("HTTP/")) {
		s.take(r, &opProtocol, from)
		from++
	}
	if from == to {
		return
	}
	agent := value(s.values[from])
	if bytes.IndexByte(agent, '+') >= 0 {
		start := len(s.arena)
		s.arena = escape.AppendMarked(s.arena, agent, escape.Plus)
		agent = s.arena[start:len(s.arena):len(s.arena)]
	}
	r.UserAgent = agent
	last := s.values[to-1]
	switch to - from - 1 {
	case 1: // IIS' default
		r.Referrer = value(last)
	case 2:
		first := s.values[from+1]
		switch {
		case isURL(last): // cookie, referrer
			r.Referrer = value(last)
		case isURL(first) || bytes.IndexByte(first, '=') < 0: // referrer, host
			r.Referrer = value(first)
			s.take(r, &opHost, to-1)
		}
	case 3:
		r.Referrer = value(s.values[to-2])
		s.take(r, &opHost, to-1)
	}
}

// numbers reads from the status on.
func (s *Shape) numbers(r *record.Record, from, to int) {
	n := 1
	for from+n < to && n < 6 && isNumber(s.values[from+n], 18) {
		n++
	}
	s.take(r, &opStatus, from)
	taken := -1
	switch n {
	case 2, 4: // status and time; IIS' default
		taken = from + n - 1
	case 5: // without the time: until IIS 6 it was not written by default
		s.take(r, &opSent, from+3)
		s.take(r, &opReceived, from+4)
	case 6:
		s.take(r, &opSent, from+3)
		s.take(r, &opReceived, from+4)
		taken = from + 5
	}
	if taken >= 0 && r.Reason == record.None {
		if reason := spent(r, s.values[taken]); reason != record.None {
			r.Fail(reason, s.starts[taken])
		}
	}
}

func (s *Shape) take(r *record.Record, op *field.Op, i int) {
	if r.Reason != record.None {
		return
	}
	if reason := s.reader.Take(r, op, s.values[i]); reason != record.None {
		r.Fail(reason, s.starts[i])
	}
}

// value returns v, nil when it says that there is none.
func value(v []byte) []byte {
	if field.Absent(v) {
		return nil
	}
	return v
}

func isNumber(v []byte, most int) bool {
	if len(v) == 0 || len(v) > most {
		return false
	}
	for _, c := range v {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// isMethod reports whether v is a method: letters, which are capital in nearly all, and perhaps a dash or an underscore.
func isMethod(v []byte) bool {
	if len(v) == 0 || len(v) > 32 {
		return false
	}
	for _, c := range v {
		if c|0x20 < 'a' || c|0x20 > 'z' {
			if c != '-' && c != '_' {
				return false
			}
		}
	}
	return len(v) > 1 || v[0] != '-'
}

// isAddress reports whether v is an IP address, with or without a zone, or `-`. Some tools that logs have passed through put it
// into a link: [10.0.0.1](http://10.0.0.1).
func isAddress(v []byte) bool {
	if len(v) == 1 {
		return v[0] == '-'
	}
	if len(v) > 0 && v[0] == '[' {
		if i := bytes.IndexByte(v, ']'); i > 0 {
			v = v[1:i]
		}
	}
	_, ok := address.Parse(v)
	return ok
}

func isURL(v []byte) bool { return field.SchemeEnd(v) >= 0 }
