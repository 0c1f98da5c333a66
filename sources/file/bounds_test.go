package file

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/pipeline/batch"
)

// TestCompressedBeforeItsTurn: a file that was opened while it was empty is known again by what it has now.
func TestCompressedBeforeItsTurn(t *testing.T) {
	folder := t.TempDir()
	var log logBuffer
	s := settings(folder, &log, "access.log")
	clock := newClock()
	s.Now, s.RotateWait = clock.now, time.Hour
	r := newRows(t)
	w := newWriter(t, filepath.Join(folder, "access.log"))
	w.write(10)
	k := begin(t, s, nil, r)
	await(t, "the first file", func() bool { return r.count("") == 10 })
	waiting := func(n int) {
		t.Helper()
		await(t, "the next file", func() bool { return k.source.Stats().Partitions[0].Waiting == n })
	}
	w.rotate(9)
	w.reopen()
	waiting(1)
	w.write(100)
	w.rotate(9)
	compress(t, w.path+".1", ".gz")
	w.reopen()
	w.write(10)
	waiting(2)
	clock.advance(2 * time.Hour)
	await(t, "all lines", func() bool { return r.count("") >= w.n })
	await(t, "the end", func() bool { return r.row("").caughtUp })
	k.stop()
	expectNumbered(t, r.lines(""), w.n)
}

// TestLongBacklog: more rotations than are kept open get other names, and some are compressed, before it is their turn.
func TestLongBacklog(t *testing.T) {
	folder := t.TempDir()
	var log logBuffer
	s := settings(folder, &log, "access.log*")
	path := filepath.Join(folder, "access.log")
	const files = maxAhead + 20
	for i := range files {
		write(t, fmt.Sprintf("%s.%d", path, files-i), numbered(10*i, 10*i+10))
	}
	write(t, path, numbered(10*files, 10*files+10))
	r := newRows(t)
	r.mu.Lock() // nothing is taken
	begin(t, s, nil, r)
	for i := files; i >= 1; i-- {
		to := fmt.Sprintf("%s.%d", path, i+1)
		rename(t, fmt.Sprintf("%s.%d", path, i), to)
		if i%3 == 0 {
			compress(t, to, ".gz")
		}
	}
	rename(t, path, path+".1")
	write(t, path, numbered(10*files+10, 10*files+20))
	r.mu.Unlock()
	await(t, "all lines", func() bool { return r.count("") >= 10*files+20 })
	expectNumbered(t, r.lines(""), 10*files+20)
}

// TestManyLogs: more logs than may be open at a time are all followed.
func TestManyLogs(t *testing.T) {
	folder := t.TempDir()
	var log logBuffer
	s := settings(folder, &log, "*.log")
	s.PollInterval = 20 * time.Millisecond
	const logs = maxOpen + 100
	name := func(i int) string { return filepath.Join(folder, fmt.Sprintf("%d.log", i)) }
	for i := range logs {
		write(t, name(i), fmt.Sprintf("a %d\n", i))
	}
	r := newRows(t)
	k := begin(t, s, nil, r)
	await(t, "a line of each", func() bool { return r.count("") == logs })
	for i := range logs {
		if i%2 == 0 {
			rename(t, name(i), name(i)+".1")
			write(t, name(i), fmt.Sprintf("b %d\n", i))
		} else {
			appendTo(t, name(i), fmt.Sprintf("b %d\n", i))
		}
	}
	await(t, "another line of each", func() bool { return r.count("") == 2*logs })
	for i := range logs {
		if got := strings.Join(r.lines(fmt.Sprintf("%d.log", i)), ","); got != fmt.Sprintf("a %d,b %d", i, i) {
			t.Errorf("%d.log: %s", i, got)
		}
	}
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, fd := range fds {
		if target, err := os.Readlink("/proc/self/fd/" + fd.Name()); err == nil && strings.HasPrefix(target, folder) {
			n++
		}
	}
	if n > maxOpen+8 {
		t.Errorf("%d files open, want at most %d", n, maxOpen)
	}
	k.stop()
}

// TestEndsUnderBackpressure: with all buffers away and nobody taking, the end of the context is enough.
func TestEndsUnderBackpressure(t *testing.T) {
	folder := t.TempDir()
	var log logBuffer
	for i := range 5 {
		write(t, filepath.Join(folder, fmt.Sprintf("%d.log", i)), numbered(0, 50_000))
	}
	base := runtime.NumGoroutine()
	for _, withoutBuffers := range []bool{false, true} {
		s := settings(folder, &log, "*.log")
		s.Pool = batch.NewPool(256<<10, 0)
		if withoutBuffers {
			for range 4 {
				s.Pool.Get(nil)
			}
		}
		r := newRows(t)
		r.mu.Lock()
		k := begin(t, s, nil, r)
		ended := make(chan struct{})
		go func() {
			k.stop()
			close(ended)
		}()
		if !withoutBuffers {
			r.mu.Unlock()
		}
		select {
		case <-ended:
		case <-time.After(patience):
			t.Fatal("does not end")
		}
		if withoutBuffers {
			r.mu.Unlock()
		}
	}
	await(t, "all goroutines to end", func() bool { return runtime.NumGoroutine() <= base })
}

func TestBrokenCompression(t *testing.T) {
	f := func(name, content string, low, high int, message string) {
		t.Helper()
		folder := t.TempDir()
		var log logBuffer
		path := filepath.Join(folder, "access.log")
		write(t, path+name, content)
		write(t, path, "live\n")
		s := settings(folder, &log, "access.log*")
		s.MaxDecompressed = 1 << 20
		r, k := once(t, s, nil)
		got := r.lines("")
		if len(got) < low+1 || len(got) > high+1 || got[len(got)-1] != "live" {
			t.Fatalf("%s: %d lines, want %d to %d and the live one", message, len(got), low, high)
		}
		expectNumbered(t, got[:len(got)-1], len(got)-1)
		if n := log.count("log file not readable"); n != 1 || !strings.Contains(log.String(), message) {
			t.Errorf("want %q, logged:\n%.2000s", message, log.String())
		}
		if k.source.Stats().Partitions[0].Errors != 1 {
			t.Errorf("stats %+v", k.source.Stats())
		}
	}
	for _, ending := range []string{".gz", ".zst"} {
		whole := compressed(t, numbered(0, 20_000), ending)
		f(".1"+ending, whole[:len(whole)/2], 1000, 15_000, "breaks off")
		f(".1"+ending, "", 0, 0, "breaks off")
		f(".1"+ending, "this was never compressed\n", 0, 0, "decompress")
		f(".1"+ending, compressed(t, numbered(0, 100_000), ending), 10_000, 30_000, "more than is allowed")
	}
}

func TestDecompressionBound(t *testing.T) {
	f := func(size, want int64) {
		t.Helper()
		c := content{}
		c.bound(&Settings{MaxDecompressed: 1 << 40, MaxRatio: 1000}, size)
		if c.limit != want {
			t.Errorf("a file of %d bytes: up to %d, want %d", size, c.limit, want)
		}
	}
	f(0, 64<<20)
	f(1000, 64<<20)
	f(1<<20, 1000<<20)
	f(1<<35, 1<<40)
}

// TestCompressionUnderWay: a file that is still being compressed, its original gone, is read as it grows.
func TestCompressionUnderWay(t *testing.T) {
	for _, ending := range []string{".gz", ".zst"} {
		folder := t.TempDir()
		var log logBuffer
		path := filepath.Join(folder, "access.log")
		whole := compressed(t, numbered(0, 20_000), ending)
		write(t, path+".1"+ending, whole[:len(whole)/3])
		write(t, path, numbered(20_000, 20_010))
		s := settings(folder, &log, "access.log*")
		clock := newClock()
		s.Now, s.RotateWait = clock.now, time.Hour
		r := newRows(t)
		k := begin(t, s, nil, r)
		await(t, "the partition", func() bool { return len(k.source.Stats().Partitions) == 1 })
		appendTo(t, path+".1"+ending, whole[len(whole)/3:len(whole)/2])
		appendTo(t, path+".1"+ending, whole[len(whole)/2:])
		await(t, "all lines", func() bool { return r.count("") >= 20_010 })
		k.stop()
		expectNumbered(t, r.lines(""), 20_010)
		if log.String() != "" {
			t.Errorf("logged:\n%s", log.String())
		}
	}
}

// TestCannotBeLookedAt: said once while it lasts, and again when it comes back; the others go on.
func TestCannotBeLookedAt(t *testing.T) {
	folder := t.TempDir()
	var log logBuffer
	loop := filepath.Join(folder, "loop.log") // a link to itself, which not even root can look at
	if err := os.Symlink("loop.log", loop); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(folder, "a.log"), "one\n")
	r := newRows(t)
	k := begin(t, settings(folder, &log, "*.log"), nil, r)
	await(t, "the other", func() bool { return r.count("a.log") == 1 })
	for range 3 {
		before := k.source.Stats().Errors
		await(t, "another look", func() bool { return k.source.Stats().Errors > before })
	}
	if err := k.source.Ready(); err == nil || !strings.Contains(err.Error(), "loop.log") {
		t.Errorf("Ready: %v", err)
	}
	if err := os.Remove(loop); err != nil {
		t.Fatal(err)
	}
	await(t, "ready", func() bool { return k.source.Ready() == nil })
	if err := os.Symlink("loop.log", loop); err != nil {
		t.Fatal(err)
	}
	await(t, "not ready", func() bool { return k.source.Ready() != nil })
	k.stop()
	if n := log.count("cannot look at"); n != 2 {
		t.Errorf("said %d times, want twice:\n%s", n, log.String())
	}
}

func TestSettings(t *testing.T) {
	var log logBuffer
	f := func(change func(*Settings), want string) {
		t.Helper()
		s := settings(t.TempDir(), &log, "*.log")
		change(&s)
		if _, err := New(s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %s", err, want)
		}
	}
	f(func(s *Settings) { s.Paths = nil }, "no path")
	f(func(s *Settings) { s.Paths = []string{"a["} }, "syntax error in pattern")
	f(func(s *Settings) { s.Pool = nil }, "not given")
	f(func(s *Settings) { s.MaxLine = 256 << 10 }, "does not fit")
	f(func(s *Settings) { s.RotateWait = -1 }, "negative")
}
