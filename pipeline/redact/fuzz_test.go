package redact

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
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

func nothing(s string) string { return s }

func urlTwice(s string) string { return url.QueryEscape(url.QueryEscape(s)) }

func apacheJSON(s string) string { return apacheEscape(jsonEscape(s)) }

func nginxJSON(s string) string { return nginxEscape(jsonEscape(s)) }

func urlJSON(s string) string { return url.QueryEscape(jsonEscape(s)) }

// FuzzSecret: of a secret parameter nothing survives, whatever it is, and nothing beside it is touched.
func FuzzSecret(f *testing.F) {
	for _, s := range []string{"abc", "p\xc3\xa4\"<>'|,;\\", "a=b", "%20%26%3D", "token", `\u0026`, "\x00\x7f", `"}`, "a?b/c", "https://x", `"a"b`, `\`, "'"} {
		f.Add(s)
	}
	contexts := []struct {
		before, after string
		escape        func(string) string
		forbidden     string // what ends a value here, or no client can send
	}{
		// parameters of requests and referrers
		{`10.0.0.1 - - [10/Oct/2000:13:55:36 -0700] "GET /x?token=`, ` HTTP/1.1" 200 1 "-" "-"`, nginxEscape, "&#\t"},
		{`10.0.0.1 - - [10/Oct/2000:13:55:36 -0700] "GET /x?token=`, `&a=1 HTTP/1.1" 200 1 "-" "-"`, apacheEscape, "&#\t"},
		{`"GET /x?a=1;token=`, `#x HTTP/1.1" 200 1 "-" "-"`, nginxEscape, "&#\t"},
		{`"GET /x?a?token=`, `" 200 1 "-" "-"`, nginxEscape, "&# \t"},
		{`"GET /x HTTP/1.1" 200 "https://h/?a=1&amp;token=`, `#x" "-"`, nginxEscape, "&# \t"},
		{`"GET /x HTTP/1.1" 200 "https://h/#a=1&token=`, `&a" "-"`, nginxEscape, "&# \t"},
		{`"GET /x/token=`, `/y?a=1 HTTP/1.1"`, apacheEscape, "&#\t/?;"},
		{`"GET /x&token=`, `?a=1 HTTP/1.1"`, apacheEscape, "&#\t?"},
		{`"GET" "/x" "token=`, `" 200`, nginxEscape, "&# \t"},
		{`"GET" "/x" "ids=1,2&x|y&token=`, `" 200`, nginxEscape, "&# \t"},
		{"GET\t/x?token=", "\t200", apacheEscape, "&# \t\"\\|,;<>'])}"},
		{`GET /x?token=`, ` 200`, nginxEscape, "&# \t\",;'])}>"},
		{`GET|/x?token=`, `|200`, nothing, "&# \t|\"\\"},
		// in parameters
		{`"GET /x?next=%2Fcb%3Fa%3D1%26token%3D`, `%26b%3D1&c=1 HTTP/1.1"`, urlTwice, ""},
		{`"GET /x?next=%2Fcb%3Ftoken%3D`, `&c=1 HTTP/1.1"`, url.QueryEscape, "&#"},
		{`"GET /x?next=%252Fcb%253Ftoken%253D`, `%2526b&c=1 HTTP/1.1"`, urlTwice, "&#"},
		{`"GET /x?to%6Ben=`, `&c=1 HTTP/1.1"`, url.QueryEscape, ""},
		{`"GET /x?q=%7B%22a%22%3A1%2C%22token%22%3A%22`, `%22%2C%22b%22%3A1%7D&c=1 HTTP/1.1"`, urlJSON, ""},
		{`"GET /x?q=%7B%22a%22:%7B%22token%22%3A+%5B%22`, `%22%5D%7D&c=1 HTTP/1.1"`, urlJSON, ""},
		// in JSON
		{`{"uri":"/x?a=1\u0026token=`, `\u0026b=1","status":"200"}`, jsonEscape, "&#\t"},
		{`{"uri":"\/x?a=1&token=`, `&b=1","status":"200"}`, jsonEscape, "&#\t"},
		{`{"request":"GET /x?a=1&token=`, ` HTTP/1.1","status":"200"}`, jsonEscape, "&#\t"},
		{`{"args":"a=1&\u0074oken\u003d`, `","status":"200"}`, jsonEscape, "&# \t"},
		{`{"querystring":{"token":"`, `","b":"1"}}`, jsonEscape, ""},
		{`{"querystring":{"\u0074OKEN" : "`, `"}, "b":"1"}`, jsonEscape, ""},
		{`{"headers":{"x-api-key":["*","`, `"]},"b":"1"}`, jsonEscape, ""},
		{`{"auth":{"b":["`, `",null],"c":{}},"b":"1"}`, jsonEscape, ""},
		{`{"body":"{\"password\":\"`, `\",\"b\":1}","b":"1"}`, jsonTwice, ""},
		{`{"body":"{\"uri\":\"/x?token=`, `\",\"b\":1}","b":"1"}`, jsonTwice, "&# \t"},
		{`"POST /x HTTP/1.1" "{\x22password\x22:\x22`, `\x22,\x22b\x22:1}" 200`, nginxJSON, ""},
		{`"POST /x HTTP/1.1" "{\"password\":\"`, `\",\"b\":1}" 200`, apacheJSON, ""},
		// in quotes, and cut off
		{`level=info token="`, `" status=200`, jsonEscape, ""},
		{`"GET /x HTTP/1.1" 200 "/?token=`, ``, nginxEscape, "&# \t"},
		{`{"querystring":{"token":"`, ``, jsonEscape, ""},
	}
	r := redactor(f, Config{Query: DefaultNames()})
	f.Fuzz(func(t *testing.T, secret string) {
		for _, c := range contexts {
			if strings.ContainsAny(secret, c.forbidden) {
				continue
			}
			value := c.escape(secret)
			if strings.HasSuffix(c.before, "=") && strings.HasPrefix(value, "'") {
				continue // what is in quotes may have spaces
			}
			line := []byte(c.before + value + c.after)
			r.Line(line)
			stars := []byte(value)
			mask(stars)
			if want := c.before + string(stars) + c.after; string(line) != want {
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
		for i, c := range line {
			if was := text[i]; c != was && (was == ' ' || was == '\t' || c != '*' && (c != '1' || was < '0' || was > '9')) {
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

// shape is a JSON value with its strings and numbers left out.
func shape(v any) any {
	switch v := v.(type) {
	case string:
		return ""
	case float64:
		return 0
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
