package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// measured is one run of a tool.
type measured struct {
	wall, cpu time.Duration // cpu: user and system, of all threads, from start to exit
	peak      int64         // resident bytes
	counted   int64
}

// once runs the tool on the input.
func (b *bench) once(ctx context.Context, t *tool, in *input) (*measured, error) {
	dir, err := os.MkdirTemp(b.scratch, "run-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	r := &toolRun{in: in, dir: dir}
	cmd, err := t.command(r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t.name, err)
	}
	if cmd.Stdin != nil {
		defer cmd.Stdin.(*os.File).Close()
	}
	var stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &r.stdout, &stderr
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", t.name, err)
	}
	m := &measured{}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }() // ends with the process, which the loop below ends at the latest
	if t.started != nil {
		if err := t.started(r); err != nil {
			_ = cmd.Process.Kill()
			<-ended
			return nil, fmt.Errorf("%s: %w", t.name, err)
		}
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for exited := false; !exited; {
		select {
		case err = <-ended:
			exited = true
		case <-tick.C:
			m.peak = max(m.peak, peakOf(cmd.Process.Pid))
			if t.finished != nil && t.finished(r) {
				_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended meanwhile
			}
		case <-ctx.Done():
			_ = cmd.Process.Kill()
			<-ended
			return nil, fmt.Errorf("%s: %w", t.name, ctx.Err())
		}
	}
	if err != nil && t.finished == nil {
		return nil, fmt.Errorf("%s: %w: %.2000s", t.name, err, stderr.Bytes())
	}
	m.wall = time.Since(began)
	m.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	if m.counted, err = t.counted(r); err != nil {
		return nil, fmt.Errorf("%s: what it counted: %w: %.2000s", t.name, err, stderr.Bytes())
	}
	return m, nil
}

// peakOf returns the most memory the process has had resident so far, 0 when it is gone. The kernel's figure at a process's end
// would not do: it includes what its parent had when it forked.
func peakOf(pid int) int64 {
	status, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if err != nil {
		return 0
	}
	_, after, found := bytes.Cut(status, []byte("VmHWM:"))
	if !found {
		return 0
	}
	n, _ := firstNumber(after)
	return n << 10
}

// toolRun is a run under way.
type toolRun struct {
	in     *input
	dir    string // scratch, gone after the run
	stdout bytes.Buffer
	seen   int64 // for tools that are asked while they run: what they had counted at last
	since  time.Time
}

// write puts text into a file of the run's folder and returns its path.
func (r *toolRun) write(name, text string) (string, error) {
	path := filepath.Join(r.dir, name)
	return path, os.WriteFile(path, []byte(text), 0o600)
}

// onStdin returns the command with the input as its standard input.
func (r *toolRun) onStdin(name string, args ...string) (*exec.Cmd, error) {
	f, err := os.Open(r.in.path)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(name, args...)
	cmd.Stdin = f
	return cmd, nil
}

// ascii writes the input with a `?` for each byte that is not ASCII into the run's folder and returns its path.
func (r *toolRun) ascii() (string, error) {
	text, err := os.ReadFile(r.in.path)
	if err != nil {
		return "", err
	}
	for i, c := range text {
		if c >= 0x80 {
			text[i] = '?'
		}
	}
	path := filepath.Join(r.dir, "ascii.log")
	return path, os.WriteFile(path, text, 0o600)
}
