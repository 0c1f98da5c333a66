package stamp

import (
	"encoding/binary"
	"math/bits"
)

// LeadingInt reads the number that begins at line[at], at most len(line), and returns how many digits it has: 0 when there is none
// or it has more than seven. It looks at eight bytes at once: loops whose length differs from line to line cost more than they do.
func LeadingInt(line []byte, at int) (n int64, length int) {
	x := eight(line, at) ^ '0'*each
	length = bits.TrailingZeros64(notDigits(x)) / 8
	if length == 8 {
		return 0, 0
	}
	return joined(x << (64 - 8*length)), length // without digits, a shift by 64: 0
}

// LeadingDecimal reads the number that begins at line[at], at most len(line), times ten to the power of places, at most nine, and
// returns how long it is: 0 unless there are digits before its point and, if it has one, up to places behind it, in all less than
// eight bytes.
func LeadingDecimal(line []byte, at, places int) (n int64, length int) {
	x := eight(line, at) ^ '0'*each
	not := notDigits(x)
	point := bits.TrailingZeros64(not) &^ 7
	if point == 0 || point == 64 {
		return 0, 0
	}
	if byte(x>>point) != '.'^'0' {
		return joined(x<<(64-point)) * powers[places], point / 8
	}
	not &= not - 1
	length = bits.TrailingZeros64(not) / 8
	behind := length - point/8 - 1
	if length == 8 || uint(behind-1) >= uint(places) {
		return 0, 0
	}
	// What is before the point moves over it.
	x = x&^(1<<(point+8)-1) | x&(1<<point-1)<<8
	return joined(x<<(64-8*length)) * powers[places-behind], length
}

// Digits reads the number that line[from:to] is, of one to eight digits. to must be in the line.
func Digits(line []byte, from, to int) (n int64, ok bool) {
	x := last8(line, from, to)
	return joined(x), notDigits(x) == 0
}

// Thousandths reads the decimal number that line[from:to] is, of one to four digits and three places, and returns it as thousandths.
func Thousandths(line []byte, from, to int) (n int64, ok bool) {
	x := last8(line, from, to)
	point := byte(x>>32) ^ '.' ^ '0'
	x = x>>40<<40 | x<<32>>24 // what is before the point moves over it
	return joined(x), notDigits(x)|uint64(point) == 0 && to-from > len(".000")
}

// last8 returns line[from:to], of one to eight bytes of which each digit is made a number, as the highest bytes of a word; what is no
// digit for any other length, and for what ends before the eighth byte of the line.
func last8(line []byte, from, to int) uint64 {
	if length := to - from; to >= 8 && uint(length-1) < 8 {
		x := binary.LittleEndian.Uint64(line[to-8:to]) ^ '0'*each
		return x & (^uint64(0) << (uint(64-8*length) & 63))
	}
	return ^uint64(0)
}

const each = 0x0101010101010101

// eight returns the eight bytes of line from at on, zeros for those behind its end.
func eight(line []byte, at int) (x uint64) {
	if at+8 <= len(line) {
		return binary.LittleEndian.Uint64(line[at:])
	}
	if len(line) >= 8 {
		return binary.LittleEndian.Uint64(line[len(line)-8:]) >> (8 * (at + 8 - len(line)))
	}
	for i := len(line) - 1; i >= at; i-- {
		x = x<<8 | uint64(line[i])
	}
	return x
}

// notDigits returns the high bit of each byte of x that is more than 9.
func notDigits(x uint64) uint64 { return (x&(0x7f*each) + 0x76*each | x) & (0x80 * each) }

// joined returns the number whose eight digits, from 0 to 9, are the bytes of x, the first the lowest.
func joined(x uint64) int64 {
	x = x*10 + x>>8 // every other byte is a number of two digits
	const pair, first, second = 0x000000ff000000ff, 100 + 1000000<<32, 1 + 10000<<32
	return int64((x&pair*first + x>>16&pair*second) >> 32)
}
