package spool

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// Reader reads a spool from a number on and follows its end. It is used by one goroutine.
type Reader struct {
	spool *Spool
	next  int64 // number of the next record
	max   int   // bytes of the largest record to return
	jump  int64 // past next: reading goes on there, what lies between cannot be read

	segment *segment // that next is in; nil: to be found
	file    *os.File // of segment
	end     int64    // number at which it ends, when it is not the last; else -1
	blocks  blockReader
	block   block
	at      int // record of block
	begin   int // of record at, in block.data
}

// NewReader returns a Reader that begins at number, and that returns no record larger than max bytes. Close it.
func (s *Spool) NewReader(number int64, max int) *Reader {
	return &Reader{spool: s, next: number, max: max}
}

// Run is consecutive records. The caller gives the memory: what Read appends to Data and Ends is never more than their
// capacity for Data, and grows Ends and Times as needed.
type Run struct {
	First, Next int64
	Data        []byte
	Ends        []int32 // record First+i is Data[Ends[i-1]:Ends[i]]
	Times       []int64 // when record First+i arrived, Unix nanoseconds
	CaughtUp    bool    // there was nothing more
}

// Next returns the number of the next record.
func (r *Reader) Next() int64 { return r.next }

// Close frees what r holds.
func (r *Reader) Close() {
	if r.file != nil {
		r.file.Close()
	}
	r.segment, r.file = nil, nil
	r.blocks = blockReader{buf: r.blocks.buf[:0]}
}

// Wait waits until there is something to read, or c is closed or ctx ends.
func (r *Reader) Wait(ctx context.Context, c <-chan struct{}) error {
	for {
		r.spool.mu.Lock()
		durable, changed, closed := r.spool.durable, r.spool.changed, r.spool.closed
		r.spool.mu.Unlock()
		switch {
		case r.next < durable:
			return nil
		case closed:
			return ErrClosed
		}
		select {
		case <-changed:
		case <-c:
			return nil
		case <-r.spool.closing:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Read fills run with as many whole records as fit into the capacity of its Data; it does not wait. A run with Next > First and
// no Ends is a stretch that cannot be read any more: removed for want of room, or damaged. When the next record is larger than
// the capacity, or than the most the Reader returns, the error is io.ErrShortBuffer, and Skip leaves it out.
func (r *Reader) Read(run *Run) error {
	run.Data, run.Ends, run.Times = run.Data[:0], run.Ends[:0], run.Times[:0]
	run.First, run.Next, run.CaughtUp = r.next, r.next, false
	for {
		if r.at < r.block.count {
			if full := r.take(run); full {
				if run.Next == run.First {
					return io.ErrShortBuffer
				}
				return nil
			}
			continue
		}
		jump, err := r.jump, error(nil)
		if jump <= r.next {
			jump, err = r.load()
		}
		switch {
		case errors.Is(err, io.EOF):
			run.CaughtUp = true
			return nil
		case err != nil:
			return err
		case jump == r.next:
		case run.Next > run.First:
			r.jump = jump
			return nil // what was read first
		default:
			r.next, r.segment = jump, nil
			run.Next = jump
			return nil
		}
	}
}

// Skip leaves out the record that was too large.
func (r *Reader) Skip() {
	r.begin += r.block.length(r.at)
	r.at++
	r.next++
}

// take moves records of the block to run and reports whether the next one does not fit.
func (r *Reader) take(run *Run) (full bool) {
	k := &r.block
	room := cap(run.Data) - len(run.Data)
	size := 0
	i := r.at
	for ; i < k.count; i++ {
		n := int(binary.LittleEndian.Uint32(k.lengths[lengthSize*i:]))
		if n > r.max || n > room-size {
			full = true
			break
		}
		size += n
		run.Ends = append(run.Ends, int32(len(run.Data)+size))
		run.Times = append(run.Times, k.time)
	}
	run.Data = append(run.Data, k.data[r.begin:r.begin+size]...)
	r.next += int64(i - r.at)
	r.at, r.begin = i, r.begin+size
	run.Next = r.next
	return full
}

// load makes the block that has r.next the current one. If there is none because it cannot be read, it returns where reading
// goes on, else r.next; io.EOF: there is nothing more yet.
func (r *Reader) load() (jump int64, err error) {
	if jump, err := r.seek(); err != nil || jump != r.next {
		return jump, err
	}
	for {
		k, err := r.blocks.next()
		switch {
		case errors.Is(err, io.EOF): // it should not, unless numbers were left out behind its last record
			return r.spool.lost(r.next, fmt.Errorf("%w: the file ends before record %d", errBlock, r.next)), nil
		case errors.Is(err, errBlock), errors.Is(err, os.ErrNotExist):
			return r.spool.lost(r.next, err), nil
		case err != nil:
			return 0, fmt.Errorf("read %s: %w", r.segment.path, err)
		}
		if k.first+int64(k.count) <= r.next { // before the number to begin at, or a block of keys
			continue
		}
		if k.first > r.next || r.end >= 0 && k.first+int64(k.count) > r.end {
			return r.spool.lost(r.next, errBlock), nil
		}
		r.block, r.at, r.begin = k, 0, 0
		for range r.next - k.first {
			r.begin += k.length(r.at)
			r.at++
		}
		return r.next, nil
	}
}

// seek makes the segment that has r.next the current one and learns how far it may be read.
func (r *Reader) seek() (jump int64, err error) {
	r.block, r.at = block{}, 0
	s := r.spool
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.next >= s.durable {
		return r.next, io.EOF
	}
	i := len(s.segments) - 1
	for i > 0 && s.segments[i].base > r.next {
		i--
	}
	g := s.segments[i]
	if g.base > r.next {
		return g.base, nil
	}
	r.end = -1
	if i+1 < len(s.segments) {
		r.end = s.segments[i+1].base
	}
	if r.segment != g {
		f, err := os.Open(g.path)
		if err != nil {
			return r.next, err
		}
		r.Close()
		r.segment, r.file = g, f
		r.blocks.file, r.blocks.pos = f, headerSize
	}
	r.blocks.limit = g.size
	return r.next, nil
}

// blockReader reads the blocks of a file one after the other, many at a time from the disk.
type blockReader struct {
	file  io.ReaderAt
	pos   int64 // of the next block
	limit int64 // of the bytes that may be read: everything before is written for good

	buf   []byte // what was read of the file
	start int64  // of buf in the file
}

const readAhead = 256 << 10

// next returns the block at pos, valid until the next call. The error is io.EOF at the limit, errBlock when there is no whole
// block, or the file system's.
func (r *blockReader) next() (block, error) {
	if r.pos >= r.limit {
		return block{}, io.EOF
	}
	head, err := r.bytes(blockHeader)
	if err != nil {
		return block{}, err
	}
	n, ok := bodyLength(head)
	if !ok {
		return block{}, fmt.Errorf("%w at offset %d", errBlock, r.pos)
	}
	all, err := r.bytes(blockHeader + n)
	if err != nil {
		return block{}, err
	}
	k, err := parseBlock(all)
	if err != nil {
		return k, fmt.Errorf("%w at offset %d", err, r.pos)
	}
	r.pos += int64(len(all))
	return k, nil
}

// bytes returns the n bytes at pos.
func (r *blockReader) bytes(n int) ([]byte, error) {
	if r.pos+int64(n) > r.limit {
		return nil, fmt.Errorf("%w at offset %d: it ends at %d", errBlock, r.pos, r.limit)
	}
	if r.pos < r.start || r.pos+int64(n) > r.start+int64(len(r.buf)) {
		size := max(int64(n), min(readAhead, r.limit-r.pos))
		if int64(cap(r.buf)) < size || cap(r.buf) > 4*readAhead && size <= readAhead {
			r.buf = make([]byte, max(size, min(readAhead, 2*size)))
		}
		got, err := r.file.ReadAt(r.buf[:size], r.pos)
		r.buf, r.start = r.buf[:got], r.pos
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		if got < n {
			return nil, fmt.Errorf("%w at offset %d: the file ends before", errBlock, r.pos)
		}
	}
	at := r.pos - r.start
	return r.buf[at : at+int64(n) : at+int64(n)], nil
}
