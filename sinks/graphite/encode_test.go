package graphite

import (
	"math"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatemeter/gatemeter/pipeline/point"
)

// packets encodes panes and returns all packets.
func packets(e *encoder, panes ...*point.Pane) (all []string, points int64) {
	e.reset(panes)
	for p := e.next(); p != nil; p = e.next() {
		all = append(all, string(p))
		points += e.points
	}
	return all, points
}

func examplePane() *point.Pane {
	route := series("route", []string{"service", "route", "method"}, []string{"orders", "get.order", "GET"})
	all := series("all", nil, nil)
	return point.NewPane(point.Pane{Shard: "web1", Start: 1700000000, End: 1700000010}, []point.Point{
		{Series: route, Name: &point.Name{Metric: "requests", Stat: "count"}, Count: 12, Change: 3},
		{Series: route, Name: &point.Name{Metric: "requests", Stat: "5xx"}},
		{Series: route, Name: &point.Name{Metric: "latency", Stat: "mean", Kind: point.Gauge}, Value: 0.30000000000000004},
		{Series: route, Name: &point.Name{Metric: "latency", Stat: "min", Kind: point.Gauge}, Value: math.Copysign(0, -1)},
		{Series: route, Name: &point.Name{Metric: "latency", Stat: "p50", Kind: point.Gauge}, Value: math.NaN()},
		{Series: route, Name: &point.Name{Metric: "latency", Stat: "p99", Kind: point.Gauge}, Value: math.Inf(1)},
		{Series: all, Name: &point.Name{Metric: "response_bytes", Stat: "sum"}, Count: math.MaxInt64},
		{Series: all, Name: &point.Name{Metric: "latency", Stat: "min", Kind: point.Gauge}, Value: 1e-9},
		{Series: all, Name: &point.Name{Metric: "latency", Stat: "max", Kind: point.Gauge}, Value: 1e21},
		{Series: all, Name: &point.Name{Metric: "clients", Stat: "distinct", Kind: point.Gauge}, Value: 42},
	}...)
}

func TestPlaintext(t *testing.T) {
	f := func(tags bool, want ...string) {
		t.Helper()
		e := newEncoder(Plaintext, "gateway", tags, true)
		got, points := packets(e, examplePane())
		if d := cmp.Diff([]string{strings.Join(want, "\n") + "\n"}, got); d != "" {
			t.Error(d)
		}
		if points != 8 || e.notFinite != 2 || e.oversize != 0 {
			t.Errorf("%d points, %d not finite, %d oversize", points, e.notFinite, e.oversize)
		}
	}
	f(false,
		"gateway.web1.route.orders.get_order.GET.requests.count 12 1700000000",
		"gateway.web1.route.orders.get_order.GET.requests.5xx 0 1700000000",
		"gateway.web1.route.orders.get_order.GET.latency.mean 0.30000000000000004 1700000000",
		"gateway.web1.route.orders.get_order.GET.latency.min 0 1700000000",
		"gateway.web1.all.response_bytes.sum 9223372036854775807 1700000000",
		"gateway.web1.all.latency.min 0.000000001 1700000000",
		"gateway.web1.all.latency.max 1000000000000000000000 1700000000",
		"gateway.web1.all.clients.distinct 42 1700000000",
	)
	f(true,
		"gateway.route.requests.count;shard=web1;service=orders;route=get_order;method=GET 12 1700000000",
		"gateway.route.requests.5xx;shard=web1;service=orders;route=get_order;method=GET 0 1700000000",
		"gateway.route.latency.mean;shard=web1;service=orders;route=get_order;method=GET 0.30000000000000004 1700000000",
		"gateway.route.latency.min;shard=web1;service=orders;route=get_order;method=GET 0 1700000000",
		"gateway.all.response_bytes.sum;shard=web1 9223372036854775807 1700000000",
		"gateway.all.latency.min;shard=web1 0.000000001 1700000000",
		"gateway.all.latency.max;shard=web1 1000000000000000000000 1700000000",
		"gateway.all.clients.distinct;shard=web1 42 1700000000",
	)
}

// TestPickleBytes holds the format to bytes that Python's own pickle.loads was seen to read as
// [('a.web-1.all.requests.count', (1700000000, 12)), ('a.web-1.all.x.y', (1700000000, 0.5)),
// ('a.web-1.all.b.sum', (1700000000, 4294967296))].
func TestPickleBytes(t *testing.T) {
	all := series("all", nil, nil)
	got, _ := packets(newEncoder(Pickle, "a", false, true), point.NewPane(point.Pane{Shard: "web-1", Start: 1700000000}, []point.Point{
		{Series: all, Name: &point.Name{Metric: "requests", Stat: "count"}, Count: 12},
		{Series: all, Name: &point.Name{Metric: "x", Stat: "y", Kind: point.Gauge}, Value: 0.5},
		{Series: all, Name: &point.Name{Metric: "b", Stat: "sum"}, Count: 1 << 32},
	}...))
	const stamp = "J\x00\xf1\x53\x65"
	want := "\x00\x00\x00\x7c\x80\x02](" +
		"X\x1a\x00\x00\x00a.web-1.all.requests.count" + stamp + "J\x0c\x00\x00\x00\x86\x86" +
		"X\x0f\x00\x00\x00a.web-1.all.x.y" + stamp + "G\x3f\xe0\x00\x00\x00\x00\x00\x00\x86\x86" +
		"X\x11\x00\x00\x00a.web-1.all.b.sum" + stamp + "\x8a\x08\x00\x00\x00\x00\x01\x00\x00\x00\x86\x86" + "e."
	if d := cmp.Diff([]string{want}, got); d != "" {
		t.Error(d)
	}
}

func TestBounds(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	panes := []*point.Pane{randomPane(r, "a", 10, 3000), {Shard: "empty"}, randomPane(r, "b", 20, 1), randomPane(r, "a", 30, 2000)}
	var total int64
	for _, p := range panes {
		total += int64(p.Len())
	}
	f := func(protocol Protocol, stream bool, limit int, ends string) {
		t.Helper()
		e := newEncoder(protocol, "gateway", true, stream)
		all, points := packets(e, panes...)
		if points != total || e.oversize != 0 {
			t.Errorf("%s: %d points of %d, %d oversize", protocol, points, total, e.oversize)
		}
		fill := 0
		for _, p := range all {
			if len(p) > limit || !strings.HasSuffix(p, ends) {
				t.Errorf("%s: a packet of %d bytes ends with %q", protocol, len(p), p[len(p)-2:])
			}
			fill += len(p)
		}
		if protocol == Plaintext && fill < len(all)*limit*8/10 {
			t.Errorf("%d packets are only %d bytes", len(all), fill)
		}
	}
	f(Plaintext, true, maxPiece, "\n")
	f(Plaintext, false, maxDatagram, "\n")
	f(Pickle, true, maxPickle, "\x86\x86e.")
	e := newEncoder(Pickle, "gateway", false, true)
	e.reset(panes)
	for p := e.next(); p != nil; p = e.next() {
		if e.points > maxBatch {
			t.Errorf("a message of %d points", e.points)
		}
	}
}

// TestLongName: a line that no datagram can hold is left out and counted, and takes no other with it.
func TestLongName(t *testing.T) {
	long := strings.Repeat("a", 200)
	values := []string{long, long, long, long, long, long, long, long, long}
	tall, all := series("tall", make([]string, len(values)), values), series("all", nil, nil)
	count := func(s *point.Series) point.Point {
		return point.Point{Series: s, Name: &point.Name{Metric: "requests", Stat: "count"}, Count: 1}
	}
	pane := point.NewPane(point.Pane{Shard: "web1"}, count(tall), count(all), count(tall), count(all), count(tall))
	e := newEncoder(Plaintext, "gateway", false, false)
	got, points := packets(e, pane)
	if want := strings.Repeat("gateway.web1.all.requests.count 1 0\n", 2); points != 2 || e.oversize != 3 || strings.Join(got, "") != want {
		t.Errorf("%d points, %d oversize: %q", points, e.oversize, got)
	}
	e = newEncoder(Plaintext, "gateway", false, true)
	if _, points := packets(e, pane); points != 5 || e.oversize != 0 {
		t.Errorf("stream: %d points, %d oversize", points, e.oversize)
	}
}

func TestEncodingAllocatesNothing(t *testing.T) {
	panes := []*point.Pane{randomPane(rand.New(rand.NewPCG(1, 2)), "web1", 1700000000, 1000)}
	for _, e := range []*encoder{
		newEncoder(Plaintext, "gateway", false, true), newEncoder(Plaintext, "gateway", true, false), newEncoder(Pickle, "gateway", false, true),
	} {
		if n := testing.AllocsPerRun(100, func() {
			e.reset(panes)
			for p := e.next(); p != nil; p = e.next() {
			}
		}); n != 0 {
			t.Errorf("%v allocations a pane", n)
		}
	}
}

// FuzzPlaintext: whatever the values, there are as many lines as points, each of the grammar, in datagrams that are not too
// large.
func FuzzPlaintext(f *testing.F) {
	for _, v := range hostile {
		f.Add("web1", v, "/orders", int64(1), 0.5)
		f.Add(v, "orders", v, int64(-1), math.Inf(-1))
	}
	dotted := regexp.MustCompile(`^(gateway(\.[A-Za-z0-9_-]+){6} -?[0-9]+(\.[0-9]+)? -?[0-9]+\n)*$`)
	tagged := regexp.MustCompile(`^(gateway\.route\.[a-z]+\.[a-z0-9]+;shard=[A-Za-z0-9_-]+;service=[A-Za-z0-9_-]+;route=[A-Za-z0-9_-]+ -?[0-9]+(\.[0-9]+)? -?[0-9]+\n)*$`)
	f.Fuzz(func(t *testing.T, shard, service, route string, count int64, value float64) {
		s := series("route", []string{"service", "route"}, []string{service, route})
		pane := point.NewPane(point.Pane{Shard: shard, Start: count}, []point.Point{
			{Series: s, Name: &point.Name{Metric: "requests", Stat: "count"}, Count: count},
			{Series: s, Name: &point.Name{Metric: "latency", Stat: "p99", Kind: point.Gauge}, Value: value},
			{Series: s, Name: &point.Name{Metric: "requests", Stat: "2xx"}, Count: count},
		}...)
		want := int64(3)
		if math.IsNaN(value) || math.IsInf(value, 0) {
			want = 2
		}
		for tags, grammar := range map[bool]*regexp.Regexp{false: dotted, true: tagged} {
			all, points := packets(newEncoder(Plaintext, "gateway", tags, false), pane)
			text := strings.Join(all, "")
			if points != want || int64(strings.Count(text, "\n")) != want || !grammar.MatchString(text) {
				t.Errorf("%d points: %q", points, text)
			}
			for _, p := range all {
				if len(p) > maxDatagram || !strings.HasSuffix(p, "\n") {
					t.Errorf("datagram %q", p)
				}
			}
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	panes := []*point.Pane{randomPane(rand.New(rand.NewPCG(1, 2)), "web1", 1700000000, 1000)}
	for _, c := range []struct {
		name string
		enc  *encoder
	}{
		{"plaintext", newEncoder(Plaintext, "gateway", false, true)},
		{"tags", newEncoder(Plaintext, "gateway", true, true)},
		{"udp", newEncoder(Plaintext, "gateway", false, false)},
		{"pickle", newEncoder(Pickle, "gateway", false, true)},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			var bytes int64
			for b.Loop() {
				c.enc.reset(panes)
				for p := c.enc.next(); p != nil; p = c.enc.next() {
					bytes += int64(len(p))
				}
			}
			points := float64(b.N * panes[0].Len())
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/points, "ns/point")
			b.ReportMetric(float64(bytes)/points, "bytes/point")
		})
	}
}
