package elasticsearch

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	strict "github.com/gatemeter/gatemeter/internal/strict/elasticsearch"
)

func withSetup(change func(*Config)) func(*Config) {
	return func(c *Config) {
		c.Setup = true
		if change != nil {
			change(c)
		}
	}
}

// installed returns what was put under path, as text with the keys sorted; "" when nothing was.
func (g *rig) installed(path string) string {
	b := g.server.Object(path)
	if b == nil {
		return ""
	}
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		g.t.Fatal(err)
	}
	b, _ = json.Marshal(v)
	return string(b)
}

// without takes the hash out of what was installed.
func without(s string) string {
	before, after, ok := strings.Cut(s, `"hash":"`)
	if !ok {
		return s
	}
	return before + after[len("0123456789abcdef")+len(`",`):]
}

func TestSetup(t *testing.T) {
	f := func(change func(*Config), name, wantPolicy, wantSettings, wantTemplate string) {
		t.Helper()
		inBubble(t, func(t *testing.T) {
			g := newRig(t, withSetup(change))
			after(time.Second)
			if diff := cmp.Diff(wantPolicy, without(g.installed("_ilm/policy/"+name))); diff != "" {
				t.Error(diff)
			}
			const head, tail = `{"_meta":{"managed_by":"gatemeter","version":1},"template":{"settings":`, `}}`
			if diff := cmp.Diff(head+wantSettings+tail, without(g.installed("_component_template/"+name+"@settings"))); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(wantTemplate, without(g.installed("_index_template/"+name))); diff != "" {
				t.Error(diff)
			}
			if !strings.Contains(g.installed("_component_template/gatemeter@mappings"), `"source":{"properties":{"address"`) {
				t.Error("no mapping")
			}
			g.mustClose()
		})
	}
	const stream = "gatemeter-logs-gateway.access-default"
	f(nil, stream,
		`{"policy":{"_meta":{"managed_by":"gatemeter","version":1},"phases":{"delete":{"actions":{"delete":{}},"min_age":"30d"},`+
			`"hot":{"actions":{"rollover":{"max_age":"30d","max_primary_shard_size":"50gb"}},"min_age":"0ms"}}}}`,
		`{"index.codec":"best_compression","index.lifecycle.name":"gatemeter-logs-gateway.access-default"}`,
		`{"_meta":{"managed_by":"gatemeter","version":1},"allow_auto_create":true,"composed_of":["gatemeter@mappings","gatemeter-logs-gateway.access-default@settings","gatemeter@custom"],"data_stream":{},`+
			`"ignore_missing_component_templates":["gatemeter@custom"],"index_patterns":["logs-gateway.access-default"],"priority":227,`+
			`"version":1}`)
	f(func(c *Config) { c.Lifecycle, c.Shards, c.Replicas = "none", 2, 0 }, stream, "",
		`{"index.codec":"best_compression","index.number_of_replicas":0,"index.number_of_shards":2}`,
		`{"_meta":{"managed_by":"gatemeter","version":1},"allow_auto_create":true,"composed_of":["gatemeter@mappings","gatemeter-logs-gateway.access-default@settings","gatemeter@custom"],"data_stream":{},`+
			`"ignore_missing_component_templates":["gatemeter@custom"],"index_patterns":["logs-gateway.access-default"],"priority":227,`+
			`"version":1}`)
	f(func(c *Config) { c.Index, c.Retention = "access-%Y.%m.%d", 36*time.Hour }, "gatemeter-access-date",
		`{"policy":{"_meta":{"managed_by":"gatemeter","version":1},"phases":{"delete":{"actions":{"delete":{}},"min_age":"36h"},"hot":{"actions":{},"min_age":"0ms"}}}}`,
		`{"index.codec":"best_compression","index.lifecycle.name":"gatemeter-access-date"}`,
		`{"_meta":{"managed_by":"gatemeter","version":1},"allow_auto_create":true,"composed_of":["gatemeter@mappings","gatemeter-access-date@settings","gatemeter@custom"],`+
			`"ignore_missing_component_templates":["gatemeter@custom"],"index_patterns":["access-*"],"priority":207,`+
			`"version":1}`)
	f(func(c *Config) { c.Lifecycle, c.Retention = "theirs", 0 }, stream, "",
		`{"index.codec":"best_compression","index.lifecycle.name":"theirs"}`,
		`{"_meta":{"managed_by":"gatemeter","version":1},"allow_auto_create":true,"composed_of":["gatemeter@mappings","gatemeter-logs-gateway.access-default@settings","gatemeter@custom"],"data_stream":{},`+
			`"ignore_missing_component_templates":["gatemeter@custom"],"index_patterns":["logs-gateway.access-default"],"priority":227,`+
			`"version":1}`)
}

// A second start writes nothing; another config does; what someone else made, or a newer version, stays.
func TestSetupAgain(t *testing.T) {
	const path = "_index_template/gatemeter-logs-gateway.access-default"
	f := func(before string, change func(*Config), wantPuts int) {
		t.Helper()
		inBubble(t, func(t *testing.T) {
			first := newRig(t, withSetup(nil))
			after(time.Second)
			first.mustClose()
			if before != "" {
				old := first.installed(path)
				edited := strings.Replace(old, `"managed_by":"gatemeter","version":1`, before, 1)
				if old == edited {
					t.Fatalf("nothing to replace in %s", old)
				}
				first.server.Put(path, []byte(edited))
			}
			puts := first.server.Requests("PUT")
			second := newRigOn(t, first.server, first.direct, withSetup(change))
			second.submit(second.body(1))
			second.mustClose()
			second.want(1, 0, 0)
			if got := first.server.Requests("PUT") - puts; got != wantPuts {
				t.Errorf("before %q: %d requests to install, want %d", before, got, wantPuts)
			}
		})
	}
	f("", nil, 0)
	f("", func(c *Config) { c.Shards = 3 }, 1)
	f("", func(c *Config) { c.Lifecycle = "none" }, 1)
	f("", func(c *Config) { c.Retention = time.Hour }, 1)
	f(`"managed_by":"someone","version":1`, nil, 0)
	f(`"managed_by":"gatemeter","version":0`, nil, 1)
	f(`"managed_by":"gatemeter","version":99`, nil, 0)
}

// Nothing is sent before the template is there, and that is tried until it works.
func TestSetupComesFirst(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		server := strict.NewHandler()
		server.Behave(strict.Behaviour{Status: 503})
		g := newRigOn(t, server, &direct{handler: server}, withSetup(nil))
		g.submit(g.body(10))
		after(10 * time.Minute)
		if n := g.server.Requests("POST"); n != 0 {
			t.Errorf("%d requests before the template was there", n)
		}
		if err := g.sink.Ready(); err == nil || !strings.Contains(err.Error(), "not available") {
			t.Errorf("ready: %v", err)
		}
		if g.log.count("level=WARN") != 1 {
			t.Errorf("log: %s", g.log)
		}
		g.server.Behave(strict.Behaviour{})
		after(lastWait + time.Second)
		if err := g.sink.Ready(); err != nil {
			t.Error(err)
		}
		g.want(10, 0, 0)
		g.mustClose()
	})
}

func TestCloseDuringSetup(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		server := strict.NewHandler()
		g := newRigOn(t, server, &direct{handler: server, down: errors.New("no route to host")}, withSetup(nil))
		g.submit(g.body(10))
		if err := g.close(time.Minute); err == nil {
			t.Error("closed without a complaint")
		}
	})
}
