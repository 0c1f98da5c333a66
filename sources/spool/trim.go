package spool

import (
	"errors"
	"io/fs"
	"os"
)

// Trim removes the segments whose records are all below the number below: nobody needs them any more. It never removes the
// segment that is written to.
func (s *Spool) Trim(below int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.read = max(s.read, min(below, s.durable))
	n := 0
	for n+1 < len(s.segments) && s.segments[n+1].base <= below {
		n++
	}
	s.remove(n)
	// All has been used up and somebody waits: a segment that is written to cannot be removed, another can.
	if last := s.segments[len(s.segments)-1]; s.waiting > 0 && below >= s.next && s.next > last.base {
		s.sealed = true
		s.tellRoom()
	}
}

// SetRead says that everything below number has been read, and is kept only because a restart may need it.
func (s *Spool) SetRead(number int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if number <= s.read {
		return
	}
	s.read = number
	if s.waiting > 0 {
		s.tellRoom()
	}
}

// makeRoom reports whether there is room for size bytes, after removing what may be removed. s.mu is held.
func (s *Spool) makeRoom(size int64) bool {
	for {
		last := s.segments[len(s.segments)-1]
		need := size
		if s.sealed || last.size+size > s.set.SegmentBytes {
			need += headerSize + s.keys.size()
		}
		if s.bytes+need <= s.set.MaxBytes {
			return true
		}
		if len(s.segments) == 1 {
			if s.next == last.base {
				return true // an empty one; Append has seen to it that the group is not larger than a spool
			}
			if s.set.Full == Block && s.read < s.next {
				return false
			}
			if s.sealed {
				return true // the group that comes begins another, and then this one can go
			}
			s.sealed = true
			continue
		}
		oldest, end := s.segments[0], s.segments[1].after
		if s.set.Full == Block && s.read < end {
			return false
		}
		unread := max(0, end-max(oldest.base, s.read))
		s.stats.DroppedFull += unread
		s.stats.Unreplayable += max(0, end-oldest.base) - unread
		if unread > 0 {
			s.warn("dropped", "the spool is full: its oldest records are dropped unread", "records", unread)
		} else {
			s.warn("unreplayable", "the spool is too small to keep what a restart needs: make its max_size larger", "bytes", s.bytes)
		}
		s.remove(1)
	}
}

// remove removes the n oldest segments. s.mu is held.
func (s *Spool) remove(n int) {
	if n == 0 {
		return
	}
	for _, g := range s.segments[:n] {
		if err := os.Remove(g.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			s.warn("remove", "a segment of the spool cannot be removed", "error", err)
		}
		s.bytes -= g.size
		if g.file != nil {
			s.gone = append(s.gone, g.file) // the syncer may be at it
			g.file = nil
		}
	}
	s.segments = append([]*segment(nil), s.segments[n:]...)
	s.tellRoom()
}

// tellRoom wakes the Appends that wait. s.mu is held.
func (s *Spool) tellRoom() {
	close(s.room)
	s.room = make(chan struct{})
}
