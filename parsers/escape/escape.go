// Package escape undoes what servers do to bytes that would break their log's format.
package escape

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// Kind is a way to escape.
type Kind uint8

// The ways.
const (
	None Kind = iota // bytes stand as they are
	Hex              // nginx's default: \xHH for `"`, `\` and what is not printable ASCII
	JSON             // \" \\ \/ \n \u00XX; \xHH too, which nginx without escape=json writes into what looks like JSON
	C                // Apache's: \" \\ \n \t \xhh. It undoes Hex too: nginx writes no backslash but before an x
)

// Append appends v to dst with its escapes undone and returns dst. What is no escape stays as it is; half a surrogate pair
// becomes U+FFFD. The result is never longer than v.
func Append(dst, v []byte, kind Kind) []byte {
	for i := 0; i < len(v); i++ {
		if i+8 <= len(v) { // what stands before the next backslash is copied whole
			const each = 0x0101010101010101
			w := binary.LittleEndian.Uint64(v[i:])
			x := w ^ each*'\\'
			n := bits.TrailingZeros64((x-each)&^x&(each*0x80)) >> 3
			dst = binary.LittleEndian.AppendUint64(dst, w)
			if dst = dst[:len(dst)-8+n]; n == 8 {
				i += 7
				continue
			}
			i += n
		}
		c := v[i]
		if c != '\\' || i+1 == len(v) {
			dst = append(dst, c)
			continue
		}
		next := v[i+1]
		switch {
		case kind == JSON && next == 'u':
			r, n := codePoint(v[i:])
			if n == 0 {
				dst = append(dst, c)
				continue
			}
			dst = utf8.AppendRune(dst, r)
			i += n - 1
		case next == 'x' && i+3 < len(v) && digit(v[i+2])|digit(v[i+3]) < 16:
			dst = append(dst, digit(v[i+2])<<4|digit(v[i+3]))
			i += 3
		case kind != Hex && single[next] != 0:
			dst = append(dst, single[next])
			i++
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// single is what a backslash and one letter stand for.
var single = [256]byte{
	'"': '"', '\\': '\\', '/': '/', 'n': '\n', 't': '\t', 'r': '\r', 'b': '\b', 'f': '\f', 'v': '\v',
}

// codePoint reads `\uXXXX`, and the other half when it is the first of a surrogate pair. n is how many bytes that is, 0 when it
// is no escape.
func codePoint(v []byte) (r rune, n int) {
	r, ok := hex4(v)
	if !ok {
		return 0, 0
	}
	if r >= 0xD800 && r < 0xDC00 {
		if low, ok := hex4(v[6:]); ok && low >= 0xDC00 && low < 0xE000 {
			return (r-0xD800)<<10 | (low - 0xDC00) + 0x10000, 12
		}
	}
	return r, 6
}

// hex4 reads `\uXXXX` at the beginning of v.
func hex4(v []byte) (r rune, ok bool) {
	if len(v) < 6 || v[0] != '\\' || v[1] != 'u' {
		return 0, false
	}
	for _, c := range v[2:6] {
		d := digit(c)
		if d > 15 {
			return 0, false
		}
		r = r<<4 | rune(d)
	}
	return r, true
}

// digit returns the value of a hexadecimal digit, 255 for what is none.
func digit(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10
	}
	return 255
}
