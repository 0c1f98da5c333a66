package redact

import "bytes"

// Line masks the values of secrets in a raw line, in place. Doing so again changes nothing. A line without any of `= { % \`
// costs a search for these four.
func (r *Redactor) Line(line []byte) {
	if !r.any || bytes.IndexByte(line, '=') < 0 && bytes.IndexByte(line, '{') < 0 &&
		bytes.IndexByte(line, '%') < 0 && bytes.IndexByte(line, '\\') < 0 {
		return
	}
	find := signs{line: line, equal: -1, colon: -1, percent: -1, escape: -1}
	w := words{line: line}
	for sign, ok := find.next(0); ok; {
		next := sign.end
		if sign.colon {
			if quote, begin := quoteBefore(line, sign.begin); quote != nil && r.secretBefore(line, begin) >= 0 {
				next = quote.maskMember(line, sign.end)
			}
		} else if begin := r.secretBefore(line, sign.begin); begin >= 0 {
			next = w.maskParameter(begin, sign)
		}
		sign, ok = find.next(next)
	}
}

// mask writes a star over each byte, but for spaces and tabs: they end fields of many formats.
func mask(b []byte) {
	for i, c := range b {
		if c != ' ' && c != '\t' {
			b[i] = '*'
		}
	}
}
