package bitmap

import "golang.org/x/sys/cpu"

// QuickCuts reports whether Cuts takes a processor's own instructions. Without them it is slower than to search for each cut.
func QuickCuts() bool {
	x := &cpu.X86
	return x.HasAVX2 && x.HasBMI1 && x.HasBMI2 && x.HasPOPCNT && x.HasPCLMULQDQ
}

// cutsQuickly is Cuts for a line of at least 64 bytes.
func cutsQuickly(at []uint32, line []byte) (n int, seen Seen) {
	return cutsAVX2((*[CutsLen]uint32)(at), &line[0], len(line))
}

// cutsAVX2 writes the places of the cuts of a line of length bytes, at least 64, and up to spare more numbers, to at. It stops behind the
// 64 bytes in which there are more than MaxCuts.
//
//go:noescape
func cutsAVX2(at *[CutsLen]uint32, line *byte, length int) (n int, seen Seen)
