package jsonlog

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gatemeter/gatemeter/parsers/jsonscan"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// plain reads line with encoding/json. ok is false when the two may differ: no JSON, keys that are the same or spelled alike,
// nested too deep.
func readPlain(f *Format, line []byte) (object map[string]any, ok bool) {
	if !json.Valid(line) || !utf8.Valid(line) {
		return nil, false
	}
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber()
	if repeats(f, d, 0) {
		return nil, false
	}
	d = json.NewDecoder(bytes.NewReader(line))
	d.UseNumber()
	return object, d.Decode(&object) == nil && object != nil
}

// repeats reads a value and reports whether an object in it has two keys that are spelled alike, or is nested too deep.
func repeats(f *Format, d *json.Decoder, depth int) bool {
	token, _ := d.Token()
	delim, container := token.(json.Delim)
	if !container {
		return false
	}
	keys := map[string]bool{}
	found := depth >= jsonscan.MaxDepth
	for d.More() {
		if delim == '{' {
			key, _ := d.Token()
			text := spelled(f, key.(string))
			found = found || keys[text] || strings.Contains(text, ".")
			keys[text] = true
		}
		found = repeats(f, d, depth+1) || found
	}
	_, _ = d.Token()
	return found
}

// spelled is f's spelling of a key of any length.
func spelled(f *Format, key string) string {
	if f.schema.fold && len(key) > maxKey {
		return "too long: " + key
	}
	return f.spelled(key)
}

// textAt returns the text at a path: a string, digits, or a list's first member.
func textAt(f *Format, v any, path string) string {
	for part := range strings.SplitSeq(path, ".") {
		object, _ := v.(map[string]any)
		v = nil
		for key, value := range object {
			if spelled(f, key) == f.spelled(part) {
				v = value
			}
		}
	}
	if list, ok := v.([]any); ok && len(list) > 0 {
		v = list[0]
	}
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		if v {
			return "true"
		}
		return "false"
	}
	return ""
}

// simple are formats without wrappers: what their tables say can be read off an object.
var simple = []string{"traefik_json", "caddy", "envoy_json", "apisix", "nginx_json", "tyk_access_json", "gravitee", "krakend_json", "gcp_lb", "cloudflare", "fastly_json", "ecs"}

// FuzzParse reads lines by every format: the same again, whatever the parser has read before, the line as it was; and texts as
// encoding/json has them.
func FuzzParse(f *testing.F) {
	for _, all := range lines(f) {
		for _, line := range all {
			f.Add([]byte(line))
		}
	}
	f.Add([]byte(`{"@timestamp":1,"http":{"request.method":"GET"},"request":{"headers":{"host":["a",1]}}}`))
	type parser struct {
		format            *Format
		used, fresh, slow *Parser
	}
	byName := map[string]parser{}
	for _, name := range Names() {
		format := Compile(name)
		byName[name] = parser{format, New(format), New(format), slowly(format)}
	}
	signs := NewSigns()
	d := NewDetector(signs)
	f.Fuzz(func(t *testing.T, line []byte) {
		if len(line) == 0 {
			return
		}
		kept := bytes.Clone(line)
		if a, b := d.Detect(line), NewDetector(signs).Detect(line); a != b {
			t.Fatalf("%q is taken for format %d and for %d", line, a, b)
		}
		for name, p := range byName {
			r := one(p.used, string(line))
			_ = one(p.fresh, `{"timestamp":1700000000,"start_time":1,"request":{"method":"PUT"}}`)
			if got, want := flat(one(p.fresh, string(line))), flat(r); got != want {
				t.Fatalf("%s: %q is read as\n%s and as\n%s", name, line, want, got)
			}
			if got, want := flat(r), flat(one(p.slow, string(line))); got != want {
				t.Fatalf("%s: %q is read as\n%s, key by key as\n%s", name, line, got, want)
			}
			if int(r.Column) > len(line)+1 || r.Column < 0 {
				t.Fatalf("%s: %q: column %d", name, line, r.Column)
			}
		}
		if !bytes.Equal(line, kept) {
			t.Fatalf("%q was changed", kept)
		}
		for _, name := range simple {
			compare(t, byName[name].format, byName[name].used, line)
		}
	})
}

// compare holds the texts that rows fill as they are against encoding/json.
func compare(t *testing.T, f *Format, p *Parser, line []byte) {
	object, ok := readPlain(f, line)
	if !ok {
		return
	}
	r := one(p, string(line))
	switch r.Reason {
	case record.None:
	case record.BadTime, record.BadNumber, record.NoTime, record.UnknownFormat, record.Blank:
		return
	default:
		t.Fatalf("%s: %q is an object; %v at column %d", f.schema.name, line, r.Reason, r.Column)
	}
	filled := map[record.Field]bool{}
	for _, row := range f.schema.rows { // fields that something else may fill are not compared
		if row.as != plain {
			filled[row.to] = true
		}
	}
	for _, field := range []record.Field{
		record.URL, record.Path, record.Query, record.Domain, record.Scheme, record.HTTPVersion, record.TLSVersion, record.TLSCipher, record.Service, record.Method,
		record.Consumer, record.Route,
	} {
		filled[field] = true // by other fields, or read in a way of its own
	}
	for _, row := range f.schema.rows {
		if row.to == record.NoField || row.to.Class() != record.Text || filled[row.to] {
			continue
		}
		want := textAt(f, object, row.path)
		if want == "" || want == "-" || want == `""` || want == "N/A" {
			continue
		}
		filled[row.to] = true
		if got := string(*r.Text(row.to)); got != want {
			t.Errorf("%s: %q: %v is %q, by encoding/json %q", f.schema.name, line, row.to, got, want)
		}
	}
}
