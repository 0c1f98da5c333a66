package pipeline

import (
	"math/rand/v2"
	"testing"

	"github.com/gatemeter/gatemeter/pipeline/point"
)

// TestPoints is that a value gives as many points as it is said to: a pane has room for just these.
func TestPoints(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	names := newStatNames([]float64{50, 99, 99.9})
	for range 1000 {
		var v value
		for range r.IntN(4) {
			maybe := func() int64 { return r.Int64N(3) - 1 }
			f := &fact{
				status: int32(100 * r.IntN(7)), duration: maybe(), upstream: maybe(), gateway: maybe(),
				requestBytes: maybe(), responseBytes: maybe(), cache: cacheVerdict(r.IntN(4)),
				client: uint64(r.IntN(2)), consumer: uint64(r.IntN(2)),
			}
			if r.IntN(4) == 0 {
				f.status = 429
			}
			c := cell{v}
			addAll([]addition{{fact: f, cell: &c}}, r.IntN(2) == 0)
			v = c.value
		}
		if got := names.appendPoints(nil, &point.Series{}, &v); len(got) != names.points(&v) {
			t.Fatalf("%d points, said to be %d: %+v", len(got), names.points(&v), got)
		}
	}
}
