package statsd

import (
	"math"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatemeter/gatemeter/pipeline/point"
)

func packets(e *encoder, panes ...*point.Pane) (all []string, points int64) {
	e.reset(from(panes))
	for p := e.next(); p != nil; p = e.next() {
		all = append(all, string(p))
		points += e.points
	}
	return all, points
}

func TestLines(t *testing.T) {
	route := series("route", []string{"service", "route", "method"}, []string{"orders", "get.order", "GET"})
	all := series("all", nil, nil)
	pane := point.NewPane(point.Pane{Shard: "web1", Start: 1700000000, End: 1700000010}, []point.Point{
		{Series: route, Name: &point.Name{Metric: "requests", Stat: "count"}, Count: 12, Change: 3},
		{Series: route, Name: &point.Name{Metric: "requests", Stat: "5xx"}, Count: 4},
		{Series: route, Name: &point.Name{Metric: "latency", Stat: "mean", Kind: point.Gauge}, Value: 0.25},
		{Series: route, Name: &point.Name{Metric: "latency", Stat: "min", Kind: point.Gauge}, Value: math.Copysign(0, -1)},
		{Series: route, Name: &point.Name{Metric: "latency", Stat: "p50", Kind: point.Gauge}, Value: math.NaN()},
		{Series: route, Name: &point.Name{Metric: "latency", Stat: "p99", Kind: point.Gauge}, Value: math.Inf(1)},
		{Series: all, Name: &point.Name{Metric: "response_bytes", Stat: "sum"}, Count: 5, Change: math.MaxInt64},
		{Series: all, Name: &point.Name{Metric: "latency", Stat: "min", Kind: point.Gauge}, Value: -1.5},
	}...)
	f := func(dialect Dialect, gauges, stream bool, want ...string) {
		t.Helper()
		got, _ := packets(newEncoder(dialect, "gateway", gauges, stream, DefaultPacket), pane)
		if d := cmp.Diff(strings.Join(want, "\n"), strings.Join(got, "---")); d != "" {
			t.Error(d)
		}
	}
	f(Plain, true, false,
		"gateway.web1.route.orders.get_order.GET.requests.count:3|c",
		"gateway.web1.route.orders.get_order.GET.latency.mean:0.25|g",
		"gateway.web1.route.orders.get_order.GET.latency.min:0|g",
		"gateway.web1.all.response_bytes.sum:9223372036854775807|c",
		"gateway.web1.all.latency.min:0|g",
		"gateway.web1.all.latency.min:-1.5|g",
	)
	f(Plain, false, true,
		"gateway.web1.route.orders.get_order.GET.requests.count:3|c",
		"gateway.web1.all.response_bytes.sum:9223372036854775807|c",
		"",
	)
	f(Dog, true, false,
		"gateway.route.requests.count:3|c|#shard:web1,service:orders,route:get_order,method:GET",
		"gateway.route.latency.mean:0.25|g|#shard:web1,service:orders,route:get_order,method:GET",
		"gateway.route.latency.min:0|g|#shard:web1,service:orders,route:get_order,method:GET",
		"gateway.all.response_bytes.sum:9223372036854775807|c|#shard:web1",
		"gateway.all.latency.min:-1.5|g|#shard:web1",
	)
}

// TestOldGauges: a gauge carries no time, so that of an older window must not come after that of a newer one.
func TestOldGauges(t *testing.T) {
	all := series("all", nil, nil)
	e := newEncoder(Plain, "g", true, false, DefaultPacket)
	f := func(shard string, start int64, kind point.PaneKind, gauges bool) {
		t.Helper()
		got, _ := packets(e, point.NewPane(point.Pane{Shard: shard, Start: start, Kind: kind}, []point.Point{
			{Series: all, Name: &point.Name{Metric: "requests", Stat: "count"}, Change: 1},
			{Series: all, Name: &point.Name{Metric: "latency", Stat: "p99", Kind: point.Gauge}, Value: 2},
		}...))
		want := "g." + shard + ".all.requests.count:1|c"
		if gauges {
			want += "\ng." + shard + ".all.latency.p99:2|g"
		}
		if strings.Join(got, "---") != want || e.oldGauges == 0 != gauges {
			t.Errorf("%s %d %v: %q, %d old", shard, start, kind, got, e.oldGauges)
		}
	}
	f("a", 90, point.Late, false) // after a restart: nobody knows what newer window was sent before
	f("a", 100, point.OnTime, true)
	f("a", 100, point.Late, true)
	f("a", 90, point.Late, false)
	f("a", 110, point.Early, true)
	f("a", 100, point.Late, false)
	f("a", 110, point.OnTime, true)
	f("b", 50, point.OnTime, true)
	f("b", 40, point.OnTime, false)
	f("a", 120, point.OnTime, true)
}

// TestTwoShards: each pane's points have its own shard's name.
func TestTwoShards(t *testing.T) {
	all := series("all", nil, nil)
	pane := func(shard string) *point.Pane {
		return point.NewPane(point.Pane{Shard: shard, Start: 10},
			point.Point{Series: all, Name: &point.Name{Metric: "requests", Stat: "count"}, Change: 1},
			point.Point{Series: all, Name: &point.Name{Metric: "latency", Stat: "p99", Kind: point.Gauge}, Value: 2})
	}
	got, _ := packets(newEncoder(Plain, "g", true, false, DefaultPacket), pane("a"), pane("b"))
	const want = "g.a.all.requests.count:1|c\ng.a.all.latency.p99:2|g\ng.b.all.requests.count:1|c\ng.b.all.latency.p99:2|g"
	if strings.Join(got, "---") != want {
		t.Errorf("%q", got)
	}
}

func TestBounds(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	panes := []*point.Pane{randomPane(r, "a", 10, 3000), {Shard: "empty"}, randomPane(r, "b", 20, 1), randomPane(r, "a", 30, 2000)}
	f := func(stream bool, limit, most int) {
		t.Helper()
		e := newEncoder(Dog, "gateway", true, stream, limit)
		all, points := packets(e, panes...)
		var lines int64
		fill := 0
		for _, p := range all {
			if len(p) > most || strings.HasSuffix(p, "\n") != stream || strings.HasPrefix(p, "\n") {
				t.Errorf("a packet of %d bytes: %q", len(p), p[max(0, len(p)-20):])
			}
			lines += int64(len(strings.Split(strings.TrimSuffix(p, "\n"), "\n")))
			fill += len(p)
		}
		if lines != points || e.oversize != 0 || fill < len(all)*most*7/10 {
			t.Errorf("%d lines of %d points in %d packets of %d bytes", lines, points, len(all), fill)
		}
	}
	f(false, DefaultPacket, DefaultPacket)
	f(false, MinPacket, MinPacket)
	f(false, 8192, 8192)
	f(true, DefaultPacket, maxPiece)
}

// TestExactFit: a datagram is filled to the last byte.
func TestExactFit(t *testing.T) {
	all := series("all", nil, nil)
	line := "g.a.all.requests.count:1|c"
	var points []point.Point
	for range 10 {
		points = append(points, point.Point{Series: all, Name: &point.Name{Metric: "requests", Stat: "count"}, Change: 1})
	}
	pane := point.NewPane(point.Pane{Shard: "a"}, points...)
	for limit := 3*len(line) + 2; limit < 4*len(line)+3; limit++ {
		got, _ := packets(newEncoder(Plain, "g", true, false, limit), pane)
		n := 3
		if limit == 4*len(line)+3 {
			n = 4
		}
		if want := n*len(line) + n - 1; len(got[0]) != want {
			t.Errorf("limit %d: the first datagram has %d bytes, want %d", limit, len(got[0]), want)
		}
	}
}

func TestLongName(t *testing.T) {
	long := strings.Repeat("a", 200)
	values := []string{long, long, long, long, long, long, long, long, long}
	tall, all := series("tall", make([]string, len(values)), values), series("all", nil, nil)
	count := func(s *point.Series) point.Point {
		return point.Point{Series: s, Name: &point.Name{Metric: "requests", Stat: "count"}, Change: 1}
	}
	pane := point.NewPane(point.Pane{Shard: "a"}, count(tall), count(all), count(tall), count(all), count(tall))
	e := newEncoder(Plain, "g", true, false, DefaultPacket)
	got, points := packets(e, pane)
	if want := "g.a.all.requests.count:1|c\ng.a.all.requests.count:1|c"; points != 2 || e.oversize != 3 || strings.Join(got, "\n") != want {
		t.Errorf("%d points, %d oversize: %q", points, e.oversize, got)
	}
}

func TestEncodingAllocatesNothing(t *testing.T) {
	panes := []*point.Pane{randomPane(rand.New(rand.NewPCG(1, 2)), "web1", 1700000000, 1000)}
	for _, e := range []*encoder{
		newEncoder(Plain, "gateway", true, false, DefaultPacket), newEncoder(Dog, "gateway", true, true, DefaultPacket),
	} {
		if n := testing.AllocsPerRun(100, func() {
			e.reset(from(panes))
			for p := e.next(); p != nil; p = e.next() {
			}
		}); n != 0 {
			t.Errorf("%v allocations a pane", n)
		}
	}
}

// FuzzLines: whatever the values, there are as many lines as points, each of the grammar, in datagrams that are not too
// large.
func FuzzLines(f *testing.F) {
	for _, v := range hostile {
		f.Add("web1", v, "/orders", int64(1), 0.5)
		f.Add(v, "orders", v, int64(-1), math.Inf(-1))
	}
	plain := regexp.MustCompile(`^gateway(\.[A-Za-z0-9_-]+){6}:(-?[1-9][0-9]*\|c|-?[0-9]+(\.[0-9]+)?\|g)$`)
	dog := regexp.MustCompile(`^gateway\.route\.[a-z]+\.[a-z0-9]+:(-?[1-9][0-9]*\|c|-?[0-9]+(\.[0-9]+)?\|g)\|#shard:[A-Za-z0-9_-]+,service:[A-Za-z0-9_-]+,route:[A-Za-z0-9_-]+$`)
	f.Fuzz(func(t *testing.T, shard, service, route string, change int64, value float64) {
		s := series("route", []string{"service", "route"}, []string{service, route})
		pane := point.NewPane(point.Pane{Shard: shard}, []point.Point{
			{Series: s, Name: &point.Name{Metric: "requests", Stat: "count"}, Change: change},
			{Series: s, Name: &point.Name{Metric: "latency", Stat: "p99", Kind: point.Gauge}, Value: value},
			{Series: s, Name: &point.Name{Metric: "requests", Stat: "2xx"}, Change: 1},
		}...)
		want := 3
		if math.IsNaN(value) || math.IsInf(value, 0) {
			want--
		}
		if change == 0 {
			want--
		}
		for dialect, grammar := range map[Dialect]*regexp.Regexp{Plain: plain, Dog: dog} {
			all, points := packets(newEncoder(dialect, "gateway", true, false, DefaultPacket), pane)
			lines := strings.Split(strings.Join(all, "\n"), "\n")
			zeros := 0 // of negative gauges
			if dialect == Plain && value < 0 && !math.IsInf(value, 0) {
				zeros = 1
			}
			if points != int64(want) || len(lines) != want+zeros {
				t.Errorf("%d points: %q", points, all)
			}
			for _, line := range lines {
				if !grammar.MatchString(line) {
					t.Errorf("%q", line)
				}
			}
			for _, p := range all {
				if len(p) > DefaultPacket {
					t.Errorf("a datagram of %d bytes", len(p))
				}
			}
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	panes := []*point.Pane{randomPane(rand.New(rand.NewPCG(1, 2)), "web1", 1700000000, 1000)}
	for _, dialect := range []Dialect{Plain, Dog} {
		b.Run(string(dialect), func(b *testing.B) {
			e := newEncoder(dialect, "gateway", true, false, DefaultPacket)
			b.ReportAllocs()
			var bytes int64
			for b.Loop() {
				e.reset(from(panes))
				for p := e.next(); p != nil; p = e.next() {
					bytes += int64(len(p))
				}
			}
			points := float64(b.N * panes[0].Len())
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/points, "ns/point")
			b.ReportMetric(float64(bytes)/points, "bytes/point")
		})
	}
}
