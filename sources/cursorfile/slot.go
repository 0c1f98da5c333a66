package cursorfile

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"

	"github.com/gatemeter/gatemeter/pipeline/cursor"
)

// The header of a slot, little endian; see docs/state.md.
const (
	magic         = "gmcursor"
	formatVersion = 1

	offVersion  = 8  // uint32
	offCapacity = 12 // uint32, bytes of a slot with its header
	offSequence = 16 // uint64, one more for each save
	offLength   = 24 // uint32, bytes of the payload
	offChecksum = 28 // uint32, CRC-32C of the 28 bytes before it and the payload
	headerSize  = 32

	minCapacity = 4 << 10
	maxCapacity = 64 << 20 // a damaged file must not make us take more memory than this
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// payload is what a slot holds after its header.
type payload struct {
	Cursors []cursor.Cursor `json:"cursors"`
}

// slot is a slot as it was read.
type slot struct {
	offset   int64
	capacity int64
	sequence uint64
	payload  []byte
	cursors  []cursor.Cursor
}

// appendSlot appends the header and the payload.
func appendSlot(dst []byte, capacity int64, sequence uint64, body []byte) []byte {
	start := len(dst)
	dst = append(dst, magic...)
	dst = binary.LittleEndian.AppendUint32(dst, formatVersion)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(capacity))
	dst = binary.LittleEndian.AppendUint64(dst, sequence)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(body)))
	sum := crc32.Update(crc32.Checksum(dst[start:], castagnoli), castagnoli, body)
	dst = binary.LittleEndian.AppendUint32(dst, sum)
	return append(dst, body...)
}

// parseSlot reads the slot that begins at file[offset]. The slot's payload points into file.
func parseSlot(file []byte, offset int64) (*slot, error) {
	b := file[offset:]
	if len(b) < headerSize {
		return nil, fmt.Errorf("cut off after %d bytes", len(b))
	}
	if !bytes.HasPrefix(b, []byte(magic)) {
		return nil, fmt.Errorf("begins with %q", b[:len(magic)])
	}
	if v := binary.LittleEndian.Uint32(b[offVersion:]); v != formatVersion {
		return nil, fmt.Errorf("has format version %d, this program knows %d", v, formatVersion)
	}
	s := &slot{
		offset:   offset,
		capacity: int64(binary.LittleEndian.Uint32(b[offCapacity:])),
		sequence: binary.LittleEndian.Uint64(b[offSequence:]),
	}
	length := int64(binary.LittleEndian.Uint32(b[offLength:]))
	if length > int64(len(b)-headerSize) {
		return nil, fmt.Errorf("cut off: %d of %d bytes", len(b)-headerSize, length)
	}
	s.payload = b[headerSize : headerSize+length]
	sum := crc32.Update(crc32.Checksum(b[:offChecksum], castagnoli), castagnoli, s.payload)
	if want := binary.LittleEndian.Uint32(b[offChecksum:]); sum != want {
		return nil, fmt.Errorf("has checksum %08x instead of %08x", sum, want)
	}
	if !validCapacity(s.capacity) || offset != 0 && offset != s.capacity {
		return nil, fmt.Errorf("of capacity %d at offset %d", s.capacity, offset)
	}
	var p payload
	if err := json.Unmarshal(s.payload, &p); err != nil {
		return nil, fmt.Errorf("decode: %w", err)
	}
	s.cursors = p.Cursors
	return s, nil
}

// validCapacity reports whether c is one that grow makes: a power of two between the two bounds.
func validCapacity(c int64) bool { return c >= minCapacity && c <= maxCapacity && c&(c-1) == 0 }

// capacityFor returns the capacity of slots for a payload of n bytes, with room to grow.
func capacityFor(n int) (int64, error) {
	c := int64(minCapacity)
	for c < maxCapacity && c < 2*int64(n+headerSize) {
		c *= 2
	}
	if int64(n+headerSize) > c {
		return 0, fmt.Errorf("cursors of %d bytes exceed the %d a slot may have", n, maxCapacity-headerSize)
	}
	return c, nil
}
