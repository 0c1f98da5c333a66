package kafka

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/segmentio/kafka-go/protocol"
)

// clientID is what brokers know us by, in their logs and quotas.
const clientID = "gatemeter"

// maxAnswer bounds an answer, of which a batch may be the larger part: brokers send a batch whole however large it is.
const maxAnswer = 128 << 20

// errAnswer says that an answer is not what the protocol says.
var errAnswer = errors.New("the broker's answer cannot be read")

// exchange writes a request and returns the body of its answer, in buf if there is room. Requests and answers have the headers of
// the versions before the flexible ones.
func exchange(rw io.ReadWriter, buf []byte, api protocol.ApiKey, version int16, body []byte) ([]byte, error) {
	const correlation = 1 // one request at a time goes over a connection
	header := binary.BigEndian.AppendUint16(make([]byte, 4, 32+len(body)), uint16(api))
	header = binary.BigEndian.AppendUint16(header, uint16(version))
	header = binary.BigEndian.AppendUint32(header, correlation)
	request := append(appendString(header, clientID), body...)
	binary.BigEndian.PutUint32(request, uint32(len(request)-4))
	if _, err := rw.Write(request); err != nil {
		return buf, err
	}
	var sized [8]byte
	if _, err := io.ReadFull(rw, sized[:]); err != nil {
		return buf, err
	}
	size := int64(binary.BigEndian.Uint32(sized[:])) - 4
	if size < 0 || size > maxAnswer {
		return buf, fmt.Errorf("%w: it has %d bytes, of at most %d", errAnswer, size, maxAnswer)
	}
	if got := binary.BigEndian.Uint32(sized[4:]); got != correlation {
		return buf, fmt.Errorf("%w: it belongs to request %d", errAnswer, got)
	}
	if int64(cap(buf)) < size {
		buf = make([]byte, size, size+size/8)
	}
	buf = buf[:size]
	_, err := io.ReadFull(rw, buf)
	return buf, err
}

func appendString(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...)
}

// fields reads an answer's fields one after the other. Past the end all are zero, and short is set.
type fields struct {
	b     []byte
	short bool
}

// take returns the next n bytes.
func (f *fields) take(n int) []byte {
	if n < 0 || n > len(f.b) {
		f.b, f.short = nil, true
		return make([]byte, 8)[:min(max(n, 0), 8)]
	}
	b := f.b[:n:n]
	f.b = f.b[n:]
	return b
}

func (f *fields) int16() int16 { return int16(binary.BigEndian.Uint16(f.take(2))) }
func (f *fields) int32() int32 { return int32(binary.BigEndian.Uint32(f.take(4))) }
func (f *fields) int64() int64 { return int64(binary.BigEndian.Uint64(f.take(8))) }

// count reads the length of an array whose elements have at least so many bytes.
func (f *fields) count(size int) int {
	n := int(f.int32())
	if n > len(f.b)/size {
		f.b, f.short = nil, true
		return 0
	}
	return max(n, 0)
}
