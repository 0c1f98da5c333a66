package route

import "golang.org/x/sys/cpu"

// classify does what classifyPortable does.
func classify(t *text) (slashes, digits, odd uint64) {
	if !cpu.X86.HasAVX2 {
		return classifyPortable(t)
	}
	return classifyAVX2(t)
}

// keep does what keepPortable does.
func keep(dst, t *text, keep uint64, key *Key) (hash uint64) {
	if !cpu.X86.HasAVX2 {
		return keepPortable(dst, t, keep, key)
	}
	return keepAVX2(dst, t, keep, key)
}

//go:noescape
func classifyAVX2(t *text) (slashes, digits, odd uint64)

//go:noescape
func keepAVX2(dst, t *text, keep uint64, key *Key) (hash uint64)
