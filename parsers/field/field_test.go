package field

import (
	"strings"
	"testing"

	"github.com/gatemeter/gatemeter/pipeline/record"
)

func TestSplitRequest(t *testing.T) {
	f := func(request, method, url, path, query, version string) {
		t.Helper()
		var r record.Record
		r.Reset()
		SplitRequest(&r, []byte(request))
		Finish(&r, nil)
		got := []string{string(r.Method), string(r.URL), string(r.Path), string(r.Query), string(r.HTTPVersion)}
		if want := []string{method, url, path, query, version}; strings.Join(got, "|") != strings.Join(want, "|") {
			t.Errorf("%q is taken apart as %q, want %q", request, got, want)
		}
	}
	f("GET /a?b=c HTTP/1.1", "GET", "/a?b=c", "/a", "b=c", "1.1")
	f("GET /a b?c d HTTP/2.0", "GET", "/a b?c d", "/a b", "c d", "2")
	f("GET /a HTTP/3", "GET", "/a", "/a", "", "3")
	f("GET / HTTP/1.0", "GET", "/", "/", "", "1.0")
	f("GET /a", "GET", "/a", "/a", "", "")
	f("GET /a HTTP/", "GET", "/a HTTP/", "/a HTTP/", "", "")
	f("GET  HTTP/1.1", "GET", "", "", "", "1.1")
	f("GET http://h?q HTTP/1.1", "GET", "http://h?q", "", "q", "1.1")
	f("OPTIONS * HTTP/1.1", "OPTIONS", "*", "*", "", "1.1")
	f("GET ?x HTTP/1.1", "GET", "?x", "", "x", "1.1")
	f("hello", "", "hello", "hello", "", "")
	f("\x16\x03\x01", "", "\x16\x03\x01", "\x16\x03\x01", "", "")
	f("- - ", "", "", "", "", "")
	f("-", "", "", "", "", "")
	f("", "", "", "", "", "")
	f(" ", "", "", "", "", "")
}

func TestHost(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		if got := Host([]byte(in)); string(got) != want {
			t.Errorf("the host of %q is %q, want %q", in, got, want)
		}
	}
	f("a.example", "a.example")
	f("a.example:443", "a.example")
	f("[2001:db8::1]:443", "2001:db8::1")
	f("[2001:db8::1]", "2001:db8::1")
	f("2001:db8::1", "2001:db8::1")
	f("[", "[")
	f(":", "")
	f("", "")
}

func TestTake(t *testing.T) {
	var rd Reader
	f := func(op Op, v string, field record.Field, want int64, reason record.Reason) {
		t.Helper()
		var r record.Record
		r.Reset()
		if got := rd.Take(&r, &op, []byte(v)); got != reason {
			t.Errorf("%q: %v, want %v", v, got, reason)
		}
		if got := r.Number(field); reason == record.None && got != want {
			t.Errorf("%q: %v is %d, want %d", v, field, got, want)
		}
	}
	number := func(field record.Field) Op { return Op{Action: Number, Field: field} }
	f(number(record.Status), "200", record.Status, 200, record.None)
	f(number(record.Status), "000", record.Status, 0, record.None)
	f(number(record.Status), "-", record.Status, -1, record.None)
	f(number(record.Status), "1000", record.Status, 0, record.BadNumber)
	f(number(record.Status), "-1", record.Status, 0, record.BadNumber)
	f(number(record.ClientPort), "65536", record.ClientPort, 0, record.BadNumber)
	f(number(record.RequestBytes), "9999999999999999", record.RequestBytes, 0, record.BadNumber)
	f(Op{Action: Octets, Field: record.ResponseBodyBytes}, "-", record.ResponseBodyBytes, 0, record.None)
	f(Op{Action: Octets, Field: record.ResponseBodyBytes}, "", record.ResponseBodyBytes, -1, record.None)
	sum := Op{Action: SpanSum, Field: record.UpstreamDuration, Unit: Seconds}
	f(sum, "0.100, - : 0.910", record.UpstreamDuration, 1010e6, record.None)
	f(sum, "0.100,0.200", record.UpstreamDuration, 300e6, record.None)
	f(sum, "-, -", record.UpstreamDuration, -1, record.None)
	f(sum, "0.1; 0.2", record.UpstreamDuration, 0, record.BadNumber)
	f(sum, "-1", record.UpstreamDuration, 0, record.BadNumber)
	f(sum, strings.Repeat("7000000000 ", 3), record.UpstreamDuration, 0, record.BadNumber) // more than 64 bits hold
	last := Op{Action: NumberLast, Field: record.UpstreamStatus}
	f(last, "502, 504 : 200", record.UpstreamStatus, 200, record.None)
	f(last, "502, -", record.UpstreamStatus, -1, record.None)
	f(last, "502,", record.UpstreamStatus, -1, record.None)
	f(last, "5x2", record.UpstreamStatus, 0, record.BadNumber)
	span := func(u Unit) Op { return Op{Action: Span, Field: record.Duration, Unit: u} }
	f(span(Nanoseconds), "15", record.Duration, 15, record.None)
	f(span(Nanoseconds), "0.004", record.Duration, 0, record.BadNumber)
	f(span(Microseconds), "15", record.Duration, 15e3, record.None)
	f(span(Milliseconds), "1.5", record.Duration, 15e5, record.None)
	f(span(Seconds), "0.004", record.Duration, 4e6, record.None)
	at := Op{Action: TimeAny, Field: record.Time}
	f(at, "1700000000", record.Time, 17e17, record.None)
	f(at, "2023-11-14T22:13:20Z", record.Time, 17e17, record.None)
	f(at, "14/Nov/2023:22:13:20 +0000", record.Time, 17e17, record.None)
	f(at, "[14/Nov/2023:22:13:20 +0000]", record.Time, 17e17, record.None)
	f(at, "now", record.Time, 0, record.BadTime)
}

func TestCountTries(t *testing.T) {
	f := func(list string, want int32) {
		t.Helper()
		var r record.Record
		r.Reset()
		CountTries(&r, []byte(list))
		if r.Tries != want {
			t.Errorf("%q: %d tries, want %d", list, r.Tries, want)
		}
	}
	f("0.041", 1)
	f("0.100, 0.041", 2)
	f("0.100,0.041", 2)
	f("0.100, - : 0.910", 3)
	f("10.0.0.1:80, [2001:db8::1]:80 : 10.0.1.1:80", 3)
	f("unix:/run/a.sock", 1)
	f("- : -", 2)

	var rd Reader
	var r record.Record
	r.Reset()
	for _, v := range []string{"10.0.0.1:80, 10.0.0.2:80", "-", "0.2"} { // of several lists the longest
		rd.Take(&r, &Op{Action: TextLast, Field: record.UpstreamAddress, Tries: true}, []byte(v))
	}
	if r.Tries != 2 {
		t.Errorf("%d tries, want 2", r.Tries)
	}
	r.Reset()
	rd.Take(&r, &Op{Action: NumberLast, Field: record.UpstreamStatus}, []byte("502, 200"))
	if r.Tries != record.Absent {
		t.Errorf("%d tries of a list that has none", r.Tries)
	}
}

func TestParsePlace_Success(t *testing.T) {
	for _, name := range record.Names() {
		op, err := ParsePlace(name)
		if name == "event.original" {
			continue
		}
		if f, _ := record.Lookup(name); err != nil || op.Field != f || op.Action == Skip {
			t.Errorf("%s: %+v, %v", name, op, err)
		}
	}
	if op, err := ParsePlace("event.duration:us"); err != nil || op.Unit != Microseconds {
		t.Errorf("%+v, %v", op, err)
	}
}

func TestDidYouMean(t *testing.T) {
	f := func(name, want string) {
		t.Helper()
		if got := DidYouMean(name, []string{"combined", "common", "kong"}); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
	f("combind", `; did you mean "combined"?`)
	f("Kong", `; did you mean "kong"?`)
	f("something else", "")
	f(strings.Repeat("x", 1000), "")
}
