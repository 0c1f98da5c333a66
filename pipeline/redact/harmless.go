package redact

import (
	"encoding/binary"
	"math/bits"
)

// isHarmless reports whether the last letters before i show that no secret's name ends there; pairs: nor one of a pair of JSON,
// `key` or `name`. It says what maySecretEnd says, without a branch for each letter, or false where that has to look.
func (r *Redactor) isHarmless(line []byte, i int, pairs bool) bool {
	if i < 8 || r.endings.short {
		return false
	}
	w := binary.LittleEndian.Uint64(line[i-8:])
	for range 3 { // more than two dashes among the last letters are not worth it
		four := uint32(w >> 32)
		other := notLetters(four)
		if other == 0 {
			before, first := byte(w>>24), byte(w>>32)
			if escapes[before]&(escapes[first]|backslash) != 0 || pairs && isPair(four) {
				return false
			}
			return !r.endings.has(pack(four))
		}
		letters := bits.LeadingZeros32(other) // 8 bits each
		switch c := byte(w >> (56 - letters)); {
		case kinds[c] == dash:
			keep := ^uint64(0) << (64 - letters)
			w = w&keep | w<<8&^keep
			continue
		case kinds[c] != boundary || c == '\\':
			return false
		case letters < 24:
			return true
		}
		return !(pairs && isPair(four)) && !r.endings.has(pack(four&^0xff))
	}
	return false
}

// notLetters marks the bytes that are no letters, each by its highest bit.
func notLetters(w uint32) uint32 {
	const each = 0x01010101
	low := (w | 0x20*each) & (0x7f * each)
	return (low + (0x7f-'z')*each | ^(low + (0x80-'a')*each) | w) & (0x80 * each)
}

// pack makes of four letters, the last one in the highest byte, what endings.has takes; 0 is no letter.
func pack(four uint32) uint32 {
	w := bits.ReverseBytes32(four & 0x1f1f1f1f)
	w = w&0x001f001f | w>>3&0x03e003e0
	return w&0x3ff | w>>6&0xffc00
}

// isPair reports whether a name ends with key or name, which pairs of JSON have.
func isPair(four uint32) bool {
	const key, name = 'k'<<8 | 'e'<<16 | 'y'<<24, 'n' | 'a'<<8 | 'm'<<16 | 'e'<<24
	return four&^0xff == key || four == name
}

// escapes tells the bytes with which an encoded letter can begin before the last four: the first of these may belong to it.
var escapes = makeEscapes()

const (
	hexDigit  = 1
	backslash = 2
)

func makeEscapes() (t [256]uint8) {
	for i := range t {
		if unhex(byte(i)) >= 0 {
			t[i] = hexDigit
		}
	}
	t['\\'] = backslash
	return t
}
