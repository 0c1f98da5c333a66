package elasticsearch

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatemeter/gatemeter/pipeline/ecs"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// fullRecord returns a record with every field.
func fullRecord() record.Record {
	var r record.Record
	r.Reset()
	r.TimeNanos = time.Date(2026, 2, 3, 4, 5, 6, 7_000_000, time.UTC).UnixNano()
	r.Kind = "kong"
	for f := record.NoField + 1; f < record.NumFields; f++ {
		switch {
		case f == record.ClientAddress:
			r.ClientAddress = []byte("192.0.2.1")
		case f == record.UserAgent:
			r.UserAgent = []byte("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0")
		case f == record.URL:
			r.URL = []byte("/api/v1/orders/4711?page=2&sort=date")
		case f.Class() == record.Text:
			*r.Text(f) = []byte("text")
		case f != record.Time:
			r.SetNumber(f, 200)
		}
	}
	r.Offset = 0x1abc
	return r
}

func TestAppend(t *testing.T) {
	f := func(change func(*Config), name, want string) {
		t.Helper()
		inBubble(t, func(t *testing.T) {
			g := newRig(t, change)
			defer g.mustClose()
			var r record.Record
			r.Reset()
			r.TimeNanos = time.Date(2026, 2, 3, 4, 5, 6, 0, time.FixedZone("", -8*3600)).UnixNano()
			r.Offset, r.Status = 0x1abc, 404
			bad := record.Record{Line: []byte("nonsense"), Offset: 0x1abd, TimeNanos: r.TimeNanos}
			bad.Fail(record.Unexpected, 0)
			g.partition.Name = name
			got := string(g.sink.Append([]byte("before"), g.partition, []record.Record{r, bad}))
			if diff := cmp.Diff("before"+want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	f(nil, "/var/log/nginx/access.log", `{"create":{"_id":"p1-000000001abc"}}
{"@timestamp":"2026-02-03T12:05:06Z","ecs":{"version":"8.17.0"},"http":{"response":{"status_code":404}},"event":{"kind":"event","category":["web"],"type":["access"],"outcome":"failure","dataset":"edge"},"gateway":{"shard":"web1"},"log":{"offset":6844,"file":{"path":"/var/log/nginx/access.log"}}}
{"create":{"_id":"p1-000000001abd"}}
{"@timestamp":"2026-02-03T12:05:06Z","ecs":{"version":"8.17.0"},"error":{"code":"unexpected","message":"unexpected at column 1"},"event":{"kind":"pipeline_error","category":["web"],"type":["access"],"dataset":"edge","original":"nonsense"},"gateway":{"shard":"web1"},"log":{"offset":6845,"file":{"path":"/var/log/nginx/access.log"}}}
`)
	f(func(c *Config) { c.Index = "a-%Y.%m.%d"; c.Original = ecs.OriginalNever }, "topic-3", `{"create":{"_index":"a-2026.02.03","_id":"p1-000000001abc"}}
{"@timestamp":"2026-02-03T12:05:06Z","ecs":{"version":"8.17.0"},"http":{"response":{"status_code":404}},"event":{"kind":"event","category":["web"],"type":["access"],"outcome":"failure","dataset":"edge"},"gateway":{"shard":"web1"},"log":{"offset":6844}}
{"create":{"_index":"a-2026.02.03","_id":"p1-000000001abd"}}
{"@timestamp":"2026-02-03T12:05:06Z","ecs":{"version":"8.17.0"},"error":{"code":"unexpected","message":"unexpected at column 1"},"event":{"kind":"pipeline_error","category":["web"],"type":["access"],"dataset":"edge"},"gateway":{"shard":"web1"},"log":{"offset":6845}}
`)
}

func TestAppendAllocates(t *testing.T) {
	f := func(change func(*Config)) {
		t.Helper()
		inBubble(t, func(t *testing.T) {
			g := newRig(t, change)
			defer g.mustClose()
			recs := []record.Record{fullRecord(), fullRecord(), fullRecord()}
			recs[1].Fail(record.BadTime, 17)
			body := make([]byte, 0, 1<<14)
			if n := testing.AllocsPerRun(100, func() { body = g.sink.Append(body[:0], g.partition, recs) }); n != 0 {
				t.Errorf("%v allocations, want none", n)
			}
		})
	}
	f(nil)
	f(func(c *Config) { c.Index = "access-%Y.%m.%d-%H" })
}

// Every field that is written has a type, and no type is for a field that is not.
func TestMappingIsWhatIsWritten(t *testing.T) {
	names := func(prefix string, object map[string]any, leaf func(v any) bool) (all []string) {
		var walk func(prefix string, object map[string]any)
		walk = func(prefix string, object map[string]any) {
			for name, v := range object {
				inner, ok := v.(map[string]any)
				if ok && !leaf(v) {
					if p, ok := inner["properties"].(map[string]any); ok {
						inner = p
					}
					walk(prefix+name+".", inner)
					continue
				}
				all = append(all, prefix+name)
			}
		}
		walk(prefix, object)
		slices.Sort(all)
		return all
	}
	var m struct {
		Dynamic    bool
		Properties map[string]any
	}
	m.Dynamic = true
	if err := json.Unmarshal([]byte(mapping), &m); err != nil || m.Dynamic {
		t.Fatalf("dynamic %v, %v", m.Dynamic, err)
	}
	mapped := names("", m.Properties, func(v any) bool { _, ok := v.(map[string]any)["type"].(string); return ok })

	good, bad, unix := fullRecord(), fullRecord(), fullRecord()
	bad.Fail(record.BadTime, 1)
	unix.ClientAddress = []byte("unix:")
	var written []string
	for _, r := range []record.Record{good, bad, unix} {
		var doc map[string]any
		o := ecs.Options{Original: ecs.OriginalAlways, Document: true, Dataset: "d", Path: "/p", Shard: "s"}
		if err := json.Unmarshal(ecs.Append(nil, &r, &o), &doc); err != nil {
			t.Fatal(err)
		}
		written = append(written, names("", doc, func(any) bool { return false })...)
	}
	slices.Sort(written)
	if diff := cmp.Diff(slices.Compact(written), mapped); diff != "" {
		t.Errorf("written (-), mapped (+):\n%s", diff)
	}
}
