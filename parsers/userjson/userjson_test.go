package userjson

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/parsers/field"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

var update = flag.Bool("update", false, "write the golden files anew")

// mapping returns that of a config's fields.
func mapping(t testing.TB, fields map[string]string) *Mapping {
	t.Helper()
	ops := map[string]field.Op{}
	for path, place := range fields {
		op, err := field.ParsePlace(place)
		if err != nil {
			t.Fatal(err)
		}
		ops[path] = op
	}
	return NewMapping(ops)
}

// one parses a single line.
func one(p *Parser, line string) *record.Record {
	var recs [1]record.Record
	recs[0].Reset()
	recs[0].Line = []byte(line)
	p.Reset(nil)
	p.Parse(recs[:])
	return &recs[0]
}

// flat returns a record as text, a field a line.
func flat(r *record.Record) string {
	var b strings.Builder
	if r.Reason != record.None {
		return fmt.Sprintf("  error %v at column %d\n", r.Reason, r.Column)
	}
	fmt.Fprintf(&b, "  kind %s\n  @timestamp %s\n", r.Kind, time.Unix(0, r.TimeNanos).UTC().Format(time.RFC3339Nano))
	for f := record.NoField + 1; f < record.NumFields; f++ {
		switch {
		case f == record.Time || f == record.Line:
		case f.Class() == record.Text:
			if v := *r.Text(f); len(v) > 0 {
				fmt.Fprintf(&b, "  %v %q\n", f, v)
			}
		case r.Number(f) != record.Absent:
			fmt.Fprintf(&b, "  %v %d\n", f, r.Number(f))
		}
	}
	return b.String()
}

// lines returns those of testdata, by file.
func lines(t testing.TB) map[string][]string {
	t.Helper()
	names, err := filepath.Glob("testdata/*.log")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	all := map[string][]string{}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	}
	return all
}

func TestGolden(t *testing.T) {
	p := New(mapping(t, nil))
	for name, text := range lines(t) {
		var out bytes.Buffer
		for _, line := range text {
			fmt.Fprintf(&out, "%s\n%s\n", line, flat(one(p, line)))
		}
		golden := strings.TrimSuffix(name, ".log") + ".golden"
		if *update {
			if err := os.WriteFile(golden, out.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if got := out.String(); got != string(want) {
			t.Errorf("%s is read as (run with -update to accept):\n%s\nwant:\n%s", name, got, want)
		}
	}
}

func TestFields(t *testing.T) {
	f := func(path, place, value, want string) {
		t.Helper()
		p := New(mapping(t, map[string]string{path: place}))
		name, _, _ := strings.Cut(place, ":")
		nested, tail := "", ""
		parts := strings.Split(path, ".")
		for _, part := range parts[:len(parts)-1] {
			nested += fmt.Sprintf("%q:{", part)
			tail += "}"
		}
		nested = fmt.Sprintf(`{"msec":1.5,%s%q:%s%s}`, nested, parts[len(parts)-1], value, tail)
		for _, line := range []string{nested, fmt.Sprintf(`{"msec":1.5,%q:%s}`, path, value)} {
			got := flat(one(p, line))
			if strings.HasPrefix(want, "error") && strings.HasPrefix(got, "  "+want) {
				continue
			}
			if !strings.Contains(got, "  "+name+" "+want+"\n") {
				t.Errorf("%s with %s as %s is read as\n%swant %s %s", line, path, place, got, name, want)
			}
		}
	}
	f("a", "service.name", `"x"`, `"x"`)
	f("a.b.c", "service.name", `"x"`, `"x"`)
	f("a.b", "service.name", `7`, `"7"`)
	f("a.b", "service.name", `["x","y"]`, `"x"`)
	f("code", "http.response.status_code", `200.0`, `200`)
	f("code", "http.response.status_code", `"502, 200"`, `200`)
	f("code", "http.response.status_code", `"200.0"`, `200`)
	f("code", "http.response.status_code", `"2e2"`, `200`)
	f("code", "http.response.status_code", `"2e"`, "error bad_number")
	f("took", "event.duration", `"2e"`, "error bad_number")
	f("took", "event.duration", `"2e7"`, `20000000`)
	f("when", "@timestamp", `"1.7600973360435e9"`, `2025-10-10T11:55:36.0435Z`)
	f("when", "@timestamp", `"whenever"`, "error bad_time")
	f("took", "event.duration", `43000000`, `43000000`)
	f("took", "event.duration:ns", `4.3e7`, `43000000`)
	f("took", "event.duration:us", `43.5`, `43500`)
	f("took", "event.duration:ms", `0.0000019`, `1`)
	f("took", "event.duration:ms", `"43.5"`, `43500000`)
	f("took", "event.duration:s", `4.3e-2`, `43000000`)
	f("took", "event.duration:s", `0.1`, `100000000`)
	f("took", "event.duration", `0.043`, "error bad_number")
	f("took", "event.duration", `"0.043"`, "error bad_number")
	f("took", "event.duration", `4.3e-2`, "error bad_number")
	f("took", "event.duration:s", `1e30`, "error bad_number")
	f("took", "gateway.upstream.duration:s", `"0.1, - : 0.2"`, `300000000`)
	f("status", "service.name", `"a word"`, `"a word"`)
	f("proto", "http.version", `"HTTP/2.0"`, `"2"`)
	f("tls", "tls.version", `"TLSv1.3"`, `"1.3"`)
	f("site", "url.domain", `"shop.example:443"`, `"shop.example"`)
}

// TestNothing reads values that say that there is none.
func TestNothing(t *testing.T) {
	p := New(mapping(t, map[string]string{"took": "event.duration:s", "name": "service.name"}))
	want := flat(one(p, `{"msec":1.5}`))
	for _, value := range []string{`null`, ``, `-`, `"-"`, `""`, `{}`, `{"a":1}`, `[]`, `[{}]`, `-1`} {
		f := func(key string) {
			t.Helper()
			line := fmt.Sprintf(`{"msec":1.5,%q:%s}`, key, value)
			if got := flat(one(p, line)); got != want {
				t.Errorf("%s is read as\n%s", line, got)
			}
		}
		f("took")
		f("status")
		f("request_time")
		f("event.duration")
		f("time_local")
		if value != "-1" {
			f("name")
			f("request")
		}
	}
}

// TestOrder reads the same members both ways around: what fills a field depends on names, not on their order.
func TestOrder(t *testing.T) {
	f := func(a, b, want string) {
		t.Helper()
		p := New(mapping(t, map[string]string{"real": "source.ip"}))
		for _, line := range []string{`{"msec":1.5,` + a + `,` + b + `}`, `{` + b + `,` + a + `,"msec":1.5}`} {
			if got := flat(one(p, line)); !strings.Contains(got, "  "+want+"\n") {
				t.Errorf("%s is read as\n%swant %s", line, got, want)
			}
		}
	}
	f(`"real":"1.1.1.1"`, `"remote_addr":"2.2.2.2"`, `source.ip "1.1.1.1"`)
	f(`"real":"1.1.1.1"`, `"source.ip":"2.2.2.2"`, `source.ip "1.1.1.1"`)
	f(`"real":null`, `"remote_addr":"2.2.2.2"`, `source.ip "2.2.2.2"`)
	f(`"source":{"ip":"1.1.1.1"}`, `"remote_addr":"2.2.2.2"`, `source.ip "1.1.1.1"`)
	f(`"remote_addr":"1.1.1.1"`, `"client_ip":"2.2.2.2"`, `source.ip "1.1.1.1"`)
	f(`"@timestamp":"2025-10-10T11:55:36Z"`, `"time_local":"10/Oct/2000:13:55:36 +0200"`, `@timestamp 2025-10-10T11:55:36Z`)
	f(`"time_iso8601":"2025-10-10T11:55:36Z"`, `"time_local":"10/Oct/2000:13:55:36 +0200"`, `@timestamp 1970-01-01T00:00:01.5Z`)
	f(`"request":"GET /a?b=c HTTP/1.1"`, `"path":"/a"`, `url.original "/a?b=c"`)
	f(`"request":"GET /a?b=c HTTP/1.1"`, `"method":"POST"`, `http.request.method "GET"`)
	f(`"request":"GET /a HTTP/1.1"`, `"protocol":"HTTP/2.0"`, `http.version "1.1"`)
	f(`"request":"GET /a HTTP/1.1"`, `"url.original":"/b"`, `url.original "/b"`)
	f(`"request":"\u0016\u0003"`, `"method":"POST"`, `http.request.method "POST"`)
	f(`"server_name":"a.example"`, `"host":"b.example"`, `url.domain "b.example"`)
	f(`"server_name":"a.example"`, `"host":"b.example"`, `service.name "a.example"`)
}

// TestFirstWins reads keys that repeat.
func TestFirstWins(t *testing.T) {
	p := New(mapping(t, nil))
	got := flat(one(p, `{"msec":1.5,"msec":2.5,"status":200,"status":500,"host":"a","http_host":"b"}`))
	if want := flat(one(p, `{"msec":1.5,"status":200,"host":"a"}`)); got != want {
		t.Errorf("read as\n%swant\n%s", got, want)
	}
}

// TestOverlay puts fields of the config over a record that another parser has made.
func TestOverlay(t *testing.T) {
	f := func(line, want string) {
		t.Helper()
		fields := map[string]field.Op{}
		for path, place := range map[string]string{"real_uri": "url.original", "tenant": "service.name", "at": "@timestamp", "took": "event.duration:ms"} {
			op, err := field.ParsePlace(place)
			if err != nil {
				t.Fatal(err)
			}
			fields[path] = op
		}
		r := &record.Record{}
		r.Reset()
		r.Line, r.Kind, r.TimeNanos = []byte(line), "kong", 1e9
		r.URL, r.Path, r.Query, r.Service = []byte("/a?b"), []byte("/a"), []byte("b"), []byte("s")
		New(OnlyMapping(fields)).Overlay(r)
		if got := flat(r); got != want {
			t.Errorf("%s over the record gives\n%swant\n%s", line, got, want)
		}
	}
	const head = "  kind kong\n  @timestamp 1970-01-01T00:00:01Z\n"
	f(`{"status":200}`, head+"  url.original \"/a?b\"\n  url.path \"/a\"\n  url.query \"b\"\n  service.name \"s\"\n")
	f(`{"tenant":"t"}`, head+"  url.original \"/a?b\"\n  url.path \"/a\"\n  url.query \"b\"\n  service.name \"t\"\n")
	f(`{"real_uri":"/x?y"}`, head+"  url.original \"/x?y\"\n  url.path \"/x\"\n  url.query \"y\"\n  service.name \"s\"\n")
	f(`{"real_uri":"/x"}`, head+"  url.original \"/x\"\n  url.path \"/x\"\n  service.name \"s\"\n")
	f(`{"real_uri":null,"at":2.5}`, strings.Replace(head, "01Z", "02.5Z", 1)+"  url.original \"/a?b\"\n  url.path \"/a\"\n  url.query \"b\"\n  service.name \"s\"\n")
	f(`{"took":"soon"}`, "  error bad_number at column 9\n")
}

// TestHostile reads lines as long as a source lets through, made to be expensive.
func TestHostile(t *testing.T) {
	const size = 64 << 10
	deep := strings.TrimSuffix(strings.Repeat("a.", 100), ".")
	m := mapping(t, map[string]string{deep: "service.name"})
	f := func(head, repeated, tail string, want record.Reason) {
		t.Helper()
		line := head + strings.Repeat(repeated, (size-len(head)-len(tail))/len(repeated)) + tail
		p := New(m)
		if r := one(p, line); r.Reason != want {
			t.Errorf("%.40q…: %v at column %d, want %v", line, r.Reason, r.Column, want)
		}
		if n := cap(*p.scan.Arena()); n > 4*size {
			t.Errorf("%.40q…: the arena has %d bytes", line, n)
		}
	}
	f(`{"msec":1.5,"a":`, `{"a":`, ``, record.TooDeep)
	f(`{"msec":1.5,"a":`, `[`, ``, record.TooDeep)
	f(`{"msec":1.5,"`, `a.`, `":1}`, record.None)
	f(`{"msec":1.5,"`, `.`, `":1}`, record.None)
	f(`{"msec":1.5`, `,"http.request.":1`, `}`, record.None)
	f(`{"msec":1.5`, `,"\u0061.a.a.a":{}`, `}`, record.None)
	f(`{"msec":1.5,"upstream_status":"`, `200, `, `200"}`, record.None)
	f(`{"msec":1.5,"upstream_response_time":"`, `0.001, `, `-"}`, record.None)
	f(`{"msec":1.5,"request":"`, ` `, `"}`, record.None)
	f(`{"msec":1.5,"status":`, `1`, `}`, record.BadNumber)
	f(`{"msec":`, `1`, `}`, record.BadTime)
}

// TestAllocatesNothing reads a batch of all lines, good and bad.
func TestAllocatesNothing(t *testing.T) {
	var recs []record.Record
	for _, text := range lines(t) {
		for _, line := range text {
			recs = append(recs, record.Record{Line: []byte(line)})
		}
	}
	p := New(mapping(t, map[string]string{"nested.status": "gateway.stage"}))
	if n := testing.AllocsPerRun(10, func() {
		p.Reset(nil)
		for i := range recs {
			line := recs[i].Line
			recs[i].Reset()
			recs[i].Line = line
		}
		p.Parse(recs)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
