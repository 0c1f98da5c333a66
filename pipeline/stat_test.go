package pipeline

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/gatemeter/gatemeter/pipeline/point"
)

// TestRows: a row of a pane has the points of its value, whatever rows were before; and rows of more kinds than lists of names are remembered.
func TestRows(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	names, series := newStatNames([]float64{50, 99, 99.9}), &point.Series{}
	kinds := map[string]bool{}
	for range 1000 {
		var v value
		for range r.IntN(4) {
			maybe := func() int64 { return r.Int64N(3) - 1 }
			f := &amounts{
				status: int32(100 * r.IntN(7)), duration: maybe(), upstream: maybe(), gateway: maybe(),
				requestBytes: maybe(), responseBytes: maybe(), cache: cacheVerdict(r.IntN(4)),
				client: uint64(r.IntN(2)), consumer: uint64(r.IntN(2)), sent: r.IntN(3) == 0,
			}
			if r.IntN(4) == 0 {
				f.status = 429
			}
			addAll([]addition{{f, &v}}, r.IntN(2) == 0)
		}
		got, want := values(pointsOf(names, series, &v)), values(pointsOf(newStatNames([]float64{50, 99, 99.9}), series, &v))
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("points\n%v\nwant\n%v", got, want)
		}
		kinds[fmt.Sprint(names.row)] = true
	}
	different := map[string]bool{}
	for _, list := range names.lists {
		different[fmt.Sprint(list)] = true
	}
	if len(kinds) <= maxShared || len(names.lists) != maxShared || len(different) != maxShared || !different[fmt.Sprint(names.row)] {
		t.Errorf("%d kinds of rows, %d lists are remembered, %d different ones", len(kinds), len(names.lists), len(different))
	}
}

// TestNamesAreShared: rows with the same names have one list of them, also when others come between.
func TestNamesAreShared(t *testing.T) {
	names, series := newStatNames(nil), &point.Series{}
	of := func(v *value) **point.Name {
		pointsOf(names, series, v)
		list := names.shared()
		return &list[0]
	}
	plain, cached := &value{}, &value{counters: counters{cacheHit: 1}}
	if a, b, c := of(plain), of(cached), of(plain); a != c || a == b {
		t.Error("lists that are alike are two, or others are one")
	}
}
