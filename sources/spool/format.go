package spool

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// The format of a segment file; docs/spool.md has it in tables. Integers are little endian.

const (
	magic      = "gm-spool"
	version    = 1
	headerSize = 64
	idSize     = 12

	blockHeader = 32
	blockTarget = 128 << 10 // a block is closed when its records have so many bytes
	maxBody     = 32 << 20  // of a block; more is no block
	lengthSize  = 4         // of the entry of a record in a block's table
)

// Flags of a block.
const (
	flagLast = 1 << iota // the group ends with this block
	flagKeys             // the block has no records but the keys remembered when the segment was begun
)

// castagnoli is never written.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// id is a spool's, the same in each of its segments.
type id [idSize]byte

// header is the first bytes of a segment.
type header struct {
	base    int64 // sequence number of the first record
	after   int64 // what the first would have if none were left out: where the records before end
	created int64 // Unix nanoseconds
	id      id
}

var (
	errHeader  = errors.New("no header of a spool segment")
	errVersion = errors.New("a version of the format that this program does not know")
	errBlock   = errors.New("no whole block")
)

func (h *header) append(dst []byte) []byte {
	start := len(dst)
	dst = append(dst, magic...)
	dst = binary.LittleEndian.AppendUint32(dst, version)
	dst = binary.LittleEndian.AppendUint32(dst, 0) // checksum
	dst = binary.LittleEndian.AppendUint64(dst, uint64(h.base))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(h.created))
	dst = append(dst, h.id[:]...)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(h.after))
	dst = append(dst, make([]byte, start+headerSize-len(dst))...)
	binary.LittleEndian.PutUint32(dst[start+12:], headerSum(dst[start:start+headerSize]))
	return dst
}

func headerSum(b []byte) uint32 {
	return crc32.Update(crc32.Checksum(b[:12], castagnoli), castagnoli, b[16:headerSize])
}

func parseHeader(b []byte) (h header, err error) {
	if len(b) < headerSize || string(b[:8]) != magic {
		return h, errHeader
	}
	if v := binary.LittleEndian.Uint32(b[8:]); v != version {
		return h, fmt.Errorf("%w: %d", errVersion, v)
	}
	if binary.LittleEndian.Uint32(b[12:]) != headerSum(b) {
		return h, errHeader
	}
	h.base = int64(binary.LittleEndian.Uint64(b[16:]))
	h.created = int64(binary.LittleEndian.Uint64(b[24:]))
	copy(h.id[:], b[32:])
	h.after = int64(binary.LittleEndian.Uint64(b[44:]))
	if h.base < 0 || h.after < 0 || h.after > h.base {
		return h, errHeader
	}
	return h, nil
}

// block is a stretch of records of one group. Its slices point into the bytes it was parsed from.
type block struct {
	time    int64 // arrival, Unix nanoseconds
	first   int64 // sequence number of the first record
	count   int
	flags   uint8
	key     []byte // of the group, on its first block
	lengths []byte // table of count lengths
	data    []byte // the records, one after the other
}

// length returns how long record i is.
func (b *block) length(i int) int { return int(binary.LittleEndian.Uint32(b.lengths[lengthSize*i:])) }

// bodyLength returns the length that a block's header states, and whether a block can have it.
func bodyLength(head []byte) (int, bool) {
	n := binary.LittleEndian.Uint32(head[4:])
	return int(n), n <= maxBody
}

// parseBlock reads the block that is b, header and body.
func parseBlock(b []byte) (k block, err error) {
	if len(b) < blockHeader {
		return k, errBlock
	}
	if n, ok := bodyLength(b); !ok || n != len(b)-blockHeader || binary.LittleEndian.Uint32(b) != crc32.Checksum(b[4:], castagnoli) {
		return k, errBlock
	}
	k.time = int64(binary.LittleEndian.Uint64(b[8:]))
	k.first = int64(binary.LittleEndian.Uint64(b[16:]))
	count := binary.LittleEndian.Uint32(b[24:])
	key := int(binary.LittleEndian.Uint16(b[28:]))
	k.flags = b[30]
	body := b[blockHeader:]
	if key > len(body) || int64(count)*lengthSize > int64(len(body)-key) || k.first < 0 {
		return k, errBlock
	}
	k.count, k.key = int(count), body[:key]
	k.lengths, k.data = body[key:key+lengthSize*k.count], body[key+lengthSize*k.count:]
	if k.flags&flagKeys != 0 {
		return k, nil
	}
	total := int64(0)
	for i := range k.count {
		total += int64(uint32(k.length(i)))
	}
	if total != int64(len(k.data)) {
		return k, errBlock
	}
	return k, nil
}

// beginBlock appends a block's header, to be completed by endBlock.
func beginBlock(dst []byte, time, first int64, count, key int, flags uint8) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, 0) // checksum and length
	dst = binary.LittleEndian.AppendUint64(dst, uint64(time))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(first))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(count))
	dst = binary.LittleEndian.AppendUint16(dst, uint16(key))
	return append(dst, flags, 0)
}

// endBlock completes the block that begins at start and ends with dst.
func endBlock(dst []byte, start int) {
	b := dst[start:]
	binary.LittleEndian.PutUint32(b[4:], uint32(len(b)-blockHeader))
	binary.LittleEndian.PutUint32(b, crc32.Checksum(b[4:], castagnoli))
}

// appendKeys appends a block of the keys that keys yields, oldest first.
func appendKeys(dst []byte, base int64, keys func(func(string) bool)) []byte {
	start := len(dst)
	dst = beginBlock(dst, 0, base, 0, 0, flagKeys|flagLast)
	for k := range keys {
		dst = append(binary.LittleEndian.AppendUint16(dst, uint16(len(k))), k...)
	}
	endBlock(dst, start)
	return dst
}

// eachKey calls f for each key of a block of keys.
func (b *block) eachKey(f func(key []byte)) {
	for d := b.data; len(d) >= 2; {
		n := int(binary.LittleEndian.Uint16(d))
		if n > len(d)-2 {
			return
		}
		f(d[2 : 2+n])
		d = d[2+n:]
	}
}
