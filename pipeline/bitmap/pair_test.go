package bitmap

import (
	"bytes"
	"slices"
	"testing"
)

// slowPairs is AppendPairs, byte by byte.
func slowPairs(text []byte, end byte, find [4]byte) []Pair {
	pairs := make([]Pair, (len(text)+63)/64)
	for i, c := range text {
		if c == end {
			pairs[i/64][0] |= 1 << (i % 64)
		}
		if bytes.IndexByte(find[:], c) >= 0 {
			pairs[i/64][1] |= 1 << (i % 64)
		}
	}
	return pairs
}

func FuzzAppendPairs(f *testing.F) {
	long := bytes.Repeat([]byte("GET /a?b=c%20\\{ HTTP/1.1\n"), 11)
	for _, n := range []int{0, 1, 31, 32, 33, 63, 64, 65, 128, len(long)} {
		f.Add(long[:n], byte('\n'), byte('='), byte('{'), byte('%'), byte('\\'))
	}
	f.Add([]byte{0, 0x80, 0xff, 0}, byte(0), byte(0), byte(0x80), byte(0xff), byte(0))
	f.Fuzz(func(t *testing.T, text []byte, end, a, b, c, d byte) {
		find := [4]byte{a, b, c, d}
		want := slowPairs(text, end, find)
		got := AppendPairs([]Pair{{1, 2}}, text, end, find)
		if got[0] != (Pair{1, 2}) || !slices.Equal(got[1:], want) {
			t.Fatalf("pairs of %q are %x, want %x", text, got, want)
		}
		whole := len(text) / 64
		portable := make([]Pair, whole)
		fillPairsPortable(portable, text, end, find)
		if !slices.Equal(portable, want[:whole]) {
			t.Fatalf("pairs of %q are %x by the portable way, want %x", text, portable, want[:whole])
		}
	})
}

func TestAppendPairsAllocatesNothing(t *testing.T) {
	text := bytes.Repeat([]byte("a=b\n"), 100)
	var dst []Pair
	if n := testing.AllocsPerRun(100, func() { dst = AppendPairs(dst[:0], text, '\n', [4]byte{'=', '{', '%', '\\'}) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
