package bitmap

import (
	"encoding/binary"

	"golang.org/x/sys/cpu"
)

// fill fills blocks from as many whole blocks of text.
func fill(blocks []Block, text []byte, find [4]byte) {
	if !cpu.X86.HasAVX2 || len(blocks) == 0 {
		fillPortable(blocks, text, find)
		return
	}
	_ = text[len(blocks)*64-1]
	fillAVX2(&blocks[0], &text[0], len(blocks), binary.LittleEndian.Uint32(find[:]))
}

// fillAVX2 fills n blocks, at least one, from 64 × n bytes of text. find is the four bytes, the first lowest.
//
//go:noescape
func fillAVX2(blocks *Block, text *byte, n int, find uint32)

// places writes the places of the c'th byte, and up to batch more numbers, to dst. There is at least one block.
func places(dst []uint32, blocks []Block, c int) {
	if !cpu.X86.HasBMI1 || !cpu.X86.HasPOPCNT {
		placesPortable(dst, blocks, c)
		return
	}
	placesBMI(&dst[0], &blocks[0][c], len(blocks))
}

// placesBMI writes the places of the bits of n words, at least one, which are 32 bytes apart. Up to seven numbers more than that
// are written.
//
//go:noescape
func placesBMI(dst *uint32, word *uint64, n int)
