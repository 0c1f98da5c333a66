// Package bitmap finds bytes: of a text it makes, for each of four bytes looked for, a bitmap of where they are, 64 bytes to a
// word. What then wants to know where the next quote is looks at bits and not at bytes, and takes no branch for each byte.
//
// On amd64 with AVX2 it is done 32 bytes at a time (bitmap_amd64.s), elsewhere eight (portable.go), with the same result.
//
// It is a leaf: it imports nothing of this module.
package bitmap

import "math/bits"

// Block is 64 bytes of a text: bit i of Block[c] is set where byte i is the c'th of the bytes looked for. Bits past the text's
// end are 0.
type Block [4]uint64

// Append appends the blocks of text to dst, ⌈len(text)/64⌉ of them, and returns it.
func Append(dst []Block, text []byte, find [4]byte) []Block {
	whole := len(text) / 64
	n := len(dst)
	dst = grow(dst, (len(text)+63)/64)
	fill(dst[n:n+whole], text, find)
	if rest := text[whole*64:]; len(rest) > 0 {
		var end [64]byte
		copy(end[:], rest)
		last := dst[n+whole:]
		fill(last, end[:], find)
		for c := range last[0] {
			last[0][c] &= 1<<len(rest) - 1
		}
	}
	return dst
}

// grow makes dst longer by n blocks, whose content is not defined.
func grow(dst []Block, n int) []Block {
	if need := len(dst) + n; need <= cap(dst) {
		return dst[:need]
	}
	return append(dst, make([]Block, n)...)
}

// Places appends the places of the c'th byte to dst, in their order, and returns it. Places are 32 bits: a text has no more.
func Places(dst []uint32, blocks []Block, c int) []uint32 {
	count := 0
	for k := range blocks {
		count += bits.OnesCount64(blocks[k][c&3])
	}
	n := len(dst)
	if cap(dst) < n+count+batch {
		dst = append(make([]uint32, 0, 2*(n+count)+batch), dst...)
	}
	dst = dst[:n+count+batch]
	if len(blocks) > 0 {
		places(dst[n:], blocks, c&3)
	}
	return dst[:n+count]
}

// batch is how many places are written at a time, whether there are so many or not: a branch for each would cost more.
const batch = 8

// Any reports whether the c'th byte is anywhere in [from, to), which lies in the text and may be empty.
func Any(blocks []Block, c, from, to int) bool {
	if from >= to {
		return false
	}
	k, last := from>>6, (to-1)>>6
	w := blocks[k][c&3] >> (from & 63) << (from & 63)
	for ; k < last; w = blocks[k][c&3] {
		if w != 0 {
			return true
		}
		k++
	}
	return w<<(63-(to-1)&63) != 0
}
