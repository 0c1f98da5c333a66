package file

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestNotAllowed runs as a user who is not root, because root may read everything.
func TestNotAllowed(t *testing.T) {
	if os.Getuid() != 0 {
		notAllowed(t)
		return
	}
	folder, err := os.MkdirTemp("", "gatemeter")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(folder)
	if err := os.Chmod(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(folder, "file.test")
	if err := os.WriteFile(copied, program, 0o755); err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), copied, "-test.run=^TestNotAllowed$", "-test.timeout=1m")
	c.Dir = folder
	c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("as nobody: %v\n%s", err, out)
	}
}

// notAllowed: a file that may not be read is said once, tried again, and holds nothing else up.
func notAllowed(t *testing.T) {
	folder := t.TempDir()
	var log logBuffer
	path := filepath.Join(folder, "access.log")
	write(t, path+".1", "old\n")
	write(t, path, "one\n")
	write(t, filepath.Join(folder, "other.log"), "other\n")
	mode := func(path string, m os.FileMode) {
		t.Helper()
		if err := os.Chmod(path, m); err != nil {
			t.Fatal(err)
		}
	}
	mode(path+".1", 0)
	mode(path, 0)
	s := settings(folder, &log, "*.log*")
	clock := newClock()
	s.Now, s.RotateWait = clock.now, time.Hour
	r := newRows(t)
	k := begin(t, s, nil, r)
	stats := func() PartitionStats { return k.source.Stats().Partitions[0] }
	await(t, "the other log", func() bool { return r.count("other.log") == 1 })
	await(t, "some attempts", func() bool { return stats().Errors > 3 })
	if err := k.source.Ready(); err == nil || !strings.Contains(err.Error(), "permission denied") {
		t.Errorf("Ready: %v", err)
	}
	if n := log.count("not readable"); n != 1 {
		t.Errorf("said %d times, want once", n)
	}
	// The rotated file is given up after a while, as there is a newer one; the live one never.
	clock.advance(2 * time.Hour)
	await(t, "the rotated file to be left", func() bool { return stats().Lost == 1 })
	errors := stats().Errors
	await(t, "attempts at the live one", func() bool { return stats().Errors > errors+3 })
	mode(path, 0o600)
	await(t, "the live file", func() bool { return r.count("access.log") == 1 })
	await(t, "ready", func() bool { return k.source.Ready() == nil })
	k.stop()
	if n := log.count("not readable"); n != 2 {
		t.Errorf("said %d times, want once for each file:\n%s", n, log.String())
	}
}
