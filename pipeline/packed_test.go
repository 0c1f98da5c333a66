package pipeline

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/gatemeter/gatemeter/pipeline/point"
)

// TestPackedValues: a value that was packed gives the same points, also after more was merged into it.
func TestPackedValues(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	names := newStatNames([]float64{50, 99.9})
	random := func() *value {
		v := &value{}
		for range r.IntN([]int{1, 3, 30, 500}[r.IntN(4)]) {
			f := amounts{
				status: []int32{0, 99, 200, 204, 301, 429, 503, math.MaxInt32}[r.IntN(8)], duration: r.Int64N(1<<uint(1+r.IntN(62))) - 1, upstream: r.Int64N(1e9) - 1, gateway: -1,
				requestBytes: r.Int64N(3) - 1, responseBytes: r.Int64N(1<<62) - 1, client: r.Uint64(), consumer: r.Uint64N(5), cache: cacheVerdict(r.IntN(4)), sent: r.IntN(5) == 0,
			}
			addAll([]addition{{&f, v}}, r.IntN(2) == 0)
		}
		if r.IntN(3) == 0 {
			v.markSent()
		}
		return v
	}
	series := &point.Series{}
	points := func(v *value) []point.Point { return pointsOf(names, series, v) }
	for range 300 {
		v, again := random(), random()
		again.reset() // a pooled one has had other content
		if rest := again.unpack(append(v.appendPacked([]byte("x")), "rest"...)[1:]); string(rest) != "rest" {
			t.Fatalf("%q is left", rest)
		}
		for range 2 {
			if got, want := fmt.Sprint(values(points(again))), fmt.Sprint(values(points(v))); got != want {
				t.Fatalf("points\n%s\nwant\n%s", got, want)
			}
			more := random()
			v.merge(more)
			again.merge(more)
		}
	}
}

// pointsOf returns the points of a pane with nothing but v.
func pointsOf(names *statNames, s *point.Series, v *value) []point.Point {
	var b point.Builder
	var p point.Pane
	names.add(&b, s, v)
	b.Pane(&p)
	return slices.Collect(p.All())
}

// values are points as text can show them.
func values(points []point.Point) (all []any) {
	for _, p := range points {
		all = append(all, *p.Name, p.Count, p.Change, p.Value)
	}
	return all
}

// TestAllCounters are packed: who adds one to counters must add it there.
func TestAllCounters(t *testing.T) {
	var c counters
	all := c.all()
	for i, n := range all {
		*n = int64(i + 1)
	}
	n, v := 0, reflect.ValueOf(c)
	for i := range v.NumField() {
		f := v.Field(i)
		if f.Kind() != reflect.Array {
			f = reflect.ValueOf([1]int64{f.Int()})
		}
		for k := range f.Len() {
			if n++; f.Index(k).Int() == 0 {
				t.Errorf("%s is not packed", v.Type().Field(i).Name)
			}
		}
	}
	if n != len(all) {
		t.Errorf("%d counters, of which %d are packed", n, len(all))
	}
}

// TestPackedCells: what few records add is packed as it is, and takes no more memory than before when it is unpacked.
func TestPackedCells(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	p := &Pipeline{}
	s := newStock(p)
	for range 500 {
		var c, again cell
		for range 1 + r.IntN(maxFew) {
			addTo(&c, randomAmounts(r), &s)
		}
		if rest := again.unpack(append(c.appendPacked([]byte("x")), "rest"...)[1:], &s); string(rest) != "rest" {
			t.Fatalf("%q is left", rest)
		}
		if again.value != nil || again.n != c.n || !slices.Equal(again.few[:c.n], c.few[:c.n]) {
			t.Fatalf("%+v became %+v", c.few[:c.n], again)
		}
	}
}

// TestPackedWindow: a window that was packed is sent again whole, with what came for it since, as often as something does.
func TestPackedWindow(t *testing.T) {
	p, k := closedWindow(t, "/a", "/b", "/c")
	p.collector.packFrom = 1
	for round := range int64(4) {
		p.beginEpoch(false)
		e := p.making
		p.endEpoch()
		win := p.collector.sent[windowKey{k.shard.index, 1000}]
		if win == nil || win.packed == nil || win.cells[0].cell != nil {
			t.Fatalf("round %d: the window is not packed", round)
		}
		got := requests(t, e.panes[0].pane)
		if len(got) != 3 || got["route.s._a.GET"] != 1+round || got["route.s._b.GET"] != 1 {
			t.Errorf("round %d: the pane has %v", round, got)
		}
		countRoutes(p, k, 0, 1000, "/a")
	}
	k.watermark = 2000e9
	p.epoch(false)
	if len(p.collector.sent) != 0 {
		t.Error("a final window is kept")
	}
}
