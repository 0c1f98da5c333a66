package route

import "testing"

// TestScan looks at each byte in each place.
func TestScan(t *testing.T) {
	for c := range 256 {
		for at := range 24 {
			p := []byte("abcdefghijklmnopqrstuvwx")
			p[at] = byte(c)
			slashes, digits, odd := scan(p)
			f := func(what string, got uint64, want bool) {
				bit := uint64(0)
				if want {
					bit = 1 << at
				}
				if got != bit {
					t.Errorf("%s of %q: %#x, want %#x", what, p, got, bit)
				}
			}
			class := classes[c]
			f("slashes", slashes, c == '/')
			f("digits", digits, class == digit)
			f("odd", odd, class&(digit|other|classEnd) != 0 && c != '/')
		}
	}
}
