package kong

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"testing"
	"unicode/utf8"

	"github.com/gatemeter/gatemeter/parsers/jsonscan"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// plain reads line with encoding/json. ok is false when the two may differ: no JSON, keys that repeat, nested too deep.
func plain(line []byte) (object map[string]any, ok bool) {
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber()
	if !json.Valid(line) || !utf8.Valid(line) || repeats(d, 0) {
		return nil, false
	}
	d = json.NewDecoder(bytes.NewReader(line))
	d.UseNumber()
	return object, d.Decode(&object) == nil && object != nil
}

// repeats reads a value and reports whether an object in it has a key twice, or is nested too deep.
func repeats(d *json.Decoder, depth int) bool {
	token, _ := d.Token()
	delim, container := token.(json.Delim)
	if !container {
		return false
	}
	keys := map[json.Token]bool{}
	found := depth >= jsonscan.MaxDepth
	for d.More() {
		if delim == '{' {
			key, _ := d.Token()
			found = found || keys[key]
			keys[key] = true
		}
		found = repeats(d, depth+1) || found
	}
	_, _ = d.Token()
	return found
}

// textAt returns the text at a path: a string, or a list's first member.
func textAt(v any, path ...string) string {
	for _, key := range path {
		object, _ := v.(map[string]any)
		v = object[key]
	}
	if list, ok := v.([]any); ok && len(list) > 0 {
		switch first := list[0].(type) {
		case json.Number, bool:
			return fmt.Sprint(first)
		}
		v = list[0]
	}
	text, _ := v.(string)
	return text
}

func firstOf(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}

// FuzzParse compares with a reading by encoding/json.
func FuzzParse(f *testing.F) {
	for _, text := range lines(f) {
		for _, line := range text {
			f.Add([]byte(line))
		}
	}
	used := New()
	f.Fuzz(func(t *testing.T, line []byte) {
		kept := bytes.Clone(line)
		r := one(used, string(line))
		if got, want := flat(one(New(), string(line))), flat(r); got != want {
			t.Fatalf("%q is read as\n%s and as\n%s", line, want, got)
		}
		slow, p := &record.Record{}, New()
		slow.Reset()
		slow.Line = line
		if url, ok := p.thorough(slow); ok {
			p.finish(slow, url)
		}
		if got, want := flat(r), flat(slow); got != want {
			t.Fatalf("%q is read as\n%s, thoroughly as\n%s", line, got, want)
		}
		if !bytes.Equal(line, kept) {
			t.Fatalf("%q was changed", kept)
		}
		object, ok := plain(line)
		if !ok {
			return
		}
		switch r.Reason {
		case record.BadTime, record.BadNumber, record.NoTime:
			return
		case record.None:
		default:
			t.Fatalf("%q is an object; %v at column %d", line, r.Reason, r.Column)
		}
		consumer := firstOf(textAt(object, "consumer", "username"), textAt(object, "consumer", "custom_id"))
		for field, want := range map[record.Field]string{
			record.ClientAddress: textAt(object, "client_ip"),
			record.Method:        textAt(object, "request", "method"),
			record.RequestID:     firstOf(textAt(object, "request", "id"), textAt(object, "correlation_id")),
			record.UserAgent:     textAt(object, "request", "headers", "user-agent"),
			record.Referrer:      textAt(object, "request", "headers", "referer"),
			record.TLSCipher:     textAt(object, "request", "tls", "cipher"),
			record.URL:           firstOf(textAt(object, "request", "uri"), textAt(object, "request", "url")),
			record.Service:       firstOf(textAt(object, "service", "name"), textAt(object, "service", "host"), textAt(object, "service", "id")),
			record.Route:         firstOf(textAt(object, "route", "name"), textAt(object, "route", "id")),
			record.User:          consumer,
			record.Consumer:      firstOf(consumer, textAt(object, "consumer", "id")),
		} {
			if got := string(*r.Text(field)); got != want {
				t.Errorf("%q: %v is %q, by encoding/json %q", line, field, got, want)
			}
		}
		response, _ := object["response"].(map[string]any)
		status, _ := response["status"].(json.Number)
		if n, err := strconv.Atoi(status.String()); err == nil && n >= 0 && int(r.Status) != n {
			t.Errorf("%q: status is %d, by encoding/json %d", line, r.Status, n)
		}
	})
}
