package spool

import "encoding/binary"

// Group is records that are appended together, whole or not at all. The zero Group is empty; Reset makes it so again and keeps
// its memory. It is used by one goroutine.
type Group struct {
	Time int64  // arrival, Unix nanoseconds
	Key  []byte // at most 128 bytes; a group with a key that is remembered is not appended again. Empty: none

	data    []byte
	ends    []int
	largest int
}

// maxKept bounds what Reset keeps: one large request must not hold its memory for good.
const maxKept = 1 << 20

// Reset empties g.
func (g *Group) Reset() {
	data, ends := g.data[:0], g.ends[:0]
	if cap(data) > maxKept {
		data = nil
	}
	if cap(ends) > maxKept/16 {
		ends = nil
	}
	*g = Group{data: data, ends: ends}
}

// Add adds a record, of which it copies the bytes.
func (g *Group) Add(record []byte) {
	g.data = append(g.data, record...)
	g.ends = append(g.ends, len(g.data))
	g.largest = max(g.largest, len(record))
}

// Len returns how many records g has.
func (g *Group) Len() int { return len(g.ends) }

// Size returns how many bytes g's records have together.
func (g *Group) Size() int { return len(g.data) }

// Record returns record i, valid until the next Add or Reset.
func (g *Group) Record(i int) []byte {
	start := 0
	if i > 0 {
		start = g.ends[i-1]
	}
	return g.data[start:g.ends[i]:g.ends[i]]
}

// encodedSize returns no less than what g takes in a segment.
func (g *Group) encodedSize() int64 {
	blocks := int64(len(g.data)+lengthSize*len(g.ends))/blockTarget + 1
	// A block may be left short by up to a record, and a large record has a block of its own.
	blocks = min(2*blocks+1, int64(len(g.ends)))
	return int64(len(g.Key)) + int64(len(g.data)) + lengthSize*int64(len(g.ends)) + blocks*blockHeader
}

// appendBlock appends the block that begins with record from, of which the sequence number is first, to dst. It returns the
// number of the record after its last.
func (g *Group) appendBlock(dst []byte, from int, first int64) ([]byte, int) {
	key := g.Key
	begin := 0
	if from > 0 {
		key, begin = nil, g.ends[from-1]
	}
	to := from + 1
	for to < len(g.ends) && g.ends[to]-begin+lengthSize*(to+1-from) <= blockTarget {
		to++
	}
	flags := uint8(0)
	if to == len(g.ends) {
		flags = flagLast
	}
	start := len(dst)
	dst = beginBlock(dst, g.Time, first, to-from, len(key), flags)
	dst = append(dst, key...)
	last := begin
	for _, end := range g.ends[from:to] {
		dst = binary.LittleEndian.AppendUint32(dst, uint32(end-last))
		last = end
	}
	dst = append(dst, g.data[begin:g.ends[to-1]]...)
	endBlock(dst, start)
	return dst, to
}
