package file

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/pipeline/batch"
	"github.com/gatemeter/gatemeter/pipeline/cursor"
)

// TestRotatedWhileDown: three rotations, the last of them compressed, whatever the way of naming.
func TestRotatedWhileDown(t *testing.T) {
	f := func(ending string, names ...string) {
		t.Helper()
		folder := t.TempDir()
		var log logBuffer
		s := settings(folder, &log, "access.log")
		path := filepath.Join(folder, "access.log")
		r := newRows(t)
		write(t, path, numbered(0, 1000))
		k := begin(t, s, nil, r)
		await(t, "the beginning", func() bool { return r.count("") == 1000 })
		k.stop()
		saved := r.cursors()

		appendTo(t, path, numbered(1000, 2000))
		for i := range 3 {
			// names[i] is what the rotations so far are called after the (i+1)th, oldest first.
			now := strings.Fields(names[i])
			for j, name := range now[:i] { // the oldest moves out of the way first
				before := strings.Fields(names[i-1])[j]
				for _, e := range []string{"", ending} {
					if _, err := os.Stat(filepath.Join(folder, before+e)); err == nil && before != name {
						rename(t, filepath.Join(folder, before+e), filepath.Join(folder, name+e))
					}
				}
			}
			rename(t, path, filepath.Join(folder, now[i]))
			if i == 1 && ending != "" {
				compress(t, filepath.Join(folder, now[0]), ending)
			}
			write(t, path, numbered(2000+1000*i, 3000+1000*i))
		}
		r.again(saved)
		k = begin(t, s, saved, r)
		await(t, "all", func() bool { return r.count("") >= 5000 })
		k.stop()
		expectNumbered(t, r.lines(""), 5000)
		if log.String() != "" {
			t.Errorf("logged:\n%s", log.String())
		}

		// And once more, with all of them compressed: nothing is read again.
		saved = r.cursors()
		for _, name := range strings.Fields(names[2]) {
			if _, err := os.Stat(filepath.Join(folder, name)); err == nil {
				compress(t, filepath.Join(folder, name), ".gz")
			}
		}
		appendTo(t, path, numbered(5000, 5100))
		r.again(saved)
		k = begin(t, s, saved, r)
		await(t, "the rest", func() bool { return r.count("") >= 5100 })
		k.stop()
		expectNumbered(t, r.lines(""), 5100)
	}
	for _, ending := range []string{"", ".gz", ".zst"} {
		f(ending, "access.log.1", "access.log.2 access.log.1", "access.log.3 access.log.2 access.log.1")
		f(ending, "access.log-20261119", "access.log-20261119 access.log-20261120", "access.log-20261119 access.log-20261120 access.log-20261121")
		f(ending, "access.1.log", "access.2.log access.1.log", "access.3.log access.2.log access.1.log")
	}
}

// TestCopyTruncateWhileDown: the copy beside it has what was not read, and copies made before are not read again.
func TestCopyTruncateWhileDown(t *testing.T) {
	for _, glob := range []string{"access.log", "access.log*"} {
		folder := t.TempDir()
		var log logBuffer
		s := settings(folder, &log, glob)
		r := newRows(t)
		w := newWriter(t, filepath.Join(folder, "access.log"))
		w.write(100)
		k := begin(t, s, nil, r)
		await(t, "the beginning", func() bool { return r.count("") == 100 })
		k.stop()
		saved := r.cursors()
		for i := range 3 {
			w.write(50)
			shiftCompressed(w.path, 5)
			w.copyTruncate(5)
			w.write(200 * (i + 1))
			if i == 1 {
				compress(t, w.path+".2", ".gz")
			}
		}
		r.again(saved)
		k = begin(t, s, saved, r)
		await(t, "all", func() bool { return r.count("") >= w.n })
		k.stop()
		expectNumbered(t, r.lines(""), w.n)
	}
}

// TestLostSegment: what is not to be found is said, counted and passed over; what follows keeps its offsets.
func TestLostSegment(t *testing.T) {
	folder := t.TempDir()
	var log logBuffer
	s := settings(folder, &log, "access.log")
	path := filepath.Join(folder, "access.log")
	r := newRows(t)
	write(t, path, numbered(0, 100))
	k := begin(t, s, nil, r)
	await(t, "the first", func() bool { return r.count("") == 100 })
	first := r.cursors()
	for i := 1; i <= 3; i++ {
		rename(t, path, fmt.Sprintf("%s-2026112%d", path, i))
		write(t, path, numbered(100*i, 100*i+100))
		await(t, "the next", func() bool { return r.count("") == 100*i+100 })
	}
	k.stop()
	last := r.cursors()

	// The middle one is gone, and is to be replayed: from inside the first on.
	if err := os.Remove(path + "-20261122"); err != nil {
		t.Fatal(err)
	}
	saved := last
	saved[0].Replay = first[0].Read - 40
	lines, offsets := r.row("").lines, r.row("").offsets
	again := newRows(t)
	k = begin(t, s, saved, again)
	appendTo(t, path, "new\n")
	await(t, "the new line", func() bool { l := again.lines(""); return len(l) > 0 && l[len(l)-1] == "new" })
	k.stop()
	got := again.row("")
	for i, o := range got.offsets[:len(got.offsets)-1] {
		for j := range offsets {
			if offsets[j] == o && lines[j] != got.lines[i] {
				t.Errorf("offset %d: %q, was %q", o, got.lines[i], lines[j])
			}
		}
	}
	if n := len(got.lines); n < 202 || n > 205 || got.gone != 1 {
		t.Errorf("%d lines, %d lost stretches, want some 203 and one", n, got.gone)
	}
	if st := k.source.Stats().Partitions[0]; st.Lost != 1 || st.LostBytes != int64(len(numbered(100, 200))) || log.count("not to be found") != 1 {
		t.Errorf("stats %+v, log:\n%s", st, log.String())
	}

	// Everything is gone, and there is a new log under the name.
	files, err := filepath.Glob(path + "*")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if err := os.Remove(f); err != nil {
			t.Fatal(err)
		}
	}
	write(t, path, "other\n")
	fresh := newRows(t)
	k = begin(t, s, saved, fresh)
	await(t, "the new log", func() bool { return fresh.count("") == 1 })
	k.stop()
	if got := fresh.row(""); got.offsets[0] != saved[0].Read+hole || got.id != saved[0].ID {
		t.Errorf("new log begins at %d as %s, want %d as %s", got.offsets[0], got.id, saved[0].Read+hole, saved[0].ID)
	}

	// What follows is found again.
	saved = fresh.cursors()
	fresh.again(saved)
	appendTo(t, path, "more\n")
	begin(t, s, saved, fresh)
	await(t, "more", func() bool { return fresh.count("") == 2 })
}

// TestPositionOfAnUnmountedLog: a log that is not there at a start keeps its position.
func TestPositionOfAnUnmountedLog(t *testing.T) {
	folder := t.TempDir()
	var log logBuffer
	s := settings(folder, &log, "logs/access.log")
	path := filepath.Join(folder, "logs", "access.log")
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, path, numbered(0, 100))
	r := newRows(t)
	k := begin(t, s, nil, r)
	await(t, "the lines", func() bool { return r.count("") == 100 })
	k.stop()
	saved := r.cursors()
	rename(t, filepath.Dir(path), filepath.Join(folder, "away"))
	r.again(saved)
	k = begin(t, s, saved, r)
	await(t, "nothing more", func() bool { return r.row("").caughtUp })
	k.stop()
	saved = r.cursors()
	if len(saved) != 1 {
		t.Fatalf("%d cursors, want one", len(saved))
	}
	rename(t, filepath.Join(folder, "away"), filepath.Dir(path))
	appendTo(t, path, numbered(100, 110))
	r.again(saved)
	begin(t, s, saved, r)
	await(t, "the rest", func() bool { return r.count("") >= 110 })
	expectNumbered(t, r.lines(""), 110)
}

// TestMountedLate: a log that appears after the start goes on where it was.
func TestMountedLate(t *testing.T) {
	folder := t.TempDir()
	var log logBuffer
	s := settings(folder, &log, "logs/access.log")
	path := filepath.Join(folder, "logs", "access.log")
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, path, numbered(0, 100))
	r := newRows(t)
	k := begin(t, s, nil, r)
	await(t, "the lines", func() bool { return r.count("") == 100 })
	k.stop()
	saved := r.cursors()
	rename(t, filepath.Dir(path), filepath.Join(folder, "away"))
	r.again(saved)
	begin(t, s, saved, r)
	await(t, "nothing more", func() bool { return r.row("").caughtUp })
	appendTo(t, filepath.Join(folder, "away", "access.log"), numbered(100, 110))
	rename(t, filepath.Join(folder, "away"), filepath.Dir(path))
	await(t, "the rest", func() bool { return r.count("") >= 110 })
	expectNumbered(t, r.lines(""), 110)
	if w := r.row(""); w.gone != 0 {
		t.Errorf("%d stretches lost", w.gone)
	}
}

// TestShorterAfterACrash: a loss of power takes the end of the log, which had been read; what is there is not read twice.
func TestShorterAfterACrash(t *testing.T) {
	folder := t.TempDir()
	var log logBuffer
	s := settings(folder, &log, "access.log")
	path := filepath.Join(folder, "access.log")
	write(t, path, numbered(0, 1000))
	r := newRows(t)
	k := begin(t, s, nil, r)
	await(t, "the lines", func() bool { return r.count("") == 1000 })
	k.stop()
	saved := r.cursors()
	read := saved[0].Read
	short := int64(len(numbered(0, 700))) + 5
	for _, replay := range []int64{read, int64(len(numbered(0, 600)))} {
		if err := os.Truncate(path, short); err != nil {
			t.Fatal(err)
		}
		saved[0].Replay = replay
		again := newRows(t)
		k = begin(t, s, saved, again)
		appendTo(t, path, "glued\nnew\n")
		await(t, "the new line", func() bool { l := again.lines(""); return len(l) > 0 && l[len(l)-1] == "new" })
		k.stop()
		w := again.row("")
		want := 2
		if replay < read {
			want += 100
		}
		if n := len(w.lines); n != want || w.gone != 1 || w.lines[n-2] != numbered(700, 701)[:5]+"glued" || w.offsets[n-2] != read+hole {
			t.Errorf("%d lines and %d lost stretches, %q at %d; want %d, at %d", n, w.gone, w.lines[n-2:], w.offsets[n-2], want, read+hole)
		}
		if log.count("shorter than what had been read") == 0 {
			t.Errorf("logged:\n%s", log.String())
		}
		// And the run after that goes on as ever.
		next := again.cursors()
		again.again(next)
		appendTo(t, path, "newer\n")
		k = begin(t, s, next, again)
		await(t, "the newer line", func() bool { return again.count("") == want+1 })
		k.stop()
	}
}

func TestUnusableState(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "access.log")
	write(t, path, numbered(0, 10))
	for _, state := range []string{"", "{", `{"version":2,"segments":[{}]}`, `{"version":1,"segments":[]}`, `{"version":1,"segments":[{"base":-1}]}`} {
		var log logBuffer
		s := settings(folder, &log, "access.log")
		r, _ := once(t, s, []cursor.Partition{{Source: "edge", Name: path, ID: "x", Replay: 5, Read: 5, Indexed: 5, State: []byte(state)}})
		expectNumbered(t, r.lines(""), 10)
		if log.count("saved position not usable") != 1 {
			t.Errorf("state %q: logged:\n%s", state, log.String())
		}
	}
}

func FuzzParseState(f *testing.F) {
	f.Add(`{"version":1,"segments":[{"base":0,"end":5,"path":"a","dev":1,"inode":2,"mtime":3,"head":{"at":1,"n":1,"sum":"a"},"tail":{"at":5,"n":5,"sum":"b"}},{"base":5,"path":"b","tail":{"at":0,"n":0,"sum":""}}]}`)
	f.Add(`{"version":1,"segments":[{"base":0,"end":5},{"base":4}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		segments, err := parseState([]byte(text))
		if err != nil {
			return
		}
		at := int64(0)
		var done []finished
		for i, g := range segments {
			if g.Base < at || g.read() < g.Base {
				t.Fatalf("segment %d goes back", i)
			}
			at = g.End
			done = append(done, finish(g))
		}
		again, err := parseState(encodeState(done, nil))
		if err != nil || len(again) != len(segments) {
			t.Fatalf("encoded again it is not valid: %v", err)
		}
	})
}

// TestID recomputes the formula of docs/sources/file.md.
func TestID(t *testing.T) {
	f := func(content, first string) {
		t.Helper()
		folder := t.TempDir()
		var log logBuffer
		path := filepath.Join(folder, "access.log")
		want := idOf("host", "edge", path, first)
		for _, ending := range []string{"", ".1", ".1.gz"} {
			text := content
			if ending == ".1.gz" {
				text = compressed(t, content, ".gz")
			}
			write(t, path, "live\n")
			write(t, path+ending, text)
			r, _ := once(t, settings(folder, &log, "access.log*"), nil)
			if got := r.row("").id; got != want {
				t.Errorf("%.20q%s: id %s, want %s", content, ending, got, want)
			}
			if ending != "" {
				os.Remove(path + ending)
			}
		}
	}
	p := partition{pub: &batch.Partition{Shard: "host", Source: "edge", Name: "/x/access.log"}}
	p.setID([]byte("one\ntwo\n"))
	if want := "760606ae537a3370433a3b04"; p.pub.ID != want { // of the documentation's few lines of Python
		t.Errorf("id %s, want %s", p.pub.ID, want)
	}
	f("one\ntwo\n", "one")
	f("one\r\ntwo\n", "one\r")
	f("\nx\n", "")
	f("half", "half")
	f(strings.Repeat("x", 1024)+"\n", strings.Repeat("x", 1024))
	f(strings.Repeat("x", 5000)+"\n", strings.Repeat("x", 1024))
	f(strings.Repeat("x", 500_000)+"\n", strings.Repeat("x", 1024))
}

// TestAnyRestart is the property that all else serves: whatever happens to the files, and however often the reading is ended
// and begun again at a saved position, each line comes once, in order, at the offset it had.
func TestAnyRestart(t *testing.T) {
	seeds := 24
	if testing.Short() {
		seeds = 6
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			anyRestart(t, uint64(seed))
		})
	}
}

func anyRestart(t *testing.T, seed uint64) {
	random := rand.New(rand.NewPCG(seed, 1))
	folder := t.TempDir()
	var log logBuffer
	s := settings(folder, &log, []string{"access.log", "access.log*", "*.log"}[seed%3])
	s.RotateWait = 20 * time.Millisecond
	s.PollOnly = random.IntN(2) == 0
	truncates := random.IntN(3) == 0
	r := newRows(t)
	r.keep = true
	w := newWriter(t, filepath.Join(folder, "access.log"))
	var k *run
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%d lines written, %d read\n%s", w.n, r.count(""), log.String())
		}
	})
	var saved []cursor.Partition
	const keep = 100 // nothing is deleted
	w.write(1)
	k = begin(t, s, nil, r)
	await(t, "the first line", func() bool { return r.count("") == 1 })
	for range 60 {
		switch random.IntN(8) {
		case 0, 1, 2:
			w.write(random.IntN(300))
		case 3, 4:
			if i, err := os.Stat(w.path); err == nil && i.Size() > 0 && truncates {
				w.copyTruncate(keep)
			} else if err == nil {
				shiftCompressed(w.path, keep)
				w.rotate(keep)
				if random.IntN(2) == 0 {
					w.write(random.IntN(50))
				}
				if k == nil && random.IntN(3) == 0 {
					w.f.Close()
					w.f = nil
					compress(t, w.path+".1", []string{".gz", ".zst"}[random.IntN(2)])
				}
				w.reopen()
			}
			w.write(random.IntN(50))
		case 5:
			if k == nil {
				r.again(saved)
				k = begin(t, s, saved, r)
				if random.IntN(3) == 0 {
					continue
				}
			}
			// A source that looks sees what has been written so far, else truncations would be losses by right.
			await(t, "what was written", func() bool { return r.count("") >= w.n })
		case 6:
			if k == nil {
				continue
			}
			if truncates {
				await(t, "what was written", func() bool { return r.count("") >= w.n })
			}
			k.stop()
			k = nil
			saved = r.cursors()
			r.mu.Lock()
			for i := range saved {
				// Any place that a batch ended at will do, with the newest state.
				w := r.byName[saved[i].Name]
				if old := w.saved; len(old) > 0 && random.IntN(2) == 0 && !truncates {
					c := old[max(0, len(old)-1-random.IntN(20))]
					saved[i].Replay = max(c.Replay, w.needed) // below that the source may have forgotten
				}
				w.needed = saved[i].Replay
			}
			r.mu.Unlock()
		case 7:
			if truncates && k != nil {
				await(t, "what was written", func() bool { return r.count("") >= w.n })
			}
		}
	}
	if k == nil {
		r.again(saved)
		k = begin(t, s, saved, r)
	}
	await(t, "the last lines", func() bool { return r.count("") >= w.n })
	await(t, "its end", func() bool { return r.row("").caughtUp || w.n == 0 })
	k.stop()
	expectNumbered(t, r.lines(""), w.n)
	offset := int64(0)
	for i, o := range r.row("").offsets {
		if o != offset {
			t.Fatalf("line %d at offset %d, want %d", i, o, offset)
		}
		offset += int64(len(r.row("").lines[i])) + 1
		if i > 1000 {
			break
		}
	}
	for _, bad := range []string{"lost", "not to be found", "grew after", "vanished"} {
		if log.count(bad) > 0 {
			t.Errorf("logged:\n%s", log.String())
		}
	}
}

// shiftCompressed does for compressed rotations what writer.rotate does for the others.
func shiftCompressed(path string, keep int) {
	for i := keep - 1; i >= 1; i-- {
		for _, e := range []string{".gz", ".zst"} {
			os.Rename(fmt.Sprintf("%s.%d%s", path, i, e), fmt.Sprintf("%s.%d%s", path, i+1, e))
		}
	}
}

// TestGrowsAfterReadOnce: a log that was read once goes on: in place, and under the name it was rotated to since.
func TestGrowsAfterReadOnce(t *testing.T) {
	for _, rotated := range []bool{false, true} {
		for _, live := range []bool{false, true} {
			folder := t.TempDir()
			var log logBuffer
			s := settings(folder, &log, "access.log")
			path := filepath.Join(folder, "access.log")
			r := newRows(t)
			write(t, path, numbered(0, 100))
			s.Once = true
			begin(t, s, nil, r).stop()
			end := 100
			for round := range 3 {
				saved := r.cursors()
				appendTo(t, path, numbered(end, end+10))
				end += 10
				if rotated {
					for n := round; n > 0; n-- {
						rename(t, fmt.Sprint(path, ".", n), fmt.Sprint(path, ".", n+1))
					}
					rename(t, path, path+".1")
					if round == 2 {
						compress(t, path+".1", ".gz")
					}
					write(t, path, numbered(end, end+10))
					end += 10
				}
				r.again(saved)
				s.Once = !live
				k := begin(t, s, saved, r)
				if live {
					await(t, "all", func() bool { return r.count("") >= end })
				}
				k.stop()
				expectNumbered(t, r.lines(""), end)
			}
			if log.String() != "" {
				t.Errorf("logged:\n%s", log.String())
			}
		}
	}
}

// TestShorterCopy: what is to be read again was copied and cut since, and the copy lacks the last lines that had been read: all
// others are read again, and what follows keeps its offsets.
func TestShorterCopy(t *testing.T) {
	for _, ending := range []string{"", ".gz", ".zst"} {
		folder := t.TempDir()
		var log logBuffer
		s := settings(folder, &log, "access.log")
		path := filepath.Join(folder, "access.log")
		r := newRows(t)
		write(t, path, numbered(0, 1000))
		k := begin(t, s, nil, r)
		await(t, "the beginning", func() bool { return r.count("") == 1000 })
		write(t, path+".1", numbered(0, 900))
		if err := os.Truncate(path, 0); err != nil {
			t.Fatal(err)
		}
		appendTo(t, path, numbered(1000, 1100))
		await(t, "what follows", func() bool { return r.count("") == 1100 })
		k.stop()
		if ending != "" {
			compress(t, path+".1", ending)
		}
		before := r.row("")
		saved := r.cursors()
		saved[0].Replay = before.offsets[100]

		again := newRows(t)
		k = begin(t, s, saved, again)
		await(t, "all", func() bool { return again.count("") >= 900 })
		k.stop()
		got := again.row("")
		want := append(before.lines[100:900:900], before.lines[1000:]...)
		if len(got.lines) != len(want) || got.gone != 1 {
			t.Fatalf("%q: %d lines, %d lost stretches, want %d and one\n%s", ending, len(got.lines), got.gone, len(want), log.String())
		}
		for i, line := range want {
			if at := before.offsets[100+i]; i < 800 && (got.lines[i] != line || got.offsets[i] != at) {
				t.Fatalf("%q: line %d is %q at %d, want %q at %d", ending, i, got.lines[i], got.offsets[i], line, at)
			}
			if at := before.offsets[min(1099, 200+i)]; i >= 800 && (got.lines[i] != line || got.offsets[i] != at) {
				t.Fatalf("%q: line %d is %q at %d, want %q at %d", ending, i, got.lines[i], got.offsets[i], line, at)
			}
		}
		if st := k.source.Stats().Partitions[0]; st.Lost != 1 || log.count("lacks its end") != 1 {
			t.Errorf("%q: stats %+v, log:\n%s", ending, st, log.String())
		}
	}
}

// TestNothingReadYet: a run that has read nothing leaves the place where it would have begun, wherever the file is by then.
func TestNothingReadYet(t *testing.T) {
	for _, rotated := range []bool{false, true} {
		for _, from := range []Start{{}, {End: true}} {
			folder := t.TempDir()
			var log logBuffer
			s := settings(folder, &log, "access.log")
			s.Start = from
			path := filepath.Join(folder, "access.log")
			write(t, path, numbered(0, 100))
			src, err := New(s)
			if err != nil {
				t.Fatal(err)
			}
			opened, err := src.Open(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			at := opened[0].Offset
			saved := []cursor.Partition{{Source: "edge", Name: path, ID: opened[0].Partition.ID, Replay: at, Read: at, Indexed: at}}
			appendTo(t, path, numbered(100, 150))
			if rotated {
				rename(t, path, path+".1")
				write(t, path, numbered(150, 200))
			} else {
				appendTo(t, path, numbered(150, 200))
			}
			r := newRows(t)
			k := begin(t, s, saved, r)
			want := 200
			if from.End {
				want = 100
			}
			await(t, "the rest", func() bool { return r.count("") >= want })
			k.stop()
			if got := r.lines(""); len(got) != want || got[0] != strings.Split(numbered(200-want, 200), "\n")[0] || r.row("").offsets[0] != at {
				t.Errorf("rotated: %v, from %+v: %d lines from %q, want %d", rotated, from, len(got), got[0], want)
			}
			if log.String() != "" {
				t.Errorf("logged:\n%s", log.String())
			}
		}
	}
}
