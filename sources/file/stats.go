package file

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Stats is what a source has done and where it stands.
type Stats struct {
	Watching   bool // inotify tells of changes; else they are found by looking
	Refused    int  // things that match the paths and are no regular files
	Errors     int64
	Partitions []PartitionStats // by name
}

// PartitionStats is what was done of one log and where it stands. The counts are of this run.
type PartitionStats struct {
	Name     string // the live path
	Path     string // of the file being read; empty: none
	Size     int64  // of that file, in bytes
	Position int64  // in its decompressed content, of the next line
	Offset   int64  // in the log, of the next line
	Lag      int64  // bytes that are there and not read; those of compressed files as they are on disk
	Waiting  int    // files that follow the one being read

	Rotations   int64 // times reading went on in another file
	Truncations int64 // times a file was cut while it was read
	Lost        int64 // times something was lost, each logged
	LostBytes   int64 // as far as it can be known
	Oversize    int64 // lines skipped because they were longer than the buffer or still growing; others are counted later
	Errors      int64 // failed attempts to open or read
	Failure     string
}

// publish copies what Stats shows.
func (p *partition) publish() {
	s := &p.stats
	s.Name, s.Offset, s.Failure = p.pub.Name, p.next, p.failed
	s.Path, s.Size, s.Position, s.Lag, s.Waiting = "", 0, 0, 0, max(0, len(p.chain)-1)
	for i, f := range p.chain {
		if i == 0 {
			s.Path, s.Size, s.Position = f.path, f.size, f.pos
		}
		if f.codec != plain && f.pos > 0 {
			continue // how much of it is left cannot be told
		}
		s.Lag += max(0, f.size-f.pos)
	}
	p.src.mu.Lock()
	defer p.src.mu.Unlock()
	p.src.shown[p.pub.Name] = *s
}

// Stats may be called from any goroutine.
func (s *Source) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := Stats{Watching: s.watching, Refused: s.refused, Errors: s.errors}
	for _, p := range s.shown {
		r.Partitions = append(r.Partitions, p)
	}
	slices.SortFunc(r.Partitions, func(a, b PartitionStats) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return r
}

// Ready returns nil when every log that there is can be read, else what is not ready. It may be called from any goroutine.
func (s *Source) Ready() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.trouble == nil && len(s.shown) == 0 {
		return fmt.Errorf("no file matches %.200q", s.set.Paths)
	}
	return s.failures(func(p *PartitionStats) string { return p.Failure })
}

// Unread returns nil when all that there was has been read, else what has not: logs that cannot be read, and those of which a
// part was lost in this run. It may be called from any goroutine.
func (s *Source) Unread() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failures(func(p *PartitionStats) string {
		if p.Failure == "" && p.Lost > 0 {
			return "a part could not be read"
		}
		return p.Failure
	})
}

// failures returns the source's trouble, or what is said of its logs: of the first few. The caller holds mu.
func (s *Source) failures(of func(*PartitionStats) string) error {
	if s.trouble != nil {
		return s.trouble
	}
	var failures []error
	for _, name := range slices.Sorted(maps.Keys(s.shown)) {
		p := s.shown[name]
		if f := of(&p); f != "" && len(failures) < 3 {
			failures = append(failures, fmt.Errorf("%s: %s", name, f))
		}
	}
	return errors.Join(failures...)
}
