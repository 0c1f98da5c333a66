package pipeline

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/gatemeter/gatemeter/pipeline/point"
)

// TestCells: however records are spread over cells, in whatever order those are merged, and whether they are listed or not, they give the points of one
// value to which each was added; and what was put back is empty.
func TestCells(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	names, series := newStatNames([]float64{50, 99.9}), &point.Series{}
	text := func(v *value) string { return fmt.Sprint(values(pointsOf(names, series, v))) }
	kinds := map[string]int{}
	for round := range 600 {
		p := &Pipeline{}
		codes := round%2 == 0
		p.set.Metrics.StatusCodes = codes
		c, s := collector{stock: newStock(p)}, newStock(p)
		var want value
		cells := make([]*cell, 1+r.IntN(3))
		for i := range cells {
			cells[i] = s.cells.take()
		}
		for range 1 + r.IntN([]int{2, maxFew, 30}[r.IntN(3)]) {
			a := randomAmounts(r)
			addTo(cells[r.IntN(len(cells))], a, &s)
			addAll([]addition{{a, &want}}, codes)
		}
		whole := cells[0]
		for _, o := range cells[1:] {
			kinds[fmt.Sprint(whole.value != nil, o.value != nil, whole.n+o.n > maxFew)]++
			whole.merge(o, &c.stock)
			c.stock.put(o)
		}
		for range 2 {
			if got := text(c.valueOf(whole)); got != text(&want) {
				t.Fatalf("points\n%s\nwant\n%s", got, text(&want))
			}
			whole.markSent()
			want.markSent()
		}
		if n := int(want.requests); whole.value == nil && whole.n != n || whole.value != nil && (n <= maxFew || whole.few != nil) {
			t.Fatalf("%d records: %d are listed, and there is a value: %v", n, whole.n, whole.value != nil)
		}
		a := randomAmounts(r)
		addTo(whole, a, &s)
		addAll([]addition{{a, &want}}, codes)
		if got := text(c.valueOf(whole)); got != text(&want) {
			t.Fatalf("with one more, points\n%s\nwant\n%s", got, text(&want))
		}
		c.stock.put(whole)
		for _, free := range [][]*cell{s.cells.free, c.stock.cells.free} {
			for _, c := range free {
				if *c != (cell{}) {
					t.Fatalf("a cell that was put back is %+v", c)
				}
			}
		}
	}
	if len(kinds) != 5 { // two that are listed have one sum or the other, the others have any
		t.Errorf("merged were %v", kinds)
	}
}

// addTo adds a to c.
func addTo(c *cell, a *amounts, s *stock) {
	if v := c.add(a, s); v != nil {
		addAll([]addition{{a, v}}, s.codes)
	}
}

func randomAmounts(r *rand.Rand) *amounts {
	maybe := func() int64 { return r.Int64N(1<<uint(1+r.IntN(40))) - 1 }
	return &amounts{
		status: []int32{0, 99, 200, 204, 301, 429, 503}[r.IntN(7)], duration: maybe(), upstream: maybe(), gateway: maybe(), requestBytes: maybe(), responseBytes: maybe(),
		client: r.Uint64N(20), consumer: r.Uint64N(3), cache: cacheVerdict(r.IntN(4)), sent: r.IntN(4) == 0,
	}
}

// TestCellsTakeNoNewMemory: what is put back is used again, by whoever needs it.
func TestCellsTakeNoNewMemory(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	p := &Pipeline{}
	a, b := newStock(p), newStock(p)
	some := make([]*amounts, 2*maxFew)
	for i := range some {
		some[i] = randomAmounts(r)
		some[i].client, some[i].consumer, some[i].sent = 1, 1, false // so that no value needs more room than another
	}
	var cells [1000]*cell
	round := func() {
		for i := range cells {
			c := a.cells.take()
			for _, x := range some[:i%len(some)] {
				addTo(c, x, &a)
			}
			cells[i] = c
		}
		for _, c := range cells {
			b.put(c)
		}
	}
	for range 100 { // each of the two keeps some
		round()
	}
	if n := testing.AllocsPerRun(20, round); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
