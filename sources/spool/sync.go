package spool

import (
	"fmt"
	"os"
	"time"

	"github.com/gatemeter/gatemeter/internal/fault"
)

// syncer syncs what has been appended, at once after a silence and else each FsyncEvery, until Close.
func (s *Spool) syncer() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-s.dirty:
		case <-s.closing:
			return
		}
		if !s.set.Always {
			select {
			case <-timer.C: // has run out since the sync before
			case <-s.closing:
				return
			}
		}
		failed := s.sync() != nil
		timer.Reset(s.set.FsyncEvery)
		if failed { // again, though nothing may be appended until then
			select {
			case <-timer.C:
				timer.Reset(0)
			case <-s.closing:
				return
			}
			select {
			case s.dirty <- struct{}{}:
			default:
			}
		}
	}
}

// sync makes durable what has been appended until now.
func (s *Spool) sync() error {
	type work struct {
		g    *segment
		f    *os.File
		size int64
	}
	s.mu.Lock()
	target := s.next
	var todo []work
	for _, g := range s.segments {
		if g.file != nil && g.synced < g.size {
			todo = append(todo, work{g, g.file, g.size})
		}
	}
	gone := s.gone
	s.gone = nil
	s.mu.Unlock()

	for _, f := range gone {
		f.Close()
	}
	var err error
	for i := range todo {
		if err = s.set.fsync(todo[i].f); err != nil {
			break
		}
		if todo[i].g.synced == 0 { // only sync writes it: the file's name has to be on the disk too
			if err = s.syncFolder(); err != nil {
				break
			}
		}
	}

	if err == nil {
		err = fault.At("spool.synced")
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.stats.SyncFailures++
		s.unsynced = err.Error()
		s.warn("unsynced", "records cannot be made durable, and are not read until they are", "error", err)
		return fmt.Errorf("sync the spool: %w", err)
	}
	s.unsynced = ""
	for _, w := range todo {
		w.g.synced = w.size
	}
	for i, g := range s.segments {
		if i < len(s.segments)-1 && g.file != nil && g.synced == g.size {
			g.file.Close()
			g.file = nil
		}
	}
	if target > s.durable {
		s.durable = target
		close(s.changed)
		s.changed = make(chan struct{})
	}
	return nil
}

func (s *Spool) syncFolder() error {
	f, err := os.Open(s.set.Dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return s.set.fsync(f)
}
