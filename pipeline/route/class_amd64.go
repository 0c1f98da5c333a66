package route

import "github.com/gatemeter/gatemeter/pipeline/bitmap"

// classify does what classifyPortable does.
func classify(t *text) (slashes, digits, odd uint64) {
	if !bitmap.Wide() {
		return classifyPortable(t)
	}
	return classifyAVX2(t)
}

// keep does what keepPortable does.
func keep(dst, t *text, keep uint64, key *Key) (hash uint64) {
	if !bitmap.Wide() {
		return keepPortable(dst, t, keep, key)
	}
	return keepAVX2(dst, t, keep, key)
}

//go:noescape
func classifyAVX2(t *text) (slashes, digits, odd uint64)

//go:noescape
func keepAVX2(dst, t *text, keep uint64, key *Key) (hash uint64)
