package ecs

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
	"unsafe"
)

// AppendString appends s as a JSON string, quotes included. Bytes that are not UTF-8 become U+FFFD, one for each byte.
func AppendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	dst = appendEscaped(dst, unsafe.Slice(unsafe.StringData(s), len(s))) // only read
	return append(dst, '"')
}

// appendEscaped appends what stands between the quotes.
func appendEscaped(dst, s []byte) []byte {
	for {
		n := plain(s)
		dst = append(dst, s[:n]...)
		if n == len(s) {
			return dst
		}
		s = s[n:]
		if s[0] >= utf8.RuneSelf {
			r, size := utf8.DecodeRune(s)
			dst = utf8.AppendRune(dst, r) // RuneError for a byte that begins no rune
			s = s[size:]
			continue
		}
		switch c := s[0]; c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		s = s[1:]
	}
}

const hexDigits = "0123456789abcdef"

// plain returns how many bytes s begins with that stand for themselves in a JSON string: ASCII without control bytes, quotes
// and backslashes. It looks at eight bytes at a time, the last eight once more where they overlap.
func plain(s []byte) int {
	if len(s) < 8 {
		for i, c := range s {
			if c < ' ' || c >= utf8.RuneSelf || c == '"' || c == '\\' {
				return i
			}
		}
		return len(s)
	}
	for i := 0; i < len(s)-8; i += 8 {
		if found := special(binary.LittleEndian.Uint64(s[i:])); found != 0 {
			return i + bits.TrailingZeros64(found)/8
		}
	}
	return len(s) - 8 + bits.TrailingZeros64(special(binary.LittleEndian.Uint64(s[len(s)-8:])))/8
}

// special returns a number whose lowest set bit lies in the lowest byte of w that must not stand in a JSON string as it is; 0
// when there is none, and TrailingZeros64 then says 64. (Hacker's Delight, section 6-1. Bits above the lowest may be wrong.)
func special(w uint64) uint64 {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	quote := w ^ ones*'"'
	slash := w ^ ones*'\\'
	return (w | (w-ones*' ')&^w | (quote-ones)&^quote | (slash-ones)&^slash) & highs
}
