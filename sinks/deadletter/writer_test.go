package deadletter_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatemeter/gatemeter/sinks/deadletter"
)

// open opens a writer whose clock stands still and whose messages go to the returned buffer.
func open(t *testing.T, dir string, maxBytes int64) (*deadletter.Writer, *bytes.Buffer) {
	t.Helper()
	var log bytes.Buffer
	w, err := deadletter.Open(dir, "elastic/search 1", deadletter.Options{
		MaxBytes: maxBytes,
		Now:      func() time.Time { return time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC) },
		Log:      slog.New(slog.NewTextHandler(&log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w, &log
}

// read returns all lines of all files in dir, oldest first, each checked to be JSON.
func read(t *testing.T, dir string) (lines []string) {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	for _, name := range files { // sorted: the numbers have a fixed width
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		s := bufio.NewScanner(bytes.NewReader(b))
		s.Buffer(nil, 1<<20)
		for s.Scan() {
			if !json.Valid(s.Bytes()) {
				t.Fatalf("%s: not JSON: %q", name, s.Text())
			}
			lines = append(lines, s.Text())
		}
	}
	return lines
}

func letter(n int) deadletter.Letter {
	return deadletter.Letter{
		Partition: "p1", Offset: int64(n), ID: fmt.Sprintf("p1-%012x", n), Target: "logs-x", Status: 400, Type: "document_parsing_exception",
		Reason: "failed to parse", Attempts: 1, Document: []byte(`{"url":{"path":"/` + strings.Repeat("x", 1000) + `"}}`),
	}
}

func TestWrite(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deadletters")
	w, _ := open(t, dir, 0)
	w.Write(nil)
	w.Write([]deadletter.Letter{{
		Partition: "a-b", Offset: 4711, ID: "a-b-000000001267", Target: "logs-gateway.access-default", Status: 400,
		Type: "document_parsing_exception", Reason: "bad \"ip\"\n\xff", Attempts: 2, Document: []byte(`{"a":1}`),
	}})
	got := read(t, dir)
	want := []string{`{"time":"2026-11-21T08:00:00.000Z","sink":"elastic/search 1","partition":"a-b","offset":4711,"id":"a-b-000000001267",` +
		`"index":"logs-gateway.access-default","status":400,"type":"document_parsing_exception","reason":"bad \"ip\"\n` + "\uFFFD" + `","attempts":2,"document":{"a":1}}`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if s := w.Stats(); s.Written != 1 || s.Bytes != int64(len(want[0])+1) {
		t.Errorf("stats %+v", s)
	}
	name := filepath.Join(dir, "elastic_search_1-00000001.jsonl")
	if info, err := os.Stat(name); err != nil || info.Mode() != 0o600 {
		t.Errorf("%s: %v %v", name, info, err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%s: %v %v", dir, info, err)
	}
}

// A run goes on in the file of the one before, without the line a crash cut in half; other files in the folder are left alone.
func TestReopen(t *testing.T) {
	f := func(before string, kept int) {
		t.Helper()
		dir := t.TempDir()
		name := filepath.Join(dir, "elastic_search_1-00000007.jsonl")
		other := filepath.Join(dir, "elastic_search_1-notes.txt")
		for _, n := range []string{name, other} {
			if err := os.WriteFile(n, []byte(before), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		w, _ := open(t, dir, 0)
		w.Write([]deadletter.Letter{letter(1)})
		if got := read(t, dir); len(got) != kept+1 {
			t.Errorf("%.40q: %d lines, want %d and the new one", before, len(got), kept)
		}
		if b, _ := os.ReadFile(other); string(b) != before {
			t.Errorf("%s was written to", other)
		}
		if files, _ := filepath.Glob(filepath.Join(dir, "*.jsonl")); len(files) != 1 || files[0] != name {
			t.Errorf("files %v", files)
		}
	}
	f("", 0)
	f("{\"a\":1}\n", 1)
	f("{\"a\":1}\n{\"a\":", 1)
	f("{\"a\":", 0)
	f("{\"a\":\""+strings.Repeat("x", 200_000), 0)
	f("{\"a\":1}\n{\"a\":\""+strings.Repeat("x", 200_000), 1)
}

// The newest letters stay, the files stay within the bound, and every letter is counted once.
func TestBound(t *testing.T) {
	const maxBytes = 1 << 20
	dir := t.TempDir()
	w, log := open(t, dir, maxBytes)
	n := 0
	for round := range 60 {
		var letters []deadletter.Letter
		for range 1 + round%97 {
			letters = append(letters, letter(n))
			n++
		}
		w.Write(letters)
		var onDisk int64
		files, _ := filepath.Glob(filepath.Join(dir, "*.jsonl"))
		for _, name := range files {
			info, err := os.Stat(name)
			if err != nil {
				t.Fatal(err)
			}
			onDisk += info.Size()
		}
		if s := w.Stats(); onDisk > maxBytes || s.Bytes != onDisk {
			t.Fatalf("round %d: %d bytes on disk, %d counted, bound %d", round, onDisk, s.Bytes, maxBytes)
		}
		if round == 40 {
			w.Close()
			before := w.Stats()
			if got := int64(len(read(t, dir))); got != before.Written-before.Dropped {
				t.Fatalf("%d lines on disk, counted %+v", got, before)
			}
			w, log = open(t, dir, maxBytes)
		}
	}
	s := w.Stats()
	lines := read(t, dir)
	if s.Failed != 0 || s.Dropped == 0 || !strings.Contains(log.String(), "oldest are gone") {
		t.Errorf("stats %+v, log %s", s, log)
	}
	last := fmt.Sprintf(`"offset":%d,`, n-1)
	if !strings.Contains(lines[len(lines)-1], last) {
		t.Errorf("the newest letter is %.200s, want %s", lines[len(lines)-1], last)
	}
}

// A letter larger than a file's share still gets in.
func TestLargeLetter(t *testing.T) {
	dir := t.TempDir()
	w, _ := open(t, dir, 1<<20)
	for range 3 {
		l := letter(1)
		l.Document = []byte(`{"x":"` + strings.Repeat("y", 300_000) + `"}`)
		w.Write([]deadletter.Letter{letter(0), l, letter(2)})
	}
	if s, got := w.Stats(), len(read(t, dir)); s.Failed != 0 || int64(got) != s.Written-s.Dropped || s.Bytes > 1<<20 {
		t.Errorf("%+v, %d lines", s, got)
	}
}

// What the disk refuses is counted and said once, and writing goes on when the disk does.
func TestFailure(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	w, log := open(t, dir, 0)
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		w.Write([]deadletter.Letter{letter(1), letter(2)})
	}
	if s := w.Stats(); s.Failed != 6 || s.Written != 0 || w.Err() == nil {
		t.Errorf("stats %+v, error %v", s, w.Err())
	}
	if n := strings.Count(log.String(), "cannot be stored"); n != 1 {
		t.Errorf("said %d times: %s", n, log)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	w.Write([]deadletter.Letter{letter(3)})
	if s := w.Stats(); s.Written != 1 || w.Err() != nil || !strings.Contains(log.String(), "stored again") {
		t.Errorf("stats %+v, error %v, log %s", s, w.Err(), log)
	}
	w.Close()
	w.Write([]deadletter.Letter{letter(4)})
	if s := w.Stats(); s.Failed != 7 {
		t.Errorf("stats after Close %+v", s)
	}
}

func TestConcurrent(t *testing.T) {
	dir := t.TempDir()
	w, _ := open(t, dir, 0)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 20 {
				w.Write([]deadletter.Letter{letter(i), letter(i)})
			}
		})
	}
	wg.Wait()
	if got := len(read(t, dir)); got != 160 {
		t.Errorf("%d lines, want 160", got)
	}
}

func TestOpenError(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := deadletter.Open(filepath.Join(file, "d"), "es", deadletter.Options{})
	if err == nil || !strings.Contains(err.Error(), "make the folder of dead letters") {
		t.Errorf("error %v", err)
	}
}
