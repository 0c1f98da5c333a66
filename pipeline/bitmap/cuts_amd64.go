package bitmap

import "golang.org/x/sys/cpu"

// QuickCuts reports whether Cuts takes a processor's own instructions. Without them it is slower than to search for each cut.
func QuickCuts() bool {
	return cpu.X86.HasAVX2 && cpu.X86.HasBMI1 && cpu.X86.HasBMI2 && cpu.X86.HasPOPCNT && cpu.X86.HasPCLMULQDQ
}

// cuts is Cuts for a line of at least 64 bytes.
func cuts(at []uint32, line []byte) (n int, seen Seen) {
	if QuickCuts() {
		return cutsAVX2(&at[0], &line[0], len(line))
	}
	return cutsPortable(at, line)
}

// cutsAVX2 writes the places of the cuts of a line of length bytes, at least 64, and up to batch more numbers, to at. It stops behind the
// 64 bytes in which there are more than MaxCuts.
//
//go:noescape
func cutsAVX2(at *uint32, line *byte, length int) (n int, seen Seen)
