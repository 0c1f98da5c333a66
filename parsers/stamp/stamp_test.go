package stamp

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestCLF(t *testing.T) {
	var c Cache
	f := func(s string, want string) {
		t.Helper()
		for range 2 { // the second time from the cache
			ns, ok := c.CLF([]byte(s))
			if want == "" {
				if ok {
					t.Errorf("%q is read as %v", s, time.Unix(0, ns).UTC())
				}
				continue
			}
			if got := time.Unix(0, ns).UTC().Format(time.RFC3339); !ok || got != want {
				t.Errorf("%q is read as %v, %v, want %v", s, got, ok, want)
			}
		}
	}
	f("10/Oct/2000:13:55:36 -0700", "2000-10-10T20:55:36Z")
	f("29/Feb/2024:00:00:00 +0530", "2024-02-28T18:30:00Z")
	f("29/Feb/2023:00:00:00 +0000", "")
	f("29/Feb/1900:00:00:00 +0000", "")
	f("31/Dec/2016:23:59:60 +0000", "2017-01-01T00:00:00Z")
	f("32/Oct/2000:13:55:36 -0700", "")
	f("10/Foo/2000:13:55:36 -0700", "")
	f("10/Oct/2000:24:55:36 -0700", "")
	f("10/Oct/2000:13:55:36 -9900", "")
	f("10/Oct/2000:13:55:36 -07:0", "")
	f("10/Oct/2000:13:55:36", "")
	f("10/Oct/9999:13:55:36 -0700", "")
	f("", "")
}

func TestISO(t *testing.T) {
	var c Cache
	f := func(s string, want string) {
		t.Helper()
		ns, ok := c.ISO([]byte(s))
		if got := time.Unix(0, ns).UTC().Format(time.RFC3339Nano); ok != (want != "") || ok && got != want {
			t.Errorf("%q is read as %v, %v, want %q", s, got, ok, want)
		}
	}
	f("2016-09-21T23:00:00+00:00", "2016-09-21T23:00:00Z")
	f("2016-09-21T23:00:00Z", "2016-09-21T23:00:00Z")
	f("2016-09-21 23:00:00,123 -0230", "2016-09-22T01:30:00.123Z")
	f("2016-09-21T23:00:00.123456789Z", "2016-09-21T23:00:00.123456789Z")
	f("2016-09-21T23:00:00.1234567891Z", "")
	f("2016-09-21T23:00:00.Z", "")
	f("2016-09-21T23:00:00", "2016-09-21T23:00:00Z")
	f("2016-13-21T23:00:00Z", "")
	f("2016-09-21T23:00:00X", "")
	f("2016-09-21", "")
}

func TestNumbers(t *testing.T) {
	f := func(read func([]byte) (int64, bool), s string, want int64, wantOK bool) {
		t.Helper()
		if n, ok := read([]byte(s)); ok != wantOK || ok && n != want {
			t.Errorf("%q is read as %d, %v, want %d, %v", s, n, ok, want, wantOK)
		}
	}
	f(Int, "0", 0, true)
	f(Int, "-17", -17, true)
	f(Int, "999999999999999999", 999999999999999999, true)
	f(Int, "9999999999999999999", 0, false)
	f(Int, "", 0, false)
	f(Int, "-", 0, false)
	f(Int, "1x", 0, false)
	f(Seconds, "0.004", 4e6, true)
	f(Seconds, "12", 12e9, true)
	f(Seconds, "1.", 1e9, true)
	f(Seconds, ".5", 5e8, true)
	f(Seconds, ".", 0, false)
	f(Seconds, "", 0, false)
	f(Seconds, "-1", 0, false)
	f(Seconds, "1.2.3", 0, false)
	f(Seconds, "0.1234567899", 123456789, true)
	f(Seconds, "99999999999999", 0, false)
	f(Millis, "1.5", 15e5, true)
	f(Micros, "7", 7000, true)
	f(Epoch, "1700000000", 1700000000e9, true)
	f(Epoch, "1700000000.123", 1700000000123e6, true)
	f(Epoch, "1700000000123", 1700000000123e6, true)
	f(Epoch, "1700000000123.5", 17000000001235e5, true)
	f(Epoch, "1700000000123456", 1700000000123456e3, true)
	f(Epoch, "1700000000123456789", 1700000000123456789, true)
	f(Epoch, "9999999999999999999", 0, false)
	f(Epoch, "x", 0, false)
	f(EpochDecimal, "1.700000000123e+12", 1700000000123e6, true)
	f(EpochDecimal, "1.7e9", 17e17, true)
	f(EpochDecimal, "1700000000.5", 17000000005e8, true)
	f(EpochDecimal, "1.7267838395395e+18", 1726783839539500000, true)
	f(EpochDecimal, "9e18", 0, false)
	f(EpochDecimal, "-1", 0, false)
	f(Epoch, "", 0, false)
}

func TestDecimal(t *testing.T) {
	f := func(s string, places int, want int64, wantOK bool) {
		t.Helper()
		if n, ok := Decimal([]byte(s), places); ok != wantOK || ok && n != want {
			t.Errorf("%q is read as %d, %v, want %d, %v", s, n, ok, want, wantOK)
		}
	}
	f("0", 6, 0, true)
	f("-1", 6, -1e6, true)
	f("173", 6, 173e6, true)
	f("173.0", 0, 173, true)
	f("1200.0000476837", 6, 1200000047, true)
	f("1.7267838395395e+18", 0, 1726783839539500000, true)
	f("1.7267838395395E18", 0, 1726783839539500000, true)
	f("1e400", 0, 0, false)
	f("1e30", 0, 0, false)
	f("1e-30", 9, 0, true)
	f("0e999", 9, 0, true)
	f("123456789012345678901", 0, 0, false)
	f("0.000000000000000000001e21", 0, 1, true)
	f("1e1000", 0, 0, false)
	f("1e", 0, 0, false)
	f("1x", 0, 0, false)
	f("", 0, 0, false)
	f("-", 0, 0, false)
	f(".", 0, 0, false)
	f("1.2.3", 0, 0, false)
}

func TestLayout(t *testing.T) {
	f := func(format, s, want string) {
		t.Helper()
		l, err := NewLayout(format)
		if err != nil {
			t.Fatal(err)
		}
		ns, ok := l.Parse([]byte(s))
		if got := time.Unix(0, ns).UTC().Format(time.RFC3339); ok != (want != "") || ok && got != want {
			t.Errorf("%q is read as %v, %v, want %q", s, got, ok, want)
		}
	}
	f("%d/%b/%Y:%H:%M:%S %z", "10/Oct/2000:13:55:36 -0700", "2000-10-10T20:55:36Z")
	f("%FT%T%z", "2000-10-10T13:55:36+0200", "2000-10-10T11:55:36Z")
	f("%Y-%m-%d %R", "2000-10-10 13:55", "2000-10-10T13:55:00Z")
	f("%e %b %Y", " 1 Oct 2000", "2000-10-01T00:00:00Z")
	f("%e %b %Y", "31 Oct 2000", "2000-10-31T00:00:00Z")
	f("%z", "+0200", "1969-12-31T22:00:00Z")
	f("%d%%%b%Y", "01%Oct2000", "2000-10-01T00:00:00Z")
	f("%FT%T", "2000-10-10 13:55:36", "")
	f("%FT%T", "2000-10-10T13:55:3", "")
	f("%FT%T", "2000-10-10T13:55:3x", "")
	f("%z", "+02x0", "")
	for _, bad := range []string{"%", "%Q", "%j", "%y", "%2"} {
		if _, err := NewLayout(bad); err == nil {
			t.Errorf("%q is a layout", bad)
		}
	}
}

func FuzzDecimal(f *testing.F) {
	f.Add("1.7267838395395e+18")
	f.Add("-0.004e-2")
	f.Fuzz(func(t *testing.T, s string) {
		n, ok := Decimal([]byte(s), 3)
		v, err := strconv.ParseFloat(s, 64)
		if ok && (err != nil || math.Abs(float64(n)-v*1e3) > 1+math.Abs(v)*1e-9) {
			t.Errorf("%q is read as %d; ParseFloat: %v, %v", s, n, v, err)
		}
	})
}

func FuzzISO(f *testing.F) {
	f.Add("2016-09-21T23:00:00.123456789+00:00")
	f.Add("2016-02-29T23:59:60Z")
	strict := regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:[0-5]\d)$`) // time.Parse takes one digit of an hour, and 60 minutes of a zone
	var c Cache
	f.Fuzz(func(t *testing.T, s string) {
		ns, ok := c.ISO([]byte(s))
		want, err := time.Parse(time.RFC3339Nano, s)
		if ok && err == nil && want.UnixNano() != ns {
			t.Errorf("%q is read as %v, want %v", s, time.Unix(0, ns).UTC(), want)
		}
		if !ok && err == nil && want.Year() >= 1901 && want.Year() < 2199 && strict.MatchString(s) {
			_, zone := want.Zone()
			if zone <= 18*3600 && zone >= -18*3600 {
				t.Errorf("%q is not read", s)
			}
		}
	})
}

func FuzzCLF(f *testing.F) {
	f.Add("10/Oct/2000:13:55:36 -0700")
	f.Add("29/Feb/2024:00:00:60 +0000")
	var c Cache
	f.Fuzz(func(t *testing.T, s string) {
		ns, ok := c.CLF([]byte(s))
		want, err := time.Parse("02/Jan/2006:15:04:05 -0700", strings.Replace(s, ":60 ", ":59 ", 1))
		if strings.Contains(s, ":60 ") {
			want = want.Add(time.Second)
		}
		if !ok {
			return // stricter is fine: years, zones
		}
		if err == nil && want.UnixNano() != ns {
			t.Errorf("%q is read as %v, want %v", s, time.Unix(0, ns).UTC(), want)
		}
		if err != nil && len(s) == 26 && !strings.Contains(s, ":60 ") {
			t.Errorf("%q is read as %v; time.Parse: %v", s, time.Unix(0, ns).UTC(), err)
		}
	})
}

func FuzzSeconds(f *testing.F) {
	f.Add("0.004")
	f.Add("1700000000.123")
	f.Fuzz(func(t *testing.T, s string) {
		ns, ok := Seconds([]byte(s))
		v, err := strconv.ParseFloat(s, 64)
		if ok && (err != nil || math.Abs(float64(ns)-v*1e9) > 1+math.Abs(v)*1e-6) {
			t.Errorf("%q is read as %d; ParseFloat: %v, %v", s, ns, v, err)
		}
		Epoch([]byte(s))
		Int([]byte(s))
	})
}

func TestAllocatesNothing(t *testing.T) {
	var c Cache
	clf, iso, zoned := []byte("10/Oct/2000:13:55:36 -0700"), []byte("2016-09-21T23:00:00.5+00:00"), []byte("0.004")
	if n := testing.AllocsPerRun(100, func() {
		c.CLF(clf)
		c.ISO(iso)
		Seconds(zoned)
		Decimal(zoned, 9)
		c.clfKnown, c.isoKnown = false, false
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestCLFOfAnotherByte: a time is the one before only when all its bytes are.
func TestCLFOfAnotherByte(t *testing.T) {
	known := []byte("10/Oct/2000:13:55:36 -0700")
	for i := range known {
		for bit := range 8 {
			other := append([]byte(nil), known...)
			other[i] ^= 1 << bit
			var fresh, cached Cache
			if _, ok := cached.CLF(known); !ok {
				t.Fatal("not read")
			}
			wantNS, want := fresh.CLF(other)
			if ns, ok := cached.CLF(other); ns != wantNS || ok != want {
				t.Errorf("%q after %q: %d, %v; alone %d, %v", other, known, ns, ok, wantNS, want)
			}
		}
	}
}
