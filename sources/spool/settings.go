package spool

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"
)

// Full is what a spool does that has no room.
type Full uint8

// What a full spool does.
const (
	// Block makes Append wait until records have been trimmed. Only records that nobody has read are waited for: those that have
	// been read and are kept for a restart go first, because waiting for them might be waiting for ever.
	Block Full = iota
	// DropOldest makes room by removing the oldest segment.
	DropOldest
)

// Errors that callers tell apart.
var (
	ErrFull      = errors.New("the spool is full")
	ErrDuplicate = errors.New("a group with this key is in the spool already")
	ErrTooLarge  = errors.New("too large for the spool")
	ErrClosed    = errors.New("the spool is closed")
	ErrUnsynced  = errors.New("appended, and not known to be on the disk yet")
)

// Settings is all that a Spool is made of. What code passes; what users write is in package config.
type Settings struct {
	Dir          string        // the folder; made with mode 0700
	SegmentBytes int64         // size at which a new segment is begun. 0: 64 MiB, or a quarter of MaxBytes
	MaxBytes     int64         // size of all segments together. 0: 1 GiB
	Full         Full          // what to do when that is reached
	FsyncEvery   time.Duration // how long a record may be in the page cache only; 0: 200 ms
	Always       bool          // Append returns only after an fsync
	MaxRecord    int           // bytes of a record. 0: 1 MiB
	Keys         int           // how many of the last groups' keys are remembered; 0: none

	Now func() time.Time // the clock, for the time in a segment's header
	Log *slog.Logger

	// What does the writing; tests replace it to see what a full disk does.
	write func(f *os.File, b []byte, offset int64) error
	fsync func(f *os.File) error
}

// minSegments of MaxBytes make a spool: what is trimmed goes by whole segments.
const minSegments = 4

// maxKey is the most bytes of a key.
const maxKey = 128

func (s *Settings) check() error {
	if s.MaxBytes == 0 {
		s.MaxBytes = 1 << 30
	}
	if s.SegmentBytes == 0 {
		s.SegmentBytes = 64 << 20
	}
	s.SegmentBytes = min(s.SegmentBytes, s.MaxBytes/minSegments)
	if s.FsyncEvery == 0 {
		s.FsyncEvery = 200 * time.Millisecond
	}
	if s.MaxRecord == 0 {
		s.MaxRecord = 1 << 20
	}
	if s.write == nil {
		s.write = func(f *os.File, b []byte, offset int64) error { _, err := f.WriteAt(b, offset); return err }
	}
	if s.fsync == nil {
		s.fsync = (*os.File).Sync
	}
	switch {
	case s.Dir == "":
		return errors.New("spool: no folder")
	case s.Now == nil || s.Log == nil:
		return errors.New("spool: clock or log not given")
	case s.MaxRecord < 0 || s.MaxRecord > maxBody/2:
		return fmt.Errorf("spool: records of %d bytes are out of range", s.MaxRecord)
	case s.SegmentBytes < 4<<10:
		return fmt.Errorf("spool: %d bytes are too few", s.MaxBytes)
	case s.FsyncEvery < 0 || s.Keys < 0 || s.Keys > 1<<16:
		return errors.New("spool: a setting is out of range")
	}
	return nil
}
