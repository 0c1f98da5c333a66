// Package demo is what `gatemeter demo` shows gatemeter on: made-up traffic of three gateways, written to files as it happens.
package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/gatemeter/gatemeter/bench/loggen"
)

// Log is one file that Traffic writes.
type Log struct {
	Name   string // of the file in Traffic's folder, and of the source that reads it
	Format string // as `format:` has it in a config

	lines loggen.Format
	share float64 // of all lines
}

// Logs returns the files that Traffic writes.
func Logs() []Log {
	return []Log{
		{Name: "edge", Format: loggen.NginxTimedLogFormat, lines: loggen.NginxTimed, share: 0.5},
		{Name: "static", Format: "combined", lines: loggen.NginxCombined, share: 0.2},
		{Name: "kong", Format: "kong", lines: loggen.Kong, share: 0.3},
	}
}

// Path returns where in dir Traffic writes l.
func (l *Log) Path(dir string) string { return filepath.Join(dir, l.Name+".log") }

// Traffic appends about rate lines a second to the Logs in dir until ctx ends, then returns nil. It returns the first error
// of a file that cannot be written.
func Traffic(ctx context.Context, dir string, rate float64) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	logs := Logs()
	files := make([]*os.File, len(logs))
	for i := range logs { // all are there before the first line is
		file, err := os.OpenFile(logs[i].Path(dir), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			return fmt.Errorf("create a demo log: %w", err)
		}
		defer file.Close()
		files[i] = file
	}
	errs := make([]error, len(logs))
	var writers sync.WaitGroup
	for i, l := range logs {
		writers.Go(func() {
			generator := loggen.New(loggen.Options{
				Format: l.lines, Seed: uint64(i + 1), Malformed: loggen.DefaultMalformed, Disorder: loggen.DefaultDisorder,
			})
			if err := loggen.Follow(ctx, generator, rate*l.share, 0, files[i]); err != nil {
				errs[i] = fmt.Errorf("write a demo log: %w", err)
				cancel()
			}
		})
	}
	writers.Wait()
	return errors.Join(errs...)
}
