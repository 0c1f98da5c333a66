package jsonscan

import "github.com/gatemeter/gatemeter/pipeline/bitmap"

// follow takes steps as long as they are as they were the last time, and leaves the rest to advance, which does the same for all of them.
func (w *walk) follow() {
	if bitmap.Wide() && !w.slowly {
		w.at = followAVX2(w, &w.last)
	}
}

// followAVX2 takes steps from w.at on, and returns the last one. It stops before one that is not there, is odd or longer than 32 bytes, or
// has a value behind it that it does not read: with backslashes in a row or letters written by their number, an unusual number,
// null. It changes w.i, w.taken, w.values, and last but for its 32 bytes behind 64: they are 0.
//
//go:noescape
func followAVX2(w *walk, last *[96]byte) *step
