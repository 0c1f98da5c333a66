package pipeline

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/gatemeter/gatemeter/pipeline/batch"
)

// TestPool is what is kept, and how many are given at once.
func TestPool(t *testing.T) {
	var p pool[int]
	if got := p.take(nil); len(got) != 0 {
		t.Fatalf("an empty pool gives %d", len(got))
	}
	some := make([]*int, keptAtAnyRate+100)
	for i := range some {
		some[i] = &i
	}
	p.put(some)
	if got := p.take(nil); len(got) != takenAtOnce || p.free[:cap(p.free)][len(p.free)] != nil {
		t.Errorf("%d at once, want %d, and the pool does not know them any more", len(got), takenAtOnce)
	}
	p.trim(0)
	if len(p.free) != keptAtAnyRate || cap(p.free) > keptAtAnyRate+keptAtAnyRate/4 {
		t.Errorf("%d are kept in room for %d, want %d", len(p.free), cap(p.free), keptAtAnyRate)
	}
	p.put(some[:100])
	p.trim(keptAtAnyRate + 50)
	if len(p.free) != keptAtAnyRate+50 {
		t.Errorf("%d are kept, want %d", len(p.free), keptAtAnyRate+50)
	}
}

// TestShare: one goroutine keeps few, and the others get the rest.
func TestShare(t *testing.T) {
	var p pool[int]
	s := share[int]{pool: &p}
	for range 1000 {
		s.put(new(int))
	}
	if len(s.free) >= 2*takenAtOnce || len(s.free)+len(p.free) != 1000 || s.free[:cap(s.free)][len(s.free)] != nil {
		t.Errorf("%d are kept, and %d in the pool, of 1000", len(s.free), len(p.free))
	}
	all := map[*int]bool{}
	for range 1000 {
		all[s.take()] = true
	}
	if len(all) != 1000 || len(s.free)+len(p.free) != 0 {
		t.Errorf("of 1000 are %d left, and %d and %d", len(all), len(s.free), len(p.free))
	}
	if s.take() == nil {
		t.Error("nothing is given when there is none")
	}
	for _, x := range s.free[:cap(s.free)] {
		if x != nil {
			t.Fatal("what was taken is still known")
		}
	}
}

// TestTrim: all three are trimmed, down to two for each series of the last epoch.
func TestTrim(t *testing.T) {
	p, k := closedWindow(t, "/a")
	p.set.Metrics.MaxSeries = 2 * keptAtAnyRate
	fill := func() {
		for range 3 * keptAtAnyRate {
			p.cells.cells.put([]*cell{{}})
			p.cells.few.put([]*few{{}})
			p.cells.values.put([]*value{{}})
		}
	}
	fill()
	p.epoch(false)
	if c := &p.cells; len(c.cells.free) != keptAtAnyRate || len(c.few.free) != keptAtAnyRate || len(c.values.free) != keptAtAnyRate {
		t.Errorf("after a pane of a series there are %d, %d and %d, want %d", len(c.cells.free), len(c.few.free), len(c.values.free), keptAtAnyRate)
	}
	routes := make([]string, keptAtAnyRate)
	for i := range routes {
		routes[i] = fmt.Sprint("/r", i)
	}
	countRoutes(p, k, 0, 1100, routes...)
	fill()
	k.watermark = 1110e9
	p.epoch(false)
	if got := len(p.cells.values.free); got < 2*keptAtAnyRate || got > 2*keptAtAnyRate+10 { // a few series are of other rollups
		t.Errorf("after a pane of %d series %d values are kept, want two for each", keptAtAnyRate, got)
	}
}

// free returns how many nobody uses, and fails where one is there twice.
func free[T any](t *testing.T, p *pool[T], shares ...*share[T]) int {
	t.Helper()
	all := append([]*T(nil), p.free...)
	for _, s := range shares {
		all = append(all, s.free...)
	}
	seen := map[*T]bool{}
	for _, x := range all {
		seen[x] = true
	}
	if len(seen) != len(all) {
		t.Errorf("%d of %d are there twice", len(all)-len(seen), len(all))
	}
	return len(all)
}

// TestAllComesBack: when windows are final, or were dropped, the memory of their cells is free again, once, whether they were packed or not.
func TestAllComesBack(t *testing.T) {
	for _, packFrom := range []int{1, 1 << 30} {
		p, k := closedWindow(t, "/a", "/b", "/c")
		p.workers = append(p.workers, newWorker(p))
		p.collector.packFrom = packFrom
		for range 1000 {
			p.cells.cells.put([]*cell{{}})
			p.cells.few.put([]*few{{}})
			p.cells.values.put([]*value{{}})
		}
		for round := range int64(6) {
			start := 1000 + 100*round
			countRoutes(p, k, 0, start, "/a", "/b", "/b", "/b", "/b", "/b")
			countRoutes(p, k, 1, start, "/a", "/b", "/c")
			k.watermark = (start + 10) * 1e9
			p.epoch(false)
			countRoutes(p, k, 1, start, "/a", "/c") // late
			p.epoch(false)
			if round == 4 {
				countRoutes(p, k, 0, start+10, "/a", "/c")
				p.drop(windowKey{k.shard.index, start + 10})
			}
			k.watermark = (start + 90) * 1e9
			p.epoch(false)
			if len(p.collector.sent) != 0 {
				t.Fatal("the window is not final")
			}
			a, b, c := &p.workers[0].stock, &p.workers[1].stock, &p.collector.stock
			cells := free(t, &p.cells.cells, &a.cells, &b.cells, &c.cells)
			lists := free(t, &p.cells.few, &a.few, &b.few, &c.few)
			values := free(t, &p.cells.values, &a.values, &b.values, &c.values)
			if cells != 1003 || lists != 1003 || values != 1000 { // three were made by closedWindow
				t.Errorf("round %d: %d cells, %d lists and %d values are free", round, cells, lists, values)
			}
			if n := len(p.collector.made); n != 1 {
				t.Errorf("round %d: the collector keeps %d values for `all`", round, n)
			}
		}
		for _, levels := range p.collector.slots {
			for _, slots := range levels {
				for path, k := range slots {
					if k.cell != nil {
						t.Errorf("%s still has a cell", path)
					}
				}
			}
		}
	}
}

// TestCoarseLevels: the values of coarser levels are kept for the next pane, and given up when panes need less of them.
func TestCoarseLevels(t *testing.T) {
	p := newTestPipeline(t, Rollup{"service", []Dimension{Service}}, Rollup{"route", []Dimension{Service, Route, Method}})
	k := p.addPartition(&batch.Partition{Source: "test", Name: "a", Shard: "host", ID: "a"}, 0)
	k.begin(0)
	start := int64(1000)
	pane := func(services int) {
		var data []byte
		for i := range services {
			for _, route := range []string{"/a", "/b"} {
				data = fmt.Appendf(data, "%d s%d %s 200 1000 9 client\n", start*1000, i, route)
			}
		}
		process(p, k, 0, data)
		start += 10
		k.watermark = start * 1e9
		p.epoch(false)
	}
	pane(40)
	if n := len(p.collector.made); n != 40 {
		t.Errorf("%d values are kept of 40", n)
	}
	pane(3)
	if n := len(p.collector.made); n < 30 || n >= 40 {
		t.Errorf("%d values are kept of 40, after a small pane", n)
	}
	for range 60 {
		pane(3)
	}
	if n := len(p.collector.made); n != 3 {
		t.Errorf("%d values are kept, want 3", n)
	}
}

// TestFewRecordsAreListed: in a worker's windows, and in those that were sent; and they are marked as sent only where a sink asks for that.
func TestFewRecordsAreListed(t *testing.T) {
	for _, discards := range []bool{false, true} {
		p, k := closedWindow(t, "/a", "/a", "/b")
		p.discards = discards
		countRoutes(p, k, 0, 1000, "/c", "/c", "/c", "/c", "/c")
		check := func(c *cell, n int64, sent bool) {
			t.Helper()
			if listed := n <= maxFew; n == 0 || listed != (c.value == nil) || listed && c.n != int(n) {
				t.Errorf("of %d records %d are listed, and there is a value: %v", n, c.n, c.value != nil)
			}
			for i := range c.n {
				if c.few[i].sent != sent {
					t.Errorf("listed as sent: %v", !sent)
				}
			}
			if c.value != nil && (c.value.sent != nil) != sent {
				t.Errorf("the value is sent: %v", !sent)
			}
		}
		all := 0
		for _, win := range p.workers[0].windows {
			for s, c := range win.cells {
				all++
				check(c, map[string]int64{"/a": 2, "/b": 1, "/c": 5}[keyParts(s.key[1:])[1]], false)
			}
		}
		p.epoch(false)
		for _, k := range p.collector.sent[windowKey{k.shard.index, 1000}].cells {
			all++
			check(k.cell, map[string]int64{"route.s._a.GET": 2, "route.s._b.GET": 1, "route.s._c.GET": 5}[k.slot.series.Path], discards)
		}
		if all != 6 {
			t.Errorf("%d cells were looked at, want 6", all)
		}
	}
}

// TestBusySeriesKeepTheirMemory: what the coarser levels and a few busy series need does not become the memory of all series, however long it goes on.
func TestBusySeriesKeepTheirMemory(t *testing.T) {
	p, k := closedWindow(t, "/a")
	r := rand.New(rand.NewPCG(1, 2))
	const quiet = 1000
	p.set.Metrics.MaxSeries = 2 * quiet
	for round := range int64(60) {
		var data []byte
		start := 1100 + 10*round
		for i := range quiet {
			for range 6 {
				data = fmt.Appendf(data, "%d s /r%d 200 1000 9 c%d\n", start*1000, i, r.IntN(1e6))
			}
		}
		for range 2000 {
			data = fmt.Appendf(data, "%d s /busy%d 200 1000 9 c%d\n", start*1000, r.IntN(8), r.IntN(1e6))
		}
		process(p, k, 0, data)
		k.watermark = (start + 10) * 1e9
		p.epoch(false)
	}
	k.watermark = 5000e9
	p.epoch(false)
	large, all := 0, 0
	for _, values := range [][]*value{p.cells.values.free, p.workers[0].stock.values.free, p.collector.stock.values.free} {
		for _, v := range values {
			all++
			if !reflect.ValueOf(&v.clients).Elem().FieldByName("spare").IsNil() {
				large++
			}
		}
	}
	if all < quiet || large < 8 || large > 120 { // eight, for as long as they are kept without need
		t.Errorf("%d of %d values have the memory of busy ones", large, all)
	}
}
