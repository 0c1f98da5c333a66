package live

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatemeter/gatemeter/pipeline"
	"github.com/gatemeter/gatemeter/pipeline/point"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
	}
}

// traffic is what a test's route had in a window.
type traffic struct {
	service, route, method string
	requests, failed       int64
	p50, p99               float64
}

const noon = 1_795_262_400 // 2026-11-21 12:00:00 UTC

// paneOf returns a pane as the pipeline makes it. All requests that did not fail with 502 were answered with 2xx.
func paneOf(shard string, start int64, kind point.PaneKind, routes ...traffic) *point.Pane {
	var points []point.Point
	series := func(s *point.Series, k traffic) {
		counter := func(metric, stat string, n int64) {
			points = append(points, point.Point{Series: s, Name: &point.Name{Metric: metric, Stat: stat, Kind: point.Counter}, Count: n, Change: n})
		}
		gauge := func(metric, stat string, v float64) {
			points = append(points, point.Point{Series: s, Name: &point.Name{Metric: metric, Stat: stat, Kind: point.Gauge}, Value: v})
		}
		counter(pipeline.MetricRequests, "count", k.requests)
		counter(pipeline.MetricRequests, "2xx", k.requests-k.failed)
		counter(pipeline.MetricRequests, "3xx", 0)
		counter(pipeline.MetricRequests, "4xx", 0)
		counter(pipeline.MetricRequests, "5xx", k.failed)
		counter(pipeline.MetricRequests, "502", k.failed)
		counter(pipeline.MetricLatency, "count", k.requests)
		gauge(pipeline.MetricLatency, "max", 2*k.p99)
		gauge(pipeline.MetricLatency, "p50", k.p50)
		gauge(pipeline.MetricLatency, "p95", (k.p50+k.p99)/2)
		gauge(pipeline.MetricLatency, "p99", k.p99)
		counter(pipeline.MetricResponseBytes, "sum", 1500*k.requests)
		gauge(pipeline.MetricClients, "distinct", float64(k.requests/2))
	}
	all := traffic{}
	for _, k := range routes {
		s := &point.Series{
			Rollup: "route", Dimensions: []string{"service", "route", "method"}, Values: []string{k.service, k.route, k.method},
			Path: fmt.Sprintf("route.%q.%q.%q", k.service, k.route, k.method),
		}
		series(s, k)
		all.requests += k.requests
		all.failed += k.failed
		all.p50, all.p99 = max(all.p50, k.p50), max(all.p99, k.p99)
	}
	series(&point.Series{Rollup: "all", Path: "all"}, all)
	return point.NewPane(point.Pane{Shard: shard, Start: start, End: start + 10, Kind: kind}, points...)
}

var busy = []traffic{
	{"edge", "/api/v1/orders/{id}", "GET", 3121, 12, 0.033, 0.210},
	{"edge", "/api/v1/products/{id}", "GET", 1560, 0, 0.012, 0.091},
	{"kong", "create_payment", "POST", 240, 31, 0.241, 30.004},
	{"edge", "/api/v1/users/{id}/notifications/{id}/attachments/{id}/thumbnails/{id}/variants/{id}/download", "PUT", 100, 1, 0.0021, 1.234},
	{"edge", "/", "_none", 1, 1, 0, 0},
}

func stateOf(panes ...*point.Pane) *State {
	var windows []*Window
	for _, pane := range panes {
		windows = append(windows, windowOf(pane))
	}
	s := &State{
		Title: "/var/log/nginx/access.log", Read: 1_234_567, PerSec: 52_310, Behind: 3 * time.Second,
		Left: []Left{{"late", 12}, {"malformed (503 truncated, 506 unexpected)", 1009}},
	}
	if len(windows) > 0 {
		s.Window = merged(windows)
	}
	return s
}

func TestScreen(t *testing.T) {
	s := stateOf(paneOf("web1", noon, point.OnTime, busy...))
	golden(t, "screen80", RenderScreen(s, 80, 24))
	golden(t, "screen120", RenderScreen(s, 120, 24))
	golden(t, "screen40", RenderScreen(s, 40, 24))
	golden(t, "screen_low", RenderScreen(s, 80, 10))
	golden(t, "screen_empty", RenderScreen(stateOf(), 80, 24))

	s.Color = true
	s.Sinks = []SinkState{{Name: "graphite", Points: 120_340}, {Name: "statsd", Points: 3, Queued: 5120, Error: "dial udp 127.0.0.1:8125: refused"}}
	golden(t, "screen_color", RenderScreen(s, 80, 24))
}

func TestScreenOfShards(t *testing.T) {
	w := merged([]*Window{
		windowOf(paneOf("a", noon, point.OnTime, traffic{"s", "r", "GET", 10, 1, 0.1, 0.5}, traffic{"s", "only_a", "GET", 7, 0, 0.1, 0.5})),
		windowOf(paneOf("b", noon, point.OnTime, traffic{"s", "r", "GET", 5, 2, 0.2, 0.3})),
	})
	r := w.Routes[0]
	if r.Name != "r" || r.Requests != 15 || r.errors() != 3 || r.P50 != 0.2 || r.P99 != 0.5 || w.All.Requests != 22 || len(w.Routes) != 2 {
		t.Errorf("two shards give %+v and %+v", w.All, w.Routes)
	}
}

func TestLine(t *testing.T) {
	var b []byte
	b = append(b, RenderLine(windowOf(paneOf("web1", noon, point.OnTime, busy...)))...)
	b = append(b, RenderLine(windowOf(paneOf("web1", noon+10, point.Late, busy[:1]...)))...)
	plain := windowOf(paneOf("web1", noon+20, point.Early, busy[:1]...)) // a format without latencies
	plain.All.P50, plain.All.P95, plain.All.P99 = -1, -1, -1
	b = append(b, RenderLine(plain)...)
	golden(t, "lines", b)
}

// TestWindowIsWhole: the window on the screen is all of it, and not what is new.
func TestWindowIsWhole(t *testing.T) {
	all := &point.Series{Rollup: "all", Path: "all"}
	w := windowOf(point.NewPane(point.Pane{Kind: point.Late}, point.Point{Series: all, Name: &point.Name{Metric: pipeline.MetricRequests, Stat: "count"}, Count: 10, Change: 1}))
	if w.All.Requests != 10 {
		t.Errorf("%d requests, want 10", w.All.Requests)
	}
}

func TestSummary(t *testing.T) {
	totals := newTotals()
	totals.add(paneOf("web1", noon, point.OnTime, busy...))
	totals.add(paneOf("web1", noon+10, point.OnTime, busy[:3]...))
	late := paneOf("web1", noon, point.Late, busy[0])
	var points []point.Point
	for p := range late.All() {
		if p.Change = 0; p.Metric == pipeline.MetricRequests && (p.Stat == "count" || p.Stat == "2xx") {
			p.Change = 1 // one more request
		}
		points = append(points, p)
	}
	totals.add(point.NewPane(*late, points...))
	if want := int64(5022 + 4921 + 1); totals.All.Requests != want || totals.Windows != 2 || totals.Routes[0].Requests != 2*3121+1 {
		t.Errorf("%d requests in %d windows, %d of the first route; want %d in 2", totals.All.Requests, totals.Windows, totals.Routes[0].Requests, want)
	}
	s := &Summary{
		Elapsed: 12_340 * time.Millisecond, Read: 1_000_000, Counted: 998_991, Totals: totals,
		Left:  []Left{{"late", 12}, {"malformed (503 truncated, 506 unexpected)", 1009}},
		Sinks: []SinkState{{Name: "graphite", Points: 120_340}},
	}
	golden(t, "summary80", RenderSummary(s, 80))
	golden(t, "summary_empty", RenderSummary(&Summary{Elapsed: time.Second, Totals: newTotals()}, 80))
}

func TestTotalsAreBounded(t *testing.T) {
	totals := newTotals()
	for i := range maxRoutes + 500 {
		totals.add(paneOf("web1", noon, point.OnTime, traffic{"s", fmt.Sprint("/r", i), "GET", 1, 0, 1, 1}))
	}
	last := totals.Routes[len(totals.Routes)-1]
	if len(totals.Routes) != maxRoutes+1 || last.Name != otherRoutes || last.Requests != 500 || totals.All.Requests != maxRoutes+500 {
		t.Errorf("%d routes; the last is %q with %d requests", len(totals.Routes), last.Name, last.Requests)
	}
}

// TestHostileNames: nothing that strangers write reaches the terminal as anything but text, on a line of its width.
func TestHostileNames(t *testing.T) {
	names := []string{
		"\x1b[2J\x1b[31m", "\x1b]0;owned\a", "a\nb\rc\td", "\x00\x7f\u0085\u009b31m", "\xff\xfe", "\u202egnp.exe", "e\u0301\u0300",
		"日本語のとても長い名前" + strings.Repeat("界", 100), strings.Repeat("x", 5000), "", "   ", "..", "%s%d%n", "\u2028\u200b\ufeff", "👩‍👩‍👧",
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		var routes []traffic
		for range random.IntN(6) {
			name := names[random.IntN(len(names))] + names[random.IntN(len(names))]
			routes = append(routes, traffic{names[random.IntN(len(names))], name, names[random.IntN(len(names))], random.Int64N(1 << 40), 0, 1e6 * random.Float64(), 1})
		}
		s := stateOf(paneOf("web1", noon, point.OnTime, routes...))
		s.Title = names[random.IntN(len(names))]
		s.Sinks = []SinkState{{Name: names[random.IntN(len(names))], Error: names[random.IntN(len(names))]}}
		totals := newTotals()
		totals.add(paneOf("web1", noon, point.OnTime, routes...))
		columns, height := 20+random.IntN(140), 5+random.IntN(40)

		screen := string(RenderScreen(s, columns, height))
		if n := strings.Count(screen, "\n"); n >= max(height, 9) { // the heading and the figures are always shown
			t.Fatalf("%d lines for a terminal of %d:\n%s", n, height, screen)
		}
		summary := string(RenderSummary(&Summary{Totals: totals, Sinks: s.Sinks}, columns))
		for line := range strings.Lines(screen + summary) {
			line = strings.TrimSuffix(line, "\n")
			if width(line) >= columns && width(line) >= 21 {
				t.Fatalf("%d columns for a terminal of %d: %q", width(line), columns, line)
			}
			if i := strings.IndexFunc(line, func(r rune) bool { return !shown(r) || r == '\ufffd' }); i >= 0 {
				t.Fatalf("not a printable character at %d of %q", i, line)
			}
		}
	}
}

// TestNamesAreReadable: at 80 columns no letter of a name of the usual length is lost.
func TestNamesAreReadable(t *testing.T) {
	text := string(RenderScreen(stateOf(paneOf("web1", noon, point.OnTime, busy...)), 80, 24))
	joined := strings.Join(strings.Fields(text), "")
	for _, k := range busy {
		if !strings.Contains(joined, k.route) {
			t.Errorf("%s is not whole in\n%s", k.route, text)
		}
	}
}

func TestNumbers(t *testing.T) {
	f := func(got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	f(count(0), "0")
	f(count(999), "999")
	f(count(-1234), "-1,234")
	f(count(-123), "-123")
	f(count(1234567), "1,234,567")
	f(rate(15, 10), "1.5")
	f(rate(15, 0), "-")
	f(rate(52_310_000, 1000), "52,310")
	f(rate(12_345_678, 1), "12.3M")
	f(percent(0, 0), "-")
	f(percent(0, 10), "0.0%")
	f(percent(1, 1_000_000), "<0.1%")
	f(percent(999_999, 1_000_000), ">99.9%")
	f(percent(10, 10), "100.0%")
	f(percent(1, 3), "33.3%")
	f(seconds(-1), "-")
	f(seconds(0), "0 ms")
	f(seconds(120.4), "120 s")
	f(seconds(1e9), "99999 s")
	f(seconds(0.00523), "5.2 ms")
	f(seconds(0.0342), "34 ms")
	f(seconds(1.204), "1.20 s")
	f(seconds(30), "30.0 s")
	f(volume(0), "0 B")
	f(volume(999), "999 B")
	f(volume(1500), "1.5 kB")
	f(volume(5_123_000), "5.1 MB")
	f(volume(512_300_000), "512 MB")
	f(volume(999_900), "1.0 MB")
	f(age(1500*time.Millisecond), "1.5s")
	f(age(3725*time.Second), "1h2m5s")
}

func statsOf(read, malformed int64) pipeline.Stats {
	counts := pipeline.Counts{Read: read, Parsed: read - malformed, Counted: read - malformed}
	counts.Reasons[record.Truncated] = malformed
	return pipeline.Stats{
		Partitions: []pipeline.PartitionStats{{Counts: counts}},
		Lanes:      []pipeline.LaneStats{{Name: "live", Points: 1}, {Name: "graphite", Points: 77}},
	}
}

func TestSinkOffTerminal(t *testing.T) {
	var out bytes.Buffer
	now := time.Unix(noon, 0)
	s := New(Settings{Out: &out, Name: "live", Color: true, Now: func() time.Time { return now }})
	s.Watch(func() pipeline.Stats { panic("BUG: nothing is drawn off a terminal") })
	if err := s.Send(context.Background(), []*point.Pane{paneOf("web1", noon, point.OnTime, busy...), paneOf("web1", noon+10, point.OnTime, busy...)}); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(out.String(), "\n"); n != 2 {
		t.Errorf("%d lines for two windows:\n%s", n, out.String())
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	now = now.Add(2 * time.Second)
	stats := statsOf(10_044, 0)
	if err := s.WriteSummary(&stats); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"10,044 lines in 2.0s, 5,022 a second", "graphite: 77 points sent", "2 windows of 10s", "GET /api/v1/orders/{id}"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "\x1b") || strings.Contains(out.String(), "live:") {
		t.Errorf("escape sequences, or itself among the sinks:\n%q", out.String())
	}
}

// TestSummaryCounts: one window is one, and where nothing was counted, it is said how to find out why.
func TestSummaryCounts(t *testing.T) {
	f := func(s Summary, want, not string) {
		t.Helper()
		if text := string(RenderSummary(&s, 80)); !strings.Contains(text, want) || strings.Contains(text, not) {
			t.Errorf("no %q or %q in\n%s", want, not, text)
		}
	}
	f(Summary{Read: 3, Totals: &Totals{Windows: 1, Width: 10}}, "\n1 window of 10s", "explain")
	f(Summary{Read: 3, Totals: &Totals{Windows: 1200, Width: 10}}, "\n1,200 windows of 10s", "explain")
	f(Summary{Read: 3, Totals: &Totals{}}, "tail -n 3 LOG", "windows of")
	f(Summary{Totals: &Totals{}}, "No window", "explain")
	f(Summary{Read: 3, Counted: 2, Totals: &Totals{}}, "complete yet", "nothing was counted")
}

// terminal is written by one goroutine and read by another.
type terminal struct {
	mu      sync.Mutex
	text    []byte
	columns int
}

func (k *terminal) Write(b []byte) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.text = append(k.text, b...)
	return len(b), nil
}

func (k *terminal) size() (columns, lines int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.columns, 24
}

// take returns what was written since it was last called, and makes the terminal so wide.
func (k *terminal) take(columns int) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	text := string(k.text)
	k.text, k.columns = nil, columns
	return text
}

func TestSinkOnTerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &terminal{columns: 80}
		var read int64
		s := New(Settings{Out: out, Name: "live", Title: "access.log", Size: out.size, Now: time.Now})
		s.Watch(func() pipeline.Stats { read += 500; return statsOf(read, 1) })
		if err := s.Send(context.Background(), []*point.Pane{paneOf("web1", time.Now().Unix()-10, point.OnTime, busy...)}); err != nil {
			t.Fatal(err)
		}
		step := func(columns int) string {
			out.take(columns)
			<-time.After(redrawn) // of the bubble
			synctest.Wait()
			return out.take(columns)
		}
		first := step(80)
		if !strings.Contains(first, "access.log") || !strings.Contains(first, "500 lines, 500/s, 1 malformed (1 truncated)") || strings.Contains(first, "\x1b") {
			t.Errorf("the first screen is\n%q", first)
		}
		lines := strings.Count(first, "\n")
		if second := step(80); !strings.HasPrefix(second, fmt.Sprintf("\x1b[%dA\r\x1b[J", lines)) || !strings.Contains(second, "1,000 lines") {
			t.Errorf("the second screen is\n%q", second)
		}
		if third := step(60); !strings.HasPrefix(third, "\x1b[H\x1b[2J") {
			t.Errorf("after the terminal became narrower: %q", third)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if last := out.take(60); !strings.HasSuffix(last, "\r\x1b[J") {
			t.Errorf("the screen is left on the terminal: %q", last)
		}
	})
}
