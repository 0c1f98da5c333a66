package bitmap

import (
	"encoding/binary"

	"golang.org/x/sys/cpu"
)

// fillPairs fills pairs from as many whole blocks of text.
func fillPairs(pairs []Pair, text []byte, end byte, find [4]byte) {
	if !cpu.X86.HasAVX2 || len(pairs) == 0 {
		fillPairsPortable(pairs, text, end, find)
		return
	}
	_ = text[len(pairs)*64-1]
	fillPairsAVX2(&pairs[0], &text[0], len(pairs), uint32(end), binary.LittleEndian.Uint32(find[:]))
}

// fillPairsAVX2 fills n pairs, at least one, from 64 × n bytes of text. end is one byte, find four, the first lowest.
//
//go:noescape
func fillPairsAVX2(pairs *Pair, text *byte, n int, end, find uint32)
