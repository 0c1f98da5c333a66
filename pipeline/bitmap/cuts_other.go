//go:build !amd64

package bitmap

// QuickCuts reports whether Cuts takes a processor's own instructions. Without them it is slower than to search for each cut.
func QuickCuts() bool { return false }

// cutsQuickly is Cuts for a line of at least 64 bytes.
func cutsQuickly(at []uint32, line []byte) (n int, seen Seen) { return cutsPortable(at, line) }
