//go:build !amd64

package ecs

import "unsafe"

// copyPlain copies the first n bytes of src, at least one, to dst as long as they stand for themselves in a JSON string. It returns how
// many do.
func copyPlain(dst, src *byte, n int) int {
	return copyPortable(unsafe.Slice(dst, n), unsafe.Slice(src, n))
}
