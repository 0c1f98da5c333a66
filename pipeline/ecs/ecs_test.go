package ecs_test

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatemeter/gatemeter/pipeline/ecs"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// full returns a record with every field.
func full() *record.Record {
	r := new(record.Record)
	r.Reset()
	r.Line = []byte(`192.0.2.7 - - "GET /orders/17?page=2 HTTP/1.1" 200`)
	r.Offset = 4711
	r.TimeNanos = time.Date(2026, 11, 21, 7, 44, 5, 120_000_000, time.UTC).UnixNano()
	r.Kind = "kong"
	r.ClientAddress = []byte("192.0.2.7")
	r.Method = []byte("GET")
	r.URL = []byte("/orders/17?page=2")
	r.Path = []byte("/orders/17")
	r.Query = []byte("page=2")
	r.Domain = []byte("shop.example.com")
	r.Scheme = []byte("https")
	r.HTTPVersion = []byte("1.1")
	r.Referrer = []byte("https://example.com/")
	r.UserAgent = []byte(`Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0`)
	r.User = []byte("jane")
	r.RequestID = []byte("0f8fad5bd9cb469fa16570867728950e")
	r.TraceID = []byte("4bf92f3577b34da6a3ce929d0e0e4736")
	r.TLSVersion = []byte("1.3")
	r.TLSCipher = []byte("TLS_AES_256_GCM_SHA384")
	r.Service = []byte("orders")
	r.Route = []byte("get_order")
	r.Consumer = []byte("mobile")
	r.Stage = []byte("prod")
	r.Cache = []byte("MISS")
	r.UpstreamAddress = []byte("10.0.0.9:8080")
	r.Flags = []byte("URX,UF")
	r.Status, r.UpstreamStatus, r.Tries, r.ClientPort = 200, 200, 2, 51234
	r.RequestBytes, r.RequestBodyBytes, r.ResponseBytes, r.ResponseBodyBytes = 412, 0, 1893, 1500
	r.DurationNanos, r.UpstreamNanos, r.GatewayNanos = 123_000_000, 120_000_000, 3_000_000
	return r
}

// slow is the reference: the record as nested maps, made from the names of record.Field.
func slow(r *record.Record, o *ecs.Options) map[string]any {
	doc := map[string]any{}
	set := func(name string, value any) {
		at := doc
		parts := strings.Split(name, ".")
		for _, p := range parts[:len(parts)-1] {
			if at[p] == nil {
				at[p] = map[string]any{}
			}
			at = at[p].(map[string]any)
		}
		at[parts[len(parts)-1]] = value
	}
	valid := func(b []byte) string { return string([]rune(string(b))) }
	num := func(n int64) json.Number { b, _ := json.Marshal(n); return json.Number(b) }

	malformed := r.Reason.Malformed()
	set("@timestamp", time.Unix(0, r.TimeNanos).UTC().Format(time.RFC3339Nano))
	for f := record.NoField + 1; f < record.NumFields && !malformed; f++ {
		switch {
		case f == record.Line || f == record.Time:
		case f == record.ClientAddress:
			a := string(r.ClientAddress)
			if strings.HasPrefix(a, "[") && strings.HasSuffix(a, "]") && len(a) > 2 {
				a = a[1 : len(a)-1]
			}
			if zone := strings.IndexByte(a, '%'); zone > 0 && strings.Contains(a[:zone], ":") {
				a = a[:zone]
			}
			if _, err := netip.ParseAddr(a); err == nil && !strings.Contains(a, "%") {
				set("source.ip", a)
			} else if len(r.ClientAddress) > 0 {
				set("source.address", valid(r.ClientAddress))
			}
		case f.Class() == record.Text:
			if v := *r.Text(f); len(v) > 0 {
				set(f.String(), valid(v))
			}
		case r.Number(f) >= 0:
			set(f.String(), num(r.Number(f)))
		}
	}
	if malformed {
		message := r.Reason.String()
		if r.Column > 0 {
			message += " at column " + string(num(int64(r.Column)))
		}
		set("error.code", r.Reason.String())
		set("error.message", message)
	} else if r.Kind != "" {
		set("gateway.kind", r.Kind)
	}
	if o.Original == ecs.OriginalAlways || malformed && o.Original == ecs.OriginalMalformed {
		if len(r.Line) > 0 {
			set("event.original", valid(r.Line))
		}
	}
	if o.Document {
		set("ecs.version", ecs.Version)
		set("event.kind", "event")
		set("event.category", []any{"web"})
		set("event.type", []any{"access"})
		set("log.offset", num(r.Offset))
		switch {
		case malformed:
			set("event.kind", "pipeline_error")
		case r.Status >= 400:
			set("event.outcome", "failure")
		case r.Status > 0:
			set("event.outcome", "success")
		}
	}
	if o.Dataset != "" {
		set("event.dataset", valid([]byte(o.Dataset)))
	}
	if o.Path != "" {
		set("log.file.path", valid([]byte(o.Path)))
	}
	if o.Shard != "" {
		set("gateway.shard", valid([]byte(o.Shard)))
	}
	return doc
}

// check encodes r and compares what encoding/json reads back with the reference.
func check(t *testing.T, r *record.Record, o *ecs.Options) {
	t.Helper()
	got := ecs.Append([]byte("before"), r, o)
	got, ok := bytes.CutPrefix(got, []byte("before"))
	if !ok || !json.Valid(got) {
		t.Fatalf("not JSON after what was there: %q", got)
	}
	if bytes.IndexByte(got, '\n') >= 0 {
		t.Fatalf("a raw newline would end the document: %q", got)
	}
	d := json.NewDecoder(bytes.NewReader(got))
	d.UseNumber()
	var doc map[string]any
	if err := d.Decode(&doc); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(slow(r, o), doc); diff != "" {
		t.Fatalf("reference (-), got (+) of %s\n%s", got, diff)
	}
}

func TestAppend(t *testing.T) {
	f := func(want string, o *ecs.Options, change func(r *record.Record)) {
		t.Helper()
		r := full()
		change(r)
		if got := string(ecs.Append(nil, r, o)); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
		if o == nil {
			o = &ecs.Options{}
		}
		check(t, r, o)
	}
	f(`{"@timestamp":"2026-11-21T07:44:05.12Z","source":{"ip":"192.0.2.7","port":51234},`+
		`"http":{"request":{"method":"GET","referrer":"https://example.com/","id":"0f8fad5bd9cb469fa16570867728950e","bytes":412,"body":{"bytes":0}},`+
		`"response":{"status_code":200,"bytes":1893,"body":{"bytes":1500}},"version":"1.1"},`+
		`"url":{"original":"/orders/17?page=2","path":"/orders/17","query":"page=2","domain":"shop.example.com","scheme":"https"},`+
		`"user":{"name":"jane"},"user_agent":{"original":"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"},`+
		`"trace":{"id":"4bf92f3577b34da6a3ce929d0e0e4736"},"tls":{"version":"1.3","cipher":"TLS_AES_256_GCM_SHA384"},"service":{"name":"orders"},`+
		`"event":{"duration":123000000},"gateway":{"kind":"kong","route":"get_order","consumer":"mobile","stage":"prod","cache":"MISS","flags":"URX,UF","duration":3000000,`+
		`"upstream":{"duration":120000000,"address":"10.0.0.9:8080","status_code":200,"tries":2}}}`,
		nil, func(*record.Record) {})
	f(`{"@timestamp":"1970-01-01T00:00:00Z"}`, nil, func(r *record.Record) { r.Reset(); r.TimeNanos = 0 })
	f(`{"@timestamp":"1969-12-31T23:59:59.999999999Z","http":{"response":{"status_code":0}}}`, nil,
		func(r *record.Record) { r.Reset(); r.TimeNanos = -1; r.Status = 0 })
	f(`{"@timestamp":"1970-01-01T00:00:00Z","ecs":{"version":"8.17.0"},"http":{"response":{"status_code":503}},`+
		`"event":{"kind":"event","category":["web"],"type":["access"],"outcome":"failure","dataset":"edge","original":"GET /"},`+
		`"gateway":{"shard":"web1","upstream":{"address":"10.0.0.9:80"}},"log":{"offset":17,"file":{"path":"/var/log/nginx/access.log"}}}`,
		&ecs.Options{Original: ecs.OriginalAlways, Document: true, Dataset: "edge", Path: "/var/log/nginx/access.log", Shard: "web1"},
		func(r *record.Record) {
			r.Reset()
			r.Line, r.Offset, r.Status, r.UpstreamAddress = []byte("GET /"), 17, 503, []byte("10.0.0.9:80")
		})
	// Of a malformed record nothing but the line, its place and the reason is told, even if the parser had got further.
	f(`{"@timestamp":"2026-11-21T07:44:05.12Z","error":{"code":"bad_time","message":"bad_time at column 9"},"event":{"original":"half \"a line`+"\uFFFD"+`"}}`, nil,
		func(r *record.Record) { r.Line = []byte("half \"a line\xe9"); r.Fail(record.BadTime, 8) })
	f(`{"@timestamp":"2026-11-21T07:44:05.12Z","error":{"code":"unknown_format","message":"unknown_format"}}`,
		&ecs.Options{Original: ecs.OriginalNever},
		func(r *record.Record) { r.Reason = record.UnknownFormat })
	f(`{"@timestamp":"1970-01-01T00:00:00Z","source":{"ip":"2001:db8::1"}}`, nil,
		func(r *record.Record) { r.Reset(); r.TimeNanos = 0; r.ClientAddress = []byte("[2001:db8::1]") })
	f(`{"@timestamp":"1970-01-01T00:00:00Z","source":{"ip":"fe80::1"}}`, nil,
		func(r *record.Record) { r.Reset(); r.ClientAddress = []byte("fe80::1%eth0") })
	f(`{"@timestamp":"1970-01-01T00:00:00Z","source":{"address":"unix:"}}`, nil,
		func(r *record.Record) { r.Reset(); r.ClientAddress = []byte("unix:") })
	// A late record is still a record.
	f(`{"@timestamp":"1970-01-01T00:00:00Z","url":{"path":"/"}}`, nil,
		func(r *record.Record) { r.Reset(); r.Reason = record.Late; r.Path = []byte("/") })
}

func TestAppendString(t *testing.T) {
	f := func(s string) {
		t.Helper()
		got := ecs.AppendString(nil, s)
		var back string
		if err := json.Unmarshal(got, &back); err != nil {
			t.Fatalf("%q: %q: %v", s, got, err)
		}
		if want := string([]rune(s)); back != want {
			t.Errorf("%q: read back %q, want %q", s, back, want)
		}
	}
	f("")
	f("\u2028 \u2029 é 日本 😀")
	f("\xc3\x28 \xe2\x82 \xf0\x9f\x98 \xed\xa0\x80 \xff\xfe")
	f(`say "no" to C:\`)
	for c := range 256 { // each byte at each place of a word, and alone
		for at := range 17 {
			f(strings.Repeat("a", at) + string([]byte{byte(c)}) + strings.Repeat("z", 9))
		}
		f(string([]byte{byte(c)}))
	}
}

func TestAppendAllocates(t *testing.T) {
	good, bad := full(), full()
	bad.Line = []byte("not \xff a line")
	bad.Fail(record.Unexpected, 3)
	dst := make([]byte, 0, 4096)
	o := &ecs.Options{Original: ecs.OriginalAlways, Document: true, Dataset: "edge", Path: "/var/log/access.log", Shard: "web1"}
	if n := testing.AllocsPerRun(100, func() {
		dst = ecs.Append(dst[:0], good, o)
		dst = ecs.Append(dst[:0], bad, o)
		dst = ecs.Append(dst[:0], good, nil)
	}); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

func FuzzAppend(f *testing.F) {
	f.Add([]byte("192.0.2.1"), []byte("/a?b=\"c\""), []byte("agent \xff\x00"), int64(1795247045_120000000), int64(12), int32(200), uint8(0), uint8(0))
	f.Add([]byte("[::ffff:1.2.3.4%1]"), []byte(""), []byte("\u2028"), int64(0), int64(-1), int32(-1), uint8(4), uint8(7))
	f.Fuzz(func(t *testing.T, a, b, c []byte, nanos, n int64, status int32, reason, options uint8) {
		r := full()
		r.ClientAddress, r.URL, r.Path, r.Query = a, b, c, a
		r.UserAgent, r.User, r.Referrer, r.Line = c, b, a, b
		r.Domain, r.Route, r.Cache, r.UpstreamAddress = nil, c, a, b
		r.TimeNanos, r.DurationNanos, r.ResponseBytes, r.Offset = nanos, n, -n, max(n, 0)
		r.Status, r.ClientPort = status, -status
		r.Reason, r.Column = record.Reason(reason)%record.NumReasons, status
		check(t, r, &ecs.Options{
			Original: ecs.Original(options % 3), Document: options&4 != 0,
			Dataset: string(b), Path: string(c), Shard: string(a),
		})
	})
}
