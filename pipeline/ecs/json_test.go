package ecs

import (
	"bytes"
	"testing"
)

// sameAsBytes compares both ways to copy with looking at one byte after another.
func sameAsBytes(t *testing.T, s []byte) {
	t.Helper()
	if len(s) == 0 {
		return
	}
	plain := 0
	for plain < len(s) && isPlain(s[plain]) {
		plain++
	}
	f := func(name string, copied func(dst, src []byte) int) {
		t.Helper()
		dst := bytes.Repeat([]byte{'#'}, len(s)+1)
		n := copied(dst, s)
		if n > plain || plain == len(s) && n < plain {
			t.Errorf("%s: %q: %d are plain, not %d", name, s, plain, n)
		} else if !bytes.Equal(dst[:n], s[:n]) || dst[len(s)] != '#' {
			t.Errorf("%s: %q has become %q", name, s, dst)
		}
	}
	f("quickly", func(dst, src []byte) int { return copyPlain(&dst[0], &src[0], len(src)) })
	f("portably", func(dst, src []byte) int { return copyPortable(dst[:len(src)], src) })
}

func TestCopyPlain(t *testing.T) {
	const text = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ !#[]~0123456789"
	for n := range len(text) {
		s := []byte(text[len(text)-n:])
		sameAsBytes(t, s)
		for at := range s {
			was := s[at]
			for _, c := range []byte{0, '\n', 0x1f, '"', '\\', 0x7f, 0x80, 0xff, 0xa0, 0xa2, 0xdc} {
				s[at] = c
				sameAsBytes(t, s)
			}
			s[at] = was
		}
	}
	for c := range 256 {
		sameAsBytes(t, []byte{byte(c)})
		sameAsBytes(t, append(bytes.Repeat([]byte{'a'}, 20), byte(c)))
	}
}

func FuzzCopyPlain(f *testing.F) {
	f.Add([]byte("plain"))
	f.Add([]byte("a text of more than sixteen bytes, \"quoted\" and \xe9"))
	f.Fuzz(sameAsBytes)
}
