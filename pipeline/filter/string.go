package filter

import "unsafe"

// unsafeString returns b as a string without a copy. It is used where the callee keeps nothing of it, and b does not change
// before that returns.
func unsafeString(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
