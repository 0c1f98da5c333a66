package redact

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// The ways logs write what a client sent.

// nginxEscape is nginx's escape=default.
func nginxEscape(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		if c < 32 || c >= 127 || c == '"' || c == '\\' {
			fmt.Fprintf(&b, `\x%02X`, c)
			continue
		}
		b.WriteByte(c)
	}
	return b.String()
}

// apacheEscape is ap_escape_logitem.
func apacheEscape(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		switch {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c == '\n':
			b.WriteString(`\n`)
		case c < 32 || c >= 127:
			fmt.Fprintf(&b, `\x%02x`, c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// jsonEscape writes the text of a JSON string, `&` as \u0026.
func jsonEscape(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic("BUG: a string that is no JSON: " + err.Error())
	}
	return string(b[1 : len(b)-1])
}

func jsonTwice(s string) string { return jsonEscape(jsonEscape(s)) }

// FuzzSecret: of a secret parameter nothing survives, whatever it is, and nothing beside it is touched.
func FuzzSecret(f *testing.F) {
	for _, s := range []string{"abc", "p\xc3\xa4\"<>'|,;\\", "a=b", "%20%26%3D", "token", `\u0026`, "\x00\x7f", `"}`, "a?b/c", "https://x"} {
		f.Add(s)
	}
	contexts := []struct {
		before, after string
		escape        func(string) string
	}{
		{`10.0.0.1 - - [10/Oct/2000:13:55:36 -0700] "GET /x?token=`, ` HTTP/1.1" 200 1 "-" "-"`, nginxEscape},
		{`10.0.0.1 - - [10/Oct/2000:13:55:36 -0700] "GET /x?token=`, `&a=1 HTTP/1.1" 200 1 "-" "-"`, apacheEscape},
		{`"GET /x HTTP/1.1" 200 "https://h/?a=1&token=`, `#x" "-"`, nginxEscape},
		{`"GET" "/x" "token=`, `" 200`, nginxEscape},
		{`{"uri":"/x?a=1\u0026token=`, `\u0026b=1","status":"200"}`, jsonEscape},
		{`{"uri":"/x?a=1&token=`, `&b=1","status":"200"}`, jsonEscape},
		{`{"querystring":{"token":"`, `","b":"1"}}`, jsonEscape},
		{`{"headers":{"x-api-key":["x","`, `"]},"b":"1"}`, jsonEscape},
		{`{"body":"{\"password\":\"`, `\",\"b\":1}","b":"1"}`, jsonTwice},
	}
	r, err := New(Config{Query: DefaultNames()})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, secret string) {
		for _, c := range contexts {
			isParameter := strings.HasSuffix(c.before, "=")
			if isParameter && strings.ContainsAny(secret, "&# \t") {
				continue // a client cannot send these, or they end the value
			}
			value := c.escape(secret)
			line := []byte(c.before + value + c.after)
			r.Line(line)
			want := strings.Replace(c.before, `["x"`, `["*"`, 1) + strings.Repeat("*", len(value)) + c.after
			if string(line) != want {
				t.Errorf("%s\nbecame %s\nwant   %s", c.before+value+c.after, line, want)
			}
		}
	})
}

// FuzzLine: a line keeps its length, masking twice is masking once, JSON stays JSON of the same shape, and what ends the
// fields of other lines stays where it was.
func FuzzLine(f *testing.F) {
	for _, s := range []string{
		`{"uri":"/x?token=abc","a":["b"],"token":["x"]}`, `GET /x?a=1&token=b|c HTTP/1.1`, `a;token=b;c`, `{"a":"{\"token\":\"b\"}"}`,
		`a?next=%3Ftoken%3Dx;y&token=1;2`, `"token":"`, `token='a'`, `\u003d`, `token=\`, `{"token":"a\`,
	} {
		f.Add(s)
	}
	r, err := New(Config{Query: DefaultNames()})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		line := []byte(text)
		r.Line(line)
		if len(line) != len(text) {
			t.Fatalf("%q has become %q", text, line)
		}
		again := bytes.Clone(line)
		if r.Line(again); !bytes.Equal(again, line) {
			t.Errorf("%q\nbecame      %q\nand, again, %q", text, line, again)
		}
		for i := range line {
			if line[i] != text[i] && (line[i] != '*' || !json.Valid([]byte(text)) && strings.IndexByte(" \t&#", text[i]) >= 0) {
				t.Errorf("%q\nbecame %q at byte %d", text, line, i)
			}
		}
		var before, after any
		if json.Valid([]byte(text)) && json.Unmarshal([]byte(text), &before) == nil {
			if err := json.Unmarshal(line, &after); err != nil {
				t.Errorf("%q\nbecame %q: %v", text, line, err)
			} else if !reflect.DeepEqual(shape(before), shape(after)) {
				t.Errorf("%q\nbecame %q", text, line)
			}
		}
	})
}

// shape is a JSON value with its strings left out.
func shape(v any) any {
	switch v := v.(type) {
	case string:
		return ""
	case []any:
		for i := range v {
			v[i] = shape(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = shape(v[k])
		}
	}
	return v
}
