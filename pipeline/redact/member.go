package redact

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
			if depth > 0 && q.isColon(line, after) {
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

// isColon reports whether the next that is no blank is a colon.
func (q quote) isColon(line []byte, i int) bool {
	if i = q.skipBlanks(line, i); i == len(line) {
		return false
	}
	c, _ := q.structure(line, i)
	return c == ':'
}
