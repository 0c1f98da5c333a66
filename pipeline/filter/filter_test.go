package filter

import (
	"strings"
	"testing"

	"github.com/gatemeter/gatemeter/pipeline/record"
)

func sample() *record.Record {
	r := &record.Record{}
	r.Reset()
	r.Path, r.Method, r.ClientAddress, r.Status, r.DurationNanos = []byte("/healthz"), []byte("GET"), []byte("10.1.2.3"), 200, 250e6
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
	f(Condition{Field: "url.path", CIDR: []string{"0.0.0.0/0"}}, false)
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
	if _, err := Compile([]Rule{{}}); err == nil {
		t.Error("an empty rule compiles")
	}
}

func TestApplyAllocatesNothing(t *testing.T) {
	s, err := Compile([]Rule{{When: []Condition{
		{Field: "url.path", Prefix: "/h", Glob: "/h*", Matches: "^/health"},
		{Field: "source.ip", CIDR: []string{"10.0.0.0/8"}},
		{Field: "http.response.status_code", OneOf: []string{"200"}},
	}, Drop: record.DropMetrics}})
	if err != nil {
		t.Fatal(err)
	}
	r := sample()
	if n := testing.AllocsPerRun(100, func() { r.Drop = 0; s.Apply(r) }); n != 0 || r.Drop == 0 {
		t.Errorf("%v allocations, dropped %b", n, r.Drop)
	}
}
