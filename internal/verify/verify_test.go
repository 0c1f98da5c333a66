package verify

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatemeter/gatemeter/config"
	"github.com/gatemeter/gatemeter/pipeline/cursor"
	"github.com/gatemeter/gatemeter/pipeline/histogram"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// TestPercentile: the middle of a sorted value's bucket is what the histogram says, though no code is shared.
func TestPercentile(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		s := newSeries()
		var h histogram.Histogram
		for range 1 + r.IntN(2000) {
			ns := int64(math.Exp(r.NormFloat64()*4) * 1e7)
			if r.IntN(20) == 0 {
				ns = []int64{0, 1, 1e9, 2e9, 5e8, math.MaxInt64}[r.IntN(6)]
			}
			h.Add(ns)
			s.add(&event{latency: [3]int64{ns, -1, -1}, sizes: [2]int64{-1, -1}})
		}
		percentiles := []float64{0.1, 50, 90, 99, 99.9, 99.99}
		s.each(percentiles, false, func(stat string, v value) {
			for _, p := range percentiles {
				if stat == "latency."+percentileName(p) && !v.agrees(h.Quantile(p/100)) {
					t.Errorf("%s of %d values: %v, the histogram says %v", stat, h.Count(), v.want, h.Quantile(p/100))
				}
			}
			switch stat {
			case "latency.mean":
				if !v.agrees(float64(h.Sum()) / float64(h.Count()) / 1e9) {
					t.Errorf("mean %v", v.want)
				}
			case "upstream_latency.count", "request_bytes.sum", "clients.distinct", "cache.hit", "requests.1xx", "throttled.count":
				t.Errorf("%s, which nothing carries", stat)
			}
		})
	}
}

func TestRank(t *testing.T) {
	f := func(p float64, n, want int) {
		t.Helper()
		if got := rank(p, n); got != want {
			t.Errorf("rank(%v, %d) = %d, want %d", p, n, got, want)
		}
	}
	f(50, 1, 1)
	f(50, 2, 1)
	f(50, 3, 2)
	f(99.9, 1000, 999)
	f(99.9, 1001, 1000)
	f(0.1, 10, 1)
	f(99.999, 10, 10)
}

func TestFamilies(t *testing.T) {
	f := func(rollups map[string][]string, want string) {
		t.Helper()
		var got []string
		for _, family := range families(&config.Metrics{Rollups: rollups}) {
			var names []string
			for _, r := range family.rollups {
				names = append(names, r.name)
			}
			got = append(got, strings.Join(names, "<"))
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("%v: got %q, want %q", rollups, s, want)
		}
	}
	f(map[string][]string{"route": {"service", "route", "method"}, "service": {"service"}, "all": {}}, "all<service<route")
	f(map[string][]string{"b": {"method", "service"}, "a": {"service", "route"}, "s": {"service"}, "m": {"method"}}, "s<a m<b")
	f(map[string][]string{"all": {}}, "all")
}

// TestFolded: past max_series a new series is folded in what the coarser rollup does not have, and the totals stay.
func TestFolded(t *testing.T) {
	m := config.DefaultConfig().Metrics
	m.MaxSeries = 2
	c := newCounter(&m)
	k := newClock()
	for i := range 4 {
		for j := range 4 {
			e := event{values: map[string]string{"service": fmt.Sprint("s", i), "route": fmt.Sprint("/", j), "method": "GET"}, latency: [3]int64{-1, -1, -1}, sizes: [2]int64{-1, -1}}
			if c.count(k, &e) {
				t.Fatal("late")
			}
		}
	}
	got := map[string]int64{}
	for path, s := range c.windows[0] {
		got[path] = s.requests
	}
	want := map[string]int64{
		"all": 16, "service.s0": 4, "service.s1": 4, "service._other": 8,
		"route.s0._0.GET": 1, "route.s0._1.GET": 1, "route.s0._other._other": 2, "route.s1._other._other": 4, "route._other._other._other": 8,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	late := event{time: -1, values: map[string]string{}}
	if c.start(late.time) != -10 || c.start(0) != 0 || c.start(9_999_999_999) != 0 {
		t.Error("windows are not aligned to the epoch")
	}
	c.move(k, int64(75*time.Second)) // less lateness: 70 s, which is the end of the first window and amend
	if !c.count(k, &event{}) || c.count(k, &event{time: 1e10}) {
		t.Error("late is decided by a window's end and amend")
	}
	c.forget(k)
	if len(k.admitted) != 1 {
		t.Errorf("%d windows remembered", len(k.admitted))
	}
}

func TestSamples(t *testing.T) {
	samples, err := readSamples(strings.NewReader(`# HELP gatemeter_a x
go_goroutines 7
gatemeter_a{source="e\"d\\ge",partition="/a,b}.log"} 12
gatemeter_a{source="x",partition="y"} 1e+06
gatemeter_b 3
`))
	if err != nil {
		t.Fatal(err)
	}
	if n := sum(samples, "gatemeter_a"); n != 1_000_012 {
		t.Errorf("sum %d", n)
	}
	if n := sum(samples, "gatemeter_a", "source", `e"d\ge`, "partition", "/a,b}.log"); n != 12 {
		t.Errorf("sum %d", n)
	}
	for _, bad := range []string{"gatemeter_a", "gatemeter_a{x=1} 2", "gatemeter_a{x=\"1\"} two"} {
		if _, err := readSamples(strings.NewReader(bad)); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
}

func TestCounters(t *testing.T) {
	of := map[string]string{"source": "edge", "partition": "/a.log"}
	with := func(name string, v float64, reason string) sample {
		s := sample{name: name, labels: map[string]string{"reason": reason}, value: v}
		for k, v := range of {
			s.labels[k] = v
		}
		return s
	}
	samples := []sample{
		with("gatemeter_source_read_lines_total", 10, ""), with("gatemeter_source_skipped_lines_total", 1, "blank"),
		with("gatemeter_parser_malformed_lines_total", 2, "bad_time"), with("gatemeter_parser_parsed_records_total", 7, ""),
		with("gatemeter_window_left_out_records_total", 3, "late"), with("gatemeter_window_counted_records_total", 4, ""),
	}
	l := &logState{
		cursor: cursor.Partition{Source: "edge", Name: "/a.log"}, whole: true, lines: 10, counted: 4,
		reasons: map[record.Reason]int64{record.Blank: 1, record.BadTime: 2, record.Late: 3},
	}
	f := func(want ...string) {
		t.Helper()
		var got []string
		report := func(d Difference) { got = append(got, fmt.Sprint(d.Series, " ", d.Got, " ", d.Want)) }
		checkEquations(samples, report)
		if !checkCounts(samples, l, report) {
			got = append(got, "not compared")
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	f()
	samples[5].value = 5
	f("gatemeter_parser_parsed_records_total 7 8", "gatemeter_window_counted_records_total 5 4")
	samples[4].value = 2
	f("gatemeter_window_counted_records_total 5 4", "gatemeter_window_left_out_records_total reason late 2 3")
	l.lines = 11
	f("not compared")
}

func TestBar(t *testing.T) {
	var b strings.Builder
	now := time.Unix(0, 0)
	bar := NewBar(&b, func() time.Time { return now })
	bar.Clear()
	if b.Len() != 0 {
		t.Errorf("%q before anything was shown", b.String())
	}
	now = now.Add(10 * time.Second)
	bar.Show(1, 4)
	bar.Show(2, 4) // too soon
	bar.Clear()
	if got, want := b.String(), "\r\x1b[K[#######.......................]  25 %, 30s left\r\x1b[K"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestNames: the names of values in Graphite, and what they are below the shard, with and without tags.
func TestNames(t *testing.T) {
	f := func(tags bool, prefix, target, inGraphite string) {
		t.Helper()
		g := &graphite{prefix: prefix, shard: "web.1", tags: tags, rollups: map[string][]string{"route": {"service", "route"}}}
		const name = "route.orders._a.latency.p99"
		if got := g.target("route"); got != target {
			t.Errorf("target %s, want %s", got, target)
		}
		if got := g.below(inGraphite); got != name {
			t.Errorf("%s is %s below the shard, want %s", inGraphite, got, name)
		}
		if got := g.shown(name); !tags && got != inGraphite || len(got) != len(inGraphite) {
			t.Errorf("%s is shown as %s, want %s", name, got, inGraphite)
		}
	}
	f(false, "a.b", "a.b.web_1.route.*.*.*.*", "a.b.web_1.route.orders._a.latency.p99")
	f(false, "", "web_1.route.*.*.*.*", "web_1.route.orders._a.latency.p99")
	f(true, "a.b", `seriesByTag('name=~^a\.b\.route\.','shard=web_1')`, "a.b.route.latency.p99;route=_a;service=orders;shard=web_1")
	f(true, "", `seriesByTag('name=~^route\.','shard=web_1')`, "route.latency.p99;route=_a;service=orders;shard=web_1")
}
