package jsonscan

import "golang.org/x/sys/cpu"

// follow takes steps as long as they are known and plain, and leaves the rest to advance, which does the same.
func (w *walk) follow() {
	if cpu.X86.HasAVX2 && cpu.X86.HasBMI1 && !w.slowly {
		followAVX2(w)
	}
}

// followAVX2 takes the steps that have come next the last time, until one is not there, is odd or longer than 32 bytes, or is before what
// it does not read: backslashes in a row, letters written by their number, unusual numbers, the line's last bytes. It changes w.at, w.i,
// w.taken and w.values.
//
//go:noescape
func followAVX2(w *walk)
