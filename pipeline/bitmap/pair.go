package bitmap

import "slices"

// Pair is 64 bytes of a text: bit i of Pair[0] is set where byte i ends something, bit i of Pair[1] where it is one of four bytes
// looked for. Bits past the text's end are 0.
type Pair [2]uint64

// AppendPairs appends the pairs of text to dst, ⌈len(text)/64⌉ of them, and returns it.
func AppendPairs(dst []Pair, text []byte, end byte, find [4]byte) []Pair {
	whole, n := len(text)/64, len(dst)
	dst = slices.Grow(dst, (len(text)+63)/64)[:n+(len(text)+63)/64]
	fillPairs(dst[n:n+whole], text, end, find)
	if rest := text[whole*64:]; len(rest) > 0 {
		var tail [64]byte
		copy(tail[:], rest)
		last := dst[n+whole:]
		fillPairs(last, tail[:], end, find)
		last[0][0] &= 1<<len(rest) - 1
		last[0][1] &= 1<<len(rest) - 1
	}
	return dst
}

// fillPairsPortable fills pairs from as many whole blocks of text.
func fillPairsPortable(pairs []Pair, text []byte, end byte, find [4]byte) {
	for k := range pairs {
		var ends, found [1]Block
		fillPortable(ends[:], text[k*64:], [4]byte{end, end, end, end})
		fillPortable(found[:], text[k*64:], find)
		pairs[k] = Pair{ends[0][0], found[0][0] | found[0][1] | found[0][2] | found[0][3]}
	}
}
