package loggen

import (
	"math"
	"testing"
)

func TestExp2(t *testing.T) {
	for octaves := int64(-6 << 16); octaves <= 6<<16; octaves += 97 {
		const n = 50_000_000
		got, want := float64(exp2(n, octaves)), n*math.Exp2(float64(octaves)/(1<<16))
		if math.Abs(got-want) > want*0.0003+1 {
			t.Fatalf("exp2(%d/65536) = %v, want %v", octaves, got, want)
		}
	}
}

func TestNormal(t *testing.T) {
	r := newRandom(1)
	const n = 100_000
	var sum, squares float64
	for range n {
		z := float64(r.normal()) / (1 << 16)
		sum += z
		squares += z * z
	}
	if mean := sum / n; math.Abs(mean) > 0.02 {
		t.Errorf("mean %v", mean)
	}
	if deviation := math.Sqrt(squares / n); math.Abs(deviation-1) > 0.02 {
		t.Errorf("deviation %v", deviation)
	}
}

func TestZipf(t *testing.T) {
	shares := map[uint16]int{}
	for _, item := range zipf(40) {
		shares[item]++
	}
	for i := range uint16(40) {
		if want := shares[0] / int(i+1); shares[i] < want-2 || shares[i] > want+2 {
			t.Errorf("item %d has %d slots, want about %d", i, shares[i], want)
		}
	}
}
