package kafka

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/segmentio/kafka-go/compress"

	"github.com/gatemeter/gatemeter/pipeline/batch"
)

// written is a batch as a producer writes it, or as it should not.
type written struct {
	base     int64
	deltas   []int64 // of the messages' offsets; nil: one after the other
	last     int64   // delta; 0: the last message's
	values   []string
	codec    compress.Compression
	bits     int16 // attributes
	producer int64
	count    int32          // 0: what it is
	key      []byte         // of each message
	headers  []string       // of each message: name, value …
	late     int64          // milliseconds between the times of two messages
	change   func(b []byte) // before the checksum is made
}

func (w written) bytes() []byte {
	be := binary.BigEndian
	var records []byte
	last := w.last
	for i, v := range w.values {
		delta := int64(i)
		if w.deltas != nil {
			delta = w.deltas[i]
		}
		last = max(last, delta)
		r := []byte{0}
		r = binary.AppendVarint(r, int64(i)*w.late)
		r = binary.AppendVarint(r, delta)
		if w.key == nil {
			r = binary.AppendVarint(r, -1)
		} else {
			r = append(binary.AppendVarint(r, int64(len(w.key))), w.key...)
		}
		r = append(binary.AppendVarint(r, int64(len(v))), v...)
		r = binary.AppendVarint(r, int64(len(w.headers)/2))
		for _, text := range w.headers {
			r = append(binary.AppendVarint(r, int64(len(text))), text...)
		}
		records = append(binary.AppendVarint(records, int64(len(r))), r...)
	}
	if w.codec != compress.None {
		var packed bytes.Buffer
		c := w.codec.Codec().NewWriter(&packed)
		_, err := c.Write(records)
		if err = errors.Join(err, c.Close()); err != nil {
			panic(err)
		}
		records = packed.Bytes()
	}
	count := w.count
	if count == 0 {
		count = int32(len(w.values))
	}
	b := be.AppendUint64(nil, uint64(w.base))
	b = be.AppendUint32(b, uint32(headerBytes-12+len(records)))
	b = be.AppendUint32(b, 0)
	b = append(b, 2, 0, 0, 0, 0)
	b = be.AppendUint16(b, uint16(int16(w.codec)|w.bits))
	b = be.AppendUint32(b, uint32(last))
	b = be.AppendUint64(b, 1_700_000_000_000)
	b = be.AppendUint64(b, 1_700_000_000_001)
	b = be.AppendUint64(b, uint64(w.producer))
	b = be.AppendUint16(b, 0)
	b = be.AppendUint32(b, 0)
	b = be.AppendUint32(b, uint32(count))
	b = append(b, records...)
	if w.change != nil {
		w.change(b)
	}
	be.PutUint32(b[atCRC:], crc32.Checksum(b[atAttributes:], castagnoli))
	return b
}

// marker is a control batch that ends a transaction.
func marker(base, producer int64, commit bool) written {
	key := []byte{0, 0, 0, 0}
	if commit {
		key[3] = 1
	}
	return written{base: base, producer: producer, bits: transactional | control, values: []string{"\x00\x00\x00\x00\x00\x00"}, key: key}
}

func join(batches ...written) (all []byte) {
	for _, b := range batches {
		all = append(all, b.bytes()...)
	}
	return all
}

// filled is what a filler sends, as text: the offsets, and what is in them.
func filled(t testing.TB, set func(*filler), a answer, from int64) (out []string, err error) {
	t.Helper()
	p := &batch.Partition{Name: "t-0"}
	next := from
	f := &filler{partition: p, pool: batch.NewPool(256, 0), maxLine: 40, limit: math.MaxInt64}
	f.send = func(_ context.Context, b *batch.Batch) error {
		if b.First != next || b.Next < b.First || b.Partition != p {
			t.Errorf("batch [%d, %d) after %d", b.First, b.Next, next)
		}
		next = b.Next
		s := fmt.Sprintf("[%d,%d)", b.First, b.Next)
		switch {
		case b.Oversize > 0:
			s += " oversize"
		case len(b.Ends) == 0 && b.Next > b.First:
			s += " gap"
		}
		if n := b.Next - b.First; len(b.Ends) > 0 && b.Offsets == nil && int64(len(b.Ends)) != n {
			t.Errorf("batch [%d, %d) has %d lines", b.First, b.Next, len(b.Ends))
		}
		from := int32(0)
		for i, end := range b.Ends {
			s += " "
			if b.Offsets != nil {
				s += fmt.Sprint(b.Offsets[i], ":")
			}
			s += string(b.Data[from:end])
			from = end
		}
		if b.CaughtUp {
			s += " ."
		}
		out = append(out, s)
		b.Release()
		return nil
	}
	if set != nil {
		set(f)
	}
	f.start(from)
	err = f.take(t.Context(), &a)
	return out, err
}

func TestFill(t *testing.T) {
	f := func(from int64, a answer, set func(*filler), want ...string) {
		t.Helper()
		got, err := filled(t, set, a, from)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("got %q, %v\nwant %q", got, err, want)
		}
	}
	abc := []string{"a", "b", "c"}
	two := join(written{base: 10, values: abc}, written{base: 13, values: []string{"d"}})
	f(10, answer{records: two, stable: 20}, nil, "[10,14) a b c d")
	f(10, answer{records: two, stable: 14}, nil, "[10,14) a b c d .")
	f(12, answer{records: two, stable: 14}, nil, "[12,14) c d .")                              // asked for what lies within a batch
	f(13, answer{records: two[:len(two)-1], stable: 14}, nil)                                  // cut
	f(10, answer{records: two[:len(two)-60], stable: 14}, nil, "[10,13) a b c")                // cut
	f(10, answer{records: two, stable: 20}, func(f *filler) { f.limit = 12 }, "[10,12) a b .") // up to the end
	f(10, answer{stable: 10}, nil)
	for _, codec := range []compress.Compression{compress.Gzip, compress.Snappy, compress.Lz4, compress.Zstd} {
		f(10, answer{records: join(written{base: 10, values: abc, codec: codec}), stable: 13}, nil, "[10,13) a b c .")
	}

	// Offsets without messages.
	compacted := written{base: 10, values: abc, deltas: []int64{0, 4, 5}, last: 8}
	f(10, answer{records: join(compacted), stable: 30}, nil, "[10,19) 10:a 14:b 15:c")
	f(5, answer{records: join(compacted), stable: 19}, nil, "[5,19) 10:a 14:b 15:c .")
	f(10, answer{records: join(written{base: 10, last: 9}), stable: 20}, nil, "[10,20) gap .") // a batch of which nothing is left

	// Lines.
	long := strings.Repeat("x", 41)
	f(0, answer{records: join(written{values: []string{"a", long, "", " ", "b\r\n"}}), stable: 9}, nil, "[0,1) a", "[1,2) oversize", "[2,5)   b")
	large := strings.Repeat("y", maxRecord)
	for _, codec := range []compress.Compression{compress.None, compress.Zstd, compress.Gzip, compress.Snappy, compress.Lz4} {
		f(0, answer{records: join(written{values: []string{"a", large, "b"}, codec: codec}), stable: 9}, nil, "[0,1) a", "[1,2) oversize", "[2,3) b")
	}
	f(0, answer{records: join(written{values: []string{`{"message":"in"}`, `[{"a":1}]`}}), stable: 9}, nil, `[0,2) in {"a":1}`)
	f(0, answer{records: join(written{values: []string{"a", "one\ntwo\n", "b", `[{"a":1},{"b":2}]`}}), stable: 9}, nil, `[0,4) 0:a 1:one 1:two 2:b 3:{"a":1} 3:{"b":2}`)
	lines := strings.Repeat("0123456789\n", 100) // more than a buffer
	f(0, answer{records: join(written{values: []string{"a", lines, "b"}}), stable: 9}, nil,
		"[0,1) a", "[1,2)"+strings.Repeat(" 1:0123456789", 100), "[2,3) b")
	f(0, answer{records: join(written{values: []string{"a", "b", long}, deltas: []int64{0, 3, 5}}), stable: 9}, nil, "[0,5) 0:a 3:b", "[5,6) oversize")
	full := strings.Repeat("z", 40)
	f(0, answer{records: join(written{values: []string{full, full, full, full, full, full, full}}), stable: 9}, nil,
		"[0,6)"+strings.Repeat(" "+full, 6), "[6,7) "+full)

	// Transactions: 7's is given up, 8's is not.
	mixed := join(
		written{base: 0, values: []string{"a"}, producer: 7, bits: transactional},
		written{base: 1, values: []string{"b"}, producer: 8, bits: transactional},
		written{base: 2, values: []string{"c"}},
		marker(3, 7, false),
		written{base: 4, values: []string{"d"}, producer: 7, bits: transactional},
		marker(5, 8, true), marker(6, 7, true),
		written{base: 7, values: []string{"e"}, producer: 9, bits: transactional}, marker(8, 9, false),
	)
	f(0, answer{records: mixed, stable: 9, aborted: []aborted{{7, 0}, {9, 7}}}, nil,
		"[0,9) 1:b 2:c 4:d .")
}

// TestTimes: each line has the time of its message, as the producer says or the broker.
func TestTimes(t *testing.T) {
	f := func(w written, want ...int64) {
		t.Helper()
		var got []int64
		_, err := filled(t, func(f *filler) {
			send := f.send
			f.send = func(ctx context.Context, b *batch.Batch) error {
				if len(b.Times) != len(b.Ends) || b.Received {
					t.Errorf("%d times of %d lines, received %v", len(b.Times), len(b.Ends), b.Received)
				}
				for _, at := range b.Times {
					got = append(got, at/1e6)
				}
				return send(ctx, b)
			}
		}, answer{records: join(w), stable: 9}, 0)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("got %d, %v, want %d", got, err, want)
		}
	}
	lines := []string{"a", "b\nc", "d"}
	const base = 1_700_000_000_000
	from := func(at uint64) func([]byte) {
		return func(b []byte) { binary.BigEndian.PutUint64(b[atBaseTime:], at) }
	}
	f(written{values: lines, late: 250}, base, base+250, base+250, base+500)
	f(written{values: lines, late: 250, codec: compress.Zstd}, base, base+250, base+250, base+500)
	f(written{values: lines, late: 250, bits: appendTime}, base+1, base+1, base+1, base+1)
	f(written{values: lines, late: 250, change: from(math.MaxUint64)}, 0, 0, 0, 0) // -1: nobody says
	f(written{values: lines, late: 250, change: from(math.MaxInt64)}, 0, 0, 0, 0)
	f(written{values: lines, late: math.MaxInt64 / 2, change: from(100)}, 100, 0, 0, 0)
	f(written{values: lines, late: -99, change: from(100)}, 100, 1, 1, 0)
}

// TestValues: each line has the key and the headers that are asked for, of its message.
func TestValues(t *testing.T) {
	f := func(w written, want ...string) {
		t.Helper()
		var got []string
		_, err := filled(t, func(f *filler) {
			f.values = []Value{{Key: true}, {Header: "tenant"}}
			send := f.send
			f.send = func(ctx context.Context, b *batch.Batch) error {
				for i := range b.Ends {
					s := b.Spans[2*i : 2*i+2]
					got = append(got, string(b.Values[s[0].From:s[0].To])+"/"+string(b.Values[s[1].From:s[1].To]))
				}
				return send(ctx, b)
			}
		}, answer{records: join(w), stable: 9}, 0)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	}
	lines := []string{"a", "b\nc"}
	long := strings.Repeat("k", maxValue)
	f(written{values: lines}, "/", "/", "/")
	f(written{values: lines, key: []byte("k")}, "k/", "k/", "k/")
	f(written{values: lines, key: []byte(long + "x"), headers: []string{"Tenant", "no", "tenant", "t"}}, long+"/t", long+"/t", long+"/t")
	f(written{values: lines, headers: []string{"tenant", "1", "", "", "tenant", "2"}, codec: compress.Gzip}, "/2", "/2", "/2")
	f(written{values: lines[:1], headers: []string{"tenant", ""}}, "/")

	// Headers that are none.
	for rest, want := range map[string]string{"": "", "\x02": "", "\x7f": "", "\x02\x02t": "", "\x02\x02t\x7f": "", "\x02\x02t\x01": "", "\x04\x02t\x02v\x7e": "v"} {
		if m := (message{rest: []byte(rest)}); string(m.header("t")) != want {
			t.Errorf("of %q: %q, want %q", rest, m.header("t"), want)
		}
	}
}

// TestValuesAreBounded: small messages with long keys do not make a large batch.
func TestValuesAreBounded(t *testing.T) {
	w := written{values: slices.Repeat([]string{""}, 3*maxValues/maxValue), key: bytes.Repeat([]byte("k"), maxValue)}
	batches := 0
	_, err := filled(t, func(f *filler) {
		f.values = []Value{{Key: true}}
		send := f.send
		f.send = func(ctx context.Context, b *batch.Batch) error {
			if batches++; len(b.Values) > maxValues+maxValue {
				t.Errorf("%d bytes of values in a batch", len(b.Values))
			}
			return send(ctx, b)
		}
	}, answer{records: join(w), stable: 1 << 20}, 0)
	if err != nil || batches < 3 {
		t.Errorf("%d batches, %v", batches, err)
	}
}

func TestCorrupt(t *testing.T) {
	f := func(what string, records []byte, base, last int64, want ...string) {
		t.Helper()
		good := written{base: 5, values: []string{"a"}}.bytes()
		got, err := filled(t, nil, answer{records: append(good, records...), stable: 99}, 5)
		var bad *corruptError
		if !errors.As(err, &bad) || bad.base != base || bad.last != last {
			t.Errorf("%s: %+v, %v", what, bad, err)
		}
		if len(want) == 0 {
			want = []string{"[5,6) a"}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", what, got, want)
		}
	}
	flipped := written{base: 6, values: []string{"b", "c"}}.bytes()
	flipped[len(flipped)-3] ^= 1
	f("a bit", flipped, 6, 7)
	f("an old format", written{base: 6, values: []string{"b"}, change: func(b []byte) { b[atMagic] = 1 }}.bytes(), 6, -1)
	f("an unknown format", written{base: 6, values: []string{"b"}, change: func(b []byte) { b[atMagic] = 9 }}.bytes(), 6, -1)
	f("too short", written{base: 6, values: []string{"b"}, change: func(b []byte) { binary.BigEndian.PutUint32(b[atLength:], 10) }}.bytes(), 6, -1)
	f("a count that cannot be", written{base: 6, values: []string{"b"}, count: math.MaxInt32}.bytes(), 6, 6)
	f("a count too large", written{base: 6, values: []string{"b"}, last: 9, count: 3}.bytes(), 6, 15, "[5,7) a b")
	f("unknown compression", written{base: 6, values: []string{"b"}, bits: 7}.bytes(), 6, 6)
	f("offsets that fall", written{base: 6, values: []string{"b", "c"}, deltas: []int64{1, 0}}.bytes(), 6, 7, "[5,8) 5:a 7:b")
	f("an offset too high", written{base: 6, values: []string{"b", "c"}, deltas: []int64{0, 5}, change: func(b []byte) {
		binary.BigEndian.PutUint32(b[atLastDelta:], 1)
	}}.bytes(), 6, 7, "[5,7) a b")
	f("not what it is compressed with", written{base: 6, values: []string{"b"}, bits: int16(compress.Gzip)}.bytes(), 6, 6)
	f("a large snappy block", written{base: 6, values: []string{"b"}, bits: int16(compress.Snappy), change: func(b []byte) {
		binary.PutUvarint(b[headerBytes:], 1<<31)
	}}.bytes(), 6, 6)
	f("a bomb", written{base: 6, bits: int16(compress.Gzip), last: 3, count: 4}.with(bombRecords(t)), 6, 9)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// with returns the batch with records that are not its values.
func (w written) with(records []byte) []byte {
	b := append(w.bytes()[:headerBytes:headerBytes], records...)
	binary.BigEndian.PutUint32(b[atLength:], uint32(len(b)-12))
	binary.BigEndian.PutUint32(b[atCRC:], crc32.Checksum(b[atAttributes:], castagnoli))
	return b
}

// bombRecords returns a message of 2 GiB, compressed.
func bombRecords(t *testing.T) []byte {
	var bomb bytes.Buffer
	z := compress.Gzip.Codec().NewWriter(&bomb)
	_, err := z.Write(binary.AppendVarint(nil, math.MaxInt32))
	if err == nil {
		_, err = io.CopyN(z, zeros{}, maxExpanded+4<<20)
	}
	if err = errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	return bomb.Bytes()
}

// TestBomb: a gibibyte in a mebibyte, as a message or as a batch of messages, takes little memory, and what follows is read.
func TestBomb(t *testing.T) {
	var part bytes.Buffer
	z := gzip.NewWriter(&part)
	_, err := z.Write(make([]byte, 1<<20))
	if err = errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	message := written{values: []string{string(bytes.Repeat(part.Bytes(), 1<<10)), "after"}}
	batch := written{base: 6, bits: int16(compress.Gzip), last: 3, count: 4}.with(bombRecords(t))
	allocated := func() uint64 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.TotalAlloc
	}
	before := allocated()
	payloads := func(f *filler) { f.split.MaxBytes = maxPayload }
	got, err := filled(t, payloads, answer{records: join(message), stable: 2}, 0)
	if want := []string{"[0,1) oversize", "[1,2) after ."}; err != nil || !slices.Equal(got, want) {
		t.Errorf("a message: %.300q, %v, want %q", got, err, want)
	}
	if _, err := filled(t, payloads, answer{records: batch, stable: 10}, 6); !errors.Is(err, errCorrupt) || !strings.Contains(err.Error(), "when decompressed") {
		t.Errorf("a batch: %v", err)
	}
	if n := allocated() - before; n > 256<<20 { // a payload of 16 MiB, and what it took to grow it, more of that under the race detector
		t.Errorf("%d MB were allocated", n>>20)
	}
}

// FuzzFill: whatever a broker sends, offsets only rise, without a gap, and nothing is beyond what the batches say.
func FuzzFill(f *testing.F) {
	f.Add(join(written{values: []string{"a", "b"}}, written{base: 2, values: []string{"c"}, codec: compress.Zstd}))
	f.Add(join(written{values: []string{"a", "b"}, deltas: []int64{0, 7}}, marker(8, 1, false)))
	f.Add([]byte("\x00\x00"))
	f.Fuzz(func(t *testing.T, records []byte) {
		// Checksums are made right: else nothing behind them would be reached.
		for p := records; len(p) >= headerBytes; {
			size := int64(atLength+4) + int64(int32(binary.BigEndian.Uint32(p[atLength:])))
			if size < headerBytes || size > int64(len(p)) {
				break
			}
			binary.BigEndian.PutUint32(p[atCRC:], crc32.Checksum(p[atAttributes:size], castagnoli))
			p = p[size:]
		}
		_, _ = filled(t, nil, answer{records: records, stable: 5}, 0)
	})
}

func FuzzAnswer(f *testing.F) {
	f.Add(int16(11), []byte("\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, version int16, body []byte) {
		c := &fetchCall{version: version}
		_ = c.read(body)
	})
}

func TestFillAllocatesNothing(t *testing.T) {
	line := strings.Repeat("x", 200)
	var values []string
	for range 500 {
		values = append(values, line)
	}
	for _, codec := range []compress.Compression{compress.None, compress.Zstd} {
		records := written{values: values, codec: codec}.bytes()
		f := &filler{partition: &batch.Partition{}, pool: batch.NewPool(256<<10, 0), maxLine: 1000, limit: math.MaxInt64}
		f.send = func(_ context.Context, b *batch.Batch) error { b.Release(); return nil }
		f.start(0)
		a := answer{records: records, stable: 500}
		got := testing.AllocsPerRun(50, func() {
			f.next, f.seen = 0, 0
			if err := f.take(t.Context(), &a); err != nil {
				t.Fatal(err)
			}
		})
		if got > 20 { // a batch, where its lines end, and what a decompressor needs: nothing for each message
			t.Errorf("%v: %v allocations for 500 messages", codec, got)
		}
	}
}

func BenchmarkFill(b *testing.B) {
	line := strings.Repeat("0123456789", 20)
	var values []string
	for range 5000 {
		values = append(values, line)
	}
	for _, codec := range []compress.Compression{compress.None, compress.Gzip, compress.Snappy, compress.Lz4, compress.Zstd} {
		b.Run(codec.String(), func(b *testing.B) {
			records := written{values: values, codec: codec}.bytes()
			f := &filler{partition: &batch.Partition{}, pool: batch.NewPool(256<<10, 0), maxLine: 1000, limit: math.MaxInt64}
			f.send = func(_ context.Context, b *batch.Batch) error { b.Release(); return nil }
			f.start(0)
			a := answer{records: records, stable: 5000}
			b.SetBytes(int64(len(line) * len(values)))
			b.ReportAllocs()
			for b.Loop() {
				f.next, f.seen = 0, 0
				if err := f.take(b.Context(), &a); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(values)), "ns/message")
		})
	}
}
