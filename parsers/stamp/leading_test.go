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

// FuzzDigits compares Digits and Thousandths with Int and Seconds.
func FuzzDigits(f *testing.F) {
	for _, s := range []string{"200", "12345678", "123456789", "0.250", "1234.567", "12345.678", ".250", "0.25", "0.2500", "1..250", "0.2.0", "", "-", "-1", "2/0", "2:0"} {
		f.Add([]byte("........"), []byte(s))
		f.Add([]byte("1"), []byte(s))
	}
	f.Fuzz(func(t *testing.T, before, text []byte) {
		line := append(append([]byte{}, before...), text...)
		from, to := len(before), len(line)
		plain := func(b []byte, point int) bool {
			for i, c := range b {
				if !isDigit(c) && i != point || c != '.' && i == point {
					return false
				}
			}
			return true
		}
		n, ok := Digits(line, from, to)
		if want := to >= 8 && len(text) > 0 && len(text) <= 8 && plain(text, -1); ok != want {
			t.Fatalf("%q behind %q is digits: %v", text, before, ok)
		} else if want, _ := Int(text); ok && n != want {
			t.Fatalf("%q is %d, want %d", text, n, want)
		}
		n, ok = Thousandths(line, from, to)
		if want := to >= 8 && len(text) >= 5 && len(text) <= 8 && plain(text, len(text)-4); ok != want {
			t.Fatalf("%q behind %q is thousandths: %v", text, before, ok)
		} else if want, _ := Seconds(text); ok && n*1e6 != want {
			t.Fatalf("%q is %d thousandths, want %d ns", text, n, want)
		}
	})
}
