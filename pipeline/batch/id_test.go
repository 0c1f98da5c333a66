package batch

import (
	"fmt"
	"math"
	"testing"
)

func TestAppendID(t *testing.T) {
	p := &Partition{ID: "f-0123"}
	f := func(offset int64) {
		t.Helper()
		want := fmt.Sprintf("before f-0123-%012x", offset)
		if got := string(p.AppendID([]byte("before "), offset)); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if got := string(p.AppendPartID([]byte("before "), offset, 0)); got != want {
			t.Errorf("part 0: got %s, want %s", got, want)
		}
		if got := string(p.AppendPartID([]byte("before "), offset, 17)); got != want+".17" {
			t.Errorf("part 17: got %s, want %s.17", got, want)
		}
	}
	f(0)
	f(math.MaxInt64)
	for bit := range 63 {
		f(1 << bit)
		f(1<<bit - 1)
		f(1<<bit + 1<<bit/3)
	}
	for n := range int64(70_000) {
		f(n)
		f(n << 14)
		f(n<<32 | 0xabcdef98)
	}
}

func TestAppendIDAllocates(t *testing.T) {
	p := &Partition{ID: "f-0123"}
	dst := make([]byte, 0, 64)
	if n := testing.AllocsPerRun(100, func() { dst = p.AppendPartID(dst[:0], 0xabcdef0123, 7) }); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}
