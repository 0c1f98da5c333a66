package filter

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/pipeline/record"
)

func sample() *record.Record {
	r := &record.Record{}
	r.Reset()
	r.Path, r.Method, r.ClientAddress, r.Status, r.DurationNanos = []byte("/healthz"), []byte("GET"), []byte("10.1.2.3"), 200, 250e6
	r.UpstreamAddress, r.TimeNanos = []byte("172.17.0.2:8080"), time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC).UnixNano()
	return r
}

func TestApply(t *testing.T) {
	yes, no := true, false
	f := func(c Condition, want bool) {
		t.Helper()
		s, err := Compile([]Rule{{When: []Condition{c}, Drop: record.DropMetrics}})
		if err != nil {
			t.Errorf("%+v: %v", c, err)
			return
		}
		r := sample()
		s.Apply(r)
		if got := r.Drop == record.DropMetrics; got != want {
			t.Errorf("%+v holds: %v, want %v", c, got, want)
		}
		c.Not = true
		if s, err = Compile([]Rule{{When: []Condition{c}, Drop: record.DropMetrics}}); err != nil {
			t.Fatal(err)
		}
		r.Drop = 0
		s.Apply(r)
		if got := r.Drop == record.DropMetrics; got == want {
			t.Errorf("%+v holds: %v", c, got)
		}
	}
	f(Condition{Field: "url.path", OneOf: []string{"/readyz", "/healthz"}}, true)
	f(Condition{Field: "url.path", OneOf: []string{"/health"}}, false)
	f(Condition{Field: "url.path", Prefix: "/health"}, true)
	f(Condition{Field: "url.path", Prefix: "/x"}, false)
	f(Condition{Field: "url.path", Prefix: "/health", Suffix: "x"}, false)
	f(Condition{Field: "url.path", Suffix: "thz"}, true)
	f(Condition{Field: "url.path", Glob: "/*z"}, true)
	f(Condition{Field: "url.path", Glob: "/?z"}, false)
	f(Condition{Field: "url.path", Matches: "^/h.*z$"}, true)
	f(Condition{Field: "url.path", Matches: "^h"}, false)
	f(Condition{Field: "source.ip", CIDR: []string{"192.168.0.0/16", "10.0.0.0/8"}}, true)
	f(Condition{Field: "source.ip", CIDR: []string{"10.1.2.3"}}, true)
	f(Condition{Field: "source.ip", CIDR: []string{"::/0"}}, false)
	f(Condition{Field: "source.ip", CIDR: []string{"::ffff:10.0.0.0/104"}}, true)
	f(Condition{Field: "source.ip", CIDR: []string{"::ffff:10.1.2.3"}}, true)
	f(Condition{Field: "gateway.upstream.address", CIDR: []string{"172.16.0.0/12"}}, true)
	f(Condition{Field: "http.response.status_code", OneOf: []string{"200", "204"}}, true)
	f(Condition{Field: "http.response.status_code", OneOf: []string{"404"}}, false)
	f(Condition{Field: "http.response.status_code", AtLeast: "200", LessThan: "300"}, true)
	f(Condition{Field: "http.response.status_code", MoreThan: "200"}, false)
	f(Condition{Field: "event.duration", AtMost: "250ms"}, true)
	f(Condition{Field: "event.duration", LessThan: "250ms"}, false)
	f(Condition{Field: "gateway.upstream.duration", LessThan: "1h"}, false) // the record has none
	f(Condition{Field: "gateway.upstream.duration", Exists: &no}, true)
	f(Condition{Field: "event.duration", Exists: &yes}, true)
	f(Condition{Field: "user.name", Exists: &yes}, false)
	f(Condition{Field: "user.name", Exists: &no}, true)
	f(Condition{Field: "url.path", Exists: &yes, Prefix: "/h"}, true)
	f(Condition{Field: "url.path", Exists: &no}, false)
	// A record that has no such field fulfils nothing.
	f(Condition{Field: "user.name", Glob: "*"}, false)
	f(Condition{Field: "user.name", Matches: "^$"}, false)
	f(Condition{Field: "user.name", OneOf: []string{"x"}}, false)
	f(Condition{Field: "http.response.bytes", LessThan: "1000"}, false)
	f(Condition{Field: "http.response.bytes", OneOf: []string{"0"}}, false)
	f(Condition{Field: "http.response.status_code", AtLeast: "100", MoreThan: "200"}, false)
	f(Condition{Field: "http.response.status_code", AtMost: "300", LessThan: "200"}, false)
	f(Condition{Field: "@timestamp", AtLeast: "2026-11-21T00:00:00Z", LessThan: "2026-11-22T00:00:00Z"}, true)
	f(Condition{Field: "url.path", OneOf: []string{"/z", "/healthz", "/a", "/healthz/x"}}, true)
}

func TestRulesAndConditionsCombine(t *testing.T) {
	s, err := Compile([]Rule{
		{When: []Condition{{Field: "url.path", Prefix: "/health"}, {Field: "http.request.method", OneOf: []string{"POST"}}}, Drop: record.DropMetrics},
		{When: []Condition{{Field: "http.request.method", OneOf: []string{"GET"}}}, Drop: record.DropRecords},
	})
	if err != nil {
		t.Fatal(err)
	}
	r := sample()
	s.Apply(r)
	if r.Drop != record.DropRecords {
		t.Errorf("dropped from %b, want only the records", r.Drop)
	}
	r = sample()
	r.Method = []byte("POST")
	s.Apply(r)
	if r.Drop != record.DropMetrics {
		t.Errorf("dropped from %b, want only the metrics", r.Drop)
	}
}

func TestCompileErrors(t *testing.T) {
	yes, no := true, false
	f := func(c Condition, want string) {
		t.Helper()
		if _, err := Compile([]Rule{{When: []Condition{c}, Drop: record.DropMetrics}}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want an error with %q", c, err, want)
		}
	}
	f(Condition{Field: "url.pth", Prefix: "x"}, "filter 1: url.pth: no such field")
	f(Condition{Field: "url.path"}, "no condition")
	f(Condition{Field: "url.path", AtLeast: "1"}, "a range needs a number")
	f(Condition{Field: "http.response.status_code", Prefix: "2"}, "need text")
	f(Condition{Field: "http.response.status_code", OneOf: []string{"2xx"}}, "not a whole number")
	f(Condition{Field: "event.duration", AtLeast: "5"}, "not a duration")
	f(Condition{Field: "url.path", Matches: "("}, "matches")
	f(Condition{Field: "url.path", Glob: "["}, "glob")
	f(Condition{Field: "source.ip", CIDR: []string{"10.0.0.0/33"}}, "neither a network")
	f(Condition{Field: "event.duration", AtLeast: "2s", AtMost: "1s"}, "empty")
	f(Condition{Field: "event.duration", AtLeast: "-2s"}, "not a duration")
	f(Condition{Field: "http.response.status_code", OneOf: []string{"4xx"}}, "{gte: 400, lt: 500}")
	f(Condition{Field: "http.response.bytes", AtLeast: "-1"}, "not a whole number")
	f(Condition{Field: "http.response.bytes", MoreThan: "9223372036854775807"}, "leaves nothing")
	f(Condition{Field: "@timestamp", MoreThan: "yesterday"}, "not a time")
	f(Condition{Field: "url.path", OneOf: []string{}}, "a list of 0 values")
	f(Condition{Field: "url.path", OneOf: []string{"/", ""}}, "exists: false")
	f(Condition{Field: "source.ip", CIDR: []string{}}, "a list of 0 networks")
	f(Condition{Field: "source.ip", CIDR: []string{"fe80::1%eth0"}}, "neither a network")
	f(Condition{Field: "source.ip", CIDR: make([]string, maxNets+1)}, "1 to 1000")
	f(Condition{Field: "url.path", CIDR: []string{"0.0.0.0/0"}}, "cidr needs an address")
	f(Condition{Field: "url.path", Exists: &no, Prefix: "/"}, "no other condition")
	f(Condition{Field: "url.path", Glob: strings.Repeat("a", 1001)}, "longer than")
	f(Condition{Field: "url.path", Exists: &yes, LessThan: "1"}, "a range needs a number")
	if _, err := Compile(make([]Rule, maxRules+1)); err == nil {
		t.Error("any number of rules compiles")
	}
	if _, err := Compile([]Rule{{}}); err == nil {
		t.Error("an empty rule compiles")
	}
}

func TestApplyAllocatesNothing(t *testing.T) {
	f := func(address string, conditions ...Condition) {
		t.Helper()
		s, err := Compile([]Rule{{When: conditions, Drop: record.DropMetrics}})
		if err != nil {
			t.Fatal(err)
		}
		r := sample()
		r.ClientAddress = []byte(address)
		if n := testing.AllocsPerRun(100, func() { r.Drop = 0; s.Apply(r) }); n != 0 {
			t.Errorf("%v allocations", n)
		}
	}
	f("10.1.2.3", // a glob of one star needs no pool, which the race detector empties at random
		Condition{Field: "url.path", Prefix: "/h", Glob: "/h*", Matches: "^/health"},
		Condition{Field: "source.ip", CIDR: []string{"10.0.0.0/8"}},
		Condition{Field: "http.response.status_code", OneOf: []string{"200"}},
		Condition{Field: "event.duration", LessThan: "1s"})
	f("host.example.com", Condition{Field: "source.ip", CIDR: []string{"10.0.0.0/8"}})
	f("fe80::1%eth0", Condition{Field: "source.ip", CIDR: []string{"fe80::/10"}})
}

// FuzzText holds conditions on text against what they say in plain words.
func FuzzText(f *testing.F) {
	f.Add("/healthz", "/health", "z", "/healthz", "/readyz")
	f.Add("", "", "", "", "x")
	f.Fuzz(func(t *testing.T, v, prefix, suffix, one, other string) {
		c := Condition{Field: "url.path", Prefix: prefix, Suffix: suffix}
		if one != "" && other != "" {
			c.OneOf = []string{one, other}
		}
		s, err := Compile([]Rule{{When: []Condition{c}, Drop: record.DropMetrics}})
		if err != nil {
			return
		}
		r := &record.Record{Path: []byte(v)}
		s.Apply(r)
		want := v != "" && strings.HasPrefix(v, prefix) && strings.HasSuffix(v, suffix) && (c.OneOf == nil || slices.Contains(c.OneOf, v))
		if got := r.Drop != 0; got != want {
			t.Errorf("%+v holds for %q: %v, want %v", c, v, got, want)
		}
	})
}

func BenchmarkApply(b *testing.B) {
	var paths []string
	for i := range 1000 {
		paths = append(paths, fmt.Sprintf("/health/%d", i))
	}
	s, err := Compile([]Rule{
		{When: []Condition{{Field: "url.path", OneOf: paths}}, Drop: record.DropMetrics},
		{When: []Condition{{Field: "source.ip", CIDR: []string{"10.0.0.0/8"}}, {Field: "url.path", Matches: "^/internal/"}}, Drop: record.DropMetrics},
	})
	if err != nil {
		b.Fatal(err)
	}
	r := sample()
	b.ReportAllocs()
	for b.Loop() {
		r.Drop = 0
		s.Apply(r)
	}
}
