package redact

import "bytes"

// Marks are four bytes: Line changes nothing in a line that has none of them and does not end in `}`. Who has looked for them
// already, for many lines at a time, need not call it.
var Marks = [4]byte{'=', '{', '%', '\\'}

// Line masks the values of secrets in a raw line, in place. Doing so again changes nothing.
func (r *Redactor) Line(line []byte) {
	if !r.any || len(line) == 0 {
		return
	}
	find := signs{line: line, r: r, json: line[len(line)-1] == '}'}
	if !find.json && bytes.IndexByte(line, '=') < 0 {
		if !marksJSON(line) {
			return // most lines of a proxy
		}
		find.json = true
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

// marksJSON reports whether an object of JSON begins in b, or an escape one may be behind.
func marksJSON(b []byte) bool {
	return bytes.IndexByte(b, '{') >= 0 || bytes.IndexByte(b, '%') >= 0 || bytes.IndexByte(b, '\\') >= 0
}

// mask writes a star over each byte, but for spaces and tabs: they end fields of many formats.
func mask(b []byte) {
	for i, c := range b {
		if c != ' ' && c != '\t' {
			b[i] = '*'
		}
	}
}
