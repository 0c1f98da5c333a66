package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/internal/servers"
)

// TestCompare puts what the oracle expects into the servers by hand. The comparison must find no difference, and each of the
// differences that are made then.
func TestCompare(t *testing.T) {
	s := startStack(t, "10s:2h")
	j := job{
		Window: 10, Lateness: 5, Amend: 60, Percentiles: []float64{50, 99.9},
		Rollups: map[string][]string{"route": {"service", "route", "method"}, "service": {"service"}, "all": {}},
	}
	file := filepath.Join(t.TempDir(), "kong.log")
	generate(t, file, "kong", 2000, "--start", time.Now().Add(-15*time.Minute).UTC().Format(time.RFC3339), "--malformed", "0.01")
	j.Partitions = []partition{{Source: "kong", Reader: "kong", Shard: shard, Path: file, Files: []string{file}}}
	want := ask(t, j)

	var lines strings.Builder
	for name, windows := range want.values {
		for w, v := range windows {
			fmt.Fprintf(&lines, "hand.%s.%s %v %d\n", shard, name, v, w)
		}
	}
	send(t, s.graphite.Plaintext, lines.String())
	lines.Reset()
	for name, n := range want.values.counters() {
		fmt.Fprintf(&lines, "hand.%s.%s:%v|c\n", shard, name, n)
	}
	send(t, s.statsd.Address, lines.String())
	if err := s.search.Do("PUT", "_index_template/hand", object{
		"index_patterns": []string{"logs-*"}, "data_stream": object{},
		"template": object{"mappings": object{"dynamic": false, "properties": object{"@timestamp": object{"type": "date"}}}},
	}, nil); err != nil {
		t.Fatal(err)
	}
	var bulk bytes.Buffer
	for _, id := range slices.Sorted(maps.Keys(want.documents)) {
		for _, part := range []object{{"create": object{"_id": id}}, want.documents[id].source()} {
			if err := json.NewEncoder(&bulk).Encode(part); err != nil {
				t.Fatal(err)
			}
		}
	}
	resp, err := http.Post(s.search.URL+"/"+index("hand")+"/_bulk", "application/x-ndjson", &bulk)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	servers.Await(t, time.Minute, func() error { return s.compare(t, "hand", j.Rollups, want, true) })

	// One difference at a time, in what is expected.
	f := func(server, difference string, change func(values, map[string]document)) {
		t.Helper()
		changed := &expected{values: values{}, documents: maps.Clone(want.documents)}
		for name, windows := range want.values {
			changed.values[name] = maps.Clone(windows)
		}
		change(changed.values, changed.documents)
		err := s.compare(t, "hand", j.Rollups, changed, true)
		if err == nil || !strings.Contains(err.Error(), server) || !strings.Contains(err.Error(), difference) {
			t.Errorf("%s: want a difference like %q, got %v", server, difference, err)
		}
	}
	first := slices.Min(slices.Collect(maps.Keys(want.values["all.latency.p50"])))
	scale := func(name string, by float64) func(values, map[string]document) {
		return func(v values, _ map[string]document) { v[name][first] *= by }
	}
	f("Graphite", "all.requests.count", func(v values, _ map[string]document) { v["all.requests.count"][first]++ })
	f("StatsD", "all.requests.count", func(v values, _ map[string]document) { v["all.requests.count"][first]++ })
	f("Graphite", "all.response_bytes.sum", scale("all.response_bytes.sum", 1.0001))
	f("Graphite", "all.latency.p50", scale("all.latency.p50", 1.012))
	f("Graphite", "all.latency.max", scale("all.latency.max", 1+1e-15))
	f("Graphite", "all.latency.mean", scale("all.latency.mean", 1+1e-11))
	f("Graphite", "want nothing", func(v values, _ map[string]document) { delete(v, "all.latency.max") })
	f("Graphite", "missing", func(v values, _ map[string]document) { v.set("all.cache.hit", first, 0) })
	id := slices.Min(slices.Collect(maps.Keys(want.documents)))
	other := int64(999)
	alter := func(change func(*document)) func(values, map[string]document) {
		return func(_ values, all map[string]document) {
			d := all[id]
			change(&d)
			all[id] = d
		}
	}
	f("Elasticsearch", "want status 999", alter(func(d *document) { d.Status = &other }))
	f("Elasticsearch", "bytes 999", alter(func(d *document) { d.Bytes = &other }))
	f("Elasticsearch", "duration 999", alter(func(d *document) { d.Duration = &other }))
	f("Elasticsearch", "path none", alter(func(d *document) { d.Path = nil }))
	f("Elasticsearch", "want malformed", alter(func(d *document) { d.Malformed = true }))
	f("Elasticsearch", "want nothing", func(_ values, all map[string]document) { delete(all, id) })
	f("Elasticsearch", "none-such: missing", func(_ values, all map[string]document) { all["none-such"] = document{Malformed: true} })
}

// source is a document that has what is compared.
func (d document) source() object {
	if d.Malformed {
		return object{"@timestamp": "2026-01-01T00:00:00Z", "error": object{"message": "bad_json"}}
	}
	return object{
		"@timestamp": "2026-01-01T00:00:00Z", "url": object{"path": d.Path}, "event": object{"duration": d.Duration},
		"http": object{"response": object{"status_code": d.Status, "body": object{"bytes": d.Bytes}}},
	}
}

// send writes text to a TCP address and closes.
func send(t *testing.T, address, text string) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
}
