package file

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/pipeline/batch"
)

// writer writes numbered lines to a log, as one that never pauses: to whichever file it has open.
type writer struct {
	t    *testing.T
	path string
	f    *os.File
	n    int
}

func newWriter(t *testing.T, path string) *writer {
	w := &writer{t: t, path: path}
	w.reopen()
	return w
}

func (w *writer) reopen() {
	if w.f != nil {
		w.f.Close()
	}
	f, err := os.OpenFile(w.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		w.t.Fatal(err)
	}
	w.f = f
}

func (w *writer) write(lines int) {
	if _, err := w.f.WriteString(numbered(w.n, w.n+lines)); err != nil {
		w.t.Fatal(err)
	}
	w.n += lines
}

// rotate renames path.keep-1 … path.1 and path, as logrotate does, and deletes the oldest.
func (w *writer) rotate(keep int) {
	os.Remove(fmt.Sprintf("%s.%d", w.path, keep))
	for i := keep - 1; i >= 1; i-- {
		os.Rename(fmt.Sprintf("%s.%d", w.path, i), fmt.Sprintf("%s.%d", w.path, i+1))
	}
	if err := os.Rename(w.path, w.path+".1"); err != nil {
		w.t.Fatal(err)
	}
}

// TestRenameAndCreate is a rotation each few lines under a writer that never pauses and goes on writing to the renamed file
// for a while. Three rotations are kept.
func TestRenameAndCreate(t *testing.T) {
	for _, pollOnly := range []bool{false, true} {
		folder := t.TempDir()
		var log logBuffer
		s := settings(folder, &log, "access.log")
		s.PollOnly = pollOnly
		r := newRows(t)
		w := newWriter(t, filepath.Join(folder, "access.log"))
		k := begin(t, s, nil, r)
		const total = 100_000
		rotations := int64(0)
		for w.n < total {
			for range 20 {
				w.write(100)
			}
			w.rotate(3)
			w.write(10) // the writer has not noticed
			w.reopen()
			w.write(10)
			// A rotation that deletes a file nobody has had the time to open loses it, here as anywhere.
			rotations++
			await(t, "the new file to be found", func() bool {
				st := k.source.Stats().Partitions
				return len(st) == 1 && st[0].Rotations+int64(st[0].Waiting) == rotations
			})
		}
		await(t, "all lines", func() bool { return r.count("") >= w.n })
		await(t, "caught up", func() bool { return r.row("").caughtUp })
		expectNumbered(t, r.lines(""), w.n)
		k.stop()
		st := k.source.Stats().Partitions
		if len(st) != 1 || st[0].Rotations != rotations || st[0].Lost != 0 || st[0].Lag != 0 || st[0].Truncations != 0 {
			t.Errorf("stats %+v, want %d rotations", st, rotations)
		}
	}
}

// TestRotationsLagOnce: many rotations within one RotateWait cost one RotateWait, and none of the files, though all but the
// last are deleted meanwhile.
func TestRotationsLagOnce(t *testing.T) {
	folder := t.TempDir()
	var log logBuffer
	s := settings(folder, &log, "access.log")
	clock := newClock()
	s.Now, s.RotateWait = clock.now, time.Hour
	r := newRows(t)
	path := filepath.Join(folder, "access.log")
	w := newWriter(t, path)
	w.write(10)
	k := begin(t, s, nil, r)
	await(t, "the first file", func() bool { return r.count("") == 10 })
	waiting := func() int { return k.source.Stats().Partitions[0].Waiting }
	for i := range 20 {
		w.rotate(1)
		w.reopen()
		w.write(10)
		await(t, "the next file", func() bool { return waiting() == i+1 })
	}
	w.rotate(1)
	if err := os.Remove(path + ".1"); err != nil {
		t.Fatal(err)
	}
	if r.count("") != 10 || r.row("").caughtUp && waiting() == 0 {
		t.Errorf("%d lines before rotate_wait is over", r.count(""))
	}
	clock.advance(time.Hour + time.Minute)
	await(t, "all lines", func() bool { return r.count("") == w.n })
	expectNumbered(t, r.lines(""), w.n)
	if log.String() != "" {
		t.Errorf("logged:\n%s", log.String())
	}
}

func TestGrowsAfterItWasLeft(t *testing.T) {
	folder := t.TempDir()
	var log logBuffer
	s := settings(folder, &log, "access.log")
	r := newRows(t)
	path := filepath.Join(folder, "access.log")
	write(t, path, "one\n")
	k := begin(t, s, nil, r)
	await(t, "one", func() bool { return r.count("") == 1 })
	rename(t, path, path+".1")
	write(t, path, "two\n")
	await(t, "two", func() bool { return r.count("") == 2 })
	appendTo(t, path+".1", "late\n")
	await(t, "the loss", func() bool { return k.source.Stats().Partitions[0].LostBytes == 5 })
	appendTo(t, path+".1", "later\n")
	await(t, "the loss", func() bool { return k.source.Stats().Partitions[0].LostBytes == 11 })
	k.stop()
	if n := log.count("grew after it was left"); n != 1 {
		t.Errorf("said %d times, want once:\n%s", n, log.String())
	}
}

// TestHalfLineAtRotation: a rotated file's last line needs no newline, but time.
func TestHalfLineAtRotation(t *testing.T) {
	folder := t.TempDir()
	var log logBuffer
	s := settings(folder, &log, "access.log")
	clock := newClock()
	s.Now, s.RotateWait = clock.now, time.Hour
	r := newRows(t)
	path := filepath.Join(folder, "access.log")
	write(t, path, "one\nha")
	k := begin(t, s, nil, r)
	await(t, "one", func() bool { return r.count("") == 1 })
	rename(t, path, path+".1")
	write(t, path, "two\n")
	await(t, "the new file", func() bool { return k.source.Stats().Partitions[0].Waiting == 1 })
	appendTo(t, path+".1", "lf")
	await(t, "the look", func() bool { return k.source.Stats().Partitions[0].Size == 8 })
	clock.advance(2 * time.Hour)
	await(t, "two", func() bool { return r.count("") == 3 })
	if got := strings.Join(r.lines(""), ","); got != "one,half,two" {
		t.Errorf("lines %s", got)
	}
}

// copyTruncate is what logrotate does with `copytruncate`, under a writer that waits meanwhile.
func (w *writer) copyTruncate(keep int) {
	os.Remove(fmt.Sprintf("%s.%d", w.path, keep))
	for i := keep - 1; i >= 1; i-- {
		os.Rename(fmt.Sprintf("%s.%d", w.path, i), fmt.Sprintf("%s.%d", w.path, i+1))
	}
	b, err := os.ReadFile(w.path)
	if err != nil {
		w.t.Fatal(err)
	}
	write(w.t, w.path+".1", string(b))
	if err := os.Truncate(w.path, 0); err != nil {
		w.t.Fatal(err)
	}
}

func TestCopyTruncate(t *testing.T) {
	for _, glob := range []string{"access.log", "access.log*"} {
		folder := t.TempDir()
		var log logBuffer
		s := settings(folder, &log, glob)
		r := newRows(t)
		w := newWriter(t, filepath.Join(folder, "access.log"))
		k := begin(t, s, nil, r)
		// Of a log that is cut before anything of it was read, a first start does not know the copy.
		w.write(1)
		await(t, "the first line", func() bool { return r.count("") == 1 })
		const total = 50_000
		for w.n < total {
			for range 20 {
				w.write(100)
			}
			w.copyTruncate(3)
			w.write(1) // much less than there was
			seen := w.n
			for w.n < seen+5000 { // more than there was: size alone tells nothing
				w.write(100)
			}
			await(t, "the copy to be found in time", func() bool { return r.count("") >= seen })
		}
		await(t, "all lines", func() bool { return r.count("") >= w.n })
		k.stop()
		expectNumbered(t, r.lines(""), w.n)
		if st := k.source.Stats().Partitions; len(st) != 1 || st[0].Truncations == 0 || st[0].LostBytes != 0 {
			t.Errorf("stats %+v", st)
		}
	}
}

// TestCutDuringTheFirstRead: what a file had before it was cut, between our first read of it and the look after that read, is in
// the copy only, even where the copy's time is the file's to the tick of the kernel's clock.
func TestCutDuringTheFirstRead(t *testing.T) {
	folder := t.TempDir()
	var log logBuffer
	s := settings(folder, &log, "access.log")
	r := newRows(t)
	w := newWriter(t, filepath.Join(folder, "access.log"))
	w.write(10)
	src, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := src.Open(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	p := src.partitions[0]
	out := make(chan *batch.Batch, 100)
	readAll := func() {
		t.Helper()
		for n := 0; p.step(t.Context(), out); n++ {
			if n == 100 {
				t.Fatal("no end to the reading")
			}
		}
		for len(out) > 0 {
			r.take(<-out)
		}
	}
	defer p.shutAll()
	readAll()
	w.copyTruncate(9)
	readAll()
	if len(p.chain) != 1 || p.chain[0].at != 0 || !p.chain[0].begun {
		t.Fatalf("%d files, want the live one, of which nothing was read", len(p.chain))
	}
	w.write(20)
	changed := time.Now()
	for _, cut := range []func(){func() {}, func() { w.copyTruncate(9) }} {
		cut()
		for _, path := range []string{w.path, w.path + ".1"} {
			if err := os.Chtimes(path, changed, changed); err != nil {
				t.Fatal(err)
			}
		}
		if i, err := statFile(p.chain[0].c.f); err != nil {
			t.Fatal(err)
		} else {
			p.chain[0].info = i // what advance does before it reads
		}
	}
	p.truncated(p.chain[0]) // as the read says
	w.write(5)
	await(t, "the rest", func() bool { readAll(); return r.count("") >= w.n }) // after RotateWait
	expectNumbered(t, r.lines(""), w.n)
}

// TestTruncatedWithoutCopy: what was not read is counted, what was is not read again.
func TestTruncatedWithoutCopy(t *testing.T) {
	folder := t.TempDir()
	var log logBuffer
	s := settings(folder, &log, "access.log")
	r := newRows(t)
	path := filepath.Join(folder, "access.log")
	write(t, path, "one\ntwo\nhalf")
	k := begin(t, s, nil, r)
	stats := func() PartitionStats { return k.source.Stats().Partitions[0] }
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%+v, %d lines\n%s", stats(), r.count(""), log.String())
		}
	})
	await(t, "two lines", func() bool { return r.count("") == 2 })
	await(t, "its size", func() bool { return stats().Size == 12 && r.row("").caughtUp })
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	await(t, "the truncation", func() bool { return stats().Truncations == 1 })
	appendTo(t, path, "three\n")
	await(t, "three", func() bool { return r.count("") == 3 })
	// Truncated and grown past where we were, with nobody looking in between.
	appendTo(t, path, "four\n")
	await(t, "four", func() bool { return r.count("") == 4 })
	write(t, path, numbered(0, 1000))
	await(t, "the new content", func() bool { return r.count("") >= 1004 })
	k.stop()
	expectNumbered(t, r.lines("")[4:], 1000)
	if st := stats(); st.LostBytes != 4 || st.Lost != 1 || st.Truncations < 2 {
		t.Errorf("stats %+v", st)
	}
}

// TestInodeReused: another file under the same inode, also one that is longer.
func TestInodeReused(t *testing.T) {
	for _, down := range []bool{false, true} {
		folder := t.TempDir()
		var log logBuffer
		s := settings(folder, &log, "access.log")
		r := newRows(t)
		path := filepath.Join(folder, "access.log")
		write(t, path, "old one\nold two\n")
		inodeOf := func() uint64 {
			var st syscall.Stat_t
			if err := syscall.Stat(path, &st); err != nil {
				t.Fatal(err)
			}
			return st.Ino
		}
		old := inodeOf()
		k := begin(t, s, nil, r)
		await(t, "the old lines", func() bool { return r.count("") == 2 })
		k.stop() // lets go of the inode
		saved := r.cursors()
		for i := 0; ; i++ {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			if i%2 == 1 {
				write(t, fmt.Sprintf("%s.other%d", path, i), "takes an inode")
			}
			write(t, path, "new one\nnew two\nnew three\n")
			if inodeOf() == old || i == 100 {
				break // some file systems never use one again soon: then this is an ordinary new file
			}
		}
		if !down {
			saved = nil
			r = newRows(t)
		} else {
			r.again(saved)
		}
		begin(t, s, saved, r)
		want := "old one,old two,new one,new two,new three"
		if !down {
			want = "new one,new two,new three"
		}
		await(t, "the new lines", func() bool { return len(r.lines("")) == 1+strings.Count(want, ",") })
		if got := strings.Join(r.lines(""), ","); got != want {
			t.Errorf("lines %s, want %s", got, want)
		}
	}
}

// TestSameBeginning: two logs with the same first 4 KiB, one replaced by the other while down.
func TestSameBeginning(t *testing.T) {
	banner := strings.Repeat("# the same in each file\n", 4096/24+1)
	folder := t.TempDir()
	var log logBuffer
	s := settings(folder, &log, "*.log")
	r := newRows(t)
	write(t, filepath.Join(folder, "a.log"), banner+"a1\n")
	write(t, filepath.Join(folder, "b.log"), banner+"b1\n")
	k := begin(t, s, nil, r)
	n := strings.Count(banner, "\n")
	await(t, "both", func() bool { return r.count("a.log") == n+1 && r.count("b.log") == n+1 })
	k.stop()
	saved := r.cursors()
	a := filepath.Join(folder, "a.log")
	appendTo(t, a, "a2\n")
	rename(t, a, a+".1")
	write(t, a, banner+"a3\n")
	compress(t, a+".1", ".gz")
	r.again(saved)
	k = begin(t, s, saved, r)
	await(t, "all of a", func() bool { return r.count("a.log") == 2*n+3 })
	k.stop()
	if got := r.lines("a.log"); strings.Join(got[n:n+2], ",") != "a1,a2" || got[2*n+2] != "a3" || r.count("b.log") != n+1 {
		t.Errorf("%q … %q", got[n:n+3], got[2*n+1:])
	}
	if log.String() != "" {
		t.Errorf("logged:\n%s", log.String())
	}
}

// TestEditedInPlace: an editor writes the whole log to a new inode; nothing is read twice.
func TestEditedInPlace(t *testing.T) {
	folder := t.TempDir()
	var log logBuffer
	s := settings(folder, &log, "access.log")
	r := newRows(t)
	path := filepath.Join(folder, "access.log")
	write(t, path, numbered(0, 50))
	begin(t, s, nil, r)
	await(t, "the lines", func() bool { return r.count("") == 50 })
	write(t, path+"~", numbered(0, 50))
	rename(t, path+"~", path)
	appendTo(t, path, numbered(50, 60))
	await(t, "the new lines", func() bool { return r.count("") >= 60 })
	appendTo(t, path, numbered(60, 70))
	await(t, "the newer lines", func() bool { return r.count("") >= 70 })
	expectNumbered(t, r.lines(""), 70)
}
