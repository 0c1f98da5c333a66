package kafka

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"

	"github.com/segmentio/kafka-go/compress"
)

const (
	// maxRecord bounds a message with key and headers that is looked at; larger ones are passed over. With it the memory for a
	// batch's messages is bounded, however far they expand.
	maxRecord = 4 << 20
	// maxExpanded bounds what a batch's messages may be decompressed.
	maxExpanded = 1 << 30
	windowSize  = 64 << 10
)

// recordReader reads the messages of one batch after the other. It is used by one goroutine.
type recordReader struct {
	base   int64
	from   int64  // Unix milliseconds, what messages' times are counted from
	fixed  bool   // all have that one
	left   int32  // messages not read yet
	window []byte // what is read next
	source io.ReadCloser
	packed bytes.Reader
	buf    []byte // of window, for compressed batches
	taken  int64  // decompressed so far
}

// message is one message. key, value and rest are valid until the next call of next or open; the value must not be larger than
// maxRecord, and is nil with large set when it is.
type message struct {
	offset int64
	nanos  int64 // when it was written, as the producer or the broker says, Unix nanoseconds; 0: nobody says
	key    []byte
	value  []byte
	rest   []byte // headers
	large  bool
}

// header returns the value of the last header with that name, nil for none.
func (m *message) header(name string) (value []byte) {
	n, i := varint(m.rest, 0)
	for ; n > 0 && i >= 0; n-- {
		var key, v []byte
		key, i = varbytes(m.rest, i)
		if v, i = varbytes(m.rest, i); i >= 0 && string(key) == name {
			value = v
		}
	}
	return value
}

// open begins with the messages of b.
func (r *recordReader) open(b *recordBatch) error {
	r.close()
	r.base, r.left, r.window, r.taken = b.base, b.count, b.records, 0
	r.from, r.fixed = b.baseTime, b.attributes&appendTime != 0
	if r.fixed {
		r.from = b.maxTime
	}
	codec := compress.Compression(b.attributes & compressionBits)
	if codec == compress.None {
		return nil
	}
	if codec.Codec() == nil {
		return fmt.Errorf("%w at offset %d: compression %d is unknown", errCorrupt, b.base, codec)
	}
	if codec == compress.Snappy {
		if err := checkSnappy(b.records); err != nil {
			return fmt.Errorf("%w at offset %d: %w", errCorrupt, b.base, err)
		}
	}
	r.packed.Reset(b.records)
	r.source, r.window = codec.Codec().NewReader(&r.packed), r.buf[:0]
	return nil
}

// close ends the reading of a batch.
func (r *recordReader) close() {
	if r.source != nil {
		_ = r.source.Close()
		r.source = nil
	}
	if cap(r.buf) > maxRecord/4 { // of a message larger than most
		r.buf = nil
	}
}

// next returns the next message, io.EOF when there is none.
func (r *recordReader) next() (message, error) {
	if r.left == 0 {
		return message{}, io.EOF
	}
	r.left--
	if err := r.fill(1, 5); err != nil {
		return message{}, r.corrupt(err)
	}
	size, i := varint(r.window, 0)
	if i < 0 || size < 6 || size > 1<<31-1 {
		return message{}, r.corrupt(fmt.Errorf("a message of %d bytes", size))
	}
	r.window = r.window[i:]
	if size > maxRecord {
		return r.pass(size)
	}
	if err := r.fill(int(size), int(size)); err != nil {
		return message{}, r.corrupt(err)
	}
	body := r.window[:size:size]
	r.window = r.window[size:]
	var m message
	late, i := varint(body, 1) // after the attributes
	delta, i := varint(body, i)
	m.offset, m.nanos = r.base+delta, r.time(late)
	m.key, i = varbytes(body, i)
	m.value, i = varbytes(body, i)
	if i < 0 || delta < 0 {
		return message{}, r.corrupt(io.ErrUnexpectedEOF)
	}
	m.rest = body[i:]
	return m, nil
}

// time returns the time of a message, of which late is the distance from the batch's, Unix nanoseconds; 0 for none.
func (r *recordReader) time(late int64) int64 {
	const most = int64(math.MaxInt64 / 1_000_000)
	if r.fixed {
		late = 0
	}
	if r.from <= 0 || r.from > most || late > most-r.from || late <= -r.from {
		return 0
	}
	return (r.from + late) * 1_000_000
}

// pass passes over a message too large to be looked at.
func (r *recordReader) pass(size int64) (message, error) {
	if err := r.fill(32, 32); err != nil { // it is larger than that
		return message{}, r.corrupt(err)
	}
	_, i := varint(r.window, 1)
	delta, i := varint(r.window, i)
	if i < 0 || delta < 0 {
		return message{}, r.corrupt(io.ErrUnexpectedEOF)
	}
	for size > 0 {
		if err := r.fill(1, windowSize); err != nil {
			return message{}, r.corrupt(err)
		}
		n := min(size, int64(len(r.window)))
		r.window, size = r.window[n:], size-n
	}
	return message{offset: r.base + delta, large: true}, nil
}

func (r *recordReader) corrupt(err error) error {
	return fmt.Errorf("%w at offset %d: its messages cannot be read: %w", errCorrupt, r.base, err)
}

// fill makes window at least least bytes long, and reads up to want if it reads.
func (r *recordReader) fill(least, want int) error {
	if len(r.window) >= want || len(r.window) >= least && r.source == nil {
		return nil
	}
	if r.source == nil {
		return io.ErrUnexpectedEOF
	}
	n := len(r.window)
	if cap(r.buf) < max(want, windowSize) {
		buf := make([]byte, max(2*want, windowSize))
		copy(buf, r.window)
		r.buf = buf
	} else {
		r.buf = r.buf[:cap(r.buf)]
		copy(r.buf, r.window)
	}
	r.buf = r.buf[:cap(r.buf)]
	for n < want {
		if r.taken > maxExpanded {
			return fmt.Errorf("more than %d bytes when decompressed", maxExpanded)
		}
		k, err := r.source.Read(r.buf[n:])
		n += k
		r.taken += int64(k)
		if err != nil {
			if n >= least {
				break
			}
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			r.window = r.buf[:n]
			return err
		}
	}
	r.window = r.buf[:n]
	return nil
}

// varint reads a number at b[i:] and returns where the next field is, -1 when it is broken or i is.
func varint(b []byte, i int) (int64, int) {
	if i < 0 || i >= len(b) {
		return 0, -1
	}
	if c := b[i]; c < 0x80 {
		return int64(c>>1) ^ -int64(c&1), i + 1
	}
	v, n := binary.Varint(b[i:])
	if n <= 0 {
		return 0, -1
	}
	return v, i + n
}

// varbytes reads bytes with their length before them, nil for none.
func varbytes(b []byte, i int) ([]byte, int) {
	n, i := varint(b, i)
	if i < 0 || n < 0 {
		return nil, i
	}
	if n > int64(len(b)-i) {
		return nil, -1
	}
	end := i + int(n)
	return b[i:end:end], end
}

// checkSnappy looks at the lengths that a snappy stream says, in Java's framing or without: the decoder makes room for them before
// it looks further.
func checkSnappy(p []byte) error {
	const most = 64 << 20
	check := func(block []byte) error {
		if n, k := binary.Uvarint(block); k <= 0 || n > most {
			return fmt.Errorf("a snappy block of %d bytes", n)
		}
		return nil
	}
	if !bytes.HasPrefix(p, []byte("\x82SNAPPY\x00")) {
		return check(p)
	}
	if len(p) < 16 {
		return io.ErrUnexpectedEOF
	}
	for p = p[16:]; len(p) > 0; {
		if len(p) < 4 {
			return io.ErrUnexpectedEOF
		}
		n := binary.BigEndian.Uint32(p)
		if p = p[4:]; int64(n) > int64(len(p)) {
			return io.ErrUnexpectedEOF
		}
		if err := check(p[:n]); err != nil {
			return err
		}
		p = p[n:]
	}
	return nil
}
