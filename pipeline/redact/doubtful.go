package redact

import (
	"encoding/binary"
	"math/bits"
)

// doubtful returns those of ends, colons behind a quotation mark of which bit i is the one at line[base+i], before which a secret's name
// may end, or one of a pair of JSON. It looks at the four bytes before the quotation mark and a few more, and nearly always decides without
// a branch: which names are doubtful is hard to guess.
//
// What it leaves out secretBefore would say no to, whatever in the line has been masked meanwhile, as long as names have no parts.
func (r *Redactor) doubtful(line []byte, base int, ends uint64) (left uint64) {
	if r.endings.short {
		return ends
	}
	for ; ends != 0; ends &= ends - 1 {
		i := base + bits.TrailingZeros64(ends)
		if i < 9 {
			left |= ends & -ends
			continue
		}
		w := binary.LittleEndian.Uint64(line[i-9:])
		four := uint32(w >> 32)
		doubt := uint64(r.endings.bytes.has(four) | inEscapes(four))
		if e := escapes[byte(w>>24)]; e&(escapes[byte(w>>32)]|backslash) != 0 && (e == backslash || mayEncode(w)) {
			doubt = 1
		}
		left |= ends & -ends & -((doubt | -doubt) >> 63) // without a branch: which names are doubtful is hard to guess
	}
	return left
}

// mayEncode reports whether the fourth of eight bytes, a hex digit, and the fifth may be the end of an encoded character, or the fourth at least
// one of its digits.
func mayEncode(w uint64) bool {
	c := byte(w >> 16)
	return c == '%' || c == '5' || c == 'x' || c == 'u' || byte(w>>8) == 'u' || byte(w) == 'u'
}

// inEscapes is not 0 when one of four bytes is part of a name, but not a letter or a dash: a digit, which may be one of an encoded letter,
// a bracket, or no ASCII; or a backslash.
func inEscapes(four uint32) uint32 {
	const each = 0x01010101
	low := four & (0x7f * each)
	digits := (low + (0x80-'0')*each) &^ (low + (0x7f-'9')*each)
	brackets := (low + (0x80-'[')*each) &^ (low + (0x7f-']')*each) // the backslash stands between them
	return (digits | brackets | four) & (0x80 * each)
}

// lastBytes are hashes of the four bytes in which a known name can end, in either case: its last letters with dashes among them, and of
// one that has three letters what may stand before it.
type lastBytes [1 << lastBits / 64]uint64

const lastBits = 16

func (l *lastBytes) has(four uint32) uint32 {
	h := lastHash(four)
	return uint32(l[h/64]>>(h%64)) & 1
}

func (l *lastBytes) set(four uint32) {
	h := lastHash(four)
	l[h/64] |= 1 << (h % 64)
}

func lastHash(four uint32) uint32 { return (four | 0x20202020) * 0x9e3779b1 >> (32 - lastBits) }

// add adds the ends of a folded name.
func (l *lastBytes) add(folded string) {
	if len(folded) == 3 {
		l.addBehindAny(folded)
	}
	l.addDashed(folded, 0, 32)
}

// addBehindAny adds three letters, whatever stands before them.
func (l *lastBytes) addBehindAny(three string) {
	for before := range uint32(256) {
		l.set(before | uint32(three[0])<<8 | uint32(three[1])<<16 | uint32(three[2])<<24)
	}
}

// addDashed adds all ends of which the bytes from bit `from` on are four's, and those before letters from the end of folded, or dashes.
func (l *lastBytes) addDashed(folded string, four uint32, from int) {
	if from == 0 {
		l.set(four)
		return
	}
	from -= 8
	l.addDashed(folded, four|'-'<<from, from)
	l.addDashed(folded, four|'_'<<from, from)
	if n := len(folded); n > 0 {
		l.addDashed(folded[:n-1], four|uint32(folded[n-1])<<from, from)
	}
}

// addPairs adds the names that pairs of JSON have.
func (l *lastBytes) addPairs() {
	l.addBehindAny("key")
	l.set('n' | 'a'<<8 | 'm'<<16 | 'e'<<24)
}
