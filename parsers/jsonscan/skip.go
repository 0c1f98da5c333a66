package jsonscan

import (
	"encoding/binary"
	"math/bits"

	"github.com/gatemeter/gatemeter/parsers/escape"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// Skip takes the value at hand and leaves it aside.
func (s *Scanner) Skip() {
	if !s.pending {
		return
	}
	s.pending = false
	depth, objects := 0, uint64(0) // a bit for each container around: 1 for an object, the innermost lowest
	for {
		inArray := depth == 0 && s.element || depth > 0 && objects&1 == 0
		if !s.skipScalar(inArray) {
			// It is a container.
			if depth++; s.depth+depth > MaxDepth {
				s.Fail(record.TooDeep, s.pos)
				return
			}
			end := byte(']')
			objects <<= 1
			if s.data[s.pos] == '{' {
				end = '}'
				objects |= 1
			}
			s.pos++
			if s.space() != end {
				if objects&1 == 1 && !s.skipKey() {
					return
				}
				continue
			}
			s.pos++
			depth--
			objects >>= 1
		}
		if s.reason != record.None || !s.skipEnds(&depth, &objects) {
			return
		}
	}
}

// skipEnds reads what follows a value: the ends of containers, then a comma and, in an object, a key. It returns false when
// the value that Skip began with is over, or on failure.
func (s *Scanner) skipEnds(depth *int, objects *uint64) bool {
	for *depth > 0 {
		c := s.space()
		switch {
		case c == ',':
			s.pos++
			return *objects&1 == 0 || s.skipKey()
		case c == '}' && *objects&1 == 1, c == ']' && *objects&1 == 0:
			s.pos++
			*depth--
			*objects >>= 1
		default:
			s.fail()
			return false
		}
	}
	return false
}

// skipKey skips `"key":`.
func (s *Scanner) skipKey() bool {
	if s.space() != '"' {
		s.fail()
		return false
	}
	if _, _, ok := s.str(); !ok {
		return false
	}
	if s.space() != ':' {
		s.fail()
		return false
	}
	s.pos++
	return true
}

// skipScalar skips a value that is no container, or fails. It returns false, and has skipped nothing, before a container.
func (s *Scanner) skipScalar(inArray bool) bool {
	switch c := s.space(); c {
	case '{', '[':
		return false
	case '"':
		s.str()
	case 't':
		s.word("true")
	case 'f':
		s.word("false")
	case 'n':
		s.word("null")
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		s.number()
	case ',', '}':
		if inArray {
			s.fail()
		}
		s.lenient = true // no value
	default:
		s.fail()
	}
	return true
}

func (s *Scanner) word(w string) {
	if len(s.data)-s.pos < len(w) {
		if string(s.data[s.pos:]) == w[:len(s.data)-s.pos] {
			s.pos = len(s.data)
		}
		s.fail()
		return
	}
	if string(s.data[s.pos:s.pos+len(w)]) != w {
		s.fail()
		return
	}
	s.pos += len(w)
}

// number skips a number, or a `-` alone.
func (s *Scanner) number() {
	if s.data[s.pos] == '-' {
		s.pos++
		if c := s.peek(); c == ',' || c == '}' || c == ' ' {
			s.lenient = true
			return
		}
	}
	start := s.pos
	if !s.digits() {
		return
	}
	if s.data[start] == '0' && s.pos > start+1 {
		s.lenient = true
	}
	if s.peek() == '.' {
		s.pos++
		if !s.digits() {
			return
		}
	}
	if c := s.peek(); c == 'e' || c == 'E' {
		s.pos++
		if c = s.peek(); c == '+' || c == '-' {
			s.pos++
		}
		s.digits()
	}
}

// digits skips one digit or more.
func (s *Scanner) digits() bool {
	start := s.pos
	for s.pos < len(s.data) && s.data[s.pos]-'0' <= 9 {
		s.pos++
	}
	if s.pos == start {
		s.fail()
		return false
	}
	return true
}

func (s *Scanner) peek() byte {
	if s.pos < len(s.data) {
		return s.data[s.pos]
	}
	return 0
}

const (
	ones      = 0x0101010101010101
	highs     = 0x8080808080808080
	quotes    = ones * '"'
	backslash = ones * '\\'
)

// str reads the string at hand, from its first quote on, and returns what stands between its quotes. Eight bytes at a time: a
// byte of w^quotes is zero where w has a quote, and the lowest high bit of (x-ones)&^x marks the first zero byte of x.
func (s *Scanner) str() (text []byte, escaped, ok bool) {
	data := s.data
	start := s.pos + 1
	i := start
	for {
		for i+8 <= len(data) {
			w := binary.LittleEndian.Uint64(data[i:])
			q, b := w^quotes, w^backslash
			if found := ((q-ones)&^q | (b-ones)&^b) & highs; found != 0 {
				i += bits.TrailingZeros64(found) >> 3
				break
			}
			i += 8
		}
		for i < len(data) && data[i] != '"' && data[i] != '\\' {
			i++
		}
		if i >= len(data) {
			s.Fail(record.Truncated, len(data))
			return nil, false, false
		}
		if data[i] == '"' {
			s.pos = i + 1
			return data[start:i:i], escaped, true
		}
		escaped = true
		if i+1 < len(data) {
			s.checkEscape(data[i+1:])
		}
		i += 2
	}
}

// checkEscape notes when e, which follows a backslash, makes no escape of JSON's.
func (s *Scanner) checkEscape(e []byte) {
	switch e[0] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
	case 'u':
		s.lenient = s.lenient || !escape.Valid4(e[1:])
	default:
		s.lenient = true
	}
}
