package distinct

import (
	"math/rand/v2"
	"testing"

	"github.com/axiomhq/hyperloglog"
)

// TestLibrary: a sketch says what the library's says, whatever is put into it and merged.
func TestLibrary(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	fresh := func() (*registers, *hyperloglog.Sketch) {
		theirs, err := hyperloglog.NewSketch(precision, false)
		if err != nil {
			t.Fatal(err)
		}
		return &registers{}, theirs
	}
	f := func(what string, ours *registers, theirs *hyperloglog.Sketch) {
		t.Helper()
		if got, want := ours.estimate(), int64(theirs.Estimate()); got != want {
			t.Errorf("%s: %d, the library's %d", what, got, want)
		}
	}
	for range 100 {
		sum, theirSum := fresh()
		for range 3 {
			ours, theirs := fresh()
			for range r.IntN(1 << r.IntN(17)) {
				hash := r.Uint64()
				if r.IntN(8) == 0 {
					hash = hash >> 52 << 52 >> r.IntN(64) // ranks as high as they get
				}
				ours.add(hash)
				theirs.InsertHash(hash)
			}
			f("added", ours, theirs)
			sum.merge(ours)
			if err := theirSum.Merge(theirs); err != nil {
				t.Fatal(err)
			}
			f("merged", sum, theirSum)
		}
	}
	ours, theirs := fresh()
	f("empty", ours, theirs)
	for i := range uint64(1 << precision) { // no register empty, all as high as they get
		ours.add(i << (64 - precision))
		theirs.InsertHash(i << (64 - precision))
	}
	f("full", ours, theirs)
}

func BenchmarkEstimate(b *testing.B) {
	var g registers
	r := rand.New(rand.NewPCG(5, 6))
	for range 3000 {
		g.add(r.Uint64())
	}
	b.Run("estimate", func(b *testing.B) {
		for b.Loop() {
			g.estimate()
		}
	})
	b.Run("merge", func(b *testing.B) {
		o := g
		for b.Loop() {
			o.merge(&g)
		}
	})
	library, err := hyperloglog.NewSketch(precision, false)
	if err != nil {
		b.Fatal(err)
	}
	other := library.Clone()
	for range 3000 {
		other.InsertHash(r.Uint64())
	}
	b.Run("library/estimate", func(b *testing.B) {
		for b.Loop() {
			other.Estimate()
		}
	})
	b.Run("library/merge", func(b *testing.B) {
		for b.Loop() {
			_ = library.Merge(other)
		}
	})
}
