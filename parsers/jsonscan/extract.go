package jsonscan

import (
	"encoding/binary"
	"math/bits"
	"slices"

	"github.com/gatemeter/gatemeter/parsers/stamp"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// Value is a value that Extract found. The zero Value is one that was not there.
type Value struct {
	Kind    Kind
	Escaped bool  // a string with backslashes
	Start   int32 // in the line; a string's is behind its first quote
	End     int32 // of a string, number or boolean; a string's is before its last quote. Of an array with Key.Last: how many objects are in it
}

// Extract finds the values of t's keys in line. It stores them in values, which has Tree.Values() places; of keys that repeat the first
// counts. An object in which keys are wanted has no Value.
//
// It reads JSON without white space around the whole object, nested no deeper than MaxDepth, with no letter of it written by its number. Of all else,
// and of what is not JSON, it makes nothing and returns false; then the line is read by Start and Next as if Extract had not been called.
//
// Where the line has what lines before it had, it goes along the trail: see there.
func (s *Scanner) Extract(line []byte, t *Trail, values []Value) bool {
	s.data, s.indexed = line, false
	s.lenient, s.reason, s.at = false, record.None, 0
	values = values[:t.tree.n] // follow relies on it
	clear(values)
	if len(line) < 2 || line[0] != '{' {
		return false
	}
	if line[1] == '}' {
		return len(line) == 2
	}
	w := &s.walk
	w.data, w.values, w.i, w.at, w.taken = line, values, 1, &t.start, nobody
	w.fold, w.closed, w.misses = t.tree.fold, t.tree.closed, 0
	for {
		w.follow()
		switch {
		case w.at.kind == Nothing:
			return w.i == len(line)
		case w.advance():
		case w.turn():
		default:
			if on, complete := w.off(t); !on {
				return complete
			}
		}
	}
}

// advance takes the step that came next the last time, and the value behind it. It returns false, and has done nothing, when it is another.
func (w *walk) advance() bool {
	next := w.at.next[0]
	if next == nil || !next.is(w.data, w.i) || w.taken&next.ids&^nobody != 0 {
		return false
	}
	v, end, ok := valueAt(w.data, w.i+int(next.n), next.kind)
	if !ok {
		return false
	}
	if next.odd {
		w.effects(next)
	}
	w.taken |= next.ids
	w.values[next.id] = v
	w.i, w.at = end, next
	return true
}

// valueAt returns the value at i of a kind that a step has, and where it ends: a string at its last quote. ok is false when there
// is no such value.
func valueAt(data []byte, i int, kind Kind) (v Value, end int, ok bool) {
	switch kind {
	case String:
		end, escaped := textEnd(data, i)
		return Value{Kind: String, Escaped: escaped, Start: int32(i), End: int32(end)}, end, end >= 0
	case Nothing:
		return v, i, true
	}
	if end, kind = scalar(data, i); kind != Nothing {
		v = Value{Kind: kind, Start: int32(i), End: int32(end)}
	}
	return v, end, end >= 0
}

// textEnd returns where the last quote is of the text that begins at i, -1 when there is none, or before it a letter that is written by
// its number; also one that is only in a text within the text, for masking reads that too.
func textEnd(data []byte, i int) (end int, escaped bool) {
	for i < len(data) {
		if i+8 <= len(data) {
			w := binary.LittleEndian.Uint64(data[i:])
			found := same(w, '"') | same(w, '\\')
			if i += bits.TrailingZeros64(found) >> 3; found == 0 {
				continue
			}
		}
		switch data[i] {
		case '"':
			return i, escaped
		case '\\':
			if isNumbered(data[i+1:]) {
				return -1, false
			}
			escaped = true
			i++
		}
		i++
	}
	return -1, false
}

// isNumbered reports whether a backslash before rest, or the second of two, writes a letter by its number.
func isNumbered(rest []byte) bool {
	if len(rest) > 1 && rest[0] == '\\' {
		rest = rest[1:]
	}
	return len(rest) > 0 && (rest[0] == 'u' || rest[0] == 'x')
}

// same returns a word in which the lowest bit that is set is the highest of w's first byte that is c, 0 when there is none.
func same(w uint64, c byte) uint64 {
	const each = 0x0101010101010101
	x := w ^ each*uint64(c)
	return (x - each) &^ x & (each * 0x80)
}

// scalar returns where the number, boolean or null at i ends, -1 when there is none, and what it is.
func scalar(data []byte, i int) (end int, kind Kind) {
	if i >= len(data) {
		return -1, Nothing
	}
	word, kind := "", Bool
	switch data[i] {
	case 't':
		word = "true"
	case 'f':
		word = "false"
	case 'n':
		word, kind = "null", Nothing
	default:
		return number(data, i), Number
	}
	if len(data)-i < len(word) || string(data[i:i+len(word)]) != word {
		return -1, Nothing
	}
	return i + len(word), kind
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
	text := s.data[v.Start:v.End:v.End]
	if v.Escaped {
		return s.unescape(text)
	}
	return text
}

// Failure returns why and where Fail was called first since the line's beginning, None when it was not.
func (s *Scanner) Failure() (reason record.Reason, at int) { return s.reason, s.at }

// Plain reports whether text has none of the bytes one of which is in whatever a secret is told by, see package redact: an equals sign,
// and a colon behind a quote, however they are spelled. Such a text is the same when secrets are masked.
func Plain(text []byte) bool {
	for ; len(text) >= 8; text = text[8:] {
		if signs(binary.LittleEndian.Uint64(text)) {
			return false
		}
	}
	if len(text) == 0 {
		return true
	}
	var rest [8]byte
	copy(rest[:], text)
	return !signs(binary.LittleEndian.Uint64(rest[:]))
}

// signs reports whether one of w's bytes is `=`, `"`, `%` or `'`. The last two differ in the bit of 2 alone.
func signs(w uint64) bool {
	const two = 0x0202020202020202
	return same(w, '=')|same(w, '"')|same(w&^two, '%') != 0
}

// Natural returns a value that is a whole number of up to sixteen digits, whether it is a string or not. ok is false for all others.
func (s *Scanner) Natural(v *Value) (n int64, ok bool) {
	from, to := int(v.Start), int(v.End)
	if v.Kind != Number && v.Kind != String {
		return 0, false
	}
	if to-from <= 8 {
		return stamp.Digits(s.data, from, to)
	}
	high, first := stamp.Digits(s.data, from, to-8)
	low, second := stamp.Digits(s.data, to-8, to)
	return high*1e8 + low, first && second
}

// Visit makes a container that Extract found the value at hand, to be gone through with Enter and Next.
func (s *Scanner) Visit(v *Value) {
	if !s.indexed {
		s.index()
	}
	s.pos, s.pending, s.element, s.first, s.depth = int(v.Start), true, false, false, 1
	s.quote, _ = slices.BinarySearch(s.quotes, uint32(v.Start))
}
