package distinct

import (
	"math"
	"math/rand/v2"
	"strconv"
	"testing"
)

func TestCount(t *testing.T) {
	f := func(n int, within float64) {
		t.Helper()
		var c Counter
		for range 3 { // seeing a value again changes nothing
			for i := range n {
				c.Add(Hash([]byte("client-" + strconv.Itoa(i))))
			}
		}
		if got := float64(c.Count()); math.Abs(got-float64(n)) > within*float64(n) {
			t.Errorf("%d values counted as %v", n, got)
		}
	}
	for _, n := range []int{0, 1, 2, 7, 8, 50, Exact - 1, Exact} {
		f(n, 0)
	}
	for _, n := range []int{Exact + 1, 200, 1000, 20000, 300000} {
		f(n, 0.05) // three standard errors
	}
}

// TestMergeLaws: however values are spread over counters, in whatever order those are merged, the count is the same.
func TestMergeLaws(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		var whole, merged Counter
		for i := range uint64(500) { // a pooled one has had other content
			merged.Add(i + 1)
		}
		merged.Reset()
		parts := make([]Counter, 1+r.IntN(5))
		different := 1 + r.IntN(3*Exact)
		for range r.IntN(1000) {
			h := Hash([]byte(strconv.Itoa(r.IntN(different))))
			whole.Add(h)
			parts[r.IntN(len(parts))].Add(h)
		}
		for _, i := range r.Perm(len(parts)) {
			merged.Merge(&parts[i])
		}
		if whole.Count() != merged.Count() {
			t.Fatalf("merged %d, whole %d", merged.Count(), whole.Count())
		}
	}
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	var c Counter
	for i := range uint64(200) {
		c.Add(i * 0x9E3779B97F4A7C15)
	}
	c.Reset()
	if n := testing.AllocsPerRun(100, func() {
		for i := uint64(1); i < 200; i++ {
			c.Add(i * 0x9E3779B97F4A7C15)
		}
		c.Reset()
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestEstimate: it is the sketch's own.
func TestEstimate(t *testing.T) {
	var empty Counter
	empty.toSketch()
	if b, err := empty.sketch.AppendBinary(nil); err != nil || len(b) != header+registers {
		t.Fatalf("a sketch has %d bytes in binary form, want %d: %v", len(b), header+registers, err)
	}
	r := rand.New(rand.NewPCG(3, 4))
	for _, n := range []int{0, 1, 97, 500, 4000, 10_000, 50_000, 1_000_000} {
		for range 3 {
			var c Counter
			c.toSketch()
			for range n {
				c.Add(r.Uint64())
			}
			if got, want := estimate(c.sketch), int64(c.sketch.Estimate()); got != want {
				t.Errorf("estimate of %d values: %d, the sketch's own %d", n, got, want)
			}
		}
	}
	var c Counter
	c.toSketch()
	c.Add(1) // the largest rank there is
	for i := range uint64(4096) {
		c.Add(i<<52 | r.Uint64N(1<<20))
	}
	if got, want := c.Count(), int64(c.sketch.Estimate()); got != want {
		t.Errorf("estimate of long ranks: %d, the sketch's own %d", got, want)
	}
}

func BenchmarkCount(b *testing.B) {
	var c Counter
	for i := range uint64(2000) {
		c.Add(i * 0x9E3779B97F4A7C15)
	}
	for _, f := range []struct {
		name  string
		count func() int64
	}{{"own", c.Count}, {"sketch", func() int64 { return int64(c.sketch.Estimate()) }}} {
		b.Run(f.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f.count()
			}
		})
	}
}

// TestMemoryThatIsNotNeeded: what a counter of many values had is kept for the next, and given up when those are few time after time.
func TestMemoryThatIsNotNeeded(t *testing.T) {
	var c Counter
	fill := func(n int) {
		for i := range n {
			c.Add(uint64(i+1) * 0x9E3779B97F4A7C15)
		}
		if got := c.Count(); n <= Exact && got != int64(n) {
			t.Errorf("%d values are counted as %d", n, got)
		}
		c.Reset()
	}
	for _, many := range []int{40, Exact, 5000} {
		for range 3 {
			fill(many)
			for range maxIdle - 1 {
				fill(2)
			}
		}
		if len(c.table) <= smallest || (many > Exact) != (c.spare != nil) {
			t.Errorf("after %d values, one time in %d, there is room for %d, and a sketch: %v", many, maxIdle, len(c.table), c.spare != nil)
		}
		fill(2)
		if c.table != nil || c.spare != nil || c.idle != 0 {
			t.Errorf("after %d values, and then two for %d times, there is room for %d, and a sketch: %v", many, maxIdle, len(c.table), c.spare != nil)
		}
	}
	for range 5 * maxIdle { // what is needed each time is kept, as is what is not much more
		fill(5)
	}
	if len(c.table) != smallest {
		t.Errorf("room for %d is kept for five", len(c.table))
	}
}
