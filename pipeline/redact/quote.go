package redact

import "bytes"

// quote is a quotation mark as it is spelled in a line:
//
//	"       of the log's own format, or of a line of JSON
//	\"      within those; \\\" within these, and so on
//	\x22    nginx's spelling of it
//	\u0022  another one in JSON
//	%22     percent-encoded, also over and over (%2522)
//	'
//
// It is a part of the line.
type quote []byte

// quoteAt returns the quote that begins at i, nil when there is none.
func quoteAt(line []byte, i int) quote {
	if i >= len(line) {
		return nil
	}
	switch c := line[i]; c {
	case '"', '\'':
		return line[i : i+1]
	case '\\':
		if c, end := unescape(line, i); c == '"' {
			return line[i:end]
		}
		end := i + backslashes(line[i:])
		if end < len(line) && line[end] == '"' {
			return line[i : end+1]
		}
	case '%':
		if c, end, _ := decode(line, i); c == '"' {
			return line[i:end]
		}
	}
	return nil
}

// quoteBefore returns the quote that ends before i, blanks left aside, and where it begins; nil when there is none.
func quoteBefore(line []byte, i int) (q quote, begin int) {
	if i > 1 && line[i-1] == '"' && line[i-2] != '\\' {
		return line[i-1 : i], i - 1 // most are so
	}
	for i > 0 {
		if c := line[i-1]; c == ' ' || c == '\t' || c == '+' {
			i--
		} else if i >= 3 && line[i-1] == '0' && line[i-2] == '2' && percent(line, i-3) >= 0 {
			i = percent(line, i-3)
		} else {
			break
		}
	}
	if i == 0 {
		return nil, 0
	}
	switch line[i-1] {
	case '"':
		begin = i - 1
		for begin > 0 && line[begin-1] == '\\' {
			begin--
		}
		return line[begin:i], begin
	case '\'':
		return line[i-1 : i], i - 1
	case '2':
		if c, begin := before(line, i); c == '"' {
			return line[begin:i], begin
		}
	}
	return nil, 0
}

// backslashes counts those that b begins with.
func backslashes(b []byte) int {
	for i, c := range b {
		if c != '\\' {
			return i
		}
	}
	return len(b)
}

// plain reports whether q is " with backslashes, if any.
func (q quote) plain() bool { return q[len(q)-1] == '"' }

// stringEnd returns where the string that begins at i ends, and where what follows its quote begins. A string without an end
// is ended by what it stands in: a string with other quotes, a parameter, the line. Then the two are the same.
func (q quote) stringEnd(line []byte, i int) (to, after int) {
	if q.plain() {
		return q.plainEnd(line, i)
	}
	for i < len(line) {
		switch c := line[i]; {
		case q.is(line, i):
			return i, i + len(q)
		case c == '"' || q[0] == '%' && endsURL(c):
			return i, i
		case q.backslash(line, i) > 0:
			i += q.backslash(line, i)
			if q.is(line, i) {
				i += len(q)
			} else {
				i += q.backslash(line, i)
			}
		case c == '\\' && i+1 < len(line):
			i += 2
		default:
			i++
		}
	}
	return len(line), len(line)
}

// plainEnd is stringEnd for " with n backslashes. One that is escaped has, besides, backslashes in twice the number, one
// of the strings around fewer.
func (q quote) plainEnd(line []byte, i int) (to, after int) {
	n := len(q) - 1
	if end := bytes.IndexByte(line[i:], '"'); n == 0 && end > 0 && line[i+end-1] != '\\' {
		return i + end, i + end + 1 // most strings
	}
	for i < len(line) {
		slashes := 0
		switch line[i] {
		case '\\':
			slashes = backslashes(line[i:])
		case '"':
		default:
			i++
			continue
		}
		i += slashes
		if i == len(line) || line[i] != '"' {
			continue
		}
		for outer := 0; outer <= n; outer = 2*outer + 1 {
			if slashes%(2*(outer+1)) != outer {
				continue
			}
			if outer == n {
				return i - outer, i + 1
			}
			return i - outer, i - outer
		}
		i++
	}
	return len(line), len(line)
}

// is reports whether q stands at i.
func (q quote) is(line []byte, i int) bool { return bytes.HasPrefix(line[i:], q) }

// backslash returns how long the backslash is that stands at i in q's spelling: \x5C for \x22, \\ or \u005C for \u0022. It is 0
// when there is none.
func (q quote) backslash(line []byte, i int) int {
	n := len(q) - len("22")
	switch {
	case bytes.HasPrefix(line[i:], []byte(`\\`)):
		return 2
	case n > 0 && len(line)-i >= len(q) && string(line[i:i+n]) == string(q[:n]) && line[i+n] == '5' && line[i+n+1]|0x20 == 'c':
		return len(q)
	}
	return 0
}

// endsURL reports whether c ends a parameter, or a URL.
func endsURL(c byte) bool { return c == '&' || c == '#' || c == ' ' || c == '\t' || c == '"' }
