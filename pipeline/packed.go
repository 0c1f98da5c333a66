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
		c.packing = k.cell.appendPacked(c.packing)
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
		win.cells[i].cell = c.stock.cells.take()
		rest = win.cells[i].cell.unpack(rest, &c.stock)
	}
	win.packed = nil
}

// appendPacked appends how many are listed, and those; or 0 and the value. Of what is listed, a number is one more than it is, as the least is -1.
func (c *cell) appendPacked(dst []byte) []byte {
	dst = append(dst, byte(c.n))
	if c.value != nil {
		return c.value.appendPacked(dst)
	}
	if c.n == 0 {
		panic("BUG: a cell of nothing is packed")
	}
	for i := range c.n {
		a := &c.few[i]
		for _, n := range [...]int64{a.duration, a.upstream, a.gateway, a.requestBytes, a.responseBytes, int64(a.status)} {
			dst = binary.AppendUvarint(dst, uint64(n+1))
		}
		dst = binary.LittleEndian.AppendUint64(dst, a.client)
		dst = binary.LittleEndian.AppendUint64(dst, a.consumer)
		flags := byte(a.cache) << 1
		if a.sent {
			flags |= 1
		}
		dst = append(dst, flags)
	}
	return dst
}

// unpack makes c, which must be empty, what was packed, and returns what follows that.
func (c *cell) unpack(src []byte, s *stock) (rest []byte) {
	listed := src[0]
	if src = src[1:]; listed == 0 {
		c.value = s.values.take()
		return c.value.unpack(src)
	}
	for range listed {
		var a amounts
		var status int64
		for _, n := range [...]*int64{&a.duration, &a.upstream, &a.gateway, &a.requestBytes, &a.responseBytes, &status} {
			v, size := binary.Uvarint(src)
			*n, src = int64(v)-1, src[size:]
		}
		a.status = int32(status)
		a.client, a.consumer = binary.LittleEndian.Uint64(src), binary.LittleEndian.Uint64(src[8:])
		a.cache, a.sent = cacheVerdict(src[16]>>1), src[16]&1 != 0
		src = src[17:]
		c.add(&a, s)
	}
	return src
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
