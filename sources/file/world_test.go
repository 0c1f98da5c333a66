package file

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/pipeline/batch"
	"github.com/gatemeter/gatemeter/pipeline/cursor"
	"github.com/klauspost/compress/zstd"
)

// patience is how long a test waits for what must come.
const patience = 30 * time.Second

// logBuffer collects what the source logs.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *logBuffer) count(s string) int { return strings.Count(l.String(), s) }

// settings are quick ones for the logs below folder.
func settings(folder string, log *logBuffer, globs ...string) Settings {
	s := Settings{
		Name: "edge", Shard: "host", RotateWait: 20 * time.Millisecond, PollInterval: 2 * time.Millisecond,
		Pool: batch.NewPool(256<<10, 4<<20), Now: time.Now, Log: slog.New(slog.NewTextHandler(log, nil)),
	}
	for _, g := range globs {
		s.Paths = append(s.Paths, filepath.Join(folder, g))
	}
	return s
}

// row is what has come of one partition, over several runs: each line at its offset.
type row struct {
	partition *batch.Partition
	name, id  string
	next      int64
	state     []byte
	lines     []string
	offsets   []int64
	oversize  int
	gone      int // stretches that could not be read
	caughtUp  bool
	ended     bool
	batches   int
	saved     []cursor.Partition // each place where a run may begin again
	needed    int64              // where the last run began
}

// rows is a consumer of batches that checks what the pipeline relies on.
type rows struct {
	t      *testing.T
	mu     sync.Mutex
	byName map[string]*row
	keep   bool // remember places to begin again at
}

func newRows(t *testing.T) *rows { return &rows{t: t, byName: map[string]*row{}} }

func (r *rows) take(b *batch.Batch) {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer b.Release()
	p := b.Partition
	w := r.byName[p.Name]
	if w == nil {
		w = &row{name: p.Name, next: b.First}
		r.byName[p.Name] = w
	}
	switch {
	case w.partition == nil:
		w.partition, w.id = p, p.ID
	case w.partition != p || w.id != p.ID:
		r.t.Errorf("%s: another partition, or its id changed from %s to %s", p.Name, w.id, p.ID)
	}
	if w.next != b.First {
		r.t.Errorf("%s: batch begins at %d, want %d", p.Name, b.First, w.next)
	}
	if w.ended {
		r.t.Errorf("%s: a batch after the end", p.Name)
	}
	if p.ID == "" && b.Next > b.First {
		r.t.Errorf("%s: lines without an id", p.Name)
	}
	w.next, w.caughtUp, w.ended = b.Next, b.CaughtUp, b.Ended
	w.batches++
	if b.State != nil {
		w.state = b.State
	}
	w.oversize += b.Oversize
	if b.Oversize > 0 && len(b.Data) > 0 {
		r.t.Errorf("%s: oversize and data in one batch", p.Name)
	}
	if b.Oversize == 0 && len(b.Data) == 0 && b.Next > b.First {
		w.gone++
	} else if b.Oversize == 0 && int64(len(b.Data)) != b.Next-b.First {
		r.t.Errorf("%s: %d bytes for offsets %d to %d", p.Name, len(b.Data), b.First, b.Next)
	}
	offset := b.First
	for line := range bytes.Lines(b.Data) {
		w.lines = append(w.lines, strings.TrimSuffix(string(line), "\n"))
		w.offsets = append(w.offsets, offset)
		offset += int64(len(line))
	}
	if r.keep {
		w.saved = append(w.saved, w.cursor())
	}
}

func (w *row) cursor() cursor.Partition {
	return cursor.Partition{Source: "edge", Name: w.name, ID: w.id, Replay: w.next, Read: w.next, Indexed: w.next, State: w.state}
}

// cursors returns where the partitions stand.
func (r *rows) cursors() []cursor.Partition {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []cursor.Partition
	for _, w := range r.byName {
		if w.id != "" {
			all = append(all, w.cursor())
		}
	}
	return all
}

// again makes the partitions ready for another run, which begins at saved: what was read from there on is taken back.
func (r *rows) again(saved []cursor.Partition) {
	for _, w := range r.byName {
		w.partition, w.ended = nil, false
		for _, c := range saved {
			if c.Name != w.name {
				continue
			}
			for n := len(w.lines); n > 0 && w.offsets[n-1] >= c.Start(); n-- {
				w.lines, w.offsets = w.lines[:n-1], w.offsets[:n-1]
			}
			w.next, w.state = c.Start(), c.State
			w.saved = slices.DeleteFunc(w.saved, func(old cursor.Partition) bool { return old.Replay > w.next })
		}
	}
}

// lines returns the lines of one partition; of the only one for an empty name.
func (r *rows) lines(name string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	for n, w := range r.byName {
		if name == "" || filepath.Base(n) == name {
			return append([]string(nil), w.lines...)
		}
	}
	return nil
}

func (r *rows) count(name string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for k, w := range r.byName {
		if name == "" || filepath.Base(k) == name {
			n += len(w.lines)
		}
	}
	return n
}

func (r *rows) row(name string) row {
	r.mu.Lock()
	defer r.mu.Unlock()
	for n, w := range r.byName {
		if name == "" || filepath.Base(n) == name {
			return *w
		}
	}
	return row{}
}

// run is a source at work.
type run struct {
	t      *testing.T
	source *Source
	stop   func()
}

// begin starts a source that goes on from saved and feeds r.
func begin(t *testing.T, s Settings, saved []cursor.Partition, r *rows) *run {
	t.Helper()
	src, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	opened, err := src.Open(t.Context(), saved)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range opened {
		if o.Partition.ID == "" {
			t.Errorf("%s: opened without an id", o.Partition.Name)
		}
		w := r.byName[o.Partition.Name]
		if w == nil {
			w = &row{name: o.Partition.Name}
			r.byName[o.Partition.Name] = w
		}
		w.partition, w.id, w.next = o.Partition, o.Partition.ID, o.Offset
		for _, c := range saved {
			if c.Name == w.name {
				w.state = c.State
				o.Partition.Needed.Store(c.Start())
			}
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	out := make(chan *batch.Batch)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for b := range out {
			r.take(b)
		}
	}()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer close(out)
		if err := src.Run(ctx, out); err != nil {
			t.Errorf("Run: %v", err)
		}
	}()
	var once sync.Once
	k := &run{t: t, source: src}
	k.stop = func() {
		once.Do(func() {
			if s.Once {
				select {
				case <-ended:
				case <-time.After(patience):
					t.Errorf("a run that reads once did not end")
				}
			}
			cancel()
			<-ended
			<-done
			if src.opened != 0 {
				t.Errorf("%d files still open", src.opened)
			}
		})
	}
	t.Cleanup(k.stop)
	return k
}

// await waits until cond holds.
func await(t *testing.T, what string, cond func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !cond(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// once reads what is there, from saved on.
func once(t *testing.T, s Settings, saved []cursor.Partition) (*rows, *run) {
	t.Helper()
	s.Once = true
	r := newRows(t)
	k := begin(t, s, saved, r)
	k.stop()
	return r, k
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func appendTo(t *testing.T, path, content string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(content); err != nil {
		t.Fatal(err)
	}
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

// compress does what gzip and zstd do: a new file with the old one's times, and the old one removed.
func compress(t *testing.T, path, ending string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	i, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	write(t, path+ending, compressed(t, string(b), ending))
	if err := os.Chtimes(path+ending, i.ModTime(), i.ModTime()); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

func compressed(t *testing.T, content, ending string) string {
	t.Helper()
	var b bytes.Buffer
	if ending == ".gz" {
		w := gzip.NewWriter(&b)
		if _, err := w.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	w, err := zstd.NewWriter(&b, zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// numbered returns lines from to to-1, as text and as a list.
func numbered(from, to int) string {
	var b strings.Builder
	for i := from; i < to; i++ {
		fmt.Fprintf(&b, "line %d of the log, padded %0*d\n", i, i%40, 0)
	}
	return b.String()
}

// expectNumbered checks that got is the lines 0 to n-1, each once, in order.
func expectNumbered(t *testing.T, got []string, n int) {
	t.Helper()
	want := strings.Split(strings.TrimSuffix(numbered(0, n), "\n"), "\n")
	if n == 0 {
		want = nil
	}
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			t.Fatalf("line %d is %.100q, want %.100q (%d lines of %d)", i, got[i], want[i], len(got), len(want))
		}
	}
	if len(got) != len(want) {
		t.Fatalf("%d lines, want %d", len(got), len(want))
	}
}
