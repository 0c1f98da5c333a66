package route

import "math/bits"

// The paths that are looked at as a whole, with a bit for each byte.
const (
	minShort = 8
	maxShort = 63
)

// appendShort is Append for a path of minShort to maxShort bytes that begins with a slash, without patterns. It returns false, and
// nothing of use, when it cannot tell.
func appendShort(dst, path []byte) ([]byte, bool) {
	var space text
	ids, ok := variable(path, textOf(path, &space))
	copied := 0
	for ids != 0 {
		begin := bits.TrailingZeros64(ids)
		end := begin + bits.TrailingZeros64(^(ids >> begin))
		dst = append(append(dst, path[copied:begin]...), "{id}"...)
		ids &^= 1<<end - 1
		copied = end
	}
	return append(dst, path[copied:]...), ok
}
