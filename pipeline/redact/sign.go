package redact

import (
	"math/bits"

	"github.com/gatemeter/gatemeter/pipeline/bitmap"
)

// sign is an equals sign or a colon: what may stand between a name and its value.
type sign struct {
	begin, end int  // its text in the line: `=`, `%3D`, `%253D`, `\u003d` or `\x3D`
	colon      bool // else an equals sign
	encoded    int  // how often it is percent-encoded
}

// signs finds the signs of a line that may stand behind a secret's name. Where any could be is found a stretch at a time.
type signs struct {
	line []byte
	r    *Redactor
	json bool // colons may be signs: it has, or ends, an object of JSON, or escapes one may be behind
	// parts: names may have brackets between their parts, or what may be one when it is decoded. Then more than the end of a name matters.
	parts bool
	from  int // of the stretch
	to    int
	// where has a bit for each byte of the stretch: it may begin a sign.
	where [stretch / 64]uint64
}

const stretch = 512 // bytes

// next returns the first sign that begins at or after i and may stand behind a secret's name; ok is false when there is none.
// Nearly all signs of a log are passed by here.
func (s *signs) next(i int) (next sign, ok bool) {
	for ; i < len(s.line); i = s.to {
		if i >= s.to {
			s.find(i)
		}
		k, skip := (i-s.from)/64, (i-s.from)%64
		for base := s.from + k*64; base < s.to; base += 64 {
			for w := s.where[k] >> skip << skip; w != 0; w &= w - 1 {
				at := base + bits.TrailingZeros64(w)
				if s.line[at] == ':' && !maybeQuote[s.line[max(at, 1)-1]] {
					continue
				}
				if next = s.at(at); next.end > 0 {
					return next, true
				}
			}
			k, skip = k+1, 0
		}
	}
	return sign{}, false
}

// find looks at the stretch that begins at i.
func (s *signs) find(i int) {
	s.parts = s.parts || i > s.to // what is between has not been looked at
	s.from, s.to = i, min(i+stretch, len(s.line))
	var space [stretch / 64]bitmap.Block
	text := s.line[i:s.to]
	if i == 0 && !s.json {
		// The marks of JSON, or of what it may be behind, instead of colons: most lines of a proxy have none.
		blocks := bitmap.Append(space[:0], text, Marks)
		marks := uint64(0)
		for k := range blocks {
			b := &blocks[k]
			s.where[k] = b[0]
			marks |= b[1] | b[2] | b[3]
		}
		if s.json = marks != 0 || marksJSON(s.line[s.to:]); !s.json {
			return
		}
	}
	marks := appendMarks(space[:0], text)
	for k := range marks {
		s.where[k] = s.signsAmong(i+k*64, marks[k][others])
	}
	if s.json {
		s.findColons(marks)
	}
}

// signsAmong returns those of found, of which bit i is the one at line[base+i], that may begin a sign: all but the backslashes that do not
// begin the number of a character. It notes when a character may be encoded that would be a part of a name, or end one.
func (s *signs) signsAmong(base int, found uint64) (left uint64) {
	for ; found != 0; found &= found - 1 {
		at := base + bits.TrailingZeros64(found)
		next := s.line[min(at+1, len(s.line)-1)]
		switch s.line[at] {
		case '%': // all but the encoded bytes of ASCII up to @, and from ` on
			s.parts = s.parts || next == '5' || next == '2' && at+2 < len(s.line) && s.line[at+2] == '5' || isLetter(next)
		case '\\':
			if next != 'u' && next != 'x' {
				continue
			}
			s.parts = true
		}
		left |= found & -found
	}
	return left
}

// findColons adds the colons of a stretch that may stand behind a name.
func (s *signs) findColons(marks []bitmap.Block) {
	for k := range marks {
		for w := marks[k][brackets]; w != 0; w &= w - 1 {
			next := s.line[min(s.from+k*64+bits.TrailingZeros64(w)+1, len(s.line)-1)]
			s.parts = s.parts || kinds[next] != boundary && next != ']' && next != '[' || next == '%' || next == '\\'
		}
	}
	quoted := uint64(0) // 1: a quotation mark stands before the block
	if s.from > 0 && s.line[s.from-1] == '"' {
		quoted = 1
	}
	for k := range marks {
		m := &marks[k]
		behind := m[colons] & (m[quotes]<<1 | quoted)
		quoted = m[quotes] >> 63
		s.where[k] |= m[colons] &^ behind
		if !s.parts {
			behind = s.r.doubtful(s.line, s.from+k*64, behind)
		}
		s.where[k] |= behind
	}
}

// at returns the sign that begins at i, where one of its first bytes is; its end is 0 when it is none, or behind no secret's name.
func (s *signs) at(i int) sign {
	switch s.line[i] {
	case '=':
		if !s.r.isHarmless(s.line, i, false) {
			return sign{begin: i, end: i + 1}
		}
	case ':':
		if s.mayEndName(i) {
			return sign{begin: i, end: i + 1, colon: true}
		}
	case '%':
		return encodedSign(s.line, i)
	default:
		if i+1 < len(s.line) && (s.line[i+1] == 'u' || s.line[i+1] == 'x') {
			return escapedSign(s.line, i)
		}
	}
	return sign{}
}

// mayEndName is false when no secret's name in quotes, and no name of a pair, can end before the colon at i.
func (s *signs) mayEndName(i int) bool {
	if i < 2 {
		return false
	}
	switch s.line[i-1] {
	case '"':
		return !s.r.isHarmless(s.line, i-1, true)
	case '2', '0': // of %22, \x22, \u0022, or %20 behind a quote
		return s.line[i-2] == '2'
	}
	return maybeQuote[s.line[i-1]]
}

// maybeQuote holds the last bytes of quotes, and of blanks behind one: before any other a colon ends no name. It passes by the
// colons of times and URLs.
var maybeQuote = [256]bool{'"': true, '\'': true, '2': true, ' ': true, '\t': true, '+': true, '0': true}

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
