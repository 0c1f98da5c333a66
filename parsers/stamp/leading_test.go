package stamp

import (
	"math/big"
	"testing"
)

func TestLeading(t *testing.T) {
	f := func(line string, at int, wantN int64, wantLength int, wantNanos int64, wantDecimal int) {
		t.Helper()
		if n, length := LeadingInt([]byte(line), at); n != wantN || length != wantLength {
			t.Errorf("LeadingInt(%q, %d): %d of %d bytes, want %d of %d", line, at, n, length, wantN, wantLength)
		}
		if n, length := LeadingDecimal([]byte(line), at, 9); n != wantNanos || length != wantDecimal {
			t.Errorf("LeadingDecimal(%q, %d): %d of %d bytes, want %d of %d", line, at, n, length, wantNanos, wantDecimal)
		}
	}
	f("200 512", 0, 200, 3, 200e9, 3)
	f("200 512", 4, 512, 3, 512e9, 3)
	f("x 0.004 0.001", 2, 0, 1, 4e6, 5)
	f("x 0.004 0.001", 8, 0, 1, 1e6, 5)
	f("x 123.456", 2, 123, 3, 123456e6, 7)
	f("1234567", 0, 1234567, 7, 1234567e9, 7)
	f("12345678", 0, 0, 0, 0, 0)
	f("123.4567", 0, 123, 3, 0, 0)
	f("7", 0, 7, 1, 7e9, 1)
	f("7", 1, 0, 0, 0, 0)
	f("", 0, 0, 0, 0, 0)
	f("1.", 0, 1, 1, 0, 0)
	f(".5", 0, 0, 0, 0, 0)
	f("-1", 0, 0, 0, 0, 0)
	f("1.2.3", 0, 1, 1, 1200e6, 3)
	f("1\xb02", 0, 1, 1, 1e9, 1)
}

// leading is what LeadingInt and LeadingDecimal read, by the byte.
func leading(line []byte, at, places int) (n int64, length int) {
	i := at
	for i < len(line) && isDigit(line[i]) {
		i++
	}
	if places > 0 && i > at && i < len(line) && line[i] == '.' {
		point := i
		for i++; i < len(line) && isDigit(line[i]); i++ {
		}
		if i == point+1 || i-point-1 > places {
			return 0, 0
		}
	}
	if i == at || i-at > 7 {
		return 0, 0
	}
	v, ok := new(big.Rat).SetString(string(line[at:i]))
	if !ok {
		return 0, 0
	}
	v.Mul(v, new(big.Rat).SetInt64(powers[places]))
	return v.Num().Int64(), i - at
}

func FuzzLeading(f *testing.F) {
	for _, s := range []string{"0.399 0.397", "200", "26912 ", "99999999", "1.5x", "12.3456", "\x00\x01"} {
		f.Add([]byte(s), 0, 9)
		f.Add([]byte("ab "+s), 3, 3)
	}
	f.Fuzz(func(t *testing.T, line []byte, at, places int) {
		at, places = min(max(at, 0), len(line)), 1+int(uint(places)%9)
		wantN, wantLength := leading(line, at, 0)
		if n, length := LeadingInt(line, at); n != wantN || length != wantLength {
			t.Errorf("LeadingInt(%q, %d): %d of %d bytes, want %d of %d", line, at, n, length, wantN, wantLength)
		}
		wantN, wantLength = leading(line, at, places)
		if n, length := LeadingDecimal(line, at, places); n != wantN || length != wantLength {
			t.Errorf("LeadingDecimal(%q, %d, %d): %d of %d bytes, want %d of %d", line, at, places, n, length, wantN, wantLength)
		}
	})
}
