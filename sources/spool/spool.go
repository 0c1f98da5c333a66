package spool

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gatemeter/gatemeter/internal/fault"
)

// Spool is an open spool. Its methods are safe for concurrent use. One process uses a folder at a time; that it does is up to
// the caller.
type Spool struct {
	set Settings
	id  id

	mu       sync.Mutex
	segments []*segment // oldest first; records go to the last
	sealed   bool       // records go to a new segment
	bytes    int64      // of all segments
	next     int64      // number of the next record
	end      int64      // number after the last record; less than next where numbers are left out
	durable  int64      // everything below is on the disk, and may be read
	read     int64      // everything below has been read by whoever trims
	keys     *keyring
	buf      []byte
	waiting  int           // Appends that wait for room
	changed  chan struct{} // closed, and made anew, when durable rises
	room     chan struct{} // the same when something is removed
	gone     []*os.File    // of removed segments, for the syncer to close
	stats    Stats
	refused  string               // what the disk said to the last Append, empty when it was taken
	unsynced string               // the same of the last sync
	said     map[string]time.Time // messages, when last said
	closed   bool

	dirty   chan struct{} // has room for one: tells the syncer that there is something to sync
	closing chan struct{}
	syncing sync.WaitGroup
}

// segment is one file. All but path and base are guarded by Spool.mu.
type segment struct {
	base   int64 // number of the first record
	after  int64 // number after the last record before
	path   string
	size   int64    // bytes of whole groups, the header among them
	file   *os.File // open for writing; nil when it is sealed and synced
	synced int64    // bytes known to be on the disk
}

// Stats is what a spool has done since it was opened, and how it stands.
type Stats struct {
	Bytes    int64 // of all segments
	Segments int
	First    int64 // number of the oldest record
	Next     int64 // number that the next record gets
	Durable  int64 // everything below is on the disk
	Read     int64 // everything below has been read

	Appended     int64 // records
	Groups       int64 // as they were appended
	Duplicates   int64 // groups left out because their key was remembered
	DroppedFull  int64 // records removed unread, to make room
	Unreplayable int64 // records removed to make room that had been read, and that a restart might need
	Corrupt      int64 // records that could not be read: bytes on the disk are not those written
	Failures     int64 // Appends the disk refused
	SyncFailures int64
	CutBytes     int64  // cut off at the end when the spool was opened
	Error        string // what the disk last said, empty when all is well
}

// ID returns what tells this spool from every other: 24 hex digits, the same as long as the folder exists.
func (s *Spool) ID() string { return hex.EncodeToString(s.id[:]) }

// First returns the number of the oldest record, or of the next when there is none.
func (s *Spool) First() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.segments[0].base
}

// Next returns the number that the next record gets.
func (s *Spool) Next() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.next
}

// Durable returns the number below which everything is on the disk, and can be read.
func (s *Spool) Durable() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.durable
}

// Stats returns how the spool stands.
func (s *Spool) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.stats
	r.Bytes, r.Segments = s.bytes, len(s.segments)
	r.First, r.Next, r.Durable, r.Read = s.segments[0].base, s.next, s.durable, s.read
	r.Error = cmp.Or(s.refused, s.unsynced)
	return r
}

// MaxGroup returns how many bytes a group may have, with what is stored beside its records.
func (s *Spool) MaxGroup() int64 { return s.set.MaxBytes / minSegments }

// Append appends g's records and returns the number of the first. When it returns nil, the records survive the end of the
// process, however it comes, and a power cut after FsyncEvery; with Always a power cut at any time.
//
// With Block it waits while the spool is full, until ctx ends: the error is then ErrFull. A group whose key is remembered is not
// appended: ErrDuplicate. ErrUnsynced, of a spool with Always, says that they are in the spool all the same. After an error of the disk nothing of g is in the spool, and later Appends are tried anew.
func (s *Spool) Append(ctx context.Context, g *Group) (first int64, err error) {
	if g.largest > s.set.MaxRecord || len(g.Key) > maxKey || g.encodedSize() > s.MaxGroup() {
		return 0, fmt.Errorf("append %d records of %d bytes, the largest of %d: %w", g.Len(), g.Size(), g.largest, ErrTooLarge)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.closed:
			return 0, ErrClosed
		case len(g.Key) > 0 && s.keys.has(g.Key):
			s.stats.Duplicates++
			return 0, ErrDuplicate
		case g.Len() == 0:
			return s.next, nil
		}
		if s.makeRoom(g.encodedSize()) {
			break
		}
		if err := s.waitForRoom(ctx); err != nil {
			return 0, err
		}
	}
	err = fault.At("spool.writing")
	if err == nil {
		err = s.put(g)
	}
	if err != nil {
		s.stats.Failures++
		s.refused = err.Error()
		s.warn("refused", "nothing can be appended to the spool", "error", err)
		return 0, err
	}
	s.refused = ""
	first = s.next
	s.next += int64(g.Len())
	s.end = s.next
	s.keys.add(g.Key)
	s.stats.Appended += int64(g.Len())
	s.stats.Groups++
	_ = fault.At("spool.written") // what is there is there
	select {
	case s.dirty <- struct{}{}:
	default:
	}
	for s.set.Always && s.durable < first+int64(g.Len()) {
		if err := s.wait(ctx, s.changed); err != nil {
			return first, fmt.Errorf("%w: %d records (%w)", ErrUnsynced, g.Len(), err)
		}
	}
	return first, nil
}

// waitForRoom waits until something has been removed. s.mu is held.
func (s *Spool) waitForRoom(ctx context.Context) error {
	s.warn("full", "the spool is full; senders have to wait until its records have been read", "bytes", s.bytes, "unread", s.next-s.read)
	s.waiting++
	defer func() { s.waiting-- }()
	if err := s.wait(ctx, s.room); err != nil {
		return fmt.Errorf("%w: %d bytes (%w)", ErrFull, s.bytes, err)
	}
	return nil
}

// wait gives s.mu up until c is closed or the spool is, or ctx ends.
func (s *Spool) wait(ctx context.Context, c <-chan struct{}) error {
	s.mu.Unlock()
	defer s.mu.Lock()
	select {
	case <-c:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-s.closing:
		return ErrClosed
	}
}

// put writes g at the end. After an error the segment is as it was. s.mu is held.
func (s *Spool) put(g *Group) error {
	last := s.segments[len(s.segments)-1]
	if s.sealed || s.next > last.base && last.size+g.encodedSize() > s.set.SegmentBytes {
		if err := s.begin(); err != nil {
			return err
		}
		last = s.segments[len(s.segments)-1]
	}
	size, number := last.size, s.next
	s.buf = s.buf[:0]
	for from := 0; from < g.Len(); {
		before := from
		s.buf, from = g.appendBlock(s.buf, from, number)
		number += int64(from - before)
		if from < g.Len() && len(s.buf) < maxKept {
			continue
		}
		if err := s.set.write(last.file, s.buf, size); err != nil {
			// What is left behind if this fails too is overwritten by the next group, and is no whole group until then.
			_ = last.file.Truncate(last.size)
			return fmt.Errorf("append to %s: %w", last.path, err)
		}
		size += int64(len(s.buf))
		s.buf = s.buf[:0]
	}
	if cap(s.buf) > 2*maxKept {
		s.buf = nil
	}
	s.bytes += size - last.size
	last.size = size
	return nil
}

// begin begins a segment, which the next record goes to. s.mu is held.
func (s *Spool) begin() error {
	path := filepath.Join(s.set.Dir, segmentName(s.next))
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("begin a segment of the spool: %w", err)
	}
	h := header{base: s.next, after: s.end, created: s.set.Now().UnixNano(), id: s.id}
	b := h.append(nil)
	if len(s.keys.order) > 0 {
		b = appendKeys(b, s.next, s.keys.each)
	}
	if err := s.set.write(f, b, 0); err != nil {
		f.Close()
		_ = os.Remove(path) // one that stays is no segment: it has no header, or no record
		return fmt.Errorf("begin a segment of the spool: %w", err)
	}
	s.segments = append(s.segments, &segment{base: s.next, after: s.end, path: path, size: int64(len(b)), file: f})
	s.bytes += int64(len(b))
	s.sealed = false
	return fault.At("spool.begun")
}

func segmentName(base int64) string { return fmt.Sprintf("%016x"+suffix, base) }

const suffix = ".seg"

// Close syncs what has been appended and closes the files. Appends that wait end with ErrClosed.
func (s *Spool) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	close(s.closing)
	s.mu.Unlock()
	s.syncing.Wait()
	err := s.sync()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range s.segments {
		if g.file != nil {
			err = errors.Join(err, g.file.Close())
			g.file = nil
		}
	}
	return err
}

// warn says something, once a minute. s.mu is held.
func (s *Spool) warn(kind, text string, args ...any) {
	now := s.set.Now()
	if now.Sub(s.said[kind]) < time.Minute {
		return
	}
	s.said[kind] = now
	s.set.Log.Warn(text, append([]any{"spool", s.set.Dir}, args...)...)
}
