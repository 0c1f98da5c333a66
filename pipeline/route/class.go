package route

import (
	"encoding/binary"
	"math/bits"
)

// text is the first 64 bytes of a path, or all of one and anything.
type text = [64]byte

// textOf returns path's text, which is path itself where there are so many bytes in its memory, else space.
func textOf(path []byte, space *text) *text {
	if cap(path) >= len(space) {
		return (*text)(path[:len(space)])
	}
	copy(space[:], path)
	return space
}

// classifyPortable returns which bytes of t are slashes, which are digits, and which are odd: other than slashes and what names are
// made of. It reads eight bytes at a time. The additions set a byte's high bit when the byte is at least so much; none carries into
// the next.
func classifyPortable(t *text) (slashes, digits, odd uint64) {
	for i := 0; i < len(t); i += 8 {
		x := binary.LittleEndian.Uint64(t[i:])
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
	}
	return slashes, digits, odd
}

const (
	each = 0x0101010101010101
	high = 0x80 * each
)

// gather puts the high bits of the eight bytes next to each other.
func gather(x uint64) uint64 { return (x & high) * 0x0002040810204081 >> 56 }

// keepPortable sets dst to the bytes of t whose bits in keep are set, and 0 for the others. It returns a hash of dst: NH (Black and
// others, UMAC, 1999) under key.
func keepPortable(dst, t *text, keep uint64, key *Key) (hash uint64) {
	for i := 0; i < len(t); i += 8 {
		x := uint64(uint8(keep>>i)) * each & 0x8040201008040201 // in byte n bit n
		x = (x + 0x7f*each) >> 7 & each                         // its lowest
		x = binary.LittleEndian.Uint64(t[i:]) & (x * 0xff)
		binary.LittleEndian.PutUint64(dst[i:], x)
		k := binary.LittleEndian.Uint64(key[i:])
		hash += uint64(uint32(x)+uint32(k)) * uint64(uint32(x>>32)+uint32(k>>32))
	}
	return hash
}

// Key is what shapes are hashed under. It should be random.
type Key [64]byte

// Shape is what the route of a path follows from: the path without what varies from request to request. Two paths with the same
// shape have the same route. Several shapes can have one route: of `/orders/7` and of `/orders/4711`.
type Shape struct {
	text     text // 0 where it varies, and past the end
	variable uint64
	size     int
}

// Set makes s the shape of path, and returns a hash of it. It is false, and s of no use, when path has none: its route can only be
// found by Append.
func (t *Templater) Set(s *Shape, path []byte, key *Key) (hash uint64, ok bool) {
	if t.root != nil || len(path) < minShort || len(path) > maxShort || path[0] != '/' {
		return 0, false
	}
	from := textOf(path, &s.text)
	ids, ok := variable(path, from)
	s.variable, s.size = ids, len(path)
	return keep(&s.text, from, (1<<len(path)-1)&^ids, key), ok
}

// SetRoute makes s the shape of a route that is known, as Set does of a path. It is false for a long one.
func (s *Shape) SetRoute(route []byte, key *Key) (hash uint64, ok bool) {
	if len(route) > maxShort {
		return 0, false
	}
	s.variable, s.size = 0, len(route)
	return keep(&s.text, textOf(route, &s.text), 1<<len(route)-1, key), true
}

// variable returns which bytes of a path, of minShort to maxShort bytes that begin with a slash, are replaced by `{id}`, a run of
// them by one. t is its text. Segments that are names are never looked at. It is false when it cannot tell: the path has a query or
// too many segments.
func variable(path []byte, t *text) (ids uint64, ok bool) {
	slashes, digits, odd := classify(t)
	all := uint64(1)<<len(path) - 1
	slashes, digits, odd = slashes&all, digits&all, odd&all
	if bits.OnesCount64(slashes) > maxSegments {
		return 0, false
	}
	// Segments of nothing but digits, all at once: a bit that is added where a segment begins with a digit is carried to behind the
	// last of the digits; what lies between is the segment when it ends there.
	ends := slashes | (all + 1)
	first := slashes << 1 & digits
	behind := (digits + first) &^ digits
	if behind&^ends == 0 {
		ids = behind - first
		// Of what is left, digits at most four behind a slash and at most three before the next are in a segment of less than eight
		// bytes, and no five of them side by side: in `v1`.
		odd &^= ids | digits&(ends>>1|ends>>2|ends>>3)&(slashes<<1|slashes<<2|slashes<<3|slashes<<4)
	}
	for odd != 0 {
		at := bits.TrailingZeros64(odd)
		begin := bits.Len64(slashes & (1<<at - 1))
		end := begin + bits.TrailingZeros64(ends>>begin)
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
				return 0, false
			}
			n = s.id(path[begin:end])
		}
		ids |= uint64(1)<<(begin+n) - 1<<begin
		odd &^= segment
	}
	return ids, true
}
