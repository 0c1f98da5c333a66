package haproxy

import (
	"bytes"

	"github.com/gatemeter/gatemeter/pipeline/record"
)

// end returns where the value that begins at `at` ends and what follows its literal begins; end is negative when the literal is not there.
func (it *item) end(line []byte, at int) (end, next int) {
	switch it.shape {
	case toEnd:
		return len(line), len(line)
	case ofLength:
		return it.closed(line, at+it.length)
	case inBraces:
		switch n := it.braces(line[at:]); {
		case n < 0:
			return -1, 0
		case n == 0:
			return it.empty(line, at)
		default:
			return it.closed(line, at+n)
		}
	case inList:
		if len(it.behind) == 0 && it.stop == nil { // the last: strangers may have written before it
			return len(line), len(line)
		}
		if n := list(line[at:]); n > 0 {
			return it.closed(line, at+n)
		}
		return it.empty(line, at)
	case afterQuestion, fromSlash:
		if at == len(line) || line[at] != '<' && line[at] != it.shape.first() {
			return it.empty(line, at)
		}
	case asRequest:
		if len(it.behind) > 0 && at < len(line) && line[at] != '<' {
			return it.closed(line, at+request(line[at:]))
		}
	case beforeColon:
		stop := len(line)
		if len(it.stop) > 0 {
			if n := bytes.Index(line[at:], it.stop); n >= 0 {
				stop = at + n
			}
		}
		if n := bytes.LastIndexByte(line[at:stop], ':'); n >= 0 {
			return at + n, at + n + 1
		}
		return -1, 0
	}
	return it.search(line, at)
}

// badRequest is what is written of a request that is none.
const badRequest = "<BADREQ>"

// first is what a value of the shape begins with, if there is one.
func (s shape) first() byte {
	if s == afterQuestion {
		return '?'
	}
	return '/'
}

// closed returns end, and what follows the literal that has to stand there.
func (it *item) closed(line []byte, end int) (_, next int) {
	if end > len(line) || !bytes.HasPrefix(line[end:], it.behind) || len(it.behind) == 0 && it.stop == nil && end < len(line) {
		return -1, 0
	}
	return end, end + len(it.behind)
}

// empty is end for a value that is not there. Before HAProxy 3.0 some of them have two spaces around them.
func (it *item) empty(line []byte, at int) (end, next int) {
	if end, next = it.closed(line, at); end < 0 && len(it.behind) > 0 && it.behind[0] == ' ' && bytes.HasPrefix(line[at:], it.behind[1:]) {
		return at, at + len(it.behind) - 1
	}
	return end, next
}

// search is end for a value that ends before its literal.
func (it *item) search(line []byte, at int) (end, next int) {
	switch {
	case len(it.behind) == 0:
		return len(line), len(line)
	case it.raw && it.stop == nil && len(line)-len(it.behind) >= at: // the last
		return it.closed(line, len(line)-len(it.behind))
	case it.behind[0] == '"' && (it.hashed || it.slashed()):
		return it.closed(line, it.seek(line, at))
	}
	if c := it.behind[0]; len(it.behind) == 1 { // most values are of a few digits
		for i := at; i < min(at+8, len(line)); i++ {
			if line[i] == c {
				return i, i + 1
			}
		}
	}
	n := bytes.Index(line[at:], it.behind)
	if n < 0 {
		return -1, 0
	}
	return at + n, at + n + len(it.behind)
}

// seek returns where the literal behind the value that begins at `at` should stand: where its first byte does, the line's end when that is
// nowhere.
func (it *item) seek(line []byte, at int) int {
	if len(it.behind) == 0 {
		return at
	}
	for i := at; i < len(line); i++ {
		n := bytes.IndexByte(line[i:], it.behind[0])
		if n < 0 {
			break
		}
		i += n
		backslashes := 0
		for it.slashed() && i-backslashes > at && line[i-backslashes-1] == '\\' {
			backslashes++
		}
		if backslashes%2 == 0 {
			return i
		}
	}
	return len(line)
}

// braces returns how long the `{a|b}` is that b begins with, 0 when there is none, -1 when it is not closed. With +Q it is in quotes.
func (it *item) braces(b []byte) int {
	open, closing := "{", "}"
	if it.quoted {
		open, closing = `"{`, `}"`
	}
	if !bytes.HasPrefix(b, []byte(open)) {
		return 0
	}
	n := bytes.IndexByte(b, '}')
	if n < 0 || !bytes.HasPrefix(b[n:], []byte(closing)) {
		return -1
	}
	return n + len(closing)
}

// list returns how long the `"a" "b"` is that b begins with.
func list(b []byte) int {
	n := 0
	for n < len(b) && b[n] == '"' {
		i := bytes.IndexByte(b[n+1:], '"')
		if i < 0 {
			break
		}
		if n += i + 2; n+1 >= len(b) || b[n] != ' ' || b[n+1] != '"' {
			return n
		}
		n++
	}
	return max(0, n-1)
}

// request returns how long the request line is that b begins with: `GET / HTTP/1.1`, or `GET /` where it was cut off, or is of HTTP/0.9.
func request(b []byte) int {
	n := space(b, 0)
	if n = space(b, min(n+1, len(b))); bytes.HasPrefix(b[n:], []byte(" HTTP/")) {
		n = space(b, n+1)
	}
	return n
}

// space returns where the next space of b is, from i on; b's end when there is none.
func space(b []byte, i int) int {
	if n := bytes.IndexByte(b[i:], ' '); n >= 0 {
		return i + n
	}
	return len(b)
}

// backwards reads the items from the wide one on, whose value begins at `at`, from the line's end: strangers write what they like into it.
func (p *Custom) backwards(r *record.Record, f *Format, line []byte, at, wide int) (reason record.Reason, column int) {
	end, lost := len(line), false // lost: a space is missing, because nothing stands behind it
	for i := len(f.items) - 1; ; i-- {
		it := &f.items[i]
		behind := it.behind
		if lost {
			behind = bytes.TrimSuffix(behind, []byte{' '})
		}
		if end -= len(behind); end < at || !bytes.HasPrefix(line[end:], behind) {
			return record.Truncated, len(line)
		}
		start := at
		if i > wide && it.chain >= i-wide {
			return p.chained(r, f, line[:end], at, wide, i)
		}
		if lost = false; i > wide {
			before := f.items[i-1].behind
			if start = it.begin(line[at:end], before); start < 0 {
				return record.Unexpected, at
			}
			if start += at; start == end && it.mayBeEmpty() {
				lost = !bytes.HasSuffix(line[at:end], before)
			}
		}
		if reason := p.take(r, f, it, line[start:end:end]); reason != record.None {
			return reason, start
		}
		if i == wide {
			return record.None, -1
		}
		end = start
	}
}

// chained reads the items from the first to the last, all of which strangers write, and which fill line from at on: each up to the first
// place where its literal stands.
func (p *Custom) chained(r *record.Record, f *Format, line []byte, at, first, last int) (reason record.Reason, column int) {
	for i := first; i < last; i++ {
		it := &f.items[i]
		n := bytes.Index(line[at:], it.behind)
		if n < 0 {
			return differs(line, it.seek(line, at), it.literal)
		}
		p.take(r, f, it, line[at:at+n:at+n])
		at += n + len(it.behind)
	}
	p.take(r, f, &f.items[last], line[at:len(line):len(line)])
	return record.None, -1
}

// begin returns where the value begins that b ends with, before which a literal stands; len(b) when there is none, -1 when that cannot be.
func (it *item) begin(b, before []byte) int {
	switch it.shape {
	case ofLength:
		return len(b) - it.length
	case inBraces:
		open, closing := "{", "}"
		if it.quoted {
			open, closing = `"{`, `}"`
		}
		if !bytes.HasSuffix(b, []byte(closing)) {
			return len(b)
		}
		n := bytes.LastIndex(b, []byte(open))
		if n < 0 || bytes.IndexByte(b[n:], '}') < len(b)-n-len(closing) { // in a group there is none
			return len(b)
		}
		if first, ok := bytes.CutSuffix(b[:n], before); !ok || it.second && !bytes.HasSuffix(first, []byte(closing)) {
			return len(b) // they are of a path, or the only group, which is the request's
		}
		return n
	case asRequest:
		return lastRequest(b, before)
	}
	n := bytes.LastIndex(b, before)
	switch {
	case n < 0 && it.mayBeEmpty():
		return len(b)
	case n < 0:
		return -1
	}
	n += len(before)
	if v := b[n:]; (it.shape == afterQuestion || it.shape == fromSlash) && len(v) > 0 &&
		string(v) != badRequest && (v[0] != it.shape.first() || bytes.IndexByte(v, ' ') >= 0) {
		return len(b)
	}
	return n
}

// lastRequest is request for what b ends with, behind a literal: where it begins, -1 when there is none.
func lastRequest(b, before []byte) int {
	if bytes.HasSuffix(b, []byte(badRequest)) {
		return len(b) - len(badRequest)
	}
	n := bytes.LastIndexByte(b, ' ')
	if n >= 0 && bytes.HasPrefix(b[n:], []byte(" HTTP/")) {
		n = bytes.LastIndexByte(b[:n], ' ')
	}
	if n < 0 {
		return -1
	}
	if n = bytes.LastIndex(b[:n], before); n < 0 {
		return -1
	}
	return n + len(before)
}
