package graphite

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatemeter/gatemeter/internal/strict/graphite"
	"github.com/gatemeter/gatemeter/pipeline/point"
)

// await calls check until it returns nil.
func await(t *testing.T, check func() error) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		<-tick.C
	}
}

func start(t *testing.T, options graphite.Options) *graphite.Server {
	t.Helper()
	s, err := graphite.New(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func behave(t *testing.T, s *graphite.Server, b graphite.Behaviour) {
	t.Helper()
	if err := s.Behave(b); err != nil {
		t.Fatal(err)
	}
}

func newSink(t *testing.T, set Settings) *Sink {
	t.Helper()
	if set.Prefix == "" {
		set.Prefix = "gateway"
	}
	set.Log = slog.New(slog.DiscardHandler)
	s, err := New(set)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func series(rollup string, dims, values []string) *point.Series {
	path := []byte(rollup)
	for _, v := range values {
		path = point.AppendClean(append(path, '.'), v)
	}
	return &point.Series{Rollup: rollup, Dimensions: dims, Values: values, Path: string(path)}
}

// hostile are values that would break a name if nobody saw to it.
var hostile = []string{
	"orders", "get order", "x 1 1\nadmin 0 9", ";tag=a", "a:1|c", "..", "", "\x00", "größe", "~a", "/api/v1/{id}", "a.b.c", "%0a",
}

// randomPane returns a pane of about n points. No two of its series have the same path.
func randomPane(r *rand.Rand, shard string, start int64, n int) *point.Pane {
	var points []point.Point
	paths := map[string]bool{}
	for len(points) < n {
		s := series("route", []string{"service", "route"}, []string{hostile[r.IntN(len(hostile))], fmt.Sprintf("%s%d", hostile[r.IntN(len(hostile))], r.IntN(1000))})
		if paths[s.Path] {
			continue
		}
		paths[s.Path] = true
		points = append(points,
			point.Point{Series: s, Name: &point.Name{Metric: "requests", Stat: "count"}, Count: r.Int64N(1 << uint(1+r.IntN(62)))},
			point.Point{Series: s, Name: &point.Name{Metric: "requests", Stat: "2xx"}, Count: r.Int64N(100), Change: 7},
			point.Point{Series: s, Name: &point.Name{Metric: "latency", Stat: "p99", Kind: point.Gauge}, Value: math.Exp(20*r.Float64() - 15)},
			point.Point{Series: s, Name: &point.Name{Metric: "latency", Stat: "max", Kind: point.Gauge}, Value: float64(r.IntN(5))},
		)
	}
	return point.NewPane(point.Pane{Shard: shard, Start: start, End: start + 10}, points...)
}

// add is the obvious way to say what a server has after pane.
func add(all map[string]map[int64]string, pane *point.Pane, tags bool) {
	for p := range pane.All() {
		clean := func(s string) string { return string(point.AppendClean(nil, s)) }
		name := "gateway." + clean(pane.Shard) + "." + p.Series.Rollup
		for _, v := range p.Series.Values {
			name += "." + clean(v)
		}
		name += "." + p.Metric + "." + p.Stat
		if tags {
			name = "gateway." + p.Series.Rollup + "." + p.Metric + "." + p.Stat + ";shard=" + clean(pane.Shard)
			for i, v := range p.Series.Values {
				name += ";" + p.Series.Dimensions[i] + "=" + clean(v)
			}
		}
		if all[name] == nil {
			all[name] = map[int64]string{}
		}
		all[name][pane.Start] = strconv.FormatInt(p.Count, 10)
		if p.Kind == point.Gauge {
			all[name][pane.Start] = strconv.FormatFloat(p.Value, 'f', -1, 64)
		}
	}
}

// mustHave waits until the server has exactly want, and no violation.
func mustHave(t *testing.T, s *graphite.Server, want map[string]map[int64]string) {
	t.Helper()
	await(t, func() error {
		if got := s.Values(); !cmp.Equal(got, want) {
			return fmt.Errorf("%d series, want %d: %.2000s", len(got), len(want), cmp.Diff(want, got))
		}
		return nil
	})
	if v := s.Violations(); len(v) > 0 {
		t.Errorf("violations: %q", v)
	}
}

// retry calls Send as the pipeline does, without its pauses.
func retry(t *testing.T, s *Sink, panes ...*point.Pane) (attempts int) {
	t.Helper()
	await(t, func() error {
		attempts++
		return s.Send(context.Background(), panes)
	})
	return attempts
}

func mustSend(t *testing.T, s *Sink, panes ...*point.Pane) {
	t.Helper()
	if err := s.Send(t.Context(), panes); err != nil {
		t.Fatal(err)
	}
}

var errNotYet = errors.New("not yet")
