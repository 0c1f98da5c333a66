package spool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func TestAppendAndRead(t *testing.T) {
	set := settings(filepath.Join(t.TempDir(), "deep", "spool"))
	s := mustOpen(t, set)
	if first := mustAppend(t, s, &Group{}); first != 0 || s.Next() != 0 {
		t.Errorf("nothing appended: %d, next %d", first, s.Next())
	}
	mustAppend(t, s, group("", "a", "", "c\n"))
	if first := mustAppend(t, s, group("", "d")); first != 3 {
		t.Errorf("first is %d", first)
	}
	wantRecords(t, readAll(t, s, 0), map[int64]string{0: "a", 1: "", 2: "c\n", 3: "d"}, "all")
	wantRecords(t, readAll(t, s, 2), map[int64]string{2: "c\n", 3: "d"}, "from 2")
	wantRecords(t, readAll(t, s, 4), map[int64]string{}, "from the end")
	r := s.NewReader(0, 1<<20)
	defer r.Close()
	run := Run{Data: make([]byte, 0, 100)}
	if err := r.Read(&run); err != nil || fmt.Sprint(run.Times) != "[3 3 3 1]" || !run.CaughtUp {
		t.Errorf("run %+v, %v", run, err)
	}
	for _, name := range []string{"", segmentName(0)} {
		info, err := os.Stat(filepath.Join(set.Dir, name))
		if err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%q can be read by others: %v, %v", name, info.Mode(), err)
		}
	}
}

// TestSmallBuffer reads with a buffer that not all records fit into.
func TestSmallBuffer(t *testing.T) {
	s := mustOpen(t, settings(t.TempDir()))
	mustAppend(t, s, group("", "aaaa", "bbbb", "cccccccccc", "d"))
	awaitDurable(t, s)
	r := s.NewReader(0, 9)
	defer r.Close()
	run := Run{Data: make([]byte, 0, 9)}
	f := func(data string, first, next int64) {
		t.Helper()
		if err := r.Read(&run); err != nil || string(run.Data) != data || run.First != first || run.Next != next {
			t.Fatalf("%q %d %d, %v; want %q %d %d", run.Data, run.First, run.Next, err, data, first, next)
		}
	}
	f("aaaabbbb", 0, 2)
	for range 2 {
		if err := r.Read(&run); !errors.Is(err, io.ErrShortBuffer) || run.Next != 2 {
			t.Fatalf("a record that does not fit: %+v, %v", run, err)
		}
	}
	r.Skip()
	f("d", 3, 4)
}

func TestTooLarge(t *testing.T) {
	set := settings(t.TempDir())
	set.MaxBytes, set.MaxRecord = 1<<20, 1000
	s := mustOpen(t, set)
	f := func(what string, g *Group) {
		t.Helper()
		if _, err := s.Append(t.Context(), g); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%s: %v", what, err)
		}
	}
	f("a record", group("", strings.Repeat("x", 1001)))
	f("a key", group(strings.Repeat("k", 129), "x"))
	large := &Group{}
	for range 300 {
		large.Add(make([]byte, 1000))
	}
	f("a group", large)
	mustAppend(t, s, group("", strings.Repeat("x", 1000)))
}

func TestKeys(t *testing.T) {
	set := settings(t.TempDir())
	set.Keys, set.MaxBytes, set.SegmentBytes = 5, 1<<20, 4<<10
	s := mustOpen(t, set)
	record := strings.Repeat("x", 1500)
	for i := range 10 {
		mustAppend(t, s, group(fmt.Sprint("key ", i), record))
	}
	f := func(key string, known bool) {
		t.Helper()
		if got := s.keys.has([]byte(key)); got != known {
			t.Errorf("%s is known: %v", key, got)
		}
	}
	for range 2 {
		for i := range 10 {
			f(fmt.Sprint("key ", i), i >= 5)
		}
		if _, err := s.Append(t.Context(), group("key 7", "again")); !errors.Is(err, ErrDuplicate) {
			t.Errorf("a key again: %v", err)
		}
		// The records are trimmed; what was said to their senders still holds after a start.
		awaitDurable(t, s)
		s.Trim(s.Next())
		if s.Stats().Segments != 1 {
			t.Fatalf("%d segments", s.Stats().Segments)
		}
		s.Close()
		s = mustOpen(t, set)
	}
}

func TestTrim(t *testing.T) {
	set := settings(t.TempDir())
	set.MaxBytes, set.SegmentBytes = 1<<20, 4<<10
	s := mustOpen(t, set)
	for range 20 {
		mustAppend(t, s, group("", strings.Repeat("x", 1000)))
	}
	awaitDurable(t, s)
	before := s.Stats()
	s.Trim(0)
	if s.Stats().Segments != before.Segments {
		t.Error("Trim(0) removed something")
	}
	s.Trim(10)
	if first := s.First(); first > 10 || first < 6 {
		t.Errorf("first is %d after Trim(10)", first)
	}
	s.Trim(s.Next())
	after := s.Stats()
	names, _ := files(t, set.Dir)
	if after.Segments != 1 || len(names) != 1 || after.Bytes >= before.Bytes || after.DroppedFull+after.Unreplayable+after.Corrupt != 0 {
		t.Errorf("after Trim of all: %+v, %v", after, names)
	}
}

// fill appends records of 1000 bytes until there is no room.
func fill(t *testing.T, s *Spool) (n int) {
	t.Helper()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for ; n < 10_000; n++ {
		if _, err := s.Append(ended, group("", strings.Repeat("x", 1000))); err != nil {
			if !errors.Is(err, ErrFull) || !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatal("a bounded spool takes everything")
	return 0
}

func TestBlock(t *testing.T) {
	set := settings(t.TempDir())
	set.MaxBytes, set.SegmentBytes = 64<<10, 8<<10
	s := mustOpen(t, set)
	n := fill(t, s)
	if n < 50 || s.Stats().Bytes > set.MaxBytes {
		t.Fatalf("full after %d: %+v", n, s.Stats())
	}
	appended := make(chan error)
	go func() {
		_, err := s.Append(t.Context(), group("", "waits"+strings.Repeat("x", 1000)))
		appended <- err
	}()
	f := func() {
		t.Helper()
		select {
		case err := <-appended:
			t.Fatalf("appended to a full spool: %v", err)
		default:
		}
	}
	f()
	awaitDurable(t, s)
	s.Trim(1)
	f()
	s.Trim(20)
	if err := <-appended; err != nil {
		t.Fatal(err)
	}
	if got := readAll(t, s, 0); !strings.HasPrefix(got[int64(n)], "waits") || s.Stats().DroppedFull != 0 {
		t.Errorf("record %d is %q: %+v", n, got[int64(n)], s.Stats())
	}

	// What has been read goes rather than block for ever: whoever needs it may wait for what is to come.
	fill(t, s)
	awaitDurable(t, s)
	s.SetRead(s.Next())
	next := mustAppend(t, s, group("", "needs room"+strings.Repeat("x", 1000)))
	stats := s.Stats()
	if stats.Unreplayable == 0 || stats.DroppedFull != 0 || stats.Bytes > set.MaxBytes || !strings.HasPrefix(readAll(t, s, 0)[next], "needs room") {
		t.Errorf("%+v", stats)
	}

	go func() {
		fill(t, s)
		_, err := s.Append(t.Context(), group("", strings.Repeat("x", 1000)))
		appended <- err
	}()
	deadline := time.After(30 * time.Second)
	for waiting := false; !waiting; {
		s.mu.Lock()
		waiting = s.waiting > 0
		s.mu.Unlock()
		select {
		case err := <-appended:
			t.Fatalf("appended to a full spool: %v", err)
		case <-deadline:
			t.Fatal("nobody waits")
		case <-time.After(time.Millisecond):
		}
	}
	s.Close()
	if err := <-appended; !errors.Is(err, ErrClosed) && !errors.Is(err, ErrFull) {
		t.Errorf("closed while an Append waits: %v", err)
	}
}

func TestDropOldest(t *testing.T) {
	set := settings(t.TempDir())
	set.MaxBytes, set.SegmentBytes, set.Full = 64<<10, 8<<10, DropOldest
	s := mustOpen(t, set)
	for range 500 {
		mustAppend(t, s, group("", strings.Repeat("x", 1000)))
	}
	stats := s.Stats()
	got := readAll(t, s, 0)
	if stats.Bytes > set.MaxBytes || int64(len(got))+stats.DroppedFull != 500 || len(got) < 40 || stats.Unreplayable != 0 {
		t.Errorf("%d left: %+v", len(got), stats)
	}
	r := s.NewReader(0, 1<<20)
	defer r.Close()
	run := Run{Data: make([]byte, 0, 1<<20)}
	if err := r.Read(&run); err != nil || len(run.Ends) != 0 || run.First != 0 || run.Next != stats.First {
		t.Errorf("the stretch that is gone: %d to %d, %v", run.First, run.Next, err)
	}
}

// TestDiskFull: an Append the disk refuses leaves nothing behind, and later ones go on.
func TestDiskFull(t *testing.T) {
	set := settings(t.TempDir())
	set.MaxBytes, set.SegmentBytes = 1<<20, 4<<10
	full := false
	set.write = func(f *os.File, b []byte, offset int64) error {
		if full {
			b = b[:len(b)/2]
		}
		if _, err := f.WriteAt(b, offset); err != nil || !full {
			return err
		}
		return &os.PathError{Op: "write", Path: f.Name(), Err: syscall.ENOSPC}
	}
	s := mustOpen(t, set)
	want := map[int64]string{}
	failed := 0
	for i := range 100 {
		r := fmt.Sprintf("record %d %s", i, strings.Repeat("x", i*7))
		full = i%5 >= 3
		first, err := s.Append(t.Context(), group(fmt.Sprint(i), r))
		if full {
			failed++
			if !errors.Is(err, syscall.ENOSPC) {
				t.Fatalf("record %d: %v", i, err)
			}
			continue
		}
		if err != nil {
			t.Fatalf("record %d: %v", i, err)
		}
		want[first] = r
	}
	full = false
	if first := mustAppend(t, s, group("3", "again")); first != int64(len(want)) {
		t.Errorf("what failed cannot be appended again: %d", first)
	}
	want[int64(len(want))] = "again"
	stats := s.Stats()
	if stats.Failures != int64(failed) || stats.Appended != int64(len(want)) {
		t.Errorf("%+v", stats)
	}
	wantRecords(t, readAll(t, s, 0), want, "after a full disk")
	if s.Stats().Error != "" { // what was written after has been synced
		t.Errorf("still: %s", s.Stats().Error)
	}
	s.Close()
	s = mustOpen(t, set)
	wantRecords(t, readAll(t, s, 0), want, "after a full disk, opened again")
}

// TestSyncFails: what is not on the disk is not read, and is as soon as the disk takes it.
func TestSyncFails(t *testing.T) {
	set := settings(t.TempDir())
	var mu sync.Mutex
	broken := false
	tried := make(chan struct{}, 1000)
	set.fsync = func(f *os.File) error {
		mu.Lock()
		defer mu.Unlock()
		select {
		case tried <- struct{}{}:
		default:
		}
		if broken {
			return syscall.EIO
		}
		return f.Sync()
	}
	s := mustOpen(t, set)
	mu.Lock()
	broken = true
	mu.Unlock()
	mustAppend(t, s, group("", "a"))
	for range 5 { // two are of Open
		<-tried
	}
	if stats := s.Stats(); stats.Durable != 0 || stats.SyncFailures == 0 || stats.Error == "" {
		t.Errorf("%+v", stats)
	}
	mu.Lock()
	broken = false
	mu.Unlock()
	wantRecords(t, readAll(t, s, 0), map[int64]string{0: "a"}, "mended")
}

func TestAlways(t *testing.T) {
	set := settings(t.TempDir())
	set.Always, set.FsyncEvery = true, time.Hour
	s := mustOpen(t, set)
	for i := range 20 {
		mustAppend(t, s, group("", "a"))
		if s.Durable() != int64(i+1) {
			t.Fatalf("appended, and %d are durable", s.Durable())
		}
	}
}

// TestConcurrent has several writers, a reader that follows, one that begins anew, and a trimmer.
func TestConcurrent(t *testing.T) {
	set := settings(t.TempDir())
	set.MaxBytes, set.SegmentBytes = 256<<10, 32<<10
	s := mustOpen(t, set)
	const writers, groups = 4, 300
	var writing sync.WaitGroup
	for w := range writers {
		writing.Go(func() {
			random := rand.New(rand.NewPCG(uint64(w), 2))
			for i := range groups {
				g := &Group{}
				for j := range 1 + random.IntN(5) {
					g.Add(fmt.Appendf(nil, "%d/%d/%d %s", w, i, j, strings.Repeat("x", random.IntN(500))))
				}
				if _, err := s.Append(t.Context(), g); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { writing.Wait(); close(done) }()
	r := s.NewReader(0, 1<<20)
	defer r.Close()
	run := Run{Data: make([]byte, 0, 4<<10)}
	var order [writers]string
	read := int64(0)
	for finished := false; !finished || r.Next() < s.Next(); {
		select {
		case <-done:
			finished = true
		default:
		}
		if err := r.Wait(t.Context(), done); err != nil {
			t.Fatal(err)
		}
		if err := r.Read(&run); err != nil {
			t.Fatal(err)
		}
		if run.First != read {
			t.Fatalf("read goes on at %d, want %d", run.First, read)
		}
		start := int32(0)
		for i, end := range run.Ends {
			var w, a, b int
			if _, err := fmt.Sscanf(string(run.Data[start:end]), "%d/%d/%d", &w, &a, &b); err != nil {
				t.Fatalf("record %d is %q", run.First+int64(i), run.Data[start:end])
			}
			if now := fmt.Sprintf("%04d/%04d", a, b); now <= order[w] {
				t.Fatalf("writer %d: %s after %s", w, now, order[w])
			} else {
				order[w] = now
			}
			start = end
		}
		read = run.Next
		s.SetRead(read)
		s.Trim(read - 50)
	}
	if read < writers*groups || s.Stats().DroppedFull+s.Stats().Corrupt != 0 {
		t.Errorf("read %d: %+v", read, s.Stats())
	}
}

func TestAppendDoesNotAllocate(t *testing.T) {
	s := mustOpen(t, settings(t.TempDir()))
	g := &Group{}
	line := []byte(strings.Repeat("x", 200))
	got := testing.AllocsPerRun(200, func() {
		g.Reset()
		for range 64 {
			g.Add(line)
		}
		mustAppend(t, s, g)
	})
	if got > 4 { // the syncer's, each few groups; none for each record
		t.Errorf("%v allocations for a group of 64 records", got)
	}
}

func BenchmarkAppend(b *testing.B) {
	set := settings(b.TempDir())
	set.Full, set.FsyncEvery = DropOldest, 0
	s := mustOpen(b, set)
	g := &Group{}
	line := []byte(strings.Repeat("x", 200))
	for range 64 {
		g.Add(line)
	}
	b.SetBytes(64 * 200)
	for b.Loop() {
		mustAppend(b, s, g)
	}
}
