package file

import (
	"bytes"
	"errors"
	"io"
	"time"

	"github.com/gatemeter/gatemeter/pipeline/batch"
)

// file is one physical file of a log, on its way through partition.chain.
type file struct {
	entry
	found  time.Time
	c      *content // nil: not open
	base   int64    // logical offset of its first byte; known once begun
	from   int64    // position at which its segment begins
	begun  bool     // base, head and tail are set
	sent   bool     // lines of it have been sent, by this run or by one before: it is a segment
	known  bool     // a finished segment of the run before, replayed up to end; its place is in partition.done
	end    int64    // position at which a replay ends; -1: none
	pos    int64    // of the next line, in the decompressed content
	at     int64    // of the next byte to read: pos, but inside a line that is too long
	head   []byte   // the content's first bytes, at most headSize, none from pos on
	tail   []byte   // the last bytes before at, at most tailSize
	saved  *segment // what the run before knew of it
	readTo int64    // how far the run before had read in it; 0: no run has

	lost     bool // saved, and not found again: what is left of it is given up when the log goes on
	replaced bool // its inode has other content now
	settled  bool // nobody writes to it any more
	checked  bool // nothing came between the file before and this one
	skipping bool // inside a line that is too long
	closed   bool // its descriptor was given up for another's; unchanged since

	// Of the last read that came to the end, for telling whether there is more.
	atEnd     bool
	broken    bool // compressed content breaks off there
	seenSize  int64
	seenMtime int64
	since     time.Time
}

// headPrint and tailPrint return the fingerprints by which the content can be found again.
func (f *file) headPrint() print {
	switch {
	case f.begun:
		return printOf(f.head, int64(len(f.head)))
	case f.saved != nil:
		return f.saved.Head
	}
	return f.printNow(headSize, func(size int64) int64 { return min(headSize, size) })
}

func (f *file) tailPrint() print {
	switch {
	case f.begun:
		return printOf(f.tail, f.at)
	case f.saved != nil:
		return f.saved.Tail
	}
	return f.printNow(tailSize, func(size int64) int64 { return size })
}

// printNow returns the fingerprint of the n bytes before the position that end says, of a file that waits for its turn.
func (f *file) printNow(n int64, end func(size int64) int64) print {
	if f.c == nil || f.codec != plain {
		return print{}
	}
	i, err := statFile(f.c.f)
	if err != nil {
		return print{}
	}
	at := end(i.size)
	b := make([]byte, min(n, at))
	if m, _ := f.c.readAt(b, at-int64(len(b))); m < len(b) {
		return print{}
	}
	return printOf(b, at)
}

// segment returns f's place in the log, to be saved.
func (f *file) segment(end int64) segment {
	g := segment{
		Base: f.base, From: f.from, End: end, Path: f.path, Codec: f.codec, fileID: f.fileID, Mtime: f.mtime,
		Head: f.headPrint(), Tail: f.tailPrint(),
	}
	if f.skipping {
		g.Tail = print{} // f.tail is not at pos
	}
	return g
}

// errReplaced says that a file has other content than the one it was found by.
var errReplaced = errors.New("content was replaced")

// begin reads what lies before pos, so that it is known when it changes.
func (f *file) begin() error {
	f.head, f.tail = nil, nil
	if f.pos > 0 {
		head := make([]byte, min(headSize, f.pos))
		if n, err := f.c.readAt(head, 0); n < len(head) {
			return noEOF(err)
		}
		tail := make([]byte, min(tailSize, f.pos))
		if n, err := f.c.readAt(tail, f.pos-int64(len(tail))); n < len(tail) {
			return noEOF(err)
		}
		f.head, f.tail = head, tail
	}
	if f.saved != nil && f.codec == plain && !(f.c.matches(f.saved.Head) && f.c.matches(f.saved.Tail)) {
		return errReplaced // since it was found
	}
	f.at, f.begun = f.pos, true
	return nil
}

// note takes data, read at position f.at, into head and tail and moves f.at behind it.
func (f *file) note(data []byte) {
	if f.at == int64(len(f.head)) && len(f.head) < headSize {
		f.head = append(f.head, data[:min(len(data), headSize-len(f.head))]...)
	}
	if len(data) >= tailSize {
		f.tail = append(f.tail[:0], data[len(data)-tailSize:]...)
	} else {
		f.tail = append(f.tail, data...)
		if n := len(f.tail) - tailSize; n > 0 {
			f.tail = append(f.tail[:0], f.tail[n:]...)
		}
	}
	f.at += int64(len(data))
}

// outcome is what came of a read.
type outcome int

const (
	lines     outcome = iota // the batch is to be sent
	nothing                  // no whole line is there
	inside                   // of a line that is too long; read on
	truncated                // what was read before is not there any more
)

// fill reads the next lines into b. final says that what is there is all that will come, so a last line needs no newline.
// complete reports that the file has been read to its end and will not grow: also without final, when its compression says
// so or a replay ends. err is of reading; what came before it is in b.
func (f *file) fill(b *batch.Batch, maxLine int, final bool) (o outcome, complete bool, err error) {
	buf := b.Data[:cap(b.Data)]
	before := 0
	if f.codec == plain {
		before = len(f.tail)
	}
	if f.end >= 0 {
		buf = buf[:min(int64(len(buf)), int64(before)+f.end-f.at)]
	}
	n, err := f.c.readAt(buf, f.at-int64(before))
	f.atEnd, f.broken = errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF)
	if f.atEnd || f.broken {
		err = nil
	}
	if f.codec == plain && err == nil {
		if n < before || !bytes.Equal(buf[:before], f.tail) || !f.unchanged(buf[:n], f.at-int64(before)) {
			f.atEnd = false // this was the end of other content
			return truncated, false, nil
		}
	}
	data, pos := buf[min(before, n):n], f.at
	switch {
	case f.end >= 0 && f.at+int64(len(data)) == f.end:
		complete = true
	case f.atEnd && (final || f.codec != plain):
		complete = true
	}
	whole := complete
	complete = complete || f.broken && final // then the last line is half of one
	o = f.cut(b, data, maxLine, whole)
	if o == lines && b.Oversize > 0 && f.at < pos+int64(n-before) { // after the long line there is more
		f.atEnd, f.broken = false, false
		return o, false, nil
	}
	return o, complete, err
}

// cut makes b the whole lines of data, which was read at f.at; whole says that data's end is a line's end.
func (f *file) cut(b *batch.Batch, data []byte, maxLine int, whole bool) outcome {
	if f.skipping {
		n := bytes.IndexByte(data, '\n') + 1
		switch {
		case n > 0:
		case whole:
			n = len(data)
		case len(data) == 0:
			return nothing
		default:
			f.note(data)
			return inside
		}
		f.c.unread(data[n:])
		f.note(data[:n])
		b.Data, b.Oversize, f.skipping = b.Data[:0], 1, false
		b.First, b.Next = f.base+f.pos, f.base+f.at
		f.pos = f.at
		return lines
	}
	n := bytes.LastIndexByte(data, '\n') + 1
	if whole {
		n = len(data)
	}
	if n == 0 {
		if len(data) > maxLine+1 { // the one is for a carriage return, which the pipeline does not count
			f.skipping = true
			f.note(data)
			return inside
		}
		f.c.unread(data)
		return nothing
	}
	f.c.unread(data[n:])
	f.note(data[:n])
	b.Data = data[:n]
	b.First, b.Next = f.base+f.pos, f.base+f.at
	f.pos = f.at
	return lines
}

// unchanged reports whether the file still has at pos what was read from there. If it was truncated and written anew while
// we read, what we have may be of both.
func (f *file) unchanged(data []byte, pos int64) bool {
	i, err := statFile(f.c.f)
	if err != nil || i.size < pos+int64(len(data)) {
		return false
	}
	var again [tailSize]byte
	n := min(len(data), len(again))
	m, _ := f.c.readAt(again[:n], pos)
	return m == n && bytes.Equal(again[:n], data[:n])
}
