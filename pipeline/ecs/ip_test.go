package ecs

import (
	"net/netip"
	"strings"
	"testing"
)

// sameAsNetip compares isIP with the standard library. Zones are taken off before isIP sees an address.
func sameAsNetip(t *testing.T, s string) {
	t.Helper()
	if strings.IndexByte(s, '%') >= 0 {
		return
	}
	_, err := netip.ParseAddr(s)
	if got, want := isIP([]byte(s)), err == nil; got != want {
		t.Errorf("isIP(%q) = %v, netip says %v", s, got, want)
	}
}

var addresses = []string{
	"", ".", ":", "::", ":::", "::1", "1::", "1.2.3.4", "255.255.255.255", "256.1.1.1", "1.2.3", "1.2.3.4.5", "1..3.4", "01.2.3.4", "0.0.0.0",
	"1.2.3.4:80", "2001:db8::1", "2001:DB8:0:0:0:0:0:1", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8",
	"1:2:3:4::5:6:7:8", "1::2::3", "12345::", "g::", "::ffff:1.2.3.4", "::1.2.3", "1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:7:1.2.3.4", "1:2:3:4:5::1.2.3.4",
	"1:2:3:4:5:6::1.2.3.4", "1.2.3.4::", "::1.2.3.4:5", "1:", "1:2:3:4:5:6:7:", ":1", "localhost", "unix:", "10.0.0.0/8", "1.2.3.4 ", " 1.2.3.4", "1e3.1.1.1", "fe80::", "abcd",
}

func TestIsIP(t *testing.T) {
	for _, s := range addresses {
		sameAsNetip(t, s)
	}
}

func FuzzIsIP(f *testing.F) {
	for _, s := range addresses {
		f.Add(s)
	}
	f.Fuzz(sameAsNetip)
}
