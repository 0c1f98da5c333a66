package ecs

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// AppendString appends s as a JSON string, quotes included. Bytes that are not UTF-8 become U+FFFD, one for each byte.
func AppendString[T string | []byte](dst []byte, s T) []byte {
	dst = append(dst, '"')
	dst = appendEscaped(dst, s)
	return append(dst, '"')
}

// appendEscaped appends what stands between the quotes.
func appendEscaped[T string | []byte](dst []byte, s T) []byte {
	for {
		n := plain(s)
		dst = append(dst, s[:n]...)
		if n == len(s) {
			return dst
		}
		s = s[n:]
		if s[0] >= utf8.RuneSelf {
			size := runeSize(s)
			if size == 0 {
				dst = append(dst, "\uFFFD"...)
				size = 1
			} else {
				dst = append(dst, s[:size]...)
			}
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
// and backslashes. It looks at eight bytes at a time (Hacker's Delight, section 6-1: the lowest byte found is exact).
func plain[T string | []byte](s T) int {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	i := 0
	for ; i+8 <= len(s); i += 8 {
		w := word(s, i)
		quote := w ^ ones*'"'
		slash := w ^ ones*'\\'
		special := w | (w-ones*' ')&^w | (quote-ones)&^quote | (slash-ones)&^slash
		if special &= highs; special != 0 {
			return i + bits.TrailingZeros64(special)/8
		}
	}
	for ; i < len(s); i++ {
		if c := s[i]; c < ' ' || c >= utf8.RuneSelf || c == '"' || c == '\\' {
			break
		}
	}
	return i
}

// word returns the eight bytes of s from i on as one little-endian number.
func word[T string | []byte](s T, i int) uint64 {
	b := [8]byte{s[i], s[i+1], s[i+2], s[i+3], s[i+4], s[i+5], s[i+6], s[i+7]}
	return binary.LittleEndian.Uint64(b[:])
}

// runeSize returns how many bytes the rune that s begins with has, 0 when s begins with no valid one.
func runeSize[T string | []byte](s T) int {
	var first [utf8.UTFMax]byte
	n := copy(first[:], s)
	if r, size := utf8.DecodeRune(first[:n]); r != utf8.RuneError || size > 1 {
		return size
	}
	return 0
}
