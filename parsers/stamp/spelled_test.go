package stamp

import (
	"testing"
	"time"
)

func TestSpelled(t *testing.T) {
	f := func(text string, want time.Duration, ok bool) {
		t.Helper()
		got, gotOK := Spelled([]byte(text))
		if gotOK != ok || ok && got != int64(want) {
			t.Errorf("%q is %d, %v, want %d, %v", text, got, gotOK, want, ok)
		}
		if d, err := time.ParseDuration(text); ok && (err != nil || int64(d) != got) {
			t.Errorf("%q is %v to Go", text, d)
		}
	}
	f("0", 0, true)
	f("0s", 0, true)
	f("4.529µs", 4529, true)
	f("4.529μs", 4529, true)
	f("4.529us", 4529, true)
	f("123000ms", 123*time.Second, true)
	f("1m2.529345s", 62529345*time.Microsecond, true)
	f("2h45m", 165*time.Minute, true)
	f("7ns", 7, true)
	f("", 0, false)
	f("12", 0, false)
	f("12x", 0, false)
	f("ms", 0, false)
	f("-1s", 0, false)
	f("1.5m", 0, false) // Go prints minutes whole
	f("99999999999h", 0, false)
	f("1s2", 0, false)
	f("1µ", 0, false)
}

// FuzzSpelled holds Spelled against time.ParseDuration.
func FuzzSpelled(f *testing.F) {
	for _, s := range []string{"0", "4.529µs", "1m2.5s", "123ms", "2h45m", "1.", ".5s", "1e3s"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		ns, ok := Spelled([]byte(s))
		d, err := time.ParseDuration(s)
		if ok && (err != nil || int64(d) != ns) {
			t.Fatalf("%q is %d, to Go %d, %v", s, ns, d, err)
		}
	})
}

func TestLocal(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		var c Cache
		ns, ok := c.Local([]byte(text))
		got := ""
		if ok {
			got = time.Unix(0, ns).UTC().Format(time.RFC3339Nano)
		}
		if got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
	f("06/Feb/2009:12:14:14.655", "2009-02-06T12:14:14.655Z")
	f("06/Feb/2009:12:14:14", "2009-02-06T12:14:14Z")
	f("06/Feb/2009:12:14:14.123456789", "2009-02-06T12:14:14.123456789Z")
	f("06/Feb/2009:12:14:14.", "")
	f("06/Feb/2009:12:14:14.1234567890", "")
	f("06/Feb/2009:12:14:14 +0100", "")
	f("30/Feb/2009:12:14:14.655", "")
	f("06/Feb/2009:25:14:14.655", "")
	f("06/Feb/2009", "")
	f("", "")
}

func TestClock(t *testing.T) {
	f := func(text string, want time.Duration, ok bool) {
		t.Helper()
		if got, gotOK := Clock([]byte(text)); gotOK != ok || ok && got != int64(want) {
			t.Errorf("%q is %d, %v", text, got, gotOK)
		}
	}
	f("21:02:31", 21*time.Hour+2*time.Minute+31*time.Second, true)
	f("00:00:00.25", 250*time.Millisecond, true)
	f("24:00:00", 0, false)
	f("1:00:00", 0, false)
	f("00-00-00", 0, false)
	f("00:00:00x", 0, false)
}

func TestGo(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		var c Cache
		ns, ok := c.Go([]byte(text))
		got := ""
		if ok {
			got = time.Unix(0, ns).UTC().Format(time.RFC3339Nano)
		}
		if got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
	f("2023-02-23 16:29:27.53328605 +0000 UTC", "2023-02-23T16:29:27.53328605Z")
	f("2023-02-23 16:29:27.53 +0100 CET m=+0.123", "2023-02-23T15:29:27.53Z")
	f("2023-02-23 16:29:27 +0000 UTC", "2023-02-23T16:29:27Z")
	f("2023-02-23T16:29:27Z", "2023-02-23T16:29:27Z")
	f("0001-01-01 00:00:00 +0000 UTC", "")
	f("yesterday", "")
}

// TestZone compares with Go's own reading, at the hours around both changes of the clocks.
func TestZone(t *testing.T) {
	for _, name := range []string{"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"} {
		location, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		z := NewZone(location)
		for _, day := range []time.Time{
			time.Date(2025, 3, 30, 0, 0, 0, 0, time.UTC), time.Date(2025, 10, 26, 0, 0, 0, 0, time.UTC), time.Date(2025, 4, 6, 0, 0, 0, 0, time.UTC),
			time.Date(2025, 11, 2, 0, 0, 0, 0, time.UTC), time.Date(1969, 12, 31, 0, 0, 0, 0, time.UTC),
		} {
			for minute := range 24 * 60 {
				wall := day.Add(time.Duration(minute)*time.Minute + 123456789)
				want := time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), wall.Second(), wall.Nanosecond(), location)
				if got := z.Instant(wall.UnixNano()); got != want.UnixNano() {
					t.Fatalf("%s: %v is %v, want %v", name, wall, time.Unix(0, got).In(location), want)
				}
			}
		}
	}
	if got := NewZone(nil).Instant(7); got != 7 {
		t.Errorf("without a place 7 is %d", got)
	}
}
