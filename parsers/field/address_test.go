package field

import "testing"

func TestPublic(t *testing.T) {
	f := func(a string, want bool) {
		t.Helper()
		if got := Public([]byte(a)); got != want {
			t.Errorf("%s: %v", a, got)
		}
	}
	f("203.0.113.7", true)
	f("172.15.0.1", true)
	f("172.16.0.1", false)
	f("172.31.255.255", false)
	f("192.168.1.1", false)
	f("10.0.0.1", false)
	f("127.0.0.1", false)
	f("100.64.0.1", false)
	f("169.254.0.1", false)
	f("256.1.1.1", false)
	f("1.2.3", false)
	f("1.2.3.4.5", false)
	f("1..2.3", false)
	f("1.2.3.", false)
	f("localhost", false)
	f("2001:db8::1", true)
	f("[2001:db8::1]", true)
	f("fd00::1", false)
	f("FE80::1", false)
	f("::1", false)
	f("unix:", false)
	f("", false)
}
