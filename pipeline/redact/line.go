package redact

import "bytes"

// Line masks the values of secrets in a raw line, in place. Doing so again changes nothing.
func (r *Redactor) Line(line []byte) {
	if !r.any || !mayHoldNames(line) {
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

// mayHoldNames is false for a line without parameters and JSON, however they are spelled. For most lines of a proxy it costs
// four searches.
func mayHoldNames(line []byte) bool {
	return bytes.IndexByte(line, '=') >= 0 || bytes.IndexByte(line, '{') >= 0 ||
		bytes.IndexByte(line, '%') >= 0 || bytes.IndexByte(line, '\\') >= 0 ||
		len(line) > 0 && line[len(line)-1] == '}' // the beginning of the line has been lost
}

// mask writes a star over each byte, but for spaces and tabs: they end fields of many formats.
func mask(b []byte) {
	for i, c := range b {
		if c != ' ' && c != '\t' {
			b[i] = '*'
		}
	}
}
