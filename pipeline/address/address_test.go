package address

import (
	"net/netip"
	"testing"
)

func TestParse(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		got, ok := Parse([]byte(text))
		switch {
		case ok != (want != ""):
			t.Errorf("%q is an address: %v", text, ok)
		case ok && got.String() != want:
			t.Errorf("%q is read as %s, want %s", text, got, want)
		}
	}
	f("10.0.0.1", "10.0.0.1")
	f("255.255.255.255", "255.255.255.255")
	f("::ffff:10.0.0.1", "10.0.0.1")
	f("::FFFF:10.0.0.1", "10.0.0.1")
	f("2001:db8::1", "2001:db8::1")
	f("fe80::1%eth0", "fe80::1")
	f("fe80::1%", "fe80::1")
	f("::", "::")
	f("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")
	f("", "")
	f("-", "")
	f("10.0.0.1:80", "")
	f("10.0.0.1%eth0", "")
	f("10.0.0", "")
	f("10.0.0.256", "")
	f("10.0.0.01", "")
	f("[::1]", "")
	f("unix:", "")
	f("host.example.com", "")
	f("beef.cafe.bad.babe", "")
	f("1::2::3", "")
}

// FuzzParse holds Parse against netip.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"10.0.0.1", "::ffff:10.0.0.1", "fe80::1%eth0", "1:2", "a.b", "::1%%", "1.2.3.4.5", "-"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, ok := Parse([]byte(text))
		want, err := netip.ParseAddr(text)
		if want = want.WithZone("").Unmap(); err == nil && (!ok || got != want) {
			t.Errorf("%q is read as %v, %v, want %v", text, got, ok, want)
		}
		if ok && err != nil && text[len(text)-1] != '%' {
			t.Errorf("%q is read as %v, and is none: %v", text, got, err)
		}
	})
}

func TestParseAllocatesNothing(t *testing.T) {
	for _, text := range []string{"203.0.113.7", "2001:db8::7", "fe80::1%eth0", "host.example.com", "203.0.113.7:443", "-", "unix:"} {
		b := []byte(text)
		if n := testing.AllocsPerRun(100, func() { Parse(b) }); n != 0 {
			t.Errorf("%s: %v allocations", text, n)
		}
	}
}
