package bitmap

import (
	"encoding/binary"
	"math/bits"
)

// cutsPortable is cutsAVX2 in Go.
func cutsPortable(at []uint32, line []byte) (n int, seen Seen) {
	quoted := uint64(0) // all ones within quotes
	var others [4]uint64
	for from := 0; from < len(line) && n <= MaxCuts; from += 64 {
		// What is left of a line is the end of its last 64 bytes.
		start := min(from, len(line)-64)
		b, before := line[start:][:64], from-start
		quotes, spaces := uint64(0), uint64(0)
		for i := 0; i < 64; i += 8 {
			w := binary.LittleEndian.Uint64(b[i:])
			quotes |= same(w, '"') >> 7 * gather >> 56 << i
			spaces |= same(w, ' ') >> 7 * gather >> 56 << i
			others[0] |= same(w, '?')
			others[1] |= same(w, '=')
			others[2] |= same(w, '\\')
			others[3] |= same(w, '%') | same(w, '{')
		}
		quotes, spaces = quotes>>before, spaces>>before
		within := quotes
		for i := 1; i < 64; i *= 2 { // each bit is the sum of those up to it
			within ^= within << i
		}
		within ^= quoted
		quoted = uint64(int64(within) >> 63)
		for w := spaces&^within | quotes; w != 0; w &= w - 1 {
			at[n] = uint32(from + bits.TrailingZeros64(w))
			n++
		}
	}
	for i, w := range others {
		if w != 0 {
			seen |= 1 << i
		}
	}
	return n, seen
}

// same returns the high bit of each byte of w that is c.
func same(w uint64, c byte) uint64 {
	x := w ^ ones*uint64(c)
	return ^(x&low7 + low7 | x | low7)
}
