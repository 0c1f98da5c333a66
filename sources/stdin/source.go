// Package stdin is the source that reads the lines of a stream: gatemeter's standard input, a pipe.
//
// A stream is a log that cannot be read again. There is one partition, named "-", whose offsets are positions in the stream;
// it is never opened at a saved cursor. What a crash had read and not delivered is gone with the stream.
package stdin

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/gatemeter/gatemeter/pipeline"
	"github.com/gatemeter/gatemeter/pipeline/batch"
	"github.com/gatemeter/gatemeter/pipeline/cursor"
)

var _ pipeline.Source = (*Source)(nil)

// idLine is how many bytes of the first line go into the partition's id.
const idLine = 1024

// Settings is all that a Source is made of.
type Settings struct {
	Name  string    // of the source
	Shard string    // label of the windows its records go to
	In    io.Reader // where the lines come from; it is not closed
	Pool  *batch.Pool

	// Nonce goes into the partition's id, and must be another in each run: two streams that begin alike are two logs, and
	// their records must not be taken for each other's.
	Nonce string

	MaxLine int // bytes; longer lines are skipped. 0: 64 KiB. Must be smaller than the pool's buffers
}

// Source reads one stream. Make one with New; call Open once, then Run once.
type Source struct {
	set       Settings
	partition *batch.Partition

	next     int64  // offset of the next line
	rest     []byte // read and not sent yet: half a line, unless unseen
	unseen   bool   // rest has not been looked through for lines
	skipping bool   // inside a line that is too long
	skipped  int64  // bytes of that line
	failed   error  // what the last Read returned beside its bytes
}

// New returns a source of s.
func New(s Settings) (*Source, error) {
	if s.MaxLine == 0 {
		s.MaxLine = 64 << 10
	}
	switch {
	case s.In == nil || s.Pool == nil:
		return nil, errors.New("stdin: stream or pool not given")
	case s.Nonce == "":
		return nil, errors.New("stdin: nonce not given")
	case s.MaxLine < 0 || s.MaxLine+2 > s.Pool.Size(): // a line end, and a byte that shows it to be too long
		return nil, fmt.Errorf("stdin: max_line %d does not fit into buffers of %d bytes", s.MaxLine, s.Pool.Size())
	}
	return &Source{set: s, partition: &batch.Partition{Source: s.Name, Name: "-", Shard: s.Shard}}, nil
}

// Open returns nothing: what the partition's id is made of has not been read yet, and nothing saved is of this stream.
func (s *Source) Open(context.Context, []cursor.Partition) ([]pipeline.Opened, error) {
	return nil, nil
}

// Run reads until the stream ends or ctx does. A Read that ctx's end cannot interrupt (the stream is no pipe or socket that
// takes deadlines) is left to itself: its goroutine, and one buffer, go when it returns, and send nothing any more.
func (s *Source) Run(ctx context.Context, out chan<- *batch.Batch) error {
	done := make(chan error, 1)
	go func() { done <- s.read(ctx, out) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	if d, ok := s.set.In.(interface{ SetReadDeadline(time.Time) error }); ok && d.SetReadDeadline(time.Unix(1, 0)) == nil {
		<-done
	}
	return ctx.Err()
}

// read is Run, and may be blocked in a Read after ctx has ended.
func (s *Source) read(ctx context.Context, out chan<- *batch.Batch) error {
	for {
		b := s.set.Pool.Get(ctx.Done())
		if b == nil {
			return ctx.Err()
		}
		buf := append(b.Data[:0], s.rest...)
		seen := len(buf)
		if s.unseen {
			seen, s.unseen = 0, false
		} else if s.failed == nil {
			var n int
			n, s.failed = s.set.In.Read(buf[seen:cap(buf)])
			buf = buf[:seen+n]
		}
		if ctx.Err() != nil { // Run may have returned
			b.Release()
			return ctx.Err()
		}
		over := s.failed != nil && seen == len(buf) // nothing comes any more
		ended := over && errors.Is(s.failed, io.EOF)
		some := s.cut(b, buf, seen, ended)
		b.CaughtUp, b.Ended = len(buf) < cap(buf) && !s.unseen, ended
		if !some && !ended {
			b.Release()
		} else if !s.send(ctx, out, b) {
			return ctx.Err()
		}
		switch {
		case ended:
			return nil
		case over:
			return fmt.Errorf("read standard input at offset %d: %w", s.next+s.skipped+int64(len(s.rest)), s.failed)
		}
	}
}

// cut makes b the whole lines of buf, of which the first seen bytes are known to have no line end, or the line that was too
// long, and reports whether there is any. What is left is kept in rest. ended says that buf's end is a line's end.
func (s *Source) cut(b *batch.Batch, buf []byte, seen int, ended bool) bool {
	b.First, b.Next = s.next, s.next
	if s.skipping {
		n := bytes.IndexByte(buf, '\n') + 1
		if n == 0 {
			n = len(buf)
			if !ended {
				s.skipped += int64(n)
				return false
			}
		}
		b.Data, b.Oversize, b.Next = b.Data[:0], 1, s.next+s.skipped+int64(n)
		s.rest = append(s.rest[:0], buf[n:]...)
		s.unseen = len(s.rest) > 0
		s.skipping, s.skipped = false, 0
		return true
	}
	n := 0
	if i := bytes.LastIndexByte(buf[seen:], '\n'); i >= 0 {
		n = seen + i + 1
	}
	if ended {
		n = len(buf)
	}
	tooLong := n == 0 && len(buf) > s.set.MaxLine+1 // the one is for a carriage return, which the pipeline does not count
	if s.partition.ID == "" && (n > 0 || ended || tooLong) {
		s.setID(buf)
	}
	if tooLong {
		s.skipping, s.skipped, s.rest = true, int64(len(buf)), s.rest[:0]
		return false
	}
	s.rest = append(s.rest[:0], buf[n:]...)
	b.Data, b.Next = buf[:n], s.next+int64(n)
	return n > 0
}

// setID makes the partition's id from the run's nonce and the beginning of the first line.
func (s *Source) setID(buf []byte) {
	line, _, _ := bytes.Cut(buf, []byte{'\n'})
	h := sha256.New()
	for _, part := range []string{s.set.Shard, s.set.Name, s.partition.Name, s.set.Nonce} {
		h.Write([]byte(part))
		h.Write([]byte{0})
	}
	h.Write(line[:min(len(line), idLine)])
	s.partition.ID = hex.EncodeToString(h.Sum(nil)[:12])
}

// send gives b away.
func (s *Source) send(ctx context.Context, out chan<- *batch.Batch, b *batch.Batch) bool {
	b.Partition = s.partition
	next := b.Next
	select {
	case out <- b:
		s.next = next
		return true
	case <-ctx.Done():
		b.Release()
		return false
	}
}
