package panespool

import (
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/pipeline/point"
)

func open(t *testing.T, dir string, change func(*Settings)) *Spool {
	t.Helper()
	set := Settings{Dir: dir, MaxBytes: 64 << 20, Now: func() time.Time { return time.Unix(1_000_000, 0) }, Log: slog.New(slog.DiscardHandler)}
	if change != nil {
		change(&set)
	}
	s, err := Open(set)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func pane(start int64, series int) *point.Pane {
	var points []point.Point
	for i := range series {
		s := &point.Series{Rollup: "all", Dimensions: []string{"service"}, Values: []string{fmt.Sprint(i)}, Path: fmt.Sprint("all.", i)}
		points = append(points, point.Point{Series: s, Name: &point.Name{Metric: "requests", Stat: "count"}, Count: start})
	}
	return point.NewPane(point.Pane{Shard: "h", Start: start, End: start + 10}, points...)
}

// drain reads all there is, and returns how many points of each window came, in order.
func drain(t *testing.T, s *Spool) (starts []int64, points map[int64]int) {
	t.Helper()
	points = map[int64]int{}
	for {
		panes, next, err := s.Read(5000)
		if err != nil {
			t.Fatal(err)
		}
		if panes == nil {
			return starts, points
		}
		for _, p := range panes {
			if len(starts) == 0 || starts[len(starts)-1] != p.Start {
				starts = append(starts, p.Start)
			}
			points[p.Start] += p.Len()
		}
		s.Trim(next)
	}
}

func TestKeepsPanesInOrder(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, nil)
	if starts, _ := drain(t, s); starts != nil {
		t.Fatalf("a new spool has %v", starts)
	}
	var want []int64
	for i := range int64(20) {
		if err := s.Append(t.Context(), []*point.Pane{pane(i*100, 3000), pane(i*100+10, 1)}); err != nil {
			t.Fatal(err)
		}
		want = append(want, i*100, i*100+10)
	}
	if _, next, err := s.Read(1); err != nil || next <= 0 {
		t.Fatalf("read up to %d: %v", next, err)
	}
	s.Close() // without a Trim: nothing is gone
	s = open(t, dir, nil)
	starts, points := drain(t, s)
	if !slices.Equal(starts, want) || points[100] != 3000 || points[110] != 1 {
		t.Errorf("windows %v, want %v; %d and %d points", starts, want, points[100], points[110])
	}
	s.Close()
	s = open(t, dir, nil)
	if starts, _ := drain(t, s); starts != nil {
		t.Errorf("what was trimmed is there again: %v", starts)
	}
}

// TestReadsSome: what is read at a time is bounded, however much there is.
func TestReadsSome(t *testing.T) {
	s := open(t, t.TempDir(), nil)
	const panes, points = 10, 20_000
	for i := range int64(panes) {
		if err := s.Append(t.Context(), []*point.Pane{pane(i, points)}); err != nil {
			t.Fatal(err)
		}
	}
	got, _, err := s.Read(5000)
	n := 0
	for _, p := range got {
		n += p.Len()
	}
	if err != nil || n < 5000 || n > panes*points/2 {
		t.Errorf("%d points, want some of %d: %v", n, panes*points, err)
	}
}

func TestBounds(t *testing.T) {
	s := open(t, t.TempDir(), func(s *Settings) { s.MaxBytes = 8 << 20 })
	for i := range int64(60) {
		if err := s.Append(t.Context(), []*point.Pane{pane(i, 10_000)}); err != nil {
			t.Fatal(err)
		}
	}
	starts, _ := drain(t, s)
	if st := s.Stats(); st.Dropped == 0 || st.Bytes > 8<<20 || len(starts) == 0 || starts[0] == 0 || starts[len(starts)-1] != 59 {
		t.Errorf("%+v, windows %v", st, starts)
	}

	s = open(t, t.TempDir(), func(s *Settings) { s.MaxAge = time.Hour })
	if err := s.Append(t.Context(), []*point.Pane{pane(990_000, 2), pane(999_000, 3)}); err != nil {
		t.Fatal(err)
	}
	if starts, _ := drain(t, s); !slices.Equal(starts, []int64{999_000}) || s.Stats().TooOld != 1 {
		t.Errorf("windows %v, %+v", starts, s.Stats())
	}
}
