package dotted

import (
	"math"
	"strconv"
)

// Numbers writes numbers as decimals: the shortest that means the same float64, never with an exponent, which some receivers do not read. It
// remembers what it wrote: percentiles are the middles of a few hundred buckets, and lengths of time mostly whole milliseconds, and to find
// the digits of one took a twelfth of the time of a log of many series. The zero value is ready. It belongs to one goroutine.
type Numbers struct {
	places [1 << numberBits]number
}

const numberBits = 10

// number is one that was written: where its bits lead, another takes its place.
type number struct {
	bits uint64
	n    uint8 // of text; 0: the place is free
	text [31]byte
}

// Append appends v, which must be finite, to dst.
func (m *Numbers) Append(dst []byte, v float64) []byte {
	v += 0 // makes -0 a 0
	bits := math.Float64bits(v)
	k := &m.places[bits*0x9E3779B97F4A7C15>>(64-numberBits)]
	if k.bits == bits && k.n > 0 {
		return append(dst, k.text[:k.n]...)
	}
	at := len(dst)
	dst = strconv.AppendFloat(dst, v, 'f', -1, 64)
	if n := len(dst) - at; n <= len(k.text) {
		k.bits, k.n = bits, uint8(n)
		copy(k.text[:], dst[at:])
	}
	return dst
}
