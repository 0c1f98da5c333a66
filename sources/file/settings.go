package file

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/gatemeter/gatemeter/pipeline/batch"
)

// What bounds decompression when nothing is set.
const (
	defaultDecompressed = 256 << 30
	defaultRatio        = 1000
)

// Start says where reading begins in the files that are there when a source runs for the first time. The zero Start is the
// beginning.
type Start struct {
	End   bool      // only what is written from now on
	Since time.Time // files last changed before it are left out; a file changed later is read whole. Zero: all
}

// Settings is all that a Source is made of. What code passes; what users write is in package config.
type Settings struct {
	Name  string   // of the source
	Shard string   // label of the windows its records go to
	Paths []string // globs as of filepath.Match, or plain paths
	Start Start

	MaxLine      int           // bytes; longer lines are skipped. 0: 64 KiB. Must be smaller than the pool's buffers less 256
	Header       string        // what a header line begins with, for batch.Partition.Headers; empty: the log has none
	Once         bool          // read what is there and end
	RotateWait   time.Duration // a rotated file is left when unchanged for so long. 0: 2 s
	PollInterval time.Duration // between looks at open files; at folders, every fourth. 0: 250 ms
	PollOnly     bool          // do without inotify

	MaxDecompressed int64 // bytes of a compressed file's content. 0: 256 GiB
	MaxRatio        int64 // of content to file, looked at past 64 MiB of content. 0: 1000

	Pool *batch.Pool
	Now  func() time.Time // the clock
	Log  *slog.Logger
}

// check fills in defaults and makes Paths absolute.
func (s *Settings) check() error {
	if s.MaxLine == 0 {
		s.MaxLine = 64 << 10
	}
	if s.RotateWait == 0 {
		s.RotateWait = 2 * time.Second
	}
	if s.PollInterval == 0 {
		s.PollInterval = 250 * time.Millisecond
	}
	if s.MaxDecompressed == 0 {
		s.MaxDecompressed = defaultDecompressed
	}
	if s.MaxRatio == 0 {
		s.MaxRatio = defaultRatio
	}
	switch {
	case s.Pool == nil || s.Now == nil || s.Log == nil:
		return errors.New("file: pool, clock or log not given")
	case len(s.Paths) == 0:
		return errors.New("file: no path")
	case s.MaxLine < 1 || s.MaxLine+2+tailSize > s.Pool.Size():
		return fmt.Errorf("file: max_line %d does not fit into buffers of %d bytes", s.MaxLine, s.Pool.Size())
	case s.RotateWait < 0 || s.PollInterval < 0 || s.MaxDecompressed < 0 || s.MaxRatio < 0:
		return errors.New("file: a setting is negative")
	}
	paths := make([]string, len(s.Paths))
	for i, p := range s.Paths {
		if _, err := filepath.Match(p, ""); err != nil {
			return fmt.Errorf("file: path %.200q: %w", p, err)
		}
		absolute, err := filepath.Abs(p)
		if err != nil {
			return fmt.Errorf("file: path %.200q: %w", p, err)
		}
		paths[i] = absolute
	}
	s.Paths = paths
	return nil
}
