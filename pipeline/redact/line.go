package redact

import "bytes"

// Line masks the values of secrets in a raw line, in place. Doing so again changes nothing.
func (r *Redactor) Line(line []byte) {
	if !r.any {
		return
	}
	find := signs{line: line, equal: index(line, 0, '='), percent: index(line, 0, '%'), escape: index(line, 0, '\\'), colon: -1}
	if find.percent == len(line) && find.escape == len(line) && !mayHoldJSON(line) {
		find.colon = len(line)
		if find.equal == len(line) {
			return // most lines of a proxy
		}
	}
	w := words{line: line}
	for sign, ok := find.next(0); ok; {
		next := sign.end
		if sign.colon {
			next = r.member(line, sign)
		} else if begin := r.secretBefore(line, sign.begin); begin >= 0 {
			next = w.maskParameter(begin, sign)
		}
		sign, ok = find.next(next)
	}
}

// mayHoldJSON is false for a line without an object of JSON, and without the end of one.
func mayHoldJSON(line []byte) bool {
	return len(line) > 0 && (line[len(line)-1] == '}' || bytes.IndexByte(line, '{') >= 0)
}

// mask writes a star over each byte, but for spaces and tabs: they end fields of many formats.
func mask(b []byte) {
	for i, c := range b {
		if c != ' ' && c != '\t' {
			b[i] = '*'
		}
	}
}
