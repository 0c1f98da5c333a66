package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// input is a generated log.
type input struct {
	format string // as `gatemeter gen` and the config name it
	path   string // absolute
	bytes  int64
	lines  int64
	right  int64 // lines that are records; 0 until gatemeter has counted them
}

// rate is lines a second of event time: about what one busy gateway writes. How many windows a log has depends on it.
const rate = "2000"

// makeInput generates the log unless it is there. A log is named after all that shapes it.
func makeInput(ctx context.Context, o *options, format string, size int64) (*input, error) {
	if err := os.MkdirAll(o.data, 0o755); err != nil {
		return nil, err
	}
	gen := func(n int64, path string) error {
		cmd := exec.CommandContext(ctx, o.binary, "gen", "--format", format, "-n", strconv.FormatInt(n, 10), "--seed", "1", "--rate", rate, "-o", path)
		if text, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("generate %s: %w: %.200s", path, err, text)
		}
		return nil
	}
	sample := filepath.Join(o.data, format+".sample")
	const sampled = 20_000
	if err := gen(sampled, sample); err != nil {
		return nil, err
	}
	info, err := os.Stat(sample)
	if err != nil {
		return nil, err
	}
	if err := os.Remove(sample); err != nil {
		return nil, err
	}
	lines := size * sampled / info.Size()
	path, err := filepath.Abs(filepath.Join(o.data, fmt.Sprintf("%s-%d.log", format, lines)))
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(path); err != nil {
		fmt.Fprintln(os.Stderr, "generating", path)
		if err := gen(lines, path+".part"); err != nil {
			return nil, err
		}
		if err := os.Rename(path+".part", path); err != nil {
			return nil, err
		}
	}
	if info, err = os.Stat(path); err != nil {
		return nil, err
	}
	return &input{format: format, path: path, bytes: info.Size(), lines: lines}, nil
}

// check compares what a tool counted with the lines there are and, once gatemeter has said how many are records, with those.
func (in *input) check(t *tool, counted int64) error {
	switch {
	case t.allLines && counted != in.lines:
		return fmt.Errorf("%s counted %d lines, there are %d", t.name, counted, in.lines)
	case t.allLines:
		return nil
	case in.right == 0:
		in.right = counted
	}
	if off := counted - in.right; off > in.lines/1000 || -off > in.lines/1000 {
		return fmt.Errorf("%s counted %d records, gatemeter %d", t.name, counted, in.right)
	}
	return nil
}

// parseSize reads 1GB, 200MB or a number of bytes.
func parseSize(s string) (int64, error) {
	unit := int64(1)
	number := s
	for _, u := range []struct {
		name string
		of   int64
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"GB", 1e9}, {"MB", 1e6}} {
		if text, ok := strings.CutSuffix(s, u.name); ok {
			number, unit = text, u.of
			break
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 1 || n > 1<<40/unit {
		return 0, fmt.Errorf("size %.40q is not like 1GB or 200MB", s)
	}
	return n * unit, nil
}

// firstNumber returns the number that out begins with.
func firstNumber(out []byte) (int64, error) {
	fields := bytes.Fields(out)
	if len(fields) == 0 {
		return 0, fmt.Errorf("nothing was printed")
	}
	return strconv.ParseInt(string(fields[0]), 10, 64)
}
