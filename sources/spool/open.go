package spool

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Open opens the spool in s.Dir, which it creates when there is none. What a crash left half written at the end is cut off;
// damage is said, and costs no more than what is damaged. How long it takes does not depend on how much is in the spool.
func Open(set Settings) (*Spool, error) {
	if err := set.check(); err != nil {
		return nil, err
	}
	s := &Spool{
		set: set, keys: newKeyring(set.Keys), said: map[string]time.Time{},
		changed: make(chan struct{}), room: make(chan struct{}), dirty: make(chan struct{}, 1), closing: make(chan struct{}),
	}
	if err := os.MkdirAll(set.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("create the spool's folder: %w", err)
	}
	if err := s.find(); err != nil {
		return nil, fmt.Errorf("open the spool: %w", err)
	}
	if err := s.recover(); err != nil {
		for _, g := range s.segments {
			if g.file != nil {
				g.file.Close()
			}
		}
		return nil, fmt.Errorf("open the spool: %w", err)
	}
	s.syncing.Go(s.syncer)
	return s, nil
}

// find lists the segments that are there and looks at their headers.
func (s *Spool) find() error {
	entries, err := os.ReadDir(s.set.Dir)
	if err != nil {
		return err
	}
	known := false
	for _, e := range entries { // by name, and so by number
		if !strings.HasSuffix(e.Name(), suffix) || !e.Type().IsRegular() {
			continue
		}
		g := &segment{path: filepath.Join(s.set.Dir, e.Name())}
		h, err := g.readHeader()
		switch {
		case errors.Is(err, errVersion):
			return fmt.Errorf("%s has %w", g.path, err)
		case errors.Is(err, errHeader), err == nil && (segmentName(h.base) != e.Name() || known && h.id != s.id):
			if err := s.setAside(g); err != nil {
				return err
			}
			continue
		case err != nil:
			return err
		}
		g.base, g.after, g.synced = h.base, h.after, g.size
		s.id, known = h.id, true
		s.segments = append(s.segments, g)
		s.bytes += g.size
	}
	if !known {
		if _, err := rand.Read(s.id[:]); err != nil {
			return err
		}
	}
	return nil
}

// readHeader reads the segment's header and size.
func (g *segment) readHeader() (header, error) {
	f, err := os.Open(g.path)
	if err != nil {
		return header{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return header{}, err
	}
	g.size = info.Size()
	b := make([]byte, headerSize)
	n, err := f.ReadAt(b, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return header{}, err
	}
	return parseHeader(b[:n])
}

// setAside renames a file that is no segment of this spool. One too short for a record was being begun when the process ended.
func (s *Spool) setAside(g *segment) error {
	if g.size <= headerSize {
		return os.Remove(g.path)
	}
	s.set.Log.Error("a segment of the spool has no header that fits; its records are lost, the file is kept", "spool", s.set.Dir,
		"file", g.path+".bad", "bytes", g.size)
	return os.Rename(g.path, g.path+".bad")
}

// recover finds where the last segment ends, and goes on after it.
func (s *Spool) recover() error {
	if len(s.segments) == 0 {
		return errors.Join(s.begin(), s.syncFolder())
	}
	last := s.segments[len(s.segments)-1]
	f, err := os.OpenFile(last.path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	last.file = f
	end, next, err := s.scan(last)
	if err != nil {
		return err
	}
	s.next, s.end, s.durable = next, next, next
	if cut := last.size - end; cut > 0 {
		s.set.Log.Warn("the spool's end is no whole group of records, and is cut off: a write that a crash broke off, or damage",
			"spool", s.set.Dir, "file", last.path, "offset", end, "bytes", cut)
		if err := f.Truncate(end); err != nil {
			return err
		}
		s.bytes -= cut
		last.size = end
		s.stats.CutBytes = cut
		// If it was damage, records that somebody has seen are gone. There were no more than this, and no number is given twice.
		s.next += cut/lengthSize + 1
		s.sealed = true
	}
	// Readers get what is on the disk, and what a killed process wrote may not be there yet.
	if err := errors.Join(s.set.fsync(f), s.syncFolder()); err != nil {
		return err
	}
	last.synced = last.size
	if s.sealed {
		if err := s.begin(); err != nil {
			s.set.Log.Error("the spool cannot be written; it is tried again with the next record", "spool", s.set.Dir, "error", err)
			s.refused = err.Error()
		} else {
			s.durable = s.next
		}
	}
	return nil
}

// scan reads a segment through: where the last whole group ends, and the number after its last record. The keys of groups are
// remembered.
func (s *Spool) scan(g *segment) (end, next int64, err error) {
	blocks := blockReader{file: g.file, pos: headerSize, limit: g.size}
	end, next = headerSize, g.base
	number := next
	var keys []string
	for {
		k, err := blocks.next()
		if errors.Is(err, errBlock) || errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return 0, 0, fmt.Errorf("read %s: %w", g.path, err)
		}
		if k.first != number {
			break
		}
		number += int64(k.count)
		if k.flags&flagKeys != 0 {
			k.eachKey(func(key []byte) { keys = append(keys, string(key)) })
		} else if len(k.key) > 0 {
			keys = append(keys, string(k.key))
		}
		if k.flags&flagLast == 0 {
			continue
		}
		for _, key := range keys {
			s.keys.add([]byte(key))
		}
		keys = keys[:0]
		end, next = blocks.pos, number
	}
	return end, next, nil
}

// Raise sees to it that the next record gets at least number: somebody has seen the numbers below, which the disk has lost.
func (s *Spool) Raise(number int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if number <= s.next {
		return nil
	}
	s.set.Log.Error("the spool has lost records that have been read already: its folder has been changed, or the disk lost what it had confirmed",
		"spool", s.set.Dir, "records", number-s.next)
	s.next = number
	if err := s.begin(); err != nil {
		s.sealed = true
		return err
	}
	s.durable = max(s.durable, s.next)
	return nil
}

// lost counts records from number on as lost, up to where reading can go on, which it returns.
func (s *Spool) lost(number int64, why error) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.segments, func(g *segment) bool { return g.base > number })
	path, end, next := s.segments[len(s.segments)-1].path, s.end, s.next
	if i > 0 {
		path, end, next = s.segments[i-1].path, s.segments[i].after, s.segments[i].base
	} else {
		s.sealed = true // nothing more goes to a file that is damaged
	}
	if end > number {
		s.stats.Corrupt += end - number
		s.set.Log.Error("a segment of the spool is damaged; the rest of it is left out", "spool", s.set.Dir, "file", path,
			"from", number, "records", end-number, "error", why)
	}
	return next
}
