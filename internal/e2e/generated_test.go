package e2e

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/internal/servers"
)

// generatedLines returns how many lines to generate: GATEMETER_E2E_LINES, or as many as every change can wait for.
func generatedLines(t *testing.T) int {
	t.Helper()
	return numberOf(t, "GATEMETER_E2E_LINES", 30_000)
}

// The formats of `gatemeter gen`, in nginx's words.
const (
	generatedTimed = combinedFormat + ` $request_time $upstream_response_time`
	generatedJSON  = `{"time":"$time_iso8601","remote_addr":"$remote_addr","remote_user":"$remote_user","server_name":"$server_name",` +
		`"request_method":"$request_method","request_uri":"$request_uri","server_protocol":"$server_protocol","status":$status,` +
		`"body_bytes_sent":$body_bytes_sent,"request_length":$request_length,"request_time":$request_time,` +
		`"upstream_response_time":"$upstream_response_time","upstream_addr":"$upstream_addr","upstream_status":"$upstream_status",` +
		`"http_referer":"$http_referer","http_user_agent":"$http_user_agent","request_id":"$request_id"}`
)

// generateLogs writes lines of all four formats, a quarter each, over ten minutes that have just passed.
func generateLogs(t *testing.T, lines int) job {
	t.Helper()
	dir := t.TempDir()
	j := job{
		Window: 10, Lateness: 5, Amend: 60, Percentiles: []float64{50, 90, 95, 99, 99.9},
		Rollups: map[string][]string{"route": {"service", "route", "method"}, "service": {"service"}, "all": {}},
		// The names of these files are hashes: each would be a route of its own.
		Routes: []string{"/media/images/*", "/media/thumbnails/*", "/api/v1/exports/{name}"},
	}
	begin := time.Now().Add(-15 * time.Minute).UTC().Format(time.RFC3339)
	for i, f := range []struct{ name, reader, format string }{
		{"nginx_combined", "nginx_text", combinedFormat},
		{"nginx_timed", "nginx_text", generatedTimed},
		{"nginx_json", "nginx_json", generatedJSON},
		{"kong", "kong", ""},
	} {
		file := filepath.Join(dir, f.name+".log")
		generate(t, file, f.name, lines/4, "--seed", strconv.Itoa(i+1), "--start", begin, "--duration", "10m", "--disorder", "90s")
		j.Partitions = append(j.Partitions, partition{
			Source: f.name, Reader: f.reader, Format: f.format, Shard: shard, Path: file, Files: []string{file},
		})
	}
	return j
}

// TestGenerated counts generated lines in one run, in runs of other widths, and in one that is killed again and again. All
// must come to what the oracle counts, and to the same points.
func TestGenerated(t *testing.T) {
	lines := generatedLines(t)
	s := startStack(t, "10s:2h")
	j := generateLogs(t, lines)
	want := ask(t, j)
	if want.totals["malformed"] == 0 || want.totals["late"] == 0 || want.totals["counted"] < lines*8/10 {
		t.Fatalf("the logs are not what was asked for: %v", want.totals)
	}

	started := time.Now()
	whole := newInstance(t, object{"sources": j.sources(), "metrics": j.metrics(), "sinks": s.sinks("whole"), "shutdown_timeout": "5m"})
	if err := servers.Start(t, whole.command("--once")).Wait(20 * time.Minute); err != nil {
		t.Fatalf("run --once: %v", err)
	}
	t.Logf("%d lines in %v", lines, time.Since(started))
	servers.Await(t, 2*time.Minute, func() error { return s.compare(t, "whole", j.Rollups, want, true) })

	// Without Elasticsearch, whose part does not depend on it.
	for _, workers := range []int{1, 2, 8} {
		run := fmt.Sprintf("workers%d", workers)
		sinks := s.sinks(run)
		delete(sinks, "elasticsearch")
		g := newInstance(t, object{"sources": j.sources(), "metrics": j.metrics(), "sinks": sinks, "workers": workers, "shutdown_timeout": "5m"})
		if err := servers.Start(t, g.command("--once")).Wait(20 * time.Minute); err != nil {
			t.Fatalf("run --once with %d workers: %v", workers, err)
		}
		servers.Await(t, 2*time.Minute, func() error {
			return compareValues(want.values, graphiteValues(t, s.graphite, run, j.Rollups, want.values))
		})
		samePoints(t, s, j.Rollups, want.values, "whole", run)
	}

	killed := newInstance(t, object{"sources": j.sources(), "metrics": j.metrics(), "sinks": s.sinks("killed"), "shutdown_timeout": "5m"})
	random := rand.New(rand.NewPCG(uint64(started.UnixNano()), 0))
	for i := range 10 {
		// The ten together cannot come to the end: how fast the machine is does not matter.
		g, after := servers.Start(t, killed.command("--once")), random.IntN(lines/12)
		settled := func() (n int) {
			own, _ := killed.scrape() // it may not serve yet
			for _, v := range own["gatemeter_index_settled_documents_total"] {
				n += int(v)
			}
			return n
		}
		if !servers.Within(10*time.Minute, func() bool { return settled() >= after }) {
			t.Fatalf("start %d has not settled %d documents\n%s", i+1, after, g.Tails())
		}
		g.Kill()
		t.Logf("kill %d after %d documents", i+1, after)
	}
	if err := servers.Start(t, killed.command("--once")).Wait(20 * time.Minute); err != nil {
		t.Fatalf("run --once after the kills: %v", err)
	}
	// A kill may cost StatsD what one epoch sends, so there it is only certain that nothing was counted twice.
	servers.Await(t, 2*time.Minute, func() error { return s.compare(t, "killed", j.Rollups, want, false) })
	samePoints(t, s, j.Rollups, want.values, "whole", "killed")
	flushed, err := s.statsd.Flushed()
	if err != nil {
		t.Fatal(err)
	}
	for name, n := range want.values.counters() {
		if got := flushed.Counters["killed."+shard+"."+name]; got > n {
			t.Errorf("StatsD has %v of %s, want no more than %v", got, name, n)
		}
	}
}
