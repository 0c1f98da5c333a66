package spool

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/pipeline/batch"
	"github.com/gatemeter/gatemeter/pipeline/cursor"
)

// reading is a Source that runs, and what it has sent.
type reading struct {
	t      *testing.T
	out    chan *batch.Batch
	ended  chan error
	cancel context.CancelFunc
	next   int64
	lines  []string
	times  []int64
	last   *batch.Batch
}

func sourceSettings(s *Spool) SourceSettings {
	return SourceSettings{
		Name: "lb", Shard: "web1", Spool: s, MaxLine: 1000, Pool: batch.NewPool(4<<10, 64<<10), Log: slog.New(slog.DiscardHandler),
	}
}

// read runs a Source of s from where saved says.
func read(t *testing.T, set SourceSettings, saved ...cursor.Partition) *reading {
	t.Helper()
	src, err := NewSource(set)
	if err != nil {
		t.Fatal(err)
	}
	opened, err := src.Open(t.Context(), saved)
	if err != nil || len(opened) != 1 {
		t.Fatalf("Open: %v, %v", opened, err)
	}
	p := opened[0].Partition
	if p.Source != "lb" || p.Name != "lb" || p.Shard != "web1" || p.ID != set.Spool.ID() {
		t.Fatalf("partition %+v", p)
	}
	ctx, cancel := context.WithCancel(t.Context())
	r := &reading{t: t, out: make(chan *batch.Batch), ended: make(chan error, 1), cancel: cancel, next: opened[0].Offset}
	go func() { r.ended <- src.Run(ctx, r.out) }()
	t.Cleanup(r.stop)
	return r
}

func (r *reading) stop() {
	r.cancel()
	for {
		select {
		case b := <-r.out:
			b.Release()
		case err := <-r.ended:
			if err != nil && !errors.Is(err, context.Canceled) {
				r.t.Errorf("Run: %v", err)
			}
			r.ended <- nil
			return
		}
	}
}

// take takes one batch.
func (r *reading) take() *batch.Batch {
	r.t.Helper()
	var b *batch.Batch
	select {
	case b = <-r.out:
	case <-time.After(30 * time.Second):
		r.t.Fatal("no batch")
	}
	if b.First != r.next {
		r.t.Fatalf("a batch begins at %d, want %d", b.First, r.next)
	}
	if len(b.Ends) > 0 && int64(len(b.Ends)) != b.Next-b.First {
		r.t.Fatalf("%d lines from %d to %d", len(b.Ends), b.First, b.Next)
	}
	if len(b.Times) != len(b.Ends) || len(b.Ends) > 0 && !b.Received {
		r.t.Fatalf("%d times of %d lines, received %v", len(b.Times), len(b.Ends), b.Received)
	}
	r.times = append(r.times, b.Times...)
	start := int32(0)
	for _, end := range b.Ends {
		r.lines = append(r.lines, string(b.Data[start:end]))
		start = end
	}
	for range b.Oversize {
		r.lines = append(r.lines, "oversize")
	}
	r.next, r.last = b.Next, b
	b.Release()
	return b
}

// until takes batches until what has been read ends before next, and all has been read.
func (r *reading) until(next int64) {
	r.t.Helper()
	for r.next < next || !r.last.CaughtUp {
		r.take()
	}
}

func (r *reading) want(lines ...string) {
	r.t.Helper()
	if got, want := fmt.Sprintf("%.100q", r.lines), fmt.Sprintf("%.100q", lines); got != want {
		r.t.Errorf("read %s, want %s", got, want)
	}
	r.lines = nil
}

func TestSource(t *testing.T) {
	set := settings(t.TempDir())
	s := mustOpen(t, set)
	r := read(t, sourceSettings(s))
	if b := r.take(); !b.CaughtUp || b.Next != 0 {
		t.Errorf("of an empty spool: %+v", b)
	}
	mustAppend(t, s, group("", "a", strings.Repeat("x", 1001), "b"))
	r.until(3)
	r.want("a", "oversize", "b")
	long := strings.Repeat("y", 900)
	mustAppend(t, s, group("", long, long, long, long, long, "c"))
	r.until(9)
	r.want(long, long, long, long, long, "c")
	r.stop()

	saved := cursor.Partition{Source: "lb", Name: "lb", ID: s.ID(), Replay: 4, Indexed: 8, Read: 9}
	s.Close()
	s = mustOpen(t, set)
	r = read(t, sourceSettings(s), saved)
	r.until(9)
	r.want(long, long, long, long, "c")
	r.stop()

	once := sourceSettings(s)
	once.Once = true
	r = read(t, once)
	for r.last == nil || !r.last.Ended {
		r.take()
	}
	if len(r.lines) != 9 {
		t.Errorf("run --once read %q", r.lines)
	}

	// A spool that is another has other ids; one that has lost what was read gives no number twice.
	saved.ID = "another"
	r = read(t, sourceSettings(s), saved)
	r.until(9)
	if len(r.lines) != 9 {
		t.Errorf("of another spool: %q", r.lines)
	}
	r.stop()
	saved.ID, saved.Read, saved.Indexed, saved.Replay = s.ID(), 20, 19, 18
	r = read(t, sourceSettings(s), saved)
	if first := mustAppend(t, s, group("", "new")); first != 20 {
		t.Errorf("the next record is %d", first)
	}
	r.until(21)
	r.want("new")
}

// TestArrival: each line has the time at which its group arrived, however often it is read.
func TestArrival(t *testing.T) {
	set := settings(t.TempDir())
	for range 2 {
		s := mustOpen(t, set)
		for at, g := range []*Group{group("", "a", "b"), group("", "c")} {
			if s.Durable() < 3 {
				g.Time = int64(at + 7)
				mustAppend(t, s, g)
			}
		}
		r := read(t, sourceSettings(s))
		r.until(3)
		if want := []int64{7, 7, 8}; !slices.Equal(r.times, want) {
			t.Errorf("times %d, want %d", r.times, want)
		}
		r.stop()
		s.Close()
	}
}

// TestSourceTrims: what the pipeline does not need any more is removed.
func TestSourceTrims(t *testing.T) {
	set := settings(t.TempDir())
	set.MaxBytes, set.SegmentBytes = 64<<10, 4<<10
	s := mustOpen(t, set)
	r := read(t, sourceSettings(s))
	for range 300 { // five times what the spool holds
		appended := make(chan error, 1)
		go func() {
			_, err := s.Append(t.Context(), group("", strings.Repeat("z", 1000)))
			appended <- err
		}()
		for done := false; !done; {
			select {
			case err := <-appended:
				if err != nil {
					t.Fatal(err)
				}
				done = true
			case b := <-r.out:
				r.next = b.Next
				b.Partition.Needed.Store(b.Next)
				b.Release()
			}
		}
	}
	if stats := s.Stats(); stats.DroppedFull != 0 || stats.Bytes > set.MaxBytes {
		t.Errorf("%+v", stats)
	}
}

// TestSourceSaysWhatIsGone: records that were dropped are a stretch without lines.
func TestSourceSaysWhatIsGone(t *testing.T) {
	set := settings(t.TempDir())
	set.MaxBytes, set.SegmentBytes, set.Full = 64<<10, 4<<10, DropOldest
	s := mustOpen(t, set)
	src, err := NewSource(sourceSettings(s))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := src.Open(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	for range 200 {
		mustAppend(t, s, group("", strings.Repeat("z", 900)))
	}
	awaitDurable(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	out := make(chan *batch.Batch)
	r := &reading{t: t, out: out, ended: make(chan error, 1), cancel: cancel}
	go func() { r.ended <- src.Run(ctx, out) }()
	t.Cleanup(r.stop)
	if b := r.take(); b.Oversize != 0 || len(b.Data) != 0 || b.Next != s.First() || b.CaughtUp {
		t.Errorf("%+v", b)
	}
	r.until(200)
	if int64(len(r.lines)) != 200-s.Stats().DroppedFull {
		t.Errorf("%d lines: %+v", len(r.lines), s.Stats())
	}
}
