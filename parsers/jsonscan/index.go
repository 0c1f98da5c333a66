package jsonscan

import (
	"math/bits"

	"github.com/gatemeter/gatemeter/pipeline/bitmap"
)

// What is looked for in a line, by its place in a bitmap.Block.
const (
	quotes = iota
	backslashes
)

// index finds the quotes of s.data, so that where a string ends need not be looked for, and need not be guessed by the
// processor's branch prediction: that costs more than all else here.
func (s *Scanner) index() {
	s.marks = bitmap.Append(s.marks[:0], s.data, [4]byte{quotes: '"', backslashes: '\\'})
	s.indexed = true
	escaping := uint64(0) // the last byte of the block before is a backslash
	for k := range s.marks {
		m := &s.marks[k]
		behind := m[backslashes]<<1 | escaping
		if behind&m[quotes] != 0 {
			m[quotes] = s.unescaped(k, m[quotes])
		}
		escaping = m[backslashes] >> 63
	}
	s.quotes, s.quote = bitmap.Places(s.quotes[:0], s.marks, quotes), 0
}

// unescaped returns w, the quotes of block k, without those that have an odd number of backslashes before them.
func (s *Scanner) unescaped(k int, w uint64) uint64 {
	kept := w
	for ; w != 0; w &= w - 1 {
		i := k<<6 + bits.TrailingZeros64(w)
		n := 0
		for n < i && s.data[i-1-n] == '\\' {
			n++
		}
		if n%2 == 1 {
			kept &^= w & -w
		}
	}
	return kept
}
