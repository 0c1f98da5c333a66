package route

import (
	"encoding/binary"
	"math/bits"
)

// The paths that are read eight bytes at a time, with a bit for each byte.
const (
	minShort = 8
	maxShort = 64
)

// appendShort is Append for a path of minShort to maxShort bytes that begins with a slash, without patterns. Segments that are
// names are never looked at. It returns false, and nothing of use, when it cannot tell: the path has a query or too many segments.
func appendShort(dst, path []byte) ([]byte, bool) {
	start, copied := len(dst), 0
	slashes, digits, odd := scan(path)
	if bits.OnesCount64(slashes) > maxSegments {
		return dst, false
	}
	for odd != 0 {
		at := bits.TrailingZeros64(odd)
		begin := bits.Len64(slashes & (1<<at - 1))
		end := min(at+bits.TrailingZeros64(slashes>>at), len(path))
		segment := uint64(1)<<end - 1<<begin
		n, d := 0, digits&segment
		switch {
		case d == segment, odd&segment == d && (end-begin >= 20 || d&(d>>1)&(d>>2)&(d>>3)&(d>>4) != 0):
			n = end - begin
		case odd&segment == d && end-begin < 8: // v1
		default:
			var s seen
			s.look(path[begin:end])
			if s.all&classEnd != 0 {
				return dst[:start], false
			}
			n = s.id(path[begin:end])
		}
		if n > 0 {
			dst = append(append(dst, path[copied:begin]...), "{id}"...)
			copied = begin + n
		}
		odd &^= segment
	}
	return append(dst, path[copied:]...), true
}

const (
	each = 0x0101010101010101
	high = 0x80 * each
)

// scan returns which bytes of p are slashes, which are digits, and which are odd: other than slashes and what names are made of.
// The additions set a byte's high bit when the byte is at least so much; none carries into the next.
func scan(p []byte) (slashes, digits, odd uint64) {
	last := len(p) - 8
	for i := 0; ; i += 8 {
		i = min(i, last) // the last eight may be looked at twice
		x := binary.LittleEndian.Uint64(p[i:])
		low := x &^ high
		lower := low | 0x20*each // letters are lower case
		digit := (low ^ '0'*each) + (0x80-10)*each
		slash := (low ^ '/'*each) + 0x7f*each
		dash := ((low | 2*each) ^ '/'*each) + 0x7f*each // or a slash
		letter := (lower + (0x80-'a')*each) &^ (lower + (0x80-'z'-1)*each)
		under := (low ^ '_'*each) + 0x7f*each
		slashes |= gather(^(slash | x)) << i
		digits |= gather(^(digit | x)) << i
		odd |= gather(dash&under&^letter|x) << i
		if i == last {
			return slashes, digits, odd
		}
	}
}

// gather puts the high bits of the eight bytes next to each other.
func gather(x uint64) uint64 { return (x & high) * 0x0002040810204081 >> 56 }
