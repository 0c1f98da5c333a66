package graphite

import (
	"encoding/binary"
	"math"

	"github.com/gatemeter/gatemeter/pipeline/point"
)

// A pickle message is four bytes of length, big-endian, and a pickled list [(name, (timestamp, value)), …]. The opcodes are
// those of protocol 2, as Python's pickletools describes them.
const (
	opProto      = "\x80\x02"
	opEmptyList  = "]"
	opMark       = "("
	opAppends    = "e" // all above the mark go into the list
	opStop       = "."
	opTuple2     = "\x86"
	opBinUnicode = 'X'    // four bytes of length, little-endian, UTF-8
	opBinInt     = 'J'    // four bytes, little-endian, signed
	opLong1      = '\x8a' // one byte of length, little-endian two's complement
	opBinFloat   = 'G'    // eight bytes, big-endian IEEE 754

	pickleStart = "\x00\x00\x00\x00" + opProto + opEmptyList + opMark // the length is filled in at the end
	pickleEnd   = opAppends + opStop
)

// appendPickle appends p's tuple.
func (e *encoder) appendPickle(buf []byte, p *point.Point) []byte {
	buf = append(buf, opBinUnicode, 0, 0, 0, 0)
	name := len(buf)
	buf = e.names.Append(buf, p)
	buf = append(buf, e.names.Tags()...)
	binary.LittleEndian.PutUint32(buf[name-4:], uint32(len(buf)-name))
	buf = append(buf, e.stamp...)
	if p.Kind == point.Counter {
		buf = appendPickleInt(buf, p.Count)
	} else {
		buf = append(buf, opBinFloat)
		buf = binary.BigEndian.AppendUint64(buf, math.Float64bits(p.Value+0))
	}
	return append(buf, opTuple2+opTuple2...)
}

func appendPickleInt(buf []byte, v int64) []byte {
	if v == int64(int32(v)) {
		buf = append(buf, opBinInt)
		return binary.LittleEndian.AppendUint32(buf, uint32(v))
	}
	buf = append(buf, opLong1, 8)
	return binary.LittleEndian.AppendUint64(buf, uint64(v))
}
