package redact

import "bytes"

// sign is an equals sign or a colon: what may stand between a name and its value.
type sign struct {
	begin, end int  // its text in the line: `=`, `%3D`, `%253D`, `\u003d` or `\x3D`
	colon      bool // else an equals sign
	encoded    int  // how often it is percent-encoded
}

// signs finds the signs of a line, each kind by a search of its own.
type signs struct {
	line []byte
	// Where the next of each kind may be; -1: not looked for yet; len(line): there is none.
	equal, colon, percent, escape int
}

// next returns the first sign that begins at or after i; ok is false when there is none.
func (s *signs) next(i int) (next sign, ok bool) {
	if s.equal < i {
		s.equal = index(s.line, i, '=')
	}
	for s.colon < i || s.colon < len(s.line) && !maybeQuote[s.line[max(s.colon, 1)-1]] {
		s.colon = index(s.line, max(i, s.colon+1), ':')
	}
	for s.percent < i || s.percent < len(s.line) && encodedSign(s.line, s.percent).end == 0 {
		s.percent = index(s.line, max(i, s.percent+1), '%')
	}
	for s.escape < i || s.escape < len(s.line) && escapedSign(s.line, s.escape).end == 0 {
		s.escape = index(s.line, max(i, s.escape+1), '\\')
	}
	switch at := min(s.equal, s.colon, s.percent, s.escape); at {
	case len(s.line):
		return sign{}, false
	case s.equal:
		return sign{begin: at, end: at + 1}, true
	case s.colon:
		return sign{begin: at, end: at + 1, colon: true}, true
	case s.percent:
		return encodedSign(s.line, at), true
	default:
		return escapedSign(s.line, at), true
	}
}

// maybeQuote holds the last bytes of quotes, and of blanks behind one: before any other a colon ends no name. It passes by the
// colons of times and URLs.
var maybeQuote = [256]bool{'"': true, '\'': true, '2': true, ' ': true, '\t': true, '+': true, '0': true}

// index returns where c is at or after i, len(b) when it is not.
func index(b []byte, i int, c byte) int {
	if i < len(b) {
		if n := bytes.IndexByte(b[i:], c); n >= 0 {
			return i + n
		}
	}
	return len(b)
}

// encodedSign returns the sign that begins with the % at i; its end is 0 when it is none.
func encodedSign(line []byte, i int) sign {
	c, end, encoded := decode(line, i)
	if c != '=' && c != ':' {
		return sign{}
	}
	return sign{begin: i, end: end, colon: c == ':', encoded: encoded}
}

// escapedSign returns the sign that begins with the backslash at i, or with those before it; its end is 0 when it is none.
func escapedSign(line []byte, i int) sign {
	c, end := unescape(line, i)
	if c != '=' && c != ':' {
		return sign{}
	}
	return sign{begin: escapeBefore(line, i+1), end: end, colon: c == ':'}
}

// decode returns the byte that the percent sign at i and what follows stand for, where that ends, and how often it has been
// encoded. A percent sign that encodes nothing is itself, encoded 0 times.
func decode(line []byte, i int) (c byte, end, encoded int) {
	end = i + 1
	for encoded = 1; encoded < maxEncoded && end+1 < len(line) && line[end] == '2' && line[end+1] == '5'; encoded++ {
		end += 2
	}
	if end+1 < len(line) {
		if hi, lo := unhex(line[end]), unhex(line[end+1]); hi >= 0 && lo >= 0 {
			return byte(hi<<4 | lo), end + 2, encoded
		}
	}
	return '%', i + 1, 0
}

// unescape returns the ASCII character that is written by its number at i: \x26 or \u0026. For all others c is 0.
func unescape(line []byte, i int) (c byte, end int) {
	rest := line[i+1:]
	digits := 0
	switch {
	case len(rest) >= 3 && rest[0] == 'x':
		digits = 1
	case len(rest) >= 5 && string(rest[:3]) == "u00":
		digits = 3
	default:
		return 0, 0
	}
	hi, lo := unhex(rest[digits]), unhex(rest[digits+1])
	if hi < 0 || lo < 0 || hi > 7 {
		return 0, 0
	}
	return byte(hi<<4 | lo), i + 1 + digits + 2
}
