package verify

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/gatemeter/gatemeter/pipeline/cursor"
	"github.com/gatemeter/gatemeter/sources/file"
)

// piece is a file of a log and the part of it that is the log's.
type piece struct {
	file file.Listed
	base int64 // logical offset of the first byte of its content
	from int64 // logical offset of the first line
	end  int64 // logical offset after the last line; -1: the end of the file
}

// row is the files of a log in their order.
type row struct {
	pieces []piece
	extra  []piece      // what was appended to files after they had been left
	whole  bool         // it begins where gatemeter began
	odd    []Difference // what does not fit
}

// layOut puts the files of a log, oldest first, into one row. Rotations with numbers are told by their times; when somebody has
// written to one of them, the other way round may fit better.
func layOut(at *cursor.Partition, shard string, files []file.Listed) (row, error) {
	best, err := layout(at, shard, files)
	if err != nil || best.whole && len(best.odd) == 0 && len(best.extra) == 0 || len(files) < 3 {
		return best, err
	}
	turned := slices.Clone(files)
	slices.Reverse(turned[:len(turned)-1])
	other, err := layout(at, shard, turned)
	if err == nil && other.whole && (!best.whole || len(other.odd)+len(other.extra) < len(best.odd)+len(best.extra)) {
		return other, nil
	}
	return best, nil
}

// layout puts the files of a log into one row of offsets. at is what the cursor says of the log; files are all of them, oldest
// first.
//
// Fixed are the places that the cursor remembers, and the beginning: the file whose first line the partition's id is made of.
// Between two of them the files must be as long as the offsets say.
func layout(at *cursor.Partition, shard string, files []file.Listed) (r row, err error) {
	strange := func(offset int64, reason string, args ...any) {
		r.odd = append(r.odd, Difference{Kind: KindLog, Source: at.Source, Log: at.Name, Offset: offset, Reason: fmt.Sprintf(reason, args...)})
	}
	fixed := map[int]file.Place{} // file → where it is
	var places []file.Place
	if len(at.State) > 0 { // else nothing had been read
		places, err = file.Places(at.State, files)
	}
	if err != nil {
		strange(0, "the cursor's state of the log cannot be read (%v): where its files belong is guessed", err)
	}
	for i, p := range places {
		switch {
		case p.File >= 0:
			fixed[p.File] = p
		case !p.Lost && (!p.Done || i == len(places)-1): // older ones may have been rotated away
			strange(p.Base, "%s, which was being read, is not there any more, or has been changed where it was read", p.Path)
		}
	}
	sizes := make([]int64, len(files))
	first := -1
	anchor := len(files)
	for i := range fixed {
		anchor = min(anchor, i)
	}
	for i := range files {
		id, size, err := measure(&files[i], shard, at)
		if err != nil {
			return row{}, err
		}
		sizes[i] = size
		if id == at.ID && i <= anchor {
			first = i // the newest that begins so
		}
	}
	switch {
	case first >= 0:
		r.whole = true
		if _, ok := fixed[first]; !ok {
			fixed[first] = file.Place{File: first}
		}
	case anchor < len(files): // older rotations are gone: back from the first that is known, as far as offsets go
		first = anchor
		base := fixed[anchor].Base
		for first > 0 && base >= sizes[first-1] {
			first--
			base -= sizes[first]
		}
		fixed[first] = file.Place{File: first, Base: base}
	default:
		strange(0, "no file of the log is the one that was read: they were replaced, or removed")
		return row{odd: r.odd}, nil
	}
	for i := first; i < len(files); {
		next := i + 1
		for ; next < len(files); next++ {
			if _, ok := fixed[next]; ok {
				break
			}
		}
		run := files[i:next]
		base, more := fixed[i].Base, int64(0)
		long := -1 // the file that has more than was read of it
		if next < len(files) {
			total := int64(0)
			for _, size := range sizes[i:next] {
				total += size
			}
			more = total - (fixed[next].Base + fixed[next].From - base)
			if more > 0 {
				long = i + grown(run, sizes[i:next], more)
			} else if more < 0 {
				strange(base+total, "%d bytes of the log are gone that were read: a rotation was removed, or shortened", -more)
			}
		}
		for k := range run {
			n := i + k
			p := piece{file: run[k], base: base, from: base, end: -1}
			if k == 0 {
				p.from = base + fixed[i].From
			}
			if n == long {
				p.end = base + sizes[n] - more
				base = p.end
				r.extra = append(r.extra, piece{file: run[k], base: p.base, from: p.end, end: -1})
			} else {
				base += sizes[n]
			}
			r.pieces = append(r.pieces, p)
		}
		i = next
	}
	return r, nil
}

// grown returns which of a run of files has more bytes than were read: the one changed last of those in which a line begins
// so many bytes before the end, else the newest.
func grown(run []file.Listed, sizes []int64, more int64) int {
	best := len(run) - 1
	found := false
	for i := range run {
		begin := sizes[i] - more
		if begin < 0 || !lineBegins(&run[i], begin) {
			continue
		}
		if !found || !run[i].Changed.Before(run[best].Changed) {
			best, found = i, true
		}
	}
	return best
}

// lineBegins reports whether a line of f begins at position at.
func lineBegins(f *file.Listed, at int64) bool {
	if at == 0 {
		return true
	}
	r, err := f.Open()
	if err != nil {
		return false
	}
	defer r.Close()
	if _, err := io.CopyN(io.Discard, r, at-1); err != nil {
		return false
	}
	var b [1]byte
	_, err = io.ReadFull(r, b[:])
	return err == nil && b[0] == '\n'
}

// measure returns the id that a log beginning with f has, and how many bytes f's content has.
func measure(f *file.Listed, shard string, at *cursor.Partition) (id string, size int64, err error) {
	r, err := f.Open()
	if err != nil {
		return "", 0, err
	}
	defer r.Close()
	head := make([]byte, 1024)
	n, err := io.ReadFull(r, head)
	if err == nil {
		size = f.Size
		if f.Compressed {
			size, err = io.Copy(io.Discard, r)
			size += int64(n)
		}
	} else {
		size = int64(n)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	if n == 0 {
		return "", 0, err
	}
	line, _, _ := bytes.Cut(head[:n], []byte("\n"))
	sum := sha256.Sum256(bytes.Join([][]byte{[]byte(shard), []byte(at.Source), []byte(at.Name), line}, []byte{0}))
	return hex.EncodeToString(sum[:12]), size, err
}

// line is one line of a log.
type line struct {
	offset int64
	text   []byte // without its end; valid until the next call of next. nil when it is too long
	bytes  int64  // with its end
	ended  bool   // by a newline
}

// reader reads the lines of pieces, oldest first.
type reader struct {
	pieces  []piece
	maxLine int
	open    io.ReadCloser
	lines   *bufio.Reader
	at      int64 // logical offset of the next line
	end     int64
	done    int64 // bytes of files that are read, as they lie on disk
	before  int64 // bytes of this file that are read, decompressed
}

// next returns the next line; io.EOF after the last.
func (r *reader) next() (line, error) {
	for {
		if r.open == nil {
			if len(r.pieces) == 0 {
				return line{}, io.EOF
			}
			p := &r.pieces[0]
			f, err := p.file.Open()
			if err != nil {
				return line{}, err
			}
			r.open, r.lines = f, bufio.NewReaderSize(f, 256<<10)
			if _, err := io.CopyN(io.Discard, r.lines, p.from-p.base); err != nil {
				return line{}, fmt.Errorf("read %s: %w", p.file.Path, err)
			}
			r.at, r.end, r.before = p.from, p.end, 0
			if p.end < 0 {
				r.end = math.MaxInt64
			}
		}
		l, err := r.line()
		if err == nil {
			return l, nil
		}
		r.open.Close()
		r.done += r.pieces[0].file.Size
		r.open, r.pieces, r.before = nil, r.pieces[1:], 0
		if err != io.EOF && !errors.Is(err, io.ErrUnexpectedEOF) {
			return line{}, err
		}
	}
}

func (r *reader) line() (line, error) {
	if r.at >= r.end {
		return line{}, io.EOF
	}
	l := line{offset: r.at}
	for {
		part, err := r.lines.ReadSlice('\n')
		l.bytes += int64(len(part))
		l.ended = err == nil
		long := l.bytes > int64(r.maxLine)+2
		switch {
		case long:
			l.text = nil
		case l.bytes == int64(len(part)):
			l.text = part
		default:
			l.text = append(slices.Clone(l.text), part...)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			if !long {
				l.text = slices.Clone(l.text)
			}
			continue
		}
		if err != nil && l.bytes == 0 {
			return line{}, err
		}
		if err != nil && err != io.EOF && !errors.Is(err, io.ErrUnexpectedEOF) {
			return line{}, err
		}
		break
	}
	r.at += l.bytes
	r.before += l.bytes
	if l.text != nil {
		l.text = bytes.TrimSuffix(l.text, []byte("\n"))
		l.text = bytes.TrimSuffix(l.text, []byte("\r"))
	}
	if l.text == nil || len(l.text) > r.maxLine {
		l.text = nil
	}
	return l, nil
}

// progress returns how many bytes on disk are read.
func (r *reader) progress() int64 {
	if r.open == nil || len(r.pieces) == 0 {
		return r.done
	}
	return r.done + min(r.before, r.pieces[0].file.Size)
}

func (r *reader) close() {
	if r.open != nil {
		r.open.Close()
		r.open = nil
	}
}
