package ecs

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"unicode/utf8"
)

// AppendString appends s as a JSON string, quotes included. Bytes that are not UTF-8 become U+FFFD, one for each byte.
func AppendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	dst = appendEscaped(dst, bytesOf(s))
	return append(dst, '"')
}

// appendEscaped appends what stands between the quotes.
func appendEscaped(dst, s []byte) []byte {
	for {
		if len(s) == 0 {
			return dst
		}
		dst = slices.Grow(dst, len(s))
		n := len(dst)
		plain := copyPlain(&dst[:n+1][n], &s[0], len(s))
		dst = dst[:n+plain]
		if plain == len(s) {
			return dst
		}
		dst, s = appendSpecial(dst, s[plain:])
	}
}

// appendSpecial appends s up to and with the first character that does not stand for itself, and returns what follows it.
func appendSpecial(dst, s []byte) (longer, rest []byte) {
	for len(s) > 0 && isPlain(s[0]) {
		dst, s = append(dst, s[0]), s[1:]
	}
	if len(s) == 0 {
		return dst, s
	}
	if s[0] >= utf8.RuneSelf {
		r, size := utf8.DecodeRune(s)
		return utf8.AppendRune(dst, r), s[size:] // RuneError for a byte that begins no rune
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
	return dst, s[1:]
}

const hexDigits = "0123456789abcdef"

// isPlain reports whether c stands for itself in a JSON string: ASCII that is no control byte, quote or backslash.
func isPlain(c byte) bool {
	return c >= ' ' && c < utf8.RuneSelf && c != '"' && c != '\\'
}

// copyPortable copies s to dst as long as its bytes stand for themselves, and returns how many do; dst is as long. It looks at eight
// bytes at a time, the last eight once more where they overlap.
func copyPortable(dst, s []byte) int {
	if len(s) < 8 {
		for i, c := range s {
			if !isPlain(c) {
				return i
			}
			dst[i] = c
		}
		return len(s)
	}
	for i := 0; ; i = min(i+8, len(s)-8) {
		w := binary.LittleEndian.Uint64(s[i:])
		binary.LittleEndian.PutUint64(dst[i:], w)
		if found := special(w); found != 0 {
			return i + bits.TrailingZeros64(found)/8
		}
		if i == len(s)-8 {
			return len(s)
		}
	}
}

// special returns a number whose lowest set bit lies in the lowest byte of w that must not stand in a JSON string as it is; 0
// when there is none. (Hacker's Delight, section 6-1. Bits above the lowest may be wrong.)
func special(w uint64) uint64 {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	quote := w ^ ones*'"'
	slash := w ^ ones*'\\'
	return (w | (w-ones*' ')&^w | (quote-ones)&^quote | (slash-ones)&^slash) & highs
}
