package pipeline

import (
	"bytes"
	"encoding/binary"
)

// packFrom is from how many series on the cells of a window that was sent are packed: seven windows or more of ten thousand series wait until they
// cannot change any more, and mostly do not change. What few series take is not worth the time.
const packFrom = 1000

// maxPacking is the most room for packing that is kept, in bytes.
const maxPacking = 4 << 20

// pack turns the cells of win into bytes.
func (c *collector) pack(win *sentWindow) {
	c.packing = c.packing[:0]
	for i := range win.cells {
		k := &win.cells[i]
		c.packing = c.valueOf(k.cell).appendPacked(c.packing)
		c.stock.put(k.cell)
		k.cell = nil
	}
	win.packed = bytes.Clone(c.packing)
	if cap(c.packing) > maxPacking {
		c.packing = nil
	}
}

// unpack is the reverse.
func (c *collector) unpack(win *sentWindow) {
	rest := win.packed
	for i := range win.cells {
		cell := c.stock.cells.take()
		cell.value = c.stock.values.take()
		rest = cell.value.unpack(rest)
		win.cells[i].cell = cell
	}
	win.packed = nil
}

// all returns every counter, in the order in which they are packed.
func (c *counters) all() [18]*int64 {
	return [...]*int64{
		&c.requests, &c.classes[0], &c.classes[1], &c.classes[2], &c.classes[3], &c.classes[4], &c.classes[5], &c.throttled,
		&c.cacheHit, &c.cacheMiss, &c.cacheOther, &c.requestSized, &c.responseSized, &c.requestBytes, &c.responseBytes,
		&c.latencies, &c.upstreamLatencies, &c.gatewayLatencies,
	}
}

// appendPacked appends v in few bytes: a bit for each counter that is not 0 and one for sent, those counters, sent's in the same way, the number of
// status codes and of each the code and two numbers, the histograms, and the distinct clients and consumers.
func (v *value) appendPacked(dst []byte) []byte {
	dst = v.counters.appendPacked(dst, v.sent != nil)
	if v.sent != nil {
		dst = v.sent.appendPacked(dst, false)
	}
	dst = binary.AppendUvarint(dst, uint64(len(v.codes)))
	for _, c := range v.codes {
		dst = binary.AppendVarint(dst, int64(c.code))
		dst = binary.AppendUvarint(dst, uint64(c.n))
		dst = binary.AppendUvarint(dst, uint64(c.sent))
	}
	dst = v.latency.AppendPacked(dst)
	dst = v.upstream.AppendPacked(dst)
	dst = v.gateway.AppendPacked(dst)
	dst = v.clients.AppendPacked(dst)
	return v.consumers.AppendPacked(dst)
}

// unpack makes v, which must be empty, what was packed, and returns what follows that.
func (v *value) unpack(src []byte) (rest []byte) {
	src, sent := v.counters.unpack(src)
	if sent {
		src, _ = v.ofSent().unpack(src)
	}
	number, n := binary.Uvarint(src)
	src = src[n:]
	for range number {
		var c codeCount
		code, n := binary.Varint(src)
		full, m := binary.Uvarint(src[n:])
		part, k := binary.Uvarint(src[n+m:])
		c.code, c.n, c.sent = int32(code), int64(full), int64(part)
		src, v.codes = src[n+m+k:], append(v.codes, c)
	}
	src = v.latency.Unpack(src)
	src = v.upstream.Unpack(src)
	src = v.gateway.Unpack(src)
	src = v.clients.Unpack(src)
	return v.consumers.Unpack(src)
}

func (c *counters) appendPacked(dst []byte, sent bool) []byte {
	all := c.all()
	bits := uint64(0)
	if sent {
		bits = 1 << len(all)
	}
	for i, n := range all {
		if *n != 0 {
			bits |= 1 << i
		}
	}
	dst = binary.AppendUvarint(dst, bits)
	for _, n := range all {
		if *n != 0 {
			dst = binary.AppendUvarint(dst, uint64(*n))
		}
	}
	return dst
}

func (c *counters) unpack(src []byte) (rest []byte, sent bool) {
	bits, n := binary.Uvarint(src)
	src = src[n:]
	all := c.all()
	for i := range all {
		if bits>>i&1 != 0 {
			v, n := binary.Uvarint(src)
			*all[i], src = int64(v), src[n:]
		}
	}
	return src, bits>>len(all) != 0
}
