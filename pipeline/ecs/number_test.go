package ecs

import (
	"math"
	"strconv"
	"testing"
	"time"
)

func TestAppendNumber(t *testing.T) {
	f := func(n int64) {
		t.Helper()
		if got, want := string(appendNumber([]byte("before"), n)), "before"+strconv.FormatInt(n, 10); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	f(0)
	f(math.MaxInt64)
	for n := int64(1); n < math.MaxInt64/10; n *= 10 {
		for _, near := range []int64{n - 1, n, n + 1, n*10 - n - 1, n*7 + n/3} {
			f(near)
		}
	}
	for n := range int64(20_000) {
		f(n)
		f(n * 10_000)
		f(n*4_999 + 7)
	}
}

func TestDigits(t *testing.T) {
	for n := range uint64(10_000) { // each half is made of its number alone
		want := uint64(n/1000 | n/100%10<<8 | n/10%10<<16 | n%10<<24)
		if got := digits(n*10_000 + 9_999 - n); uint32(got) != uint32(want) {
			t.Fatalf("of %d: got %x, want %x", n, uint32(got), want)
		}
		if got := digits((9_999-n)*10_000 + n); got>>32 != want {
			t.Fatalf("of %d: got %x, want %x", n, got>>32, want)
		}
	}
}

// sameAsTime compares a clock with the standard library.
func sameAsTime(t *testing.T, c *clock, nanos int64) {
	t.Helper()
	want := "before" + time.Unix(0, nanos).UTC().Format(time.RFC3339Nano)
	if got := string(c.append([]byte("before"), nanos)); got != want {
		t.Errorf("%d: got %s, want %s", nanos, got, want)
	}
}

func TestClock(t *testing.T) {
	var c clock
	for _, at := range []int64{0, 1, -1, second, -second, day, day - 1, -day, -day - 1, math.MaxInt64, math.MinInt64} {
		sameAsTime(t, &c, at)
		var fresh clock
		sameAsTime(t, &fresh, at)
	}
	for s := range int64(24 * 60 * 60) {
		sameAsTime(t, &c, 20_000*day+s*second)
	}
	for fraction := int64(1); fraction < second; fraction = fraction*3 + 1 {
		for _, tens := range []int64{1, 10, 1000, 100_000} {
			sameAsTime(t, &c, 20_000*day+fraction*tens%second)
		}
	}
}

func FuzzClock(f *testing.F) {
	f.Add(int64(0), int64(1_795_247_045_120_000_000))
	f.Add(int64(-1), day)
	f.Fuzz(func(t *testing.T, one, other int64) {
		var c clock
		sameAsTime(t, &c, one)
		sameAsTime(t, &c, other)
		sameAsTime(t, &c, one)
	})
}
