// Package panespool keeps the panes of a metric sink that is down in a spool on disk: see pipeline.PaneSpool. It joins the two:
// the bytes of a pane are package point's, the files package spool's.
//
// A spool does not remember how far it has been read, only which segments were trimmed. Panes that are sent twice harm nothing
// as long as no newer values of the same windows were sent in between; those leave only when the spool is empty. So once all of
// it has been read its folder is emptied, by a rename that is on the disk before anything newer is sent.
package panespool

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatemeter/gatemeter/pipeline"
	"github.com/gatemeter/gatemeter/pipeline/point"
	"github.com/gatemeter/gatemeter/sources/spool"
)

var _ pipeline.PaneSpool = (*Spool)(nil)

const (
	partBytes  = 128 << 10 // of one record, more or less
	groupBytes = 1 << 20   // that are appended together
	maxRecord  = 4 << 20
)

// Settings is all that a Spool is made of.
type Settings struct {
	Dir      string        // the folder
	MaxBytes int64         // of all its files; past that the oldest panes go
	MaxAge   time.Duration // panes of windows that ended longer ago are not sent any more; 0: no limit
	Now      func() time.Time
	Log      *slog.Logger
}

// Spool is a pipeline.PaneSpool. One goroutine may append while another reads and trims.
type Spool struct {
	set    Settings
	tooOld atomic.Int64

	appending sync.Mutex // held by Append, and by Read only to empty the folder; mu is taken after it
	group     spool.Group

	mu    sync.Mutex   // guards what follows, for a moment at a time: Stats does not wait for a disk
	spool *spool.Spool // another after the folder was emptied; nil when it could not be made again
	past  Stats        // of the spools before

	reader *spool.Reader // the reading goroutine's
	run    spool.Run
}

// Open opens the spool, with what a run before has left in it.
func Open(s Settings) (*Spool, error) {
	if err := os.RemoveAll(gone(s.Dir)); err != nil {
		return nil, fmt.Errorf("open pane spool: %w", err)
	}
	k := &Spool{set: s}
	return k, k.open()
}

// gone is where a folder is moved to that has been read.
func gone(dir string) string { return dir + ".read" }

func (s *Spool) open() error {
	k, err := spool.Open(spool.Settings{
		Dir: s.set.Dir, MaxBytes: s.set.MaxBytes, Full: spool.DropOldest, Always: true, FsyncEvery: time.Millisecond, MaxRecord: maxRecord,
		Now: s.set.Now, Log: s.set.Log,
	})
	if err != nil {
		return fmt.Errorf("open pane spool: %w", err)
	}
	s.reader = k.NewReader(k.First(), maxRecord)
	s.mu.Lock()
	s.spool = k
	s.mu.Unlock()
	return nil
}

// empty empties the folder, all of which has been read, and reports whether it could: not if more has come.
func (s *Spool) empty() (bool, error) {
	s.appending.Lock()
	defer s.appending.Unlock()
	if s.spool != nil {
		stats := s.spool.Stats()
		switch {
		case s.reader.Next() < stats.Next:
			return false, nil
		case stats.First == stats.Next && stats.Segments == 1:
			return true, nil // it is
		}
		s.reader.Close()
		err := s.spool.Close()
		s.mu.Lock()
		s.past = s.stats()
		s.past.Bytes, s.spool = 0, nil
		s.mu.Unlock()
		if err != nil {
			s.set.Log.Warn("pane spool was not closed well; all of it was read", "error", err)
		}
	}
	err := os.Rename(s.set.Dir, gone(s.set.Dir))
	if err == nil {
		err = syncFolder(filepath.Dir(s.set.Dir))
	}
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		err = errors.Join(os.RemoveAll(gone(s.set.Dir)), s.open())
	}
	if err != nil {
		return false, fmt.Errorf("empty pane spool: %w", err)
	}
	return true, nil
}

// syncFolder makes a change of names last.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// Append implements pipeline.PaneSpool.
func (s *Spool) Append(ctx context.Context, panes []*point.Pane) error {
	s.appending.Lock()
	defer s.appending.Unlock()
	if s.spool == nil {
		return errors.New("the pane spool's folder could not be made again")
	}
	s.group.Reset()
	s.group.Time = s.set.Now().UnixNano()
	for _, p := range panes {
		err := p.EachPart(partBytes, func(part []byte) error {
			s.group.Add(part)
			if s.group.Size() < groupBytes {
				return nil
			}
			return s.flush(ctx)
		})
		if err != nil {
			return err
		}
	}
	return s.flush(ctx)
}

func (s *Spool) flush(ctx context.Context) error {
	if s.group.Len() == 0 {
		return nil
	}
	_, err := s.spool.Append(ctx, &s.group)
	at := s.group.Time
	s.group.Reset()
	s.group.Time = at
	return err
}

// Read implements pipeline.PaneSpool. What cannot be read any more, because it was removed to make room or is damaged, is left
// out; package spool says and counts it.
func (s *Spool) Read(maxPoints int) (panes []*point.Pane, next int64, err error) {
	if s.spool == nil { // only this goroutine changes it
		if done, err := s.empty(); !done {
			return nil, 0, err
		}
	}
	oldest := int64(0)
	if s.set.MaxAge > 0 {
		oldest = s.set.Now().Add(-s.set.MaxAge).Unix()
	}
	for points := 0; points < maxPoints; {
		if s.reader.Next() >= s.spool.Durable() {
			break
		}
		if s.run.Data == nil {
			s.run.Data = make([]byte, 0, maxRecord)
		}
		s.run.Data = s.run.Data[:0:min(cap(s.run.Data), maxRecord)]
		if err := s.reader.Read(&s.run); err != nil {
			return nil, 0, fmt.Errorf("read pane spool: %w", err)
		}
		start := int32(0)
		for _, end := range s.run.Ends {
			p, err := point.DecodePart(s.run.Data[start:end])
			start = end
			switch {
			case err != nil:
				s.set.Log.Error("a part of a spooled pane is left out", "error", err)
			case p.End < oldest:
				s.tooOld.Add(1)
			default:
				panes, points = append(panes, p), points+p.Len()
			}
		}
	}
	if len(panes) == 0 {
		s.run.Data = nil // the memory is needed only while there is something
		done, err := s.empty()
		switch {
		case err != nil || done:
			return nil, 0, err
		case s.reader.Next() >= s.spool.Durable(): // newer panes must not overtake it
			return nil, 0, errors.New("read pane spool: what was appended last is not on the disk yet")
		}
		return s.Read(maxPoints)
	}
	return panes, s.reader.Next(), nil
}

// Trim implements pipeline.PaneSpool.
func (s *Spool) Trim(next int64) {
	s.spool.SetRead(next)
	s.spool.Trim(next)
}

// Stats is how a spool stands.
type Stats struct {
	Bytes   int64 // on disk
	Dropped int64 // parts of panes removed to make room
	TooOld  int64 // parts of panes older than MaxAge when the sink was back
	Corrupt int64 // parts of panes that could not be read
}

// Stats returns how the spool stands. It may be called from any goroutine.
func (s *Spool) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stats()
}

func (s *Spool) stats() Stats {
	st := s.past
	st.TooOld = s.tooOld.Load()
	if s.spool != nil {
		k := s.spool.Stats()
		st.Bytes, st.Dropped, st.Corrupt = k.Bytes, st.Dropped+k.DroppedFull, st.Corrupt+k.Corrupt
	}
	return st
}

// Close closes the files; panes that are there stay.
func (s *Spool) Close() error {
	s.appending.Lock()
	defer s.appending.Unlock()
	if s.spool == nil {
		return nil
	}
	s.reader.Close()
	return s.spool.Close()
}
