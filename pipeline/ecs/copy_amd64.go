package ecs

// copyPlain copies the first n bytes of src, at least one, to dst as long as they stand for themselves in a JSON string. It returns how
// many do: n, or fewer than that when there is one that does not. Of dst all n bytes may have been written.
//
//go:noescape
func copyPlain(dst, src *byte, n int) int
