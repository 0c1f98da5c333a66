package dotted

import (
	"math"
	"math/rand/v2"
	"strconv"
	"testing"
)

// TestNumbers: whatever was written before, a number is what strconv makes of it.
func TestNumbers(t *testing.T) {
	var m Numbers
	f := func(v float64) {
		t.Helper()
		want := "x" + strconv.FormatFloat(v+0, 'f', -1, 64)
		for range 2 { // the second time it is remembered
			if got := string(m.Append([]byte("x"), v)); got != want {
				t.Fatalf("%v is written as %s, want %s", v, got, want)
			}
		}
	}
	for _, v := range []float64{
		0, math.Copysign(0, -1), 1, -1, 0.1, 1e-9, 1e21, 0.30000000000000004, 42, -0.003,
		math.SmallestNonzeroFloat64, math.MaxFloat64, 1.2345678901234567e-12, 12345678901234567e14,
	} {
		f(v)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		switch r.IntN(3) {
		case 0:
			f(float64(r.IntN(3000)) / 1000)
		case 1:
			f(math.Exp2((float64(r.IntN(400)) - 300.5) / 32))
		default:
			if v := math.Float64frombits(r.Uint64()); !math.IsNaN(v) && !math.IsInf(v, 0) {
				f(v)
			}
		}
	}
}

// TestNumbersAreRemembered: what was written is there, until another takes its place.
func TestNumbersAreRemembered(t *testing.T) {
	var m Numbers
	for i := range 100 {
		m.Append(nil, float64(i)/8)
	}
	n := 0
	for i := range m.places {
		if k := &m.places[i]; k.n > 0 && string(k.text[:k.n]) == strconv.FormatFloat(math.Float64frombits(k.bits), 'f', -1, 64) {
			n++
		}
	}
	if n < 80 {
		t.Errorf("%d of 100 are remembered", n)
	}
}

func TestNumbersAllocateNothing(t *testing.T) {
	var m Numbers
	dst, v := make([]byte, 0, 400), 0.1
	if n := testing.AllocsPerRun(1000, func() {
		dst = m.Append(dst[:0], v)
		v *= 1.01
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkNumbers(b *testing.B) {
	var m Numbers
	dst := make([]byte, 0, 400)
	for _, c := range []struct {
		name string
		n    int
	}{{"remembered", 200}, {"new", 1 << 30}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				dst = m.Append(dst[:0], math.Exp2((float64(i%c.n)-300.5)/32e3))
				i++
			}
		})
	}
}
