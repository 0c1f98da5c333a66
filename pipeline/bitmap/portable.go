package bitmap

import (
	"encoding/binary"
	"math/bits"
)

const (
	ones = 0x0101010101010101
	low7 = 0x7F7F7F7F7F7F7F7F
	// gather, times a word in which only the lowest bit of bytes is set, has those eight bits in its highest byte.
	gather = 0x0102040810204080
)

// fillPortable fills blocks from as many whole blocks of text.
func fillPortable(blocks []Block, text []byte, find [4]byte) {
	for k := range blocks {
		b := text[k*64:][:64]
		for c, f := range find {
			same := ones * uint64(f)
			m := uint64(0)
			for i := 0; i < 64; i += 8 {
				x := binary.LittleEndian.Uint64(b[i:]) ^ same
				zero := ^(x&low7 + low7 | x | low7) // the high bit of each byte that is zero
				m |= zero >> 7 * gather >> 56 << i
			}
			blocks[k][c] = m
		}
	}
}

// placesPortable writes the places of the c'th byte, and up to batch more numbers, to dst.
func placesPortable(dst []uint32, blocks []Block, c int) {
	n := 0
	for k := range blocks {
		for w := blocks[k][c]; w != 0; w &= w - 1 {
			dst[n] = uint32(k<<6 + bits.TrailingZeros64(w))
			n++
		}
	}
}
