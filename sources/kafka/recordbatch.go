package kafka

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// errCorrupt is what errors of batches wrap that are not as they were written.
var errCorrupt = errors.New("corrupt batch")

// errOldFormat is of batches that were written before Kafka 0.11.
var errOldFormat = errors.New("the batch is of a format before Kafka 0.11's")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// A batch's header, and where its fields are.
//
// Format: https://kafka.apache.org/documentation/#recordbatch.
const (
	atLength     = 8
	atMagic      = 16
	atCRC        = 17
	atAttributes = 21 // from here on the CRC counts
	atLastDelta  = 23
	atBaseTime   = 27
	atMaxTime    = 35
	atProducer   = 43
	atCount      = 57
	headerBytes  = 61

	compressionBits = 7
	appendTime      = 1 << 3 // all messages have the broker's time, maxTime
	transactional   = 1 << 4
	control         = 1 << 5
)

// recordBatch is a batch as it lies in an answer.
type recordBatch struct {
	base, last int64 // offsets
	attributes int16
	baseTime   int64 // Unix milliseconds
	maxTime    int64
	producer   int64
	count      int32
	records    []byte // as they are, compressed or not
}

// nextBatch returns the first batch of p and what follows it. ok is false when p has no whole batch. After an error b.base and
// b.last are what the batch's header says, which may be as broken as the rest; last is -1 when it says nothing.
func nextBatch(p []byte) (b recordBatch, rest []byte, ok bool, err error) {
	if len(p) < atMagic+1 {
		return b, nil, false, nil
	}
	be := binary.BigEndian
	b.base = int64(be.Uint64(p))
	b.last = -1
	size := int64(atLength+4) + int64(int32(be.Uint32(p[atLength:])))
	if magic := p[atMagic]; magic != 2 {
		if magic < 2 {
			return b, nil, true, errOldFormat
		}
		return b, nil, true, fmt.Errorf("%w at offset %d: its format is %d", errCorrupt, b.base, magic)
	}
	if size > int64(len(p)) {
		return b, nil, false, nil // cut
	}
	if size < headerBytes {
		return b, nil, true, fmt.Errorf("%w at offset %d: it has %d bytes", errCorrupt, b.base, size)
	}
	b.last = b.base + int64(int32(be.Uint32(p[atLastDelta:])))
	if sum, want := crc32.Checksum(p[atAttributes:size], castagnoli), be.Uint32(p[atCRC:]); sum != want {
		return b, p[size:], true, fmt.Errorf("%w at offset %d: its checksum is %08x, not %08x", errCorrupt, b.base, sum, want)
	}
	b.attributes = int16(be.Uint16(p[atAttributes:]))
	b.baseTime = int64(be.Uint64(p[atBaseTime:]))
	b.maxTime = int64(be.Uint64(p[atMaxTime:]))
	b.producer = int64(be.Uint64(p[atProducer:]))
	b.count = int32(be.Uint32(p[atCount:]))
	b.records = p[headerBytes:size]
	if b.last < b.base || b.count < 0 || int64(b.count) > b.last-b.base+1 {
		return b, p[size:], true, fmt.Errorf("%w at offset %d: %d messages up to offset %d", errCorrupt, b.base, b.count, b.last)
	}
	return b, p[size:], true, nil
}

// wholeEnd returns the offset after the last whole batch of p, which is looked at no closer; 0 when there is none.
func wholeEnd(p []byte) int64 {
	end := int64(0)
	for len(p) >= headerBytes && p[atMagic] == 2 {
		size := int64(atLength+4) + int64(int32(binary.BigEndian.Uint32(p[atLength:])))
		if size < headerBytes || size > int64(len(p)) {
			break
		}
		end = int64(binary.BigEndian.Uint64(p)) + int64(int32(binary.BigEndian.Uint32(p[atLastDelta:]))) + 1
		p = p[size:]
	}
	return end
}

// aborts reports whether the control batch says that its producer's transaction was given up.
func (b *recordBatch) aborts() bool {
	var r recordReader
	if r.open(b) != nil {
		return false
	}
	defer r.close()
	m, err := r.next()
	return err == nil && len(m.key) >= 4 && binary.BigEndian.Uint16(m.key[2:]) == 0
}
