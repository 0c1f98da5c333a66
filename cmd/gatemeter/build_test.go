package main

import (
	"context"
	"encoding/json"
	"io"
	"log"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/config"
	strictelasticsearch "github.com/gatemeter/gatemeter/internal/strict/elasticsearch"
	strictstatsd "github.com/gatemeter/gatemeter/internal/strict/statsd"
	"github.com/gatemeter/gatemeter/pipeline/cursor"
)

const request = `203.0.113.7 - - [13/Nov/2023:10:44:31 +0000] "GET /orders/42?token=abc HTTP/1.1" 200 483 "-" "curl/8.14.1"` + "\n"

// load reads a config with one sink, whose keys are given as YAML.
func load(t *testing.T, sink string) *config.Config {
	t.Helper()
	path := filepath.Join(t.TempDir(), "c.yaml")
	text := "data_dir: " + t.TempDir() + "\nshard: web1\nlisten: \"\"\nsources: {in: {type: stdin, format: combined, service: shop}}\nsinks:\n  s: " + sink + "\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, _, err := loadConfig(path)
	if err != nil {
		t.Fatalf("%s\n%v", text, err)
	}
	return c
}

// runThrough runs one line through what is built of c.
func runThrough(t *testing.T, c *config.Config) {
	t.Helper()
	p := parts{once: true, log: slog.New(slog.DiscardHandler), in: strings.NewReader(request), save: func([]cursor.Cursor) error { return nil }}
	proc, err := build(c, p)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := proc.pipeline.Run(ctx); err != nil {
		t.Error(err)
	}
	if err := proc.shut(); err != nil {
		t.Error(err)
	}
}

func TestStatsDDialect(t *testing.T) {
	f := func(keys string, dog bool, name string) {
		t.Helper()
		server, err := strictstatsd.New(strictstatsd.Options{Network: "tcp", Dog: dog})
		if err != nil {
			t.Fatal(err)
		}
		defer server.Close()
		runThrough(t, load(t, `{type: statsd, address: "`+server.Address+`", max_age: 0`+keys+`}`))
		deadline := time.Now().Add(10 * time.Second)
		for server.Counters()[name] == 0 && time.Now().Before(deadline) {
			<-time.After(time.Millisecond) // the server reads on its own
		}
		if server.Counters()[name] != 1 || len(server.Violations()) > 0 {
			t.Errorf("%q: %v, violations %q", keys, server.Counters(), server.Violations())
		}
	}
	f("", false, "gateway.web1.service.shop.requests.count")
	f(", dialect: statsd", false, "gateway.web1.service.shop.requests.count")
	f(", dialect: dogstatsd", true, "gateway.service.requests.count|#shard:web1,service:shop")
}

func TestElasticsearchKeys(t *testing.T) {
	node := strictelasticsearch.NewHandler()
	server := httptest.NewUnstartedServer(node)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS() // with a certificate that nobody knows
	defer server.Close()
	runThrough(t, load(t, `{type: elasticsearch, urls: ["`+server.URL+`"], tls: {insecure_skip_verify: true},
    shards: 3, replicas: 0, lifecycle: theirs, data_stream: logs-a-b, request_bytes: 64KiB, max_in_flight: 1MiB, dead_letters: 1MiB}`))
	var component struct {
		Template struct{ Settings map[string]any }
	}
	if err := json.Unmarshal(node.Object("_component_template/gatemeter-logs-a-b@settings"), &component); err != nil {
		t.Fatal(err)
	}
	s := component.Template.Settings
	if s["index.number_of_shards"] != 3.0 || s["index.number_of_replicas"] != 0.0 || s["index.lifecycle.name"] != "theirs" {
		t.Errorf("settings of new indices: %v", s)
	}
	if node.Object("_ilm/policy/gatemeter-logs-a-b") != nil {
		t.Error("a policy of our own is installed, which nothing uses")
	}
	docs := node.Docs()
	if len(docs) != 1 || strings.Contains(string(docs[0].Source), "abc") || !strings.Contains(string(docs[0].Source), "token=***") {
		t.Errorf("documents: %s", docs)
	}

	e := elasticsearchConfig(load(t, `{type: elasticsearch, urls: ["http://127.0.0.1:1"], max_in_flight: 64MiB}`).Sinks["s"])
	if e.MaxInFlight != 64<<20 || e.Replicas != -1 || e.Shards != 0 || e.Lifecycle != "" || e.SkipVerify || !e.Setup || e.Retention != 30*24*time.Hour {
		t.Errorf("settings: %+v", e)
	}
}

// TestFieldsAreChecked: what only the parser of a format can know is a wrong config too.
func TestFieldsAreChecked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.yaml")
	text := `sources: {in: {type: stdin, format: "$msec $status $a", fields: {$a: service.name, a: url.domain}}}`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := loadConfig(path); err == nil || !strings.Contains(err.Error(), "$a and a are the same") {
		t.Errorf("error %v", err)
	}
}

// A person reads the log, also where it is JSON.
func TestLogSaysHowLong(t *testing.T) {
	for format, want := range map[string]string{"text": "after=10m10.283s", "json": `"after":"10m10.283s"`} {
		var b strings.Builder
		newLog(config.Log{Format: format}, &b).Info("m", "after", 10*time.Minute+10283*time.Millisecond)
		if !strings.Contains(b.String(), want) {
			t.Errorf("%s: %s", format, b.String())
		}
	}
}
