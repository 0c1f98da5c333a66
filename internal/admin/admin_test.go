package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/gatemeter/gatemeter/internal/panespool"
	"github.com/gatemeter/gatemeter/pipeline"
	"github.com/gatemeter/gatemeter/pipeline/cursor"
	"github.com/gatemeter/gatemeter/pipeline/record"
	"github.com/gatemeter/gatemeter/sinks/deadletter"
	"github.com/gatemeter/gatemeter/sinks/elasticsearch"
	"github.com/gatemeter/gatemeter/sinks/graphite"
	"github.com/gatemeter/gatemeter/sinks/statsd"
	"github.com/gatemeter/gatemeter/sources/file"
	"github.com/gatemeter/gatemeter/sources/kafka"
	"github.com/gatemeter/gatemeter/sources/push"
	"github.com/gatemeter/gatemeter/sources/spool"
	"github.com/gatemeter/gatemeter/sources/syslog"
)

// logBuffer is what was logged.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func settings(logs *logBuffer) Settings {
	return Settings{
		Listen: "127.0.0.1:0", Version: "1.2.3", Log: slog.New(slog.NewTextHandler(logs, nil)),
		Checks: func() []Check { return nil }, Collect: func(func(Sample)) {},
	}
}

// serve runs a server until the test ends and returns its address.
func serve(t *testing.T, set Settings) string {
	t.Helper()
	s, err := New(set)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return "http://" + s.Addr().String()
}

func get(t *testing.T, url string, header ...string) (int, string, http.Header) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body), response.Header
}

func TestPages(t *testing.T) {
	url := serve(t, settings(&logBuffer{}))
	f := func(path string, status int, want string) {
		t.Helper()
		got, body, header := get(t, url+path)
		if got != status || !strings.Contains(body, want) {
			t.Errorf("GET %s: %d %q, want %d with %q", path, got, body, status, want)
		}
		if header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("GET %s: browsers may guess what it is", path)
		}
	}
	f("/", 200, "gatemeter 1.2.3")
	f("/livez", 200, "ok\n")
	f("/readyz", 200, "ready\n")
	f("/metrics", 200, `gatemeter_build_info{go_version="go1`)
	f("/metrics", 200, "go_goroutines ")
	f("/metrics", 200, "process_resident_memory_bytes ")
	f("/debug/pprof/", 200, "goroutine")
	f("/debug/pprof/goroutine?debug=1", 200, "goroutine profile")
	f("/debug/pprof/cmdline", 200, "admin.test")
	f("/nothing", 404, "")
	f("/livez/more", 404, "")

	response, err := http.Post(url+"/readyz", "text/plain", strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST /readyz: %d", response.StatusCode)
	}
}

func TestReady(t *testing.T) {
	set := settings(&logBuffer{})
	var mu sync.Mutex
	checks := []Check{{Name: "state"}, {Name: "sink/graphite"}}
	set.Checks = func() []Check {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(checks)
	}
	url := serve(t, set)
	if status, body, _ := get(t, url+"/readyz"); status != 200 || body != "ready\n  ok    sink/graphite\n  ok    state\n" {
		t.Errorf("%d %q", status, body)
	}

	mu.Lock()
	checks[1].Error = "dial tcp 127.0.0.1:2003:\nconnection refused"
	mu.Unlock()
	want := "not ready\n  fails sink/graphite: dial tcp 127.0.0.1:2003: connection refused\n  ok    state\n"
	if status, body, _ := get(t, url+"/readyz"); status != 503 || body != want {
		t.Errorf("%d %q, want 503 %q", status, body, want)
	}
	for _, how := range []struct {
		path   string
		header []string
	}{{"/readyz?format=json", nil}, {"/readyz", []string{"Accept", "application/json"}}} {
		status, body, header := get(t, url+how.path, how.header...)
		var got readiness
		if err := json.Unmarshal([]byte(body), &got); err != nil {
			t.Fatalf("%q: %v", body, err)
		}
		if status != 503 || got.Ready || len(got.Checks) != 2 || got.Checks[0].Error != checks[1].Error || !got.Checks[1].OK ||
			header.Get("Content-Type") != "application/json" {
			t.Errorf("%d %q", status, body)
		}
	}
}

func TestListen(t *testing.T) {
	f := func(listen, wantError, wantLog string) {
		t.Helper()
		logs := &logBuffer{}
		set := settings(logs)
		set.Listen = listen
		s, err := New(set)
		if err == nil {
			s.Close()
		}
		if (err == nil) != (wantError == "") || err != nil && !strings.Contains(err.Error(), wantError) {
			t.Errorf("listen %q: %v, want %q", listen, err, wantError)
		}
		if !strings.Contains(logs.String(), wantLog) || wantLog == "" && logs.String() != "" {
			t.Errorf("listen %q: logged %q, want %q", listen, logs.String(), wantLog)
		}
	}
	f("127.0.0.1:0", "", "")
	f("localhost:0", "", "")
	f("0.0.0.0:0", "", "can be read from other machines")
	f(":9180", `names no host: write 127.0.0.1:9180, or 0.0.0.0:9180`, "")
	f("9180", "is not host:port", "")
	f("", "is not host:port", "")
	f("127.0.0.1:99999", "serve health and metrics", "")
}

func TestPortTaken(t *testing.T) {
	first := serve(t, settings(&logBuffer{}))
	set := settings(&logBuffer{})
	set.Listen = strings.TrimPrefix(first, "http://")
	if _, err := New(set); err == nil || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("a second server on one port: %v", err)
	}
}

// TestStopsInTheMiddle: a profile that runs does not hold up the end.
func TestStopsInTheMiddle(t *testing.T) {
	set := settings(&logBuffer{})
	inside := make(chan struct{})
	release := make(chan struct{})
	set.Checks = func() []Check { close(inside); <-release; return nil }
	s, err := New(set)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	go func() {
		if response, err := http.Get("http://" + s.Addr().String() + "/readyz"); err == nil {
			response.Body.Close()
		}
	}()
	<-inside
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	close(release)
}

// everything emits each sample there is.
func everything(emit func(Sample)) {
	counts := pipeline.Counts{Read: 100, Parsed: 90, Counted: 80, Replayed: 5}
	for r := range counts.Reasons {
		counts.Reasons[r] = 1
	}
	Pipeline(&pipeline.Stats{
		Partitions: []pipeline.PartitionStats{
			{Source: "edge", Name: "/var/log/a.log", Shard: "web1", Full: map[string]int64{"route": 1}, Counts: counts, Watermark: 1_795_262_400_500_000_000, Indexed: 4711},
			{Source: "edge", Name: "/var/log/\xff\"\n.log", Shard: "web1", Full: map[string]int64{"route": 1}, Watermark: cursor.NoWatermark},
		},
		Shards:      []pipeline.ShardStats{{Label: "web1", Emitted: 1_795_262_400, Final: 1_795_262_340}, {Label: "new", Emitted: cursor.NoWatermark, Final: cursor.NoWatermark}},
		RecordLanes: []pipeline.RecordLaneStats{{Name: "elasticsearch", Behind: 1, Waiting: 4096}},
		Lanes:       []pipeline.LaneStats{{Name: "graphite", Panes: 3, Newest: 1_795_262_400}, {Name: "statsd", LastError: "refused"}},
		OpenWindows: 8,
	}, emit)
	Elasticsearch("es", elasticsearch.Stats{Submitted: 10, Created: 5, Duplicate: 2, Dead: 1, InFlight: 2}, emit)
	PaneSpool("graphite", panespool.Stats{Bytes: 1}, emit)
	DeadLetters("es", deadletter.Stats{Written: 1}, emit)
	Spool("lb", spool.Stats{Bytes: 1}, emit)
	Syslog("lb", syslog.Stats{Received: 1}, emit)
	HTTP("api", push.Stats{Records: 1}, emit)
	Kafka("gw", kafka.Stats{Partitions: []kafka.PartitionStats{{Name: "t-0", Next: 5, High: 9, Newest: 1}}}, time.Now(), emit)
	Files("edge", file.Stats{Refused: 2, Errors: 1, Partitions: []file.PartitionStats{{Name: "/var/log/a.log", Errors: 2, LostBytes: 7}}}, emit)
	Graphite("graphite", graphite.Stats{Connects: 1, Points: 30}, emit)
	StatsD("statsd", statsd.Stats{Connects: 1, OldGauges: 3}, emit)
	Reloads(2, 1, true, emit)
}

func TestMetrics(t *testing.T) {
	logs := &logBuffer{}
	set := settings(logs)
	set.Collect = everything
	_, body, _ := get(t, serve(t, set)+"/metrics")
	for _, want := range []string{
		`gatemeter_source_read_lines_total{partition="/var/log/a.log",shard="web1",source="edge"} 100`,
		`gatemeter_file_lost_bytes_total{partition="/var/log/a.log",source="edge"} 7`,
		`gatemeter_file_errors_total{source="edge"} 3`,
		`gatemeter_config_last_reload_successful 0`,
		`gatemeter_sink_left_out_points_total{reason="old_gauge",sink="statsd"} 3`,
		`gatemeter_index_retried_documents_total{reason="blocked",sink="es"} 0`,
		`gatemeter_source_read_lines_total{partition="/var/log/` + "\ufffd" + `\"\n.log",shard="web1",source="edge"} 0`,
		`gatemeter_source_skipped_lines_total{partition="/var/log/a.log",reason="oversize",shard="web1",source="edge"} 1`,
		`gatemeter_parser_malformed_lines_total{partition="/var/log/a.log",reason="bad_time",shard="web1",source="edge"} 1`,
		`gatemeter_window_left_out_records_total{partition="/var/log/a.log",reason="late",shard="web1",source="edge"} 1`,
		`gatemeter_partition_watermark_timestamp_seconds{partition="/var/log/a.log",shard="web1",source="edge"} 1.7952624005e+09`,
		`gatemeter_shard_final_timestamp_seconds{shard="web1"} 1.79526234e+09`,
		`gatemeter_sink_up{sink="graphite"} 1`,
		`gatemeter_sink_up{sink="statsd"} 0`,
		`gatemeter_index_settled_documents_total{outcome="duplicate",sink="es"} 2`,
		`gatemeter_deadletter_written_letters_total{sink="es"} 1`,
	} {
		if !strings.Contains(body, want+"\n") {
			t.Errorf("no line %s", want)
		}
	}
	if strings.Contains(body, `shard="new"`) {
		t.Error("a shard without windows has a time")
	}
	if logs.String() != "" {
		t.Errorf("logged %s", logs.String())
	}
}

func TestMetricsAreLinted(t *testing.T) {
	registry := prometheus.NewRegistry()
	set := settings(&logBuffer{})
	set.Collect = everything
	registry.MustRegister(&collector{&set})
	problems, err := testutil.GatherAndLint(registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// TestBadSample: one sample that cannot be exported costs no other.
func TestBadSample(t *testing.T) {
	logs := &logBuffer{}
	set := settings(logs)
	set.Collect = func(emit func(Sample)) {
		emit(Sample{Name: "gatemeter_good_total", Help: "Good.", Value: 1})
		emit(Sample{Name: "gatemeter_twice_total", Help: "Twice.", Value: 1})
		emit(Sample{Name: "gatemeter_twice_total", Help: "Twice.", Value: 2})
		emit(Sample{Name: "gatemeter_bad_total", Help: "Bad.", Labels: []Label{{"", "x"}}})
	}
	status, body, _ := get(t, serve(t, set)+"/metrics")
	if status != 200 || !strings.Contains(body, "gatemeter_good_total 1\n") {
		t.Errorf("%d %s", status, body)
	}
	if !strings.Contains(logs.String(), "gatemeter_twice_total") {
		t.Errorf("nothing was logged about it: %q", logs.String())
	}
}

// TestConservation: the equations the docs promise hold between the exported names.
func TestConservation(t *testing.T) {
	sums := map[string]float64{}
	counts := pipeline.Counts{}
	for r := record.Blank; r < record.NumReasons; r++ {
		counts.Reasons[r] = int64(r) * 10
		counts.Read += counts.Reasons[r]
	}
	counts.Counted = 1000
	counts.Read += counts.Counted
	counts.Parsed = counts.Counted + counts.Reasons[record.Filtered] + counts.Reasons[record.Future] + counts.Reasons[record.Late] + counts.Reasons[record.AfterIdle]
	Pipeline(&pipeline.Stats{Partitions: []pipeline.PartitionStats{{Counts: counts}}}, func(s Sample) { sums[s.Name] += s.Value })
	if a, b := sums[readLines.name], sums[skipped.name]+sums[malformed.name]+sums[parsed.name]; a != b {
		t.Errorf("read %v, skipped and malformed and parsed %v", a, b)
	}
	if a, b := sums[parsed.name], sums[leftOut.name]+sums[counted.name]; a != b {
		t.Errorf("parsed %v, left out and counted %v", a, b)
	}
}

// TestDocumented: docs/operations.md explains each metric, and none that does not exist.
func TestDocumented(t *testing.T) {
	doc, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	exist := map[string]bool{"gatemeter_build_info": true}
	everything(func(s Sample) { exist[s.Name] = true })
	documented := map[string]bool{}
	for _, m := range regexp.MustCompile("`(gatemeter_[a-z_]+)").FindAllStringSubmatch(string(doc), -1) {
		documented[m[1]] = true
	}
	for name := range exist {
		if !documented[name] {
			t.Errorf("%s is not in docs/operations.md", name)
		}
	}
	for name := range documented {
		if !exist[name] {
			t.Errorf("docs/operations.md has %s, which does not exist", name)
		}
	}
}

func BenchmarkScrape(b *testing.B) {
	set := settings(&logBuffer{})
	set.Collect = func(emit func(Sample)) {
		stats := pipeline.Stats{}
		for i := range 100 {
			stats.Partitions = append(stats.Partitions, pipeline.PartitionStats{Source: "edge", Name: fmt.Sprint(i), Shard: "web1"})
		}
		Pipeline(&stats, emit)
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(&collector{&set})
	for b.Loop() {
		if _, err := registry.Gather(); err != nil {
			b.Fatal(err)
		}
	}
}

// TestKafkaLag: how far behind a partition is, in messages and in the seconds since the newest that was read was written.
func TestKafkaLag(t *testing.T) {
	now := time.UnixMilli(1_795_262_400_000)
	f := func(p kafka.PartitionStats, want string) {
		t.Helper()
		p.Name = "logs-3"
		var got []string
		Kafka("gw", kafka.Stats{Partitions: []kafka.PartitionStats{p}}, now, func(s Sample) {
			if strings.Contains(s.Name, "_lag_") {
				got = append(got, fmt.Sprintf("%s=%v", strings.TrimPrefix(s.Name, "gatemeter_kafka_lag_"), s.Value))
			}
		})
		if fmt.Sprint(got) != want {
			t.Errorf("%+v: %v, want %v", p, got, want)
		}
	}
	newest := now.UnixMilli() - 90_000
	f(kafka.PartitionStats{Next: 40, High: 100, Newest: newest}, "[messages=60 seconds=90]")
	f(kafka.PartitionStats{Next: 100, High: 100, Newest: newest}, "[messages=0 seconds=0]")
	f(kafka.PartitionStats{Next: 40, High: 100}, "[messages=60 seconds=0]")
	f(kafka.PartitionStats{Next: 40, High: 100, Newest: newest + 100_000}, "[messages=60 seconds=0]") // a clock that is ahead
	f(kafka.PartitionStats{Next: 40, High: -1}, "[]")
}
