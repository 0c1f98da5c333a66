package jsonscan

import (
	"encoding/binary"
	"math/bits"

	"github.com/gatemeter/gatemeter/pipeline/record"
)

// Skip takes the value at hand and leaves it aside.
func (s *Scanner) Skip() {
	if !s.pending {
		return
	}
	s.pending = false
	if s.pos < len(s.data) && s.data[s.pos] == '"' {
		s.str()
		return
	}
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
	if _, end := s.str(); end < 0 {
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
	end := digitsEnd(s.data, s.pos)
	if end == s.pos {
		s.fail()
		return false
	}
	s.pos = end
	return true
}

// digitsEnd returns where the digits that begin at i end. It looks at eight bytes at a time: in w, a byte is 0 to 9 where a digit
// is; of any other, it or it plus 6 has one of its upper four bits.
func digitsEnd(data []byte, i int) int {
	const each = 0x0101010101010101
	for ; i+8 <= len(data); i += 8 {
		w := binary.LittleEndian.Uint64(data[i:]) ^ each*'0'
		if other := (w | (w&(each*0x7F) + each*6)) & (each * 0xF0); other != 0 {
			return i + bits.TrailingZeros64(other)>>3
		}
	}
	for i < len(data) && data[i]-'0' <= 9 {
		i++
	}
	return i
}

func (s *Scanner) peek() byte {
	if s.pos < len(s.data) {
		return s.data[s.pos]
	}
	return 0
}

// str reads the string at hand, from its first quote on, and returns where what stands between its quotes begins and ends; end
// is -1 when the line ends first.
func (s *Scanner) str() (start, end int) {
	q := s.quote
	if q+1 >= len(s.quotes) {
		s.Fail(record.Truncated, len(s.data))
		return 0, -1
	}
	s.quote = q + 2
	start, end = int(s.quotes[q])+1, int(s.quotes[q+1])
	s.pos = end + 1
	return start, end
}
