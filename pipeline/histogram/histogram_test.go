package histogram

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// slowIndex is the definition: the i with 2^(i/32) < v <= 2^((i+1)/32), by a logarithm and a correction of its rounding.
func slowIndex(ns int64) int {
	v := float64(ns) / 1e9
	i := int(math.Ceil(math.Log2(v)*perOctave)) - 1
	for v <= math.Exp2(float64(i)/perOctave) {
		i--
	}
	for v > math.Exp2(float64(i+1)/perOctave) {
		i++
	}
	return i
}

func TestIndex(t *testing.T) {
	f := func(ns int64) {
		t.Helper()
		if got, want := Index(ns), slowIndex(ns); got != want {
			t.Errorf("Index(%d) = %d, want %d", ns, got, want)
		}
	}
	for _, ns := range []int64{1, 2, 3, 999, 1e3, 1e6, 1e9, 2e9, 4e9, 5e8, 25e7, 1e9 + 1, 1e9 - 1, math.MaxInt64} {
		f(ns)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 200000 {
		f(1 + r.Int64N(1<<uint(1+r.IntN(62))))
	}
	for k := -300; k < 300; k++ { // around each bound
		v := int64(math.Exp2(float64(k)/perOctave) * 1e9)
		for d := int64(-2); d <= 2; d++ {
			f(v + d)
		}
	}
}

func TestQuantileIsWithinBound(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for round := range 200 {
		n := 1 + r.IntN(3000)
		var h Histogram
		values := make([]int64, n)
		for i := range values {
			switch r.IntN(10) {
			case 0:
				values[i] = 0
			default:
				values[i] = int64(math.Exp(r.NormFloat64()*2) * 1e7)
			}
			h.Add(values[i])
		}
		slices.Sort(values)
		for _, q := range []float64{0.001, 0.5, 0.9, 0.95, 0.99, 0.999, 1} {
			exact := float64(values[max((int(math.Round(q*1000))*n+999)/1000, 1)-1]) / 1e9 // the rank in whole numbers
			got := h.Quantile(q)
			if math.Abs(got-exact) > 0.011*exact {
				t.Fatalf("round %d: quantile %v of %d values is %v, exactly %v", round, q, n, got, exact)
			}
		}
		if h.Min() != values[0] || h.Max() != values[n-1] {
			t.Fatalf("min %d max %d, want %d and %d", h.Min(), h.Max(), values[0], values[n-1])
		}
	}
}

// TestQuantileAtAWholeRank: of 1000 values the 99.9th percentile is the 999th, though 99.9/100 is a little more than 0.999.
func TestQuantileAtAWholeRank(t *testing.T) {
	var h Histogram
	for range 999 {
		h.Add(1e6)
	}
	h.Add(1e9)
	if got := h.Quantile(99.9 / 100); got > 0.0011 {
		t.Errorf("99.9th percentile of 999 times 1 ms and once 1 s: %v", got)
	}
}

// TestMergeLaws: however values are spread over histograms and in whatever order those are merged, the result is the same.
func TestMergeLaws(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 300 {
		var whole Histogram
		parts := make([]Histogram, 1+r.IntN(6))
		for range r.IntN([]int{5, 15, 50, 500}[r.IntN(4)]) { // all may be listed, some, or none
			ns := r.Int64N(1 << uint(1+r.IntN(40)))
			whole.Add(ns)
			parts[r.IntN(len(parts))].Add(ns)
		}
		var merged Histogram
		for range r.IntN(20) { // a pooled one has had other content
			merged.Add(1 << 50)
		}
		merged.Reset()
		for _, i := range r.Perm(len(parts)) {
			merged.Merge(&parts[i])
		}
		if !same(&whole, &merged) {
			t.Fatalf("merged %+v, whole %+v", merged, whole)
		}
	}
}

// same compares content; buckets that are empty at the ends do not count.
func same(a, b *Histogram) bool {
	if a.count != b.count || a.zeros != b.zeros || a.sum != b.sum || a.min != b.min || a.max != b.max {
		return false
	}
	for i := -2000; i < 2000; i++ {
		if a.in(i) != b.in(i) {
			return false
		}
	}
	return true
}

// in returns how many values bucket i holds.
func (h *Histogram) in(i int) (n int64) {
	if len(h.counts) == 0 {
		for _, j := range h.listed[:h.count-h.zeros] {
			if int(j) == i {
				n++
			}
		}
		return n
	}
	if i -= int(h.first); i < 0 || i >= len(h.counts) {
		return 0
	}
	return h.inBucket(i)
}

// TestManyInABucket: a bucket counts more than a byte holds, and as the range grows on either side, and others are merged into it.
func TestManyInABucket(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 50 {
		var h, merged Histogram
		parts := make([]Histogram, 3)
		want := map[int]int64{}
		for range 20_000 {
			ns := int64(1e9)
			switch r.IntN(100) {
			case 0:
				ns = 1 + r.Int64N(1<<uint(1+r.IntN(40)))
			case 1, 2, 3, 4, 5, 6, 7, 8, 9:
				ns = 2e9 + r.Int64N(1e8)
			}
			h.Add(ns)
			parts[r.IntN(3)].Add(ns)
			want[Index(ns)]++
		}
		for i := range parts {
			merged.Merge(&parts[i])
		}
		for i, n := range want {
			if h.in(i) != n || merged.in(i) != n {
				t.Fatalf("bucket %d holds %d, merged %d, want %d", i, h.in(i), merged.in(i), n)
			}
		}
		if !same(&h, &merged) {
			t.Fatal("merged is not the same")
		}
	}
}

// TestListedIntoAFullBucket: few values that are merged into a bucket that is full carry too.
func TestListedIntoAFullBucket(t *testing.T) {
	var h, few Histogram
	for range 255 {
		h.Add(1e9)
	}
	few.Add(1e9)
	h.Merge(&few)
	if n := h.in(Index(1e9)); n != 256 {
		t.Errorf("bucket holds %d, want 256", n)
	}
	if q := h.Quantile(1); q != 1 {
		t.Errorf("the largest is %v, want 1", q)
	}
}

// TestModel: any sequence of operations gives what a map gives.
func TestModel(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	type model struct {
		n     map[int]int64
		zeros int64
		count int64
	}
	const k = 4
	hs := make([]*Histogram, k)
	ms := make([]*model, k)
	for i := range hs {
		hs[i], ms[i] = &Histogram{}, &model{n: map[int]int64{}}
	}
	pick := func() int64 {
		switch r.IntN(8) {
		case 0:
			return 0
		case 1:
			return -5
		case 2:
			return math.MaxInt64
		case 3:
			return 1
		case 4:
			return r.Int64N(1 << uint(1+r.IntN(62)))
		default:
			return 1e6 * (1 + r.Int64N(3))
		}
	}
	for step := range 20_000 {
		i, j := r.IntN(k), r.IntN(k)
		h, m := hs[i], ms[i]
		switch r.IntN(30) {
		case 0:
			h.Reset()
			*m = model{n: map[int]int64{}}
		case 1, 2:
			if i == j || m.count+ms[j].count > 1<<45 {
				break
			}
			h.Merge(hs[j])
			for b, n := range ms[j].n {
				m.n[b] += n
			}
			m.zeros += ms[j].zeros
			m.count += ms[j].count
		case 3, 4:
			b := h.AppendPacked(nil)
			h.Reset()
			if r.IntN(2) == 0 {
				h = &Histogram{}
				hs[i] = h
			}
			if rest := h.Unpack(b); len(rest) != 0 {
				t.Fatalf("step %d: %d bytes are left", step, len(rest))
			}
		default:
			for range []int{1, 3, 300}[r.IntN(3)] {
				ns := pick()
				h.Add(ns)
				m.count++
				if ns <= 0 {
					m.zeros++
				} else {
					m.n[Index(ns)]++
				}
			}
		}
		if h.Count() != m.count || h.Zeros() != m.zeros {
			t.Fatalf("step %d: count %d zeros %d want %+v", step, h.Count(), h.Zeros(), m)
		}
		total := h.zeros
		for b, n := range m.n {
			if h.in(b) != n {
				t.Fatalf("step %d: bucket %d holds %d, want %d", step, b, h.in(b), n)
			}
			total += n
		}
		if total != h.count {
			t.Fatalf("step %d: the model holds %d of %d", step, total, h.count)
		}
		h.Quantile(1)
	}
}

// TestPacked: what is unpacked is what was packed.
func TestPacked(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	for range 500 {
		var h, again Histogram
		for range r.IntN([]int{1, 2, 12, 50, 5000}[r.IntN(5)]) {
			ns := r.Int64N(1 << uint(1+r.IntN(60)))
			if r.IntN(3) > 0 {
				ns = 1e6
			}
			h.Add(ns)
		}
		for range r.IntN(20) { // a pooled one has had other content
			again.Add(1 << 50)
		}
		again.Reset()
		b := h.AppendPacked([]byte("x"))
		if rest := again.Unpack(append(b, "rest"...)[1:]); string(rest) != "rest" || !same(&h, &again) {
			t.Fatalf("%+v became %+v, and %q is left", h, again, rest)
		}
		if got, want := again.Quantile(0.9), h.Quantile(0.9); got != want {
			t.Fatalf("quantile %v became %v", want, got)
		}
		again.Add(5e9)
		h.Add(5e9)
		if !same(&h, &again) {
			t.Fatal("one more is not the same")
		}
	}
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	var h, o Histogram
	for ns := int64(1); ns < 1<<40; ns *= 2 {
		h.Add(ns)
		o.Add(ns)
	}
	ns := int64(1)
	if n := testing.AllocsPerRun(1000, func() {
		h.Add(ns)
		h.Merge(&o)
		ns = ns*3%(1<<39) + 1
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestFewAreListed: a histogram of few values takes no memory of its own, and one that had more gives its memory back.
func TestFewAreListed(t *testing.T) {
	h := &Histogram{}
	few := func() {
		h.Reset()
		for i := range int64(maxListed) {
			h.Add(0)
			h.Add(1 + i*1e8)
		}
	}
	if n := testing.AllocsPerRun(100, few); n != 0 || h.counts != nil {
		t.Errorf("%v allocations, %d buckets", n, len(h.counts))
	}
	h.Add(5e9)
	if len(h.counts) == 0 {
		t.Error("one more is listed too")
	}
	h.Reset()
	if cap(h.counts) == 0 {
		t.Error("the memory of a histogram with many values is gone after one of them")
	}
	few()
	if h.Reset(); cap(h.counts) != 0 {
		t.Errorf("room for %d buckets is kept that are not needed", cap(h.counts))
	}
}

func BenchmarkAdd(b *testing.B) {
	var h Histogram
	b.ReportAllocs()
	ns := int64(1)
	for b.Loop() {
		h.Add(ns)
		ns = ns*3%(1<<30) + 1
	}
}

// TestAppendQuantilesIsQuantile: in whatever order they are asked for; and the table of middles is what it is made of.
func TestAppendQuantilesIsQuantile(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 300 {
		var h Histogram
		for range r.IntN([]int{maxListed + 2, 400}[r.IntN(2)]) {
			h.Add(r.Int64N(1 << uint(r.IntN(63))))
		}
		var shares, want []float64
		for range r.IntN(9) {
			q := float64(r.IntN(1001)) / 1000
			shares = append(shares, q)
			want = append(want, slowQuantile(&h, q))
		}
		if got := h.AppendQuantiles(nil, shares...); !slices.Equal(got, want) {
			t.Fatalf("quantiles %v of %+v are %v, want %v", shares, h, got, want)
		}
	}
}

// slowQuantile is Quantile by a walk over every bucket there can be.
func slowQuantile(h *Histogram, q float64) float64 {
	rank := min(max(int64(math.Ceil(q*float64(h.count)-1e-6)), 1), h.count)
	if h.count == 0 || rank <= h.zeros {
		return 0
	}
	seen := h.zeros
	for i := -2000; ; i++ {
		seen += h.in(i)
		if seen >= rank {
			return min(max(math.Exp2((float64(i)+0.5)/perOctave), float64(h.min)/1e9), float64(h.max)/1e9)
		}
	}
}
