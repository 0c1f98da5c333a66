package histogram

import (
	"encoding/binary"
	"math"
)

// AppendPacked appends h in few bytes, for Unpack: what a histogram takes that nobody adds to or asks.
//
//	count; unless it is 0: zeros, sum, min, max, number of buckets;
//	without buckets, two bytes for each listed value; with them first, then for each that is not empty the gap before it plus one, and its count;
//	and 0
//
// Numbers are varints of encoding/binary, the index of the first bucket zigzag.
func (h *Histogram) AppendPacked(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(h.count))
	if h.count == 0 {
		return dst
	}
	for _, n := range [...]int64{h.zeros, h.sum, h.min, h.max, int64(len(h.counts))} {
		dst = binary.AppendUvarint(dst, uint64(n))
	}
	if len(h.counts) == 0 {
		for _, i := range h.listed[:h.count-h.zeros] {
			dst = binary.LittleEndian.AppendUint16(dst, uint16(i))
		}
		return dst
	}
	dst = binary.AppendVarint(dst, int64(h.first))
	gap := uint64(1)
	for at := range h.counts {
		n := h.inBucket(at)
		if n == 0 {
			gap++
			continue
		}
		dst = binary.AppendUvarint(dst, gap)
		dst = binary.AppendUvarint(dst, uint64(n))
		gap = 1
	}
	return append(dst, 0)
}

// Unpack makes h, which must be empty, what was packed, and returns what follows that.
func (h *Histogram) Unpack(src []byte) (rest []byte) {
	number := func() uint64 {
		v, n := binary.Uvarint(src)
		src = src[n:]
		return v
	}
	h.count = int64(number())
	if h.count == 0 {
		return src
	}
	h.zeros, h.sum, h.min, h.max = int64(number()), int64(number()), int64(number()), int64(number())
	buckets := int(number())
	if buckets == 0 {
		for i := range h.listed[:h.count-h.zeros] {
			h.listed[i] = int16(binary.LittleEndian.Uint16(src))
			src = src[2:]
		}
		return src
	}
	first, n := binary.Varint(src)
	src = src[n:]
	h.cover(int(first), int(first)+buckets-1)
	at := -1
	for gap := number(); gap != 0; gap = number() {
		at += int(gap)
		n := number()
		h.counts[at] = uint8(n)
		if n > math.MaxUint8 {
			h.carry(at, uint32(n>>8))
		}
	}
	return src
}
