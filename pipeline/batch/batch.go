// Package batch holds Batch, what a source gives the pipeline, and Pool, which bounds how many bytes of them exist.
//
// It is a leaf: it imports nothing of this module.
package batch

import (
	"encoding/binary"
	"strconv"
	"sync"
	"sync/atomic"
)

// Partition is an ordered log that can be read again from an offset: a file with its rotations, a Kafka topic-partition, a
// spool. A source makes one *Partition for each and uses that pointer in all its batches; the fields but the atomic
// ones and Headers do not change after the first batch.
type Partition struct {
	Source string // the source's name in the config
	Name   string // stable within the source: the live file's path, topic-3, "-" for stdin
	Shard  string // the label of the windows its records go to

	// ID is what record ids begin with (record id = ID + "-" + offset): the same for the same log read again, also with a
	// lost data_dir, and another for another log under the same name. At most 64 bytes of [0-9A-Za-z_-].
	ID string

	// Saved is the cursor of the partition's shard, by cursor.Encode, as another process has left it; nil: none, or the
	// pipeline has it itself. It is for partitions that move between processes, of which each is a shard of its own. The first
	// batch then begins at cursor.Partition.Start.
	Saved []byte

	// Lease is until when, in Unix nanoseconds, this process may send anything for the partition: past it another process may
	// have it. The source raises it. 0: nobody else ever has it.
	Lease atomic.Int64

	// Headers are those of a log that has some; see Headers.
	Headers Headers

	// Needed is the offset from which the log may have to be read again: the pipeline raises it after each saved cursor. A
	// source may forget what it knew about the log below it.
	Needed atomic.Int64

	// Hold says that the partition is far ahead of another of its shard that is still being caught up with: a source should
	// read on elsewhere, so that the windows open at a time, and with them memory, stay few. Reading on all the same harms
	// nothing else. The pipeline sets it.
	Hold atomic.Bool
}

// AppendID appends the id of the partition's record at offset to dst: ID, a dash, and the offset as twelve hex digits or more.
// Ids of a partition sort as their offsets do, which keeps Elasticsearch's look-up of them cheap.
func (p *Partition) AppendID(dst []byte, offset int64) []byte {
	dst = append(append(dst, p.ID...), '-')
	high, low := uint64(offset)>>32, uint64(offset)&(1<<32-1)
	if high > 0xffff { // past 2^48 bytes the first digit group grows
		return binary.LittleEndian.AppendUint64(strconv.AppendUint(dst, high, 16), hex(low))
	}
	dst = binary.LittleEndian.AppendUint32(dst, uint32(hex(high)>>32))
	return binary.LittleEndian.AppendUint64(dst, hex(low))
}

// hex returns the eight digits of n, which has no more, a byte each, the first one lowest: its halves are put apart, then theirs and those of
// these, each time all at once, and what is above nine gets the distance to a.
func hex(n uint64) uint64 {
	n = n>>16 | n&0xffff<<32
	n = n>>8&0x000000ff000000ff | n&0x000000ff000000ff<<16
	n = n>>4&0x000f000f000f000f | n&0x000f000f000f000f<<8
	const ones = 0x0101010101010101
	return n + '0'*ones + (n+6*ones)>>4&ones*('a'-'0'-10)
}

// AppendPartID is AppendID for the part of a message, counted from 0, that several records come from. Part 0 has the
// message's id, the others add a dot and their number.
func (p *Partition) AppendPartID(dst []byte, offset int64, part int32) []byte {
	dst = p.AppendID(dst, offset)
	if part > 0 {
		dst = strconv.AppendInt(append(dst, '.'), int64(part), 10)
	}
	return dst
}

// Batch is a buffer of whole lines of one partition. Batches of a partition are sent in the order of their offsets, without
// a gap: each one's First is the Next of the one before. The sender gives up the batch, and its bytes, with the send; the
// pipeline calls Release when nothing points into Data any more.
type Batch struct {
	Partition *Partition

	// Data is whole lines. Ends nil: each ends in \n, but the last of a log that has ended may lack it, and a line's offset
	// is First plus its position in Data. Ends not nil: line i is Data[Ends[i-1]:Ends[i]] and its offset First+i.
	Data []byte
	Ends []int32

	// Offsets, only with Ends: line i has the offset Offsets[i]. They never fall, and lie in [First, Next); lines with the same
	// offset are parts of one message. Offsets that no line has need not be read.
	Offsets []int64

	// Times, only with Ends: when line i arrived, Unix nanoseconds, 0 where that is not known. It is kept with the line, so that it
	// is the same however often the log is read: records without a time of their own have it as theirs. nil: not known.
	Times []int64

	// Received says that Times are by the clock of whoever received the lines, not by a sender's. It is then that clock which a
	// record must not be ahead of, so that this too is decided alike however late it is read again.
	Received bool

	// Values and Spans, only with Ends: what is known of the lines besides their bytes, for the fields that SourceSettings.Values
	// names, n of them say. Value k of line i is where Spans[i*n+k] lies in Values; an empty one changes nothing. nil: nothing is known.
	Values []byte
	Spans  []Span

	First, Next int64 // offset of the first line; offset after the last

	// Oversize is how many lines longer than max_line lie in [First, Next) and are not in Data. Data is empty then. With an
	// empty Data and no Oversize, [First, Next) is a stretch that cannot be read any more.
	Oversize int

	// State is what the source needs, besides an offset, to go on from any offset in [Partition.Needed, Next]: saved with
	// the cursor and handed back at the next start. nil: unchanged since the batch before. Never written after the send.
	State []byte

	// Revoked, not nil, says that the partition goes to another process. The batch has no lines and is the partition's last. The
	// pipeline finishes what it was given, saves, forgets the partition, and closes the channel.
	Revoked chan<- struct{}

	CaughtUp bool // the log had nothing more when this was read; a batch may be empty just to say so
	Ended    bool // the log has ended (run --once, stdin closed); nothing follows

	buf  *buffer
	pool *Pool
}

// buffer is a batch's memory, which it leaves to the next.
type buffer struct {
	data  []byte
	ends  []int32
	times []int64
}

// Span is the bytes [From, To) of others.
type Span struct{ From, To int32 }

// Pool hands out buffers of one size, at most a fixed number of them at a time, so that what has been read and not yet
// counted is bounded. It is safe for concurrent use.
type Pool struct {
	size int
	used chan struct{} // one for each buffer that is handed out

	mu   sync.Mutex
	free []*buffer // the one used last, which is nearest to the processor, is last
}

// NewPool returns a pool of buffers of size bytes of which at most total bytes, but no fewer than four buffers, exist.
func NewPool(size int, total int64) *Pool {
	n := max(4, total/int64(size))
	return &Pool{size: size, used: make(chan struct{}, n)}
}

// Size returns how many bytes each buffer has.
func (p *Pool) Size() int { return p.size }

// Get returns a batch with an empty Data of capacity Size, nil when done is closed first. It blocks while all buffers are
// in use.
func (p *Pool) Get(done <-chan struct{}) *Batch {
	select {
	case p.used <- struct{}{}:
	default:
		select {
		case p.used <- struct{}{}:
		case <-done:
			return nil
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.free)
	if n == 0 {
		return p.batch(&buffer{data: make([]byte, p.size)})
	}
	buf := p.free[n-1]
	p.free = p.free[:n-1]
	return p.batch(buf)
}

func (p *Pool) batch(buf *buffer) *Batch { return &Batch{buf: buf, Data: buf.data[:0], pool: p} }

// MakeLines gives b Ends and Times that are empty, not nil, with room for n lines, which append may outgrow.
func (b *Batch) MakeLines(n int) {
	if b.buf != nil && b.buf.ends != nil && cap(b.buf.ends) >= n && cap(b.buf.times) >= n {
		b.Ends, b.Times = b.buf.ends, b.buf.times
		return
	}
	b.Ends, b.Times = make([]int32, 0, n), make([]int64, 0, n)
}

// shortLine bounds what a pool keeps besides its buffers: Ends and Times for as many lines as a buffer has of so many bytes.
const shortLine = 64

// Release gives the batch's buffer back to its pool. A batch made without a pool is left alone.
func (b *Batch) Release() {
	if b.pool == nil || b.buf == nil {
		return
	}
	if n := cap(b.Ends); n > cap(b.buf.ends) && n <= b.pool.size/shortLine && n <= cap(b.Times) {
		b.buf.ends, b.buf.times = b.Ends[:0], b.Times[:0]
	}
	b.pool.mu.Lock()
	b.pool.free = append(b.pool.free, b.buf)
	b.pool.mu.Unlock()
	<-b.pool.used
	b.buf, b.Data, b.Ends, b.Times = nil, nil, nil, nil
}
