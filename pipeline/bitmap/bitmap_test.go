package bitmap

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

// slow is Append, byte by byte.
func slow(text []byte, find [4]byte) []Block {
	blocks := make([]Block, (len(text)+63)/64)
	for i, b := range text {
		for c, f := range find {
			if b == f {
				blocks[i/64][c] |= 1 << (i % 64)
			}
		}
	}
	return blocks
}

func check(t *testing.T, text []byte, find [4]byte) {
	t.Helper()
	want := slow(text, find)
	got := Append([]Block{{1, 2, 3, 4}}, text, find)
	if got[0] != (Block{1, 2, 3, 4}) || len(got) != len(want)+1 {
		t.Fatalf("%d blocks of %d bytes", len(got)-1, len(text))
	}
	got = got[1:]
	portable := make([]Block, len(text)/64)
	fillPortable(portable, text, find)
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("%q, %q: block %d is %x, want %x", text, find, i, got[i], want[i])
		}
		if i < len(portable) && portable[i] != want[i] {
			t.Fatalf("%q, %q: block %d is %x by the portable way, want %x", text, find, i, portable[i], want[i])
		}
	}
	for c, f := range find {
		places := []uint32{7}
		for i, b := range text {
			if b == f {
				places = append(places, uint32(i))
			}
		}
		if found := Places([]uint32{7}, got, c); !slices.Equal(found, places) {
			t.Fatalf("%q: %q is at %d, want %d", text, f, found, places)
		}
		portable := make([]uint32, len(text)+batch)
		if placesPortable(portable, got, c); !slices.Equal(portable[:len(places)-1], places[1:]) {
			t.Fatalf("%q: %q is at %d by the portable way, want %d", text, f, portable, places[1:])
		}
		for i := range len(text) {
			for _, to := range []int{i, i + 1, i + 63, i + 64, i + 65, len(text)} {
				if from := min(i, to); to <= len(text) {
					if any := Any(got, c, from, to); any != (bytes.IndexByte(text[from:to], f) >= 0) {
						t.Fatalf("%q: is there a %q in [%d, %d): %v", text, f, from, to, any)
					}
				}
			}
		}
	}
}

func TestAppend(t *testing.T) {
	check(t, nil, [4]byte{0, 1, 2, 3})
	for _, n := range []int{1, 7, 8, 31, 32, 63, 64, 65, 127, 128, 129, 200} {
		check(t, bytes.Repeat([]byte{0}, n), [4]byte{0, 0, 1, 255})
		check(t, []byte(strings.Repeat(`{"a":"\\b\"","\x80`+"\x7F\xFF\x01\x00!#", 20)[:n]), [4]byte{'"', '\\', 0x80, 0})
	}
}

func TestAllocatesNothing(t *testing.T) {
	text := make([]byte, 1000)
	dst := make([]Block, 0, 16)
	if n := testing.AllocsPerRun(10, func() { dst = Append(dst[:0], text, [4]byte{'"'}) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzAppend(f *testing.F) {
	f.Add([]byte(`{"a":"b\"c"}`), byte('"'), byte('\\'))
	f.Fuzz(func(t *testing.T, text []byte, a, b byte) {
		check(t, text[:min(len(text), 300)], [4]byte{a, b, a + 1, b ^ 0x80})
	})
}

func BenchmarkAppend(b *testing.B) {
	text := bytes.Repeat([]byte(`{"key":"value","other":"a\/b"},`), 45)
	var dst []Block
	find := [4]byte{'"', '\\', ':', 'u'}
	b.Run("fill", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			dst = Append(dst[:0], text, find)
		}
	})
	b.Run("portable", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			fillPortable(dst[:len(text)/64], text, find)
		}
	})
}
