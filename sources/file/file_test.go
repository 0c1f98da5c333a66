package file

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestReadsOnceOldestFirst(t *testing.T) {
	folder := t.TempDir()
	var log logBuffer
	path := filepath.Join(folder, "access.log")
	write(t, path+".3", numbered(0, 1000))
	compress(t, path+".3", ".gz")
	write(t, path+".2", numbered(1000, 20000))
	compress(t, path+".2", ".zst")
	write(t, path+".1", numbered(20000, 21000))
	write(t, path, numbered(21000, 30000))
	r, _ := once(t, settings(folder, &log, "access.log*"), nil)
	expectNumbered(t, r.lines(""), 30000)
	if len(r.byName) != 1 || !r.row("").ended || r.row("access.log").name != path {
		t.Errorf("partitions %v, want only %s, ended", r.byName, path)
	}
	if log.String() != "" {
		t.Errorf("logged:\n%s", log.String())
	}
}

func TestOnlyWhatPathsName(t *testing.T) {
	folder := t.TempDir()
	var log logBuffer
	path := filepath.Join(folder, "access.log")
	write(t, path+".1", "old\n")
	write(t, path, "new\n")
	write(t, filepath.Join(folder, "error.log"), "error\n")
	r, _ := once(t, settings(folder, &log, "access*.log"), nil)
	if got := r.lines(""); len(got) != 1 || got[0] != "new" || len(r.byName) != 1 {
		t.Errorf("lines %q of %d partitions, want one", got, len(r.byName))
	}
}

func TestLastLines(t *testing.T) {
	f := func(content string, want ...string) {
		t.Helper()
		folder := t.TempDir()
		var log logBuffer
		for _, ending := range []string{"", ".gz", ".zst"} {
			path := filepath.Join(folder, "a.log"+ending)
			text := content
			if ending != "" {
				text = compressed(t, content, ending)
			}
			write(t, path, text)
			r, _ := once(t, settings(folder, &log, "a.log"+ending), nil)
			w := r.row("")
			if fmt.Sprintf("%q", w.lines) != fmt.Sprintf("%q", want) || !w.ended || w.next != int64(len(content)) {
				t.Errorf("%q%s: lines %.200q, ended %v at %d, want %.200q at %d", content, ending, w.lines, w.ended, w.next, want, len(content))
			}
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}
	}
	f("")
	f("\n", "")
	f("a", "a")
	f("a\n", "a")
	f("a\nb", "a", "b")
	f("a\r\nb\r\n", "a\r", "b\r")
	f("\x00\xff\xfe\nb\n", "\x00\xff\xfe", "b")
	f("\n\n\nx\n", "", "", "", "x")
}

func TestLongLines(t *testing.T) {
	long := func(n int) string { return strings.Repeat("x", n) }
	f := func(content string, oversize int, want ...string) {
		t.Helper()
		for _, ending := range []string{"", ".gz", ".zst"} {
			folder := t.TempDir()
			var log logBuffer
			text := content
			if ending != "" {
				text = compressed(t, content, ending)
			}
			write(t, filepath.Join(folder, "a.log"+ending), text)
			s := settings(folder, &log, "a.log"+ending)
			r, _ := once(t, s, nil)
			w := r.row("")
			var short []string // the pipeline leaves out those in a batch
			n := w.oversize
			for _, l := range w.lines {
				if len(l) > 64<<10 {
					n++
					continue
				}
				short = append(short, l)
			}
			if n != oversize || fmt.Sprintf("%.50q", short) != fmt.Sprintf("%.50q", want) {
				t.Errorf("%s: %d long lines and %.50q, want %d and %.50q", ending, n, short, oversize, want)
			}
		}
	}
	f("a\n"+long(64<<10)+"\nb\n", 0, "a", long(64<<10), "b")
	f("a\n"+long(64<<10+1)+"\nb\n", 1, "a", "b")
	f(long(2<<20)+"\nb\n", 1, "b")
	f("a\n"+long(2<<20)+"\nb\n"+long(300<<10)+"\n"+long(300<<10)+"\nc", 3, "a", "b", "c")
	f("a\n"+long(2<<20), 1, "a")
	f(long(256<<10-1)+"\nb\n", 1, "b")
	f(long(256<<10)+"\nb\n", 1, "b")
	f(long(256<<10+1)+"\nb\n", 1, "b")
}

func TestGrowsByteByByte(t *testing.T) {
	for _, pollOnly := range []bool{false, true} {
		folder := t.TempDir()
		var log logBuffer
		path := filepath.Join(folder, "a.log")
		write(t, path, "")
		s := settings(folder, &log, "*.log")
		s.PollOnly = pollOnly
		r := newRows(t)
		begin(t, s, nil, r)
		for n, text := range []string{"first", "second line", "3"} {
			for i := range text {
				appendTo(t, path, text[i:i+1])
				if r.count("") != n {
					t.Fatalf("half a line was sent: %q", r.lines(""))
				}
			}
			appendTo(t, path, "\n")
			await(t, "the line", func() bool { return r.count("") == n+1 })
		}
		if got := strings.Join(r.lines(""), ","); got != "first,second line,3" {
			t.Errorf("lines %s", got)
		}
		await(t, "caught up", func() bool { return r.row("").caughtUp })
	}
}

// TestInotify proves that a write is seen long before the next poll.
func TestInotify(t *testing.T) {
	folder := t.TempDir()
	var log logBuffer
	s := settings(folder, &log, "*.log")
	s.PollInterval = time.Hour
	r := newRows(t)
	k := begin(t, s, nil, r)
	await(t, "watching", func() bool { return k.source.Stats().Watching })
	path := filepath.Join(folder, "new.log")
	appendTo(t, path, "one\n")
	await(t, "a new file", func() bool { return r.count("") == 1 })
	appendTo(t, path, "two\n")
	await(t, "a write", func() bool { return r.count("") == 2 })
	rename(t, path, path+".1")
	write(t, path, "three\n")
	_ = k
}

func TestStart(t *testing.T) {
	hour := time.Now().Add(-time.Hour)
	f := func(start Start, want string) {
		t.Helper()
		folder := t.TempDir()
		var log logBuffer
		path := filepath.Join(folder, "access.log")
		write(t, path+".2.gz", compressed(t, "2\n", ".gz"))
		write(t, path+".1", "1\n")
		write(t, path, "0\nhalf")
		for _, p := range []string{path + ".2.gz", path + ".1"} {
			if err := os.Chtimes(p, hour, hour); err != nil {
				t.Fatal(err)
			}
		}
		s := settings(folder, &log, "*.log*")
		s.Start = start
		r := newRows(t)
		begin(t, s, nil, r)
		await(t, "caught up", func() bool { return r.row("access.log").caughtUp })
		appendTo(t, path, " a line\n")
		write(t, filepath.Join(folder, "later.log"), "later\n")
		write(t, filepath.Join(folder, "later.log.1"), "before\n")
		await(t, "the new line", func() bool { l := r.lines("access.log"); return len(l) > 0 && l[len(l)-1] == "half a line" })
		await(t, "the new file", func() bool { return r.count("later.log") > 0 })
		if got := strings.Join(r.lines("access.log"), ","); got != want {
			t.Errorf("start %v: %s, want %s", start, got, want)
		}
	}
	f(Start{}, "2,1,0,half a line")
	f(Start{End: true}, "half a line")
	f(Start{Since: time.Now().Add(-2 * time.Hour)}, "2,1,0,half a line")
	f(Start{Since: time.Now().Add(-time.Minute)}, "0,half a line")
	f(Start{Since: time.Now().Add(time.Minute)}, "half a line")
}

// TestStartAppliesOnce: what is written while a source that has run before was down is read, whatever its start says.
func TestStartAppliesOnce(t *testing.T) {
	folder := t.TempDir()
	var log logBuffer
	write(t, filepath.Join(folder, "a.log"), "old\n")
	s := settings(folder, &log, "*.log")
	s.Start = Start{End: true}
	r := newRows(t)
	k := begin(t, s, nil, r)
	appendTo(t, filepath.Join(folder, "a.log"), "new\n")
	await(t, "new", func() bool { return r.count("a.log") == 1 })
	k.stop()
	write(t, filepath.Join(folder, "b.log"), "while down\n")
	saved := r.cursors()
	r.again(saved)
	begin(t, s, saved, r)
	await(t, "b", func() bool { return r.count("b.log") == 1 })
}

func TestOnlyRegularFiles(t *testing.T) {
	folder := t.TempDir()
	var log logBuffer
	if err := os.Mkdir(filepath.Join(folder, "d.log"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(folder, "f.log"), 0o600); err != nil {
		t.Fatal(err)
	}
	for link, target := range map[string]string{"null.log": "/dev/null", "nowhere.log": "/nowhere", "link.log": "target"} {
		if err := os.Symlink(target, filepath.Join(folder, link)); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(folder, "target"), "through a link\n")
	write(t, filepath.Join(folder, "a.log"), "a\n")
	r := newRows(t)
	k := begin(t, settings(folder, &log, "*.log"), nil, r)
	await(t, "the regular ones", func() bool { return r.count("a.log") == 1 && r.count("link.log") == 1 })
	looks := func() int { k.source.mu.Lock(); defer k.source.mu.Unlock(); return k.source.refused }
	write(t, filepath.Join(folder, "b.log"), "b\n") // seen by a look later than the first
	await(t, "b", func() bool { return r.count("b.log") == 1 })
	k.stop()
	if len(r.byName) != 3 || looks() != 3 || log.count("only regular files") != 3 {
		t.Errorf("%d partitions, %d refused; logged:\n%s", len(r.byName), looks(), log.String())
	}
}

// TestOneFileByTwoNames: a link and its target, both named by the paths, are one log.
func TestOneFileByTwoNames(t *testing.T) {
	folder := t.TempDir()
	var log logBuffer
	write(t, filepath.Join(folder, "z.log"), "a\n")
	if err := os.Symlink("z.log", filepath.Join(folder, "current.log")); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(filepath.Join(folder, "z.log"), filepath.Join(folder, "zz.log")); err != nil {
		t.Fatal(err)
	}
	r, _ := once(t, settings(folder, &log, "*.log"), nil)
	if r.count("") != 1 || r.count("z.log") != 1 {
		t.Errorf("%d lines, want one", r.count(""))
	}
}

func TestUnreadableAndVanished(t *testing.T) {
	folder := t.TempDir()
	var log logBuffer
	s := settings(folder, &log, "*.log")
	r := newRows(t)
	k := begin(t, s, nil, r)
	if err := k.source.Ready(); err == nil || !strings.Contains(err.Error(), "no file matches") {
		t.Errorf("Ready: %v", err)
	}
	a := filepath.Join(folder, "a.log")
	write(t, a, "one\n")
	await(t, "a", func() bool { return r.count("a.log") == 1 })
	await(t, "ready", func() bool { return k.source.Ready() == nil })
	if err := os.Remove(a); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(folder, "b.log"), "two\n")
	await(t, "b", func() bool { return r.count("b.log") == 1 })
	write(t, a, "three\n")
	await(t, "a again", func() bool { return r.count("a.log") == 2 })
}
