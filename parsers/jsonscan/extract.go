package jsonscan

import (
	"math/bits"
	"slices"

	"github.com/gatemeter/gatemeter/pipeline/record"
)

// Value is a value that Extract found. The zero Value is one that was not there.
type Value struct {
	Kind  Kind
	Start int32 // in the line; a string's is behind its first quote
	End   int32 // of a string, number or boolean; a string's is before its last quote. Of an array with Key.Last: how many objects are in it
}

// Extract finds the values of t's keys in the line that Start has just begun with, in one loop that holds all it knows in
// registers. It stores them in values, which has t.Values() places; of keys that repeat the first counts.
//
// It reads JSON without white space, nested no deeper than MaxDepth, with no letter of it written by its number. Of all else,
// and of what is not JSON, it makes nothing and returns false; then the line is read by Next as if Extract had not been called.
func (s *Scanner) Extract(t *Tree, values []Value) bool {
	if s.coded || s.reason != record.None {
		return false
	}
	clear(values)
	data, quotes := s.data, s.quotes
	i, q := s.pos, 0
	in := &t.root
	var around [MaxDepth]*branch // what was wanted of the containers around
	depth := 0
	objects := uint64(1) // a bit for each container: 1 for an object, the innermost lowest
	taken := uint64(0)   // by ID
	if i < len(data) && data[i] == '}' {
		return i+1 == len(data)
	}
	for {
		var wanted *leaf
		if objects&1 == 1 {
			if q+1 >= len(quotes) || int(quotes[q]) != i {
				return false
			}
			end := int(quotes[q+1])
			if q += 2; end+1 >= len(data) || data[end+1] != ':' {
				return false
			}
			if in != nil {
				if wanted = in.find(data[i+1 : end]); wanted != nil {
					if taken>>wanted.id&1 == 1 {
						wanted = nil
					} else {
						taken |= 1 << wanted.id
					}
				}
			}
			i = end + 2
		}
		if i >= len(data) {
			return false
		}
		v := Value{Start: int32(i)}
		switch c := data[i]; c {
		case '"':
			if q+1 >= len(quotes) {
				return false
			}
			end := int(quotes[q+1])
			q += 2
			v = Value{String, int32(i + 1), int32(end)}
			i = end + 1
		case '{', '[':
			if wanted != nil {
				v.Kind = Object
				if c == '[' {
					v.Kind = Array
				}
				values[wanted.id] = v
			}
			if objects&1 == 0 && in != nil && c == '{' { // in is of the objects of the array around: those before do not count
				values[in.array].End++
				taken &^= in.ids
				for ids := in.ids; ids != 0; ids &= ids - 1 {
					values[bits.TrailingZeros64(ids)] = Value{}
				}
			}
			if i++; i < len(data) && data[i] == c+2 { // } and ] come two after { and [
				i++
				wanted = nil
				break
			}
			if depth++; depth >= MaxDepth {
				return false
			}
			around[depth] = in
			switch {
			case objects&1 == 1:
				in = nil
				if wanted != nil && wanted.last == (c == '[') {
					in = wanted.in
				}
			case c == '[':
				in = nil
			}
			if objects <<= 1; c == '{' {
				objects |= 1
			}
			continue
		case 't', 'f', 'n':
			word := "null"
			switch c {
			case 't':
				word = "true"
			case 'f':
				word = "false"
			}
			if len(data)-i < len(word) || string(data[i:i+len(word)]) != word {
				return false
			}
			if i += len(word); c == 'n' {
				v = Value{}
			} else {
				v.Kind, v.End = Bool, int32(i)
			}
		default:
			if i = number(data, i); i < 0 {
				return false
			}
			v.Kind, v.End = Number, int32(i)
		}
		if wanted != nil {
			values[wanted.id] = v
		}
		for {
			if i >= len(data) {
				return false
			}
			c := data[i]
			i++
			if c == ',' {
				break
			}
			if c != ']'+byte(objects&1)<<5 { // } is ] plus 32
				return false
			}
			if depth == 0 {
				return i == len(data)
			}
			in = around[depth]
			depth--
			objects >>= 1
		}
	}
}

// number returns where the number that begins at i ends, -1 when it is none.
func number(data []byte, i int) int {
	if data[i] == '-' {
		i++
	}
	start := i
	if i = digitsEnd(data, i); i == start || data[start] == '0' && i > start+1 {
		return -1
	}
	if i < len(data) && data[i] == '.' {
		start = i + 1
		if i = digitsEnd(data, start); i == start {
			return -1
		}
	}
	if i < len(data) && data[i]|0x20 == 'e' {
		if i++; i < len(data) && (data[i] == '+' || data[i] == '-') {
			i++
		}
		start = i
		if i = digitsEnd(data, start); i == start {
			return -1
		}
	}
	return i
}

// TextOf returns the text of a string, number or boolean that Extract found, with its escapes undone. It is valid until Reset, or
// as long as the line.
func (s *Scanner) TextOf(v *Value) []byte {
	if v.Kind == String {
		return s.text(int(v.Start), int(v.End))
	}
	return s.data[v.Start:v.End:v.End]
}

// Visit makes a container that Extract found the value at hand, to be gone through with Enter and Next.
func (s *Scanner) Visit(v *Value) {
	s.pos, s.pending, s.element, s.first, s.depth = int(v.Start), true, false, false, 1
	s.quote, _ = slices.BinarySearch(s.quotes, uint32(v.Start))
}
