package spool

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// logBuffer is what was logged.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// settings is of a small spool that syncs at once.
func settings(dir string) Settings {
	return Settings{
		Dir: dir, FsyncEvery: time.Microsecond, Now: func() time.Time { return time.Unix(1_795_262_400, 0) },
		Log: slog.New(slog.DiscardHandler), Keys: 100,
	}
}

// quick is settings of a spool that has no power cut to fear, for tests that open thousands.
func quick(dir string) Settings {
	set := settings(dir)
	set.fsync = func(*os.File) error { return nil }
	return set
}

func mustOpen(t testing.TB, set Settings) *Spool {
	t.Helper()
	s, err := Open(set)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// group returns a group of records.
func group(key string, records ...string) *Group {
	g := &Group{Time: int64(len(records)), Key: []byte(key)}
	for _, r := range records {
		g.Add([]byte(r))
	}
	return g
}

func mustAppend(t testing.TB, s *Spool, g *Group) int64 {
	t.Helper()
	first, err := s.Append(t.Context(), g)
	if err != nil {
		t.Fatal(err)
	}
	return first
}

// awaitDurable waits until everything appended can be read.
func awaitDurable(t testing.TB, s *Spool) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for s.Durable() < s.Next() {
		if time.Now().After(deadline) {
			t.Fatalf("durable %d, next %d: %+v", s.Durable(), s.Next(), s.Stats())
		}
		s.mu.Lock()
		changed, done := s.changed, s.durable >= s.next
		s.mu.Unlock()
		if done {
			return
		}
		select {
		case <-changed:
		case <-time.After(time.Second):
		}
	}
}

// readAll returns what is in s from a number on, by number; what was too large is "-".
func readAll(t testing.TB, s *Spool, from int64) map[int64]string {
	t.Helper()
	awaitDurable(t, s)
	r := s.NewReader(from, 1<<20)
	defer r.Close()
	all := map[int64]string{}
	run := Run{Data: make([]byte, 0, 1<<20)}
	for {
		err := r.Read(&run)
		if errors.Is(err, io.ErrShortBuffer) {
			all[r.Next()] = "-"
			r.Skip()
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		start := int32(0)
		for i, end := range run.Ends {
			all[run.First+int64(i)] = string(run.Data[start:end])
			start = end
		}
		if len(run.Ends) > 0 && run.Next != run.First+int64(len(run.Ends)) || len(run.Times) != len(run.Ends) {
			t.Fatalf("a run of %d to %d has %d records and %d times", run.First, run.Next, len(run.Ends), len(run.Times))
		}
		if run.CaughtUp {
			return all
		}
	}
}

// files returns the names and contents of the folder's files.
func files(t testing.TB, dir string) (names []string, contents [][]byte) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		names, contents = append(names, e.Name()), append(contents, b)
	}
	return names, contents
}

// folder makes a folder of files.
func folder(t testing.TB, names []string, contents [][]byte) string {
	t.Helper()
	dir, err := os.MkdirTemp(t.TempDir(), "spool")
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range names {
		if err := os.WriteFile(filepath.Join(dir, name), contents[i], 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func wantRecords(t testing.TB, got, want map[int64]string, format string, args ...any) {
	t.Helper()
	var b strings.Builder
	for n, r := range want {
		if g, ok := got[n]; !ok || g != r {
			fmt.Fprintf(&b, "record %d: %.80q, want %.80q\n", n, g, r)
		}
	}
	for n, r := range got {
		if _, ok := want[n]; !ok {
			fmt.Fprintf(&b, "record %d: %.80q should not be there\n", n, r)
		}
	}
	if b.Len() > 0 {
		t.Fatalf("%s:\n%.2000s", fmt.Sprintf(format, args...), b.String())
	}
}
