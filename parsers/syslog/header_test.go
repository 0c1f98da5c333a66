package syslog

import (
	"strings"
	"testing"
)

func TestHeader(t *testing.T) {
	f := func(line, message string) {
		t.Helper()
		n := Header([]byte(line))
		if n < 0 || n > len(line) || line[n:] != message {
			t.Errorf("%q: the message is %q, want %q", line, line[min(max(n, 0), len(line)):], message)
		}
	}
	f("<134>Feb  6 12:14:14 localhost haproxy[14389]: 10.0.0.1 x", "10.0.0.1 x")
	f("Feb 16 12:14:14 localhost haproxy[14389]: 10.0.0.1 x", "10.0.0.1 x")
	f("<134>Feb  6 12:14:14 haproxy[14389]: 10.0.0.1 x", "10.0.0.1 x")
	f("<190>Nov 21 04:00:00 web1 nginx: 10.0.0.1 - - [", "10.0.0.1 - - [")
	f("Nov 21 04:00:00.123 web1 nginx: 10.0.0.1", "10.0.0.1")
	f("<134>2026-02-06T12:14:14.655Z localhost haproxy[14389]: x", "x")
	f("2026-02-06T12:14:14+01:00 localhost haproxy[14389]: x", "x")
	f("<134>1 2026-02-06T12:14:14.655Z lb1 haproxy 14389 - - x", "x")
	f("<134>1 2026-02-06T12:14:14.655Z lb1 haproxy 14389 - - \xEF\xBB\xBFx", "x")
	f(`<134>1 - - - - - [a@1 b="\"]"][c@1] x`, "x")
	f("haproxy[674]: 10.0.0.1", "10.0.0.1")
	f("2026-02-06T12:14:14.655123456Z stdout F 10.0.0.1", "10.0.0.1")
	f("2026-02-06T12:14:14.655123456Z stderr P 10.0.0.1", "10.0.0.1")
	f("<13>10.0.0.1 - - [", "10.0.0.1 - - [")
	// no headers
	f("10.0.0.1 - - [10/Oct/2000:13:55:36 -0700]", "10.0.0.1 - - [10/Oct/2000:13:55:36 -0700]")
	f("2015-05-13T23:39:43.945958Z my-loadbalancer 192.168.131.39:2817 10.0.0.1:80 0", "2015-05-13T23:39:43.945958Z my-loadbalancer 192.168.131.39:2817 10.0.0.1:80 0")
	f("haproxy: x", "haproxy: x")
	f("host:80 1.2.3.4", "host:80 1.2.3.4")
	f("<request id=", "<request id=")
	f("<134>1 2026-02-06T12:14:14.655Z lb1", "<134>1 2026-02-06T12:14:14.655Z lb1")
	f(`<134>1 - - - - - [a@1 b="x`, `<134>1 - - - - - [a@1 b="x`)
	f("Feb  6 12:14:14 ", "Feb  6 12:14:14 ")
	f("", "")
	f("<", "<")
	f(strings.Repeat("a", 4096)+"[1]: x", strings.Repeat("a", 4096)+"[1]: x")
}

func FuzzHeader(f *testing.F) {
	f.Add("<134>Feb  6 12:14:14 localhost haproxy[14389]: 10.0.0.1 x")
	f.Add(`<134>1 - - - - - [a@1 b="\"]"][c@1] x`)
	f.Add("2026-02-06T12:14:14.655123456Z stdout F x")
	f.Fuzz(func(t *testing.T, line string) {
		if n := Header([]byte(line)); n < 0 || n > len(line) {
			t.Fatalf("%q: %d", line, n)
		}
	})
}
