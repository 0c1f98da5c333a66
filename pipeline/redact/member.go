package redact

import "bytes"

// member masks the value of the member whose colon s is, if its name is a secret's, and returns where to go on. Names are values
// in lists of pairs, `{"key": "token", "value": "abc"}`, of OpenTelemetry for example: there the name that stands first counts.
func (r *Redactor) member(line []byte, s sign) int {
	q, name := quoteBefore(line, s.begin)
	if q == nil {
		return s.end
	}
	if name > 4 && (string(line[name-3:name]) == "key" || string(line[name-4:name]) == "name") {
		if from, to, value := q.pair(line, s.end); value > 0 {
			if r.secretBefore(line[from:to], to-from) >= 0 {
				return q.maskMember(line, value)
			}
			return to
		}
	}
	if r.secretBefore(line, name) < 0 {
		return s.end
	}
	return q.maskMember(line, s.end)
}

// pair returns the string that begins at i when a member called value follows it, and where that one's value begins; else value
// is 0.
func (q quote) pair(line []byte, i int) (from, to, value int) {
	if len(q) == 1 && q[0] == '"' && isAlone(line, i) {
		return 0, 0, 0 // most that are called `name`
	}
	from = q.skipBlanks(line, i)
	if !q.is(line, from) {
		return 0, 0, 0
	}
	from += len(q)
	to, i = q.stringEnd(line, from)
	if i = q.skip(line, i, ','); !q.is(line, i) || !bytes.HasPrefix(line[i+len(q):], []byte("value")) {
		return 0, 0, 0
	}
	if i += len(q) + len("value"); !q.is(line, i) {
		return 0, 0, 0
	}
	if value = q.skip(line, i+len(q), ':'); value == len(line) {
		return 0, 0, 0
	}
	return from, to, value
}

// isAlone reports whether the string at i is followed, without a blank between, by the end of its object or by a member that is not called
// value. Of one with an escape in it, and of any other, it says no.
func isAlone(line []byte, i int) bool {
	if i >= len(line) || line[i] != '"' {
		return false
	}
	end := bytes.IndexByte(line[i+1:], '"')
	if end <= 0 || line[i+end] == '\\' {
		return false
	}
	rest := line[i+end+2:]
	return len(rest) > 0 && rest[0] == '}' || len(rest) > 2 && rest[0] == ',' && rest[1] == '"' && rest[2] != 'v'
}

// skip returns where what follows c begins, blanks before and behind it left aside; len(line) when it is not c that stands there.
func (q quote) skip(line []byte, i int, c byte) int {
	if i = q.skipBlanks(line, i); i == len(line) {
		return i
	}
	is, end := q.structure(line, i)
	if is != c {
		return len(line)
	}
	return q.skipBlanks(line, end)
}

// maskMember masks the value of a member of JSON that begins at i, behind the colon: a string, a number, or all strings and
// numbers in a list or an object. q is the quote of the member's name. It returns where to go on.
func (q quote) maskMember(line []byte, i int) int {
	i = q.skipBlanks(line, i)
	depth := 0
	for i < len(line) {
		c, end := q.structure(line, i)
		switch {
		case q.is(line, i):
			to, after := q.stringEnd(line, i+len(q))
			if depth > 0 && q.skip(line, after, ':') < len(line) {
				i = after // a name
				continue
			}
			mask(line[i+len(q) : to])
			i = after
		case c == '{' || c == '[':
			depth++
			i = end
		case c == '}' || c == ']':
			depth--
			i = end
		case '0' <= c && c <= '9':
			for i < len(line) && isNumber(line[i]) {
				if '0' <= line[i] && line[i] <= '9' {
					line[i] = '1'
				}
				i++
			}
		case depth == 0 && c != '-' || !isJSON[c] || q[0] == '%' && c == line[i] && endsURL(c):
			return i // true, false or null; the end of what it stands in; no JSON
		default:
			i = end
			continue
		}
		if depth <= 0 {
			return i
		}
	}
	return i
}

// isJSON holds what stands in JSON besides strings, numbers and brackets.
var isJSON = [256]bool{
	' ': true, '\t': true, ',': true, ':': true, '-': true,
	't': true, 'r': true, 'u': true, 'e': true, 'f': true, 'a': true, 'l': true, 's': true, 'n': true,
}

func isNumber(c byte) bool {
	return '0' <= c && c <= '9' || c == '.' || c == '-' || c == '+' || c|0x20 == 'e'
}

// structure returns the byte at i and where it ends; in text that is percent-encoded the byte that is meant.
func (q quote) structure(line []byte, i int) (c byte, end int) {
	if q[0] == '%' && line[i] == '%' {
		c, end, _ = decode(line, i)
		return c, end
	}
	return line[i], i + 1
}

// skipBlanks returns where what follows blanks begins.
func (q quote) skipBlanks(line []byte, i int) int {
	for i < len(line) {
		c, end := q.structure(line, i)
		if c != ' ' && c != '\t' && (c != '+' || q[0] != '%') {
			break
		}
		i = end
	}
	return i
}

// MasksMember reports whether Line may mask the value of a member of JSON because of its name, which is written without escapes.
func (r *Redactor) MasksMember(name string) bool {
	return r.any && (name == "value" || r.secretBefore([]byte(`"`+name), 1+len(name)) >= 0) // value: of a pair
}
