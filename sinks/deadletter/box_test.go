package deadletter_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/sinks/deadletter"
)

// ids returns the ids of all letters in dir, those of taken files too.
func ids(t *testing.T, dir string) (ids []string) {
	t.Helper()
	files, err := deadletter.Files(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		lines, err := f.Lines()
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range lines {
			if l.Entry != nil {
				ids = append(ids, l.Entry.ID)
			} else {
				ids = append(ids, "damaged")
			}
		}
	}
	return ids
}

func box(t *testing.T, dir string) *deadletter.Box {
	t.Helper()
	b, err := deadletter.OpenBox(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

func wanted(from, to int) (ids []string) {
	for n := from; n < to; n++ {
		ids = append(ids, letter(n).ID)
	}
	return ids
}

// server is who letters are sent to again.
type server struct {
	mu     sync.Mutex
	stored map[string]int // id → times sent
	refuse func(id string) bool
	left   int // not 0: so many requests, then none is answered
}

func (s *server) send(_ context.Context, letters []*deadletter.Entry) ([]deadletter.Verdict, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.left > 0 {
		if s.left--; s.left == 0 {
			return nil, errors.New("nobody is there")
		}
	}
	var verdicts []deadletter.Verdict
	for _, l := range letters {
		if s.refuse != nil && s.refuse(l.ID) {
			verdicts = append(verdicts, deadletter.Verdict{Status: 400, Type: "still", Reason: "no"})
			continue
		}
		s.stored[l.ID]++
		verdicts = append(verdicts, deadletter.Verdict{Taken: true, Existed: s.stored[l.ID] > 1})
	}
	return verdicts, nil
}

// TestReplay: what is taken goes, what is refused stays with its newest reason, what is damaged stays as it is.
func TestReplay(t *testing.T) {
	dir := t.TempDir()
	w, _ := open(t, dir, 1<<20)
	for n := range 700 { // several files
		w.Write([]deadletter.Letter{letter(n)})
	}
	files, _ := deadletter.Files(dir)
	if len(files) < 3 {
		t.Fatalf("%d files", len(files))
	}
	f, err := os.OpenFile(files[0].Path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("{\"id\":\n{\"torn"); err != nil {
		t.Fatal(err)
	}
	f.Close()
	s := &server{stored: map[string]int{}, refuse: func(id string) bool { return strings.HasSuffix(id, "7") }}
	got, err := box(t, dir).Replay(t.Context(), &deadletter.Selection{}, s.send)
	if err != nil {
		t.Fatal(err)
	}
	left := ids(t, dir)
	refused := 0
	for _, id := range wanted(0, 700) {
		if strings.HasSuffix(id, "7") {
			refused++
			if !slices.Contains(left, id) {
				t.Errorf("%s is neither stored nor there", id)
			}
		} else if s.stored[id] != 1 || slices.Contains(left, id) {
			t.Errorf("%s: stored %d times, still there: %v", id, s.stored[id], slices.Contains(left, id))
		}
	}
	if want := (deadletter.Replayed{Stored: 700 - refused, Refused: refused, Damaged: 1}); got != want || len(left) != refused+1 {
		t.Errorf("got %+v and %d left, want %+v", got, len(left), want)
	}
	files, _ = deadletter.Files(dir)
	lines, err := files[len(files)-1].Lines()
	if err != nil {
		t.Fatal(err)
	}
	if e := lines[0].Entry; e.Type != "still" || e.Attempts != 2 || !json.Valid(e.Document) || e.Partition != "p1" {
		t.Errorf("a letter refused again: %+v", e)
	}
}

// TestReplayInterrupted: at whatever request it ends, and with whatever is left of it on disk, no letter is lost and the next
// replay finishes the work.
func TestReplayInterrupted(t *testing.T) {
	for left := 1; left <= 4; left++ {
		dir := t.TempDir()
		w, _ := open(t, dir, 16<<20)
		for n := range 1600 {
			w.Write([]deadletter.Letter{letter(n)})
		}
		w.Close()
		s := &server{stored: map[string]int{}, left: left}
		b := box(t, dir)
		if _, err := b.Replay(t.Context(), &deadletter.Selection{}, s.send); err == nil {
			t.Fatal("no error")
		}
		b.Close()
		there := ids(t, dir)
		for _, id := range wanted(0, 1600) {
			if s.stored[id] == 0 && !slices.Contains(there, id) {
				t.Fatalf("%d requests: %s is gone", left, id)
			}
		}
		// A process that was killed: its file is taken, and half of what is to take its place is written.
		files, _ := deadletter.Files(dir)
		taken := files[0].Path + ".taken"
		if err := errors.Join(os.Rename(files[0].Path, taken), os.WriteFile(taken+".rest", []byte("{"), 0o600)); err != nil {
			t.Fatal(err)
		}
		if got := ids(t, dir); !slices.Equal(got, there) {
			t.Fatalf("%d letters in sight, want %d", len(got), len(there))
		}
		s.left = 0
		if _, err := box(t, dir).Replay(t.Context(), &deadletter.Selection{}, s.send); err != nil {
			t.Fatal(err)
		}
		if got := ids(t, dir); len(got) != 0 || len(s.stored) != 1600 {
			t.Errorf("%d letters left, %d stored", len(got), len(s.stored))
		}
	}
}

// TestReplayBesideAWriter: a Writer that goes on meanwhile loses nothing and waits for nobody.
func TestReplayBesideAWriter(t *testing.T) {
	dir := t.TempDir()
	w, _ := open(t, dir, 16<<20)
	s := &server{stored: map[string]int{}}
	b := box(t, dir)
	var writing sync.WaitGroup
	written := make(chan struct{})
	writing.Go(func() {
		defer close(written)
		for n := range 600 {
			w.Write([]deadletter.Letter{letter(n)})
		}
	})
	for running := true; running; {
		select {
		case <-written:
			running = false
		default:
		}
		if _, err := b.Replay(t.Context(), &deadletter.Selection{}, s.send); err != nil {
			t.Error(err)
			break
		}
	}
	writing.Wait()
	if _, err := b.Replay(t.Context(), &deadletter.Selection{}, s.send); err != nil {
		t.Fatal(err)
	}
	if stats := w.Stats(); stats.Written != 600 || stats.Failed != 0 || stats.Dropped != 0 || len(s.stored) != 600 {
		t.Errorf("%+v, %d stored", stats, len(s.stored))
	}
	if got := ids(t, dir); len(got) != 0 {
		t.Errorf("%d left", len(got))
	}
	// What is written next has a file, and what was put back under its own name is not written over.
	w.Write([]deadletter.Letter{letter(1000)})
	s.refuse = func(string) bool { return true }
	if _, err := b.Replay(t.Context(), &deadletter.Selection{}, s.send); err != nil {
		t.Fatal(err)
	}
	w.Write([]deadletter.Letter{letter(1001)})
	w.Close()
	w, _ = open(t, dir, 16<<20)
	w.Write([]deadletter.Letter{letter(1002)})
	if got := ids(t, dir); !slices.Equal(got, wanted(1000, 1003)) {
		t.Errorf("%q", got)
	}
}

func TestDrop(t *testing.T) {
	f := func(s deadletter.Selection, want ...int) {
		t.Helper()
		dir := t.TempDir()
		now := time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)
		for i, sink := range []string{"a", "b"} {
			w, err := deadletter.Open(dir, sink, deadletter.Options{Now: func() time.Time { now = now.Add(time.Hour); return now }})
			if err != nil {
				t.Fatal(err)
			}
			for n := range 2 {
				l := letter(2*i + n)
				l.Type = []string{"mapper_parsing_exception", "content_too_long"}[n]
				w.Write([]deadletter.Letter{l})
			}
			w.Close()
		}
		n, err := box(t, dir).Drop(&s)
		if err != nil {
			t.Fatal(err)
		}
		var left []string
		for _, k := range want {
			left = append(left, letter(k).ID)
		}
		if got := ids(t, dir); !slices.Equal(got, left) || n != 4-len(left) {
			t.Errorf("%+v: %d dropped, left %q, want %q", s, n, got, left)
		}
	}
	f(deadletter.Selection{})
	f(deadletter.Selection{Sink: "a"}, 2, 3)
	f(deadletter.Selection{Sink: "none"}, 0, 1, 2, 3)
	f(deadletter.Selection{Reason: "Too_Long"}, 0, 2)
	f(deadletter.Selection{Reason: "failed to PARSE"})
	f(deadletter.Selection{Before: time.Date(2026, 11, 21, 9, 30, 0, 0, time.UTC)}, 1, 2, 3)
	f(deadletter.Selection{Sink: "b", Reason: "mapper"}, 0, 1, 3)
}

func TestOneBox(t *testing.T) {
	dir := t.TempDir()
	b := box(t, dir)
	if _, err := deadletter.OpenBox(dir); !errors.Is(err, deadletter.ErrBusy) {
		t.Errorf("got %v", err)
	}
	b.Close()
	box(t, dir)
	if _, err := deadletter.OpenBox(filepath.Join(dir, "none")); err == nil {
		t.Error("a box without a folder")
	}
	if files, err := deadletter.Files(filepath.Join(dir, "none")); files != nil || err != nil {
		t.Errorf("%v, %v", files, err)
	}
}

// TestFilesAreTold: only files of letters are touched.
func TestFilesAreTold(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"lock", "a-00000001.jsonl", "a-b-00000002.jsonl.taken", "a-1.jsonl", "notes.jsonl", "a-00000001.jsonl.taken.rest", "-00000001.jsonl", "a-0000000x.jsonl"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	files, err := deadletter.Files(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(files), fmt.Sprintf("[{%[1]s/a-00000001.jsonl 0} {%[1]s/a-b-00000002.jsonl.taken 0}]", dir); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
