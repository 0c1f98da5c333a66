package syslog

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestMessage(t *testing.T) {
	const clf = `203.0.113.7 - - [10/Oct/2025:13:55:36 +0200] "GET / HTTP/1.1" 200 2326`
	const haproxy = `10.0.1.2:33317 [06/Feb/2009:12:14:14.655] http-in static/srv1 10/0/30/69/109 200 2750 - - ---- 1/1/1/1/0 0/0 "GET / HTTP/1.1"`
	const kong = `{"started_at":1760097336043,"request":{"uri":"\/"}}`
	const tyk = `map[alias: api_id:845b8ed1 method:GET timestamp:2023-02-23 16:29:27.53328605 +0000 UTC user_agent:curl/7.79.1]`
	f := func(frame, want string) {
		t.Helper()
		if got := message([]byte(frame)); string(got) != want {
			t.Errorf("%q:\n got %q\nwant %q", frame, got, want)
		}
	}
	// nginx, HAProxy, Kong, Tyk, Fastly.
	f(`<190>Nov 21 10:00:00 web1 nginx: `+clf, clf)
	f(`<190>Nov  1 10:00:00 nginx: `+clf, clf) // nohostname
	f(`<134>Nov 21 10:00:00 haproxy[674]: `+haproxy, haproxy)
	f(`<134>Nov 21 10:00:00 lb1 haproxy[674]: `+haproxy, haproxy)
	f(`<134>1 2026-11-21T10:00:00.000000+00:00 - haproxy 674 - - `+haproxy, haproxy)
	f(`<134>1 2026-11-21T10:00:00.000000+00:00 lb1 haproxy 674 - - `+haproxy, haproxy)
	f(`<134>`+haproxy, haproxy) // format short
	f(haproxy, haproxy)         // format raw
	f(`<14>Nov 21 10:00:00 kong: `+kong, kong)
	f(`<6>2023-02-23T16:29:27Z tyk-pump-host tyk-pump[1]: `+tyk, tyk)
	f(`<134>2026-11-21T10:00:00Z cache-fra123 edge[99]: `+clf, clf)
	// rsyslog and syslog-ng in their ways.
	f(`<189>Nov 21 10:00:00 web1 app `+clf, clf)
	f(`<189>Nov 21 10:00:00.123 web1 app: `+clf, clf)
	f(`<189>2026-11-21T10:00:00.123456+00:00 web1 envoy `+kong, kong)
	f(`<189>Nov 21 2026 10:00:00 web1 app: `+clf, clf)
	f(`<189>Nov 21 10:00:00 2001:db8::1 app: `+clf, clf)
	f(`<189>Nov 21 10:00:00: %LINK-3`, `%LINK-3`)
	f(`<165>1 2026-11-21T04:00:00.5Z h1 app 12 ID47 [ex@1 a="b\"] c"][more] `+"\xef\xbb\xbf"+clf, clf)
	f(`<165>1 - - - - - - `+clf, clf)
	f(`<165>1 2026-11-21T04:00:00Z h1 app - - -`, ``)
	f(`<165>1 2026-11-21T04:00:00Z h1 app - - [x]`, ``)
	// A sender that names no host, and none that names no tag.
	f(`<190>Nov 21 10:00:00 `+clf, clf)
	f(`<190>Nov 21 10:00:00 web1 `+clf, clf)
	f(`<190>Nov 21 10:00:00 web1 `+kong, kong)
	f(`<190>Nov 21 10:00:00 `+kong, kong)
	f(`<190>Nov 21 10:00:00 web1 app`, `app`)
	f(`<190>Nov 21 10:00:00 app:`, ``)
	// What is no header stays.
	f(clf, clf)
	f(kong, kong)
	f(`<190>`+clf, clf)
	f(`<1900>`+clf, `<1900>`+clf)
	f(`<>`+clf, `<>`+clf)
	f(`<x>`+clf, `<x>`+clf)
	f(`<190`, `<190`)
	f(``, ``)
	f(`<165>1 2026-11-21T04:00:00Z h1 app 12 ID47 [ex@1 a="b`, `1 2026-11-21T04:00:00Z h1 app 12 ID47 [ex@1 a="b`)
	f(`<165>1 2026 h1 app 12 ID47 - x`, `1 2026 h1 app 12 ID47 - x`)
	f(`<165>1 upstream timed out`, `1 upstream timed out`)
	f(`<165>Nov 21 1`, `Nov 21 1`)
	f(`<165>Nov 21 10:00:00`, `Nov 21 10:00:00`)
	f(`<165>Nov 21 10:00:00 `, ``)
}

// frames returns what comes out when b arrives in pieces that end at each of the cuts.
func frames(b string, max int, cuts ...int) (got []string, rest string, err error) {
	f := framer{max: max}
	held := ""
	begin := 0
	for _, cut := range append(cuts, len(b)) {
		piece := []byte(held + b[begin:cut])
		begin = cut
		var left []byte
		left, err = f.cut(piece, func(frame []byte) { got = append(got, string(frame)) })
		if err != nil {
			return got, "", err
		}
		held = string(left)
	}
	return got, held, nil
}

func TestFrames(t *testing.T) {
	f := func(b string, max int, rest string, want ...string) {
		t.Helper()
		for cut := range len(b) + 1 {
			got, left, err := frames(b, max, cut)
			if err != nil || left != rest || fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
				t.Errorf("%q cut at %d: %q and %q, %v; want %q and %q", b, cut, got, left, err, want, rest)
			}
		}
	}
	f("", 10, "")
	f("<1>a\n<2>b\r\n\n<3>c", 10, "<3>c", "<1>a", "<2>b\r", "")
	f("5 <1>ab6 <2>abc3 <3", 10, "3 <3", "<1>ab", "<2>abc")
	f("5 <1>ab\n6 <2>abc\n", 10, "", "<1>ab", "<2>abc")
	f("5 <1>\nb5 <2>\nb", 10, "", "<1>\nb", "<2>\nb") // a newline in a counted message ends nothing
	f("127.0.0.1 - -\n", 20, "", "127.0.0.1 - -")     // a line that begins with digits
	f("123 lines\n5 <1>ab\n", 20, "", "123 lines", "5 <1>ab")
	f("007 <1>ab\n", 20, "", "007 <1>ab")
	f("12345678901 <1>ab\n", 30, "", "12345678901 <1>ab")
	f("12", 20, "12")
	f("12 ", 20, "12 ")
	f("longer than ten\nshort\n", 10, "", "longer than", "short")
	f("just ten:)\n", 10, "", "just ten:)")
	f("15 <1>longer thanx5 <2>ab", 10, "", "<1>longer t", "<2>ab")

	// A long one that is not at its end yet is left out as it comes.
	if got, rest, err := frames("no end"+strings.Repeat("x", 100), 10, 20, 50); err != nil || rest != "" || fmt.Sprint(got) != "[no endxxxxx]" {
		t.Errorf("%q %q %v", got, rest, err)
	}

	bad := func(b string, want error) {
		t.Helper()
		if _, _, err := frames(b, 10); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", b, err, want)
		}
	}
	bad("999999999 <1>", errCount)
	bad("5 <1>ab999999999 <1>", errCount)
	bad("5 <1>ab99999999999999999999", errCount)
	bad("5 <1>ab<2>no count\n", errFraming)
	bad("5 <1>ab0 <2>", errFraming)
	bad("5 <1>ab5<2>abc", errFraming)
}

// FuzzFrames: however the bytes are cut into pieces, the frames are the same.
func FuzzFrames(f *testing.F) {
	f.Add("<1>a\n<2>b\n", uint16(3), uint16(5))
	f.Add("5 <1>ab6 <2>abc3 <3", uint16(1), uint16(9))
	f.Add("15 <1>longer thanx5 <2>ab", uint16(4), uint16(16))
	f.Fuzz(func(t *testing.T, b string, one, two uint16) {
		if len(b) == 0 {
			return
		}
		first, second := int(one)%len(b), int(two)%len(b)
		if first > second {
			first, second = second, first
		}
		whole, rest, err := frames(b, 10)
		pieces, left, failed := frames(b, 10, first, second)
		if fmt.Sprintf("%q", whole) != fmt.Sprintf("%q", pieces) || (err == nil) != (failed == nil) || err == nil && rest != left {
			t.Fatalf("%q whole: %q %q %v\nin pieces at %d and %d: %q %q %v", b, whole, rest, err, first, second, pieces, left, failed)
		}
		for _, frame := range whole {
			message([]byte(frame))
			if !strings.Contains(b, frame) || len(frame) > 11 {
				t.Fatalf("%q is no frame of %q", frame, b)
			}
		}
	})
}

// FuzzMessage: a message is the end of its frame.
func FuzzMessage(f *testing.F) {
	for _, seed := range []string{"<190>Nov 21 10:00:00 web1 nginx: a", `<165>1 2026-11-21T04:00:00.5Z h1 app 12 ID47 [ex@1 a="b"] m`, "<6>2023-02-23T16:29:27Z h t[1]: m", "<1>"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		if m := message(frame); !strings.HasSuffix(string(frame), string(m)) {
			t.Fatalf("%q has the message %q", frame, m)
		}
	})
}
