package pipeline

import (
	"fmt"
	"slices"
	"testing"

	"github.com/gatemeter/gatemeter/pipeline/batch"
	"github.com/gatemeter/gatemeter/pipeline/point"
)

// countRoutes lets worker w count one line of each route, all of the window that starts at start.
func countRoutes(p *Pipeline, k *partition, w int, start int64, routes ...string) {
	var data []byte
	for _, route := range routes {
		data = fmt.Appendf(data, "%d s %s 200 1000 9 client\n", start*1000, route)
	}
	process(p, k, w, data)
}

// process gives lines to a worker.
func process(p *Pipeline, k *partition, w int, data []byte) {
	b := &sharedBatch{Batch: &batch.Batch{Partition: k.Partition, Data: data, Next: int64(len(data))}, left: 2, pipe: p}
	p.workers[w].process(&task{partition: k, number: k.turn, batch: b, to: b.Next, metrics: true, now: 2e18})
}

// closedWindow returns a pipeline that has counted one line of each route, in a window that is closed and may still change.
func closedWindow(t *testing.T, routes ...string) (*Pipeline, *partition) {
	t.Helper()
	p := newTestPipeline(t, Rollup{"all", nil}, Rollup{"route", []Dimension{Service, Route, Method}})
	k := p.addPartition(&batch.Partition{Source: "test", Name: "a", Shard: "host", ID: "a"}, 0)
	k.begin(0)
	countRoutes(p, k, 0, 1000, routes...)
	k.watermark = 1010e9
	return p, k
}

// requests returns how many requests each series of the pane's finest level has, and fails where one is there twice.
func requests(t *testing.T, pane *point.Pane) map[string]int64 {
	t.Helper()
	counts := map[string]int64{}
	for at := range pane.All() {
		if at.Series.Rollup == "route" && at.Metric == MetricRequests && at.Stat == "count" {
			if _, twice := counts[at.Series.Path]; twice {
				t.Errorf("%s is in one pane twice", at.Series.Path)
			}
			counts[at.Series.Path] = at.Count
		}
	}
	return counts
}

// TestRecordsWhilePanesAreMade: records that are counted while the panes of their window are made are in the next pane of it.
func TestRecordsWhilePanesAreMade(t *testing.T) {
	routes := make([]string, 90)
	for i := range routes {
		routes[i] = fmt.Sprint("/r", i)
	}
	p, k := closedWindow(t, routes...)
	for round := range int64(5) {
		p.beginEpoch(false)
		e := p.making
		countRoutes(p, k, 0, 1000, routes[round:]...)
		p.endEpoch()
		if len(e.panes) != 1 {
			t.Fatalf("round %d: %d panes", round, len(e.panes))
		}
		pane := e.panes[0].pane
		if want := []point.PaneKind{point.OnTime, point.Late}[min(round, 1)]; pane.Kind != want {
			t.Errorf("round %d: the pane is %s, want %s", round, pane.Kind, want)
		}
		got := requests(t, pane)
		for i, route := range routes {
			if n, want := got["route.s._"+route[1:]+".GET"], 1+min(round, int64(i)+1); n != want {
				t.Fatalf("round %d: %s has %d requests, want %d", round, route, n, want)
			}
		}
	}
}

// TestSeriesOfASentWindowAreKept, though no pane has had them for long: another record of them must find them.
func TestSeriesOfASentWindowAreKept(t *testing.T) {
	p := newTestPipeline(t, Rollup{"all", nil}, Rollup{"service", []Dimension{Service}}, Rollup{"route", []Dimension{Service, Route, Method}})
	k := p.addPartition(&batch.Partition{Source: "test", Name: "a", Shard: "host", ID: "a"}, 0)
	pane := func(start int64) *point.Pane {
		key := windowKey{k.shard.index, start}
		due := dueWindow{key: key, shard: k.shard, parts: p.detach(key)}
		e := &epoch{due: []dueWindow{due}}
		p.collector.sweep = 1
		p.collector.collect(e)
		return e.panes[0].pane
	}
	countRoutes(p, k, 0, 1000, "/old")
	countRoutes(p, k, 0, 1010, "/gone")
	pane(1000)
	pane(1010)
	p.collector.forget(windowKey{k.shard.index, 1010})
	for range 2 * idlePanes {
		countRoutes(p, k, 0, 1020, "/new")
		pane(1020)
	}
	known := func() (paths []string) {
		for path := range p.collector.slots[0][len(p.chains[0].levels)-1] {
			paths = append(paths, path)
		}
		slices.Sort(paths)
		return paths
	}
	if got, want := known(), []string{"route.s._new.GET", "route.s._old.GET"}; !slices.Equal(got, want) {
		t.Errorf("known are %q, want %q", got, want)
	}
	countRoutes(p, k, 0, 1000, "/old", "/gone")
	got := requests(t, pane(1000))
	if got["route.s._old.GET"] != 2 || got["route.s._gone.GET"] != 1 || len(got) != 2 {
		t.Errorf("the window has %v", got)
	}
}

// TestGapWhilePanesAreMade: a stretch that cannot be read, met while panes are made, ends that epoch first, and what was sent
// of the windows that stay as they are is given back.
func TestGapWhilePanesAreMade(t *testing.T) {
	p, k := closedWindow(t, "/a", "/b")
	p.beginEpoch(false)
	if p.making == nil || p.sentWindows.Load() > 1 {
		t.Fatal("no panes are made")
	}
	k.shard.saved.Emitted = 1010
	k.saved.Read, k.saved.Replay = 100, 0
	k.next = 0
	p.take(&batch.Batch{Partition: k.Partition, First: 0, Next: 1})
	if p.making != nil {
		t.Error("panes are still being made, though the collector's windows were touched")
	}
	if len(p.collector.sent) != 0 || p.sentWindows.Load() != 0 {
		t.Errorf("%d windows are kept that cannot change", len(p.collector.sent))
	}
}

// TestFinalWithoutNews: a window that becomes final without another record is given back.
func TestFinalWithoutNews(t *testing.T) {
	p, k := closedWindow(t, "/a", "/b")
	p.epoch(false)
	k.watermark = 5000e9
	p.epoch(false)
	if len(p.collector.sent) != 0 || p.Stats().OpenWindows != 0 {
		t.Errorf("%d windows are kept", len(p.collector.sent))
	}
}
