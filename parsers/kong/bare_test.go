package kong

import (
	"math/rand/v2"
	"strings"
	"testing"

	strictbare "github.com/gatemeter/gatemeter/internal/strict/bare"
	"github.com/gatemeter/gatemeter/pipeline/record"
	"github.com/gatemeter/gatemeter/pipeline/redact"
)

// usual is the texts that metrics are made of by default.
var usual = record.Fields(record.ClientAddress, record.Consumer, record.Cache, record.Service, record.Route, record.Method)

// wishes are sets of fields that are asked for.
var wishes = []record.FieldSet{
	usual, 0, record.Fields(record.Domain), record.Fields(record.Path, record.UserAgent), record.Fields(record.URL, record.Scheme),
	record.Fields(record.Query, record.User), ^record.FieldSet(0) &^ notBare,
}

// secretNames are lists of names that are masked; some are Kong's own.
var secretNames = [][]string{
	redact.DefaultNames(),
	{},
	{"consumer", "service"},
	{"username", "x_y"},
	{"uri", "default"},
	{"latencies"},
	{"status"},
	{"x-cache-status"},
	{"k", "pw"},
	{"kéy", "value", "custom_id"},
}

func redactor(t testing.TB, names []string) *redact.Redactor {
	t.Helper()
	r, err := redact.New(redact.Config{Query: names})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// checkBare reads line bare for each wish, and masked, and returns how often it could be read bare.
func checkBare(t *testing.T, r *redact.Redactor, line string) (bare int) {
	t.Helper()
	masked := []byte(line)
	r.Line(masked)
	want := one(New(), string(masked))
	for _, fields := range wishes {
		p := New()
		if !p.Bare(fields, r.MasksMember) {
			continue
		}
		recs := make([]record.Record, 1)
		got := &recs[0]
		for range 3 { // until the line's keys are known
			got.Reset()
			got.Line = []byte(line)
			if p.ParseBare(recs); string(got.Line) != line {
				t.Fatalf("%s\nwas changed to\n%s", line, got.Line)
			}
		}
		if got.Reason != record.None {
			continue
		}
		bare++
		strictbare.Check(t, line, string(masked), fields, got, want)
	}
	return bare
}

// TestBareUsual: what Kong writes is read bare, whatever the query has in it.
func TestBareUsual(t *testing.T) {
	r := redactor(t, redact.DefaultNames())
	f := func(line string) {
		t.Helper()
		p, recs := New(), make([]record.Record, 1)
		recs[0].Reset()
		recs[0].Line = []byte(line)
		if !p.Bare(usual, r.MasksMember) {
			t.Fatal("the usual fields cannot be read bare")
		}
		if p.ParseBare(recs); recs[0].Reason != record.None {
			t.Errorf("%s is not read bare", line)
		}
		if checkBare(t, r, line) == 0 {
			t.Errorf("%s is never read bare", line)
		}
	}
	f(lines(t)["testdata/http.log"][0])
	f(`{"started_at":1726783839538,"request":{"uri":"\/a?token=b","url":"http:\/\/a.example\/a?token=b","querystring":{"token":"b"}}}`)
	f(`{"started_at":1726783839538,"route":{"name":"r"},"request":{"uri":"\/token=b"}}`)
	f(`{"started_at":1726783839538,"client_ip":"2001:db8::1","request":{"headers":{"cookie":"a=b","host":"a.example:80"},"uri":"\/a"}}`)
}

// TestBareMustBeMasked: where masking changes what is asked for, the line is not read bare.
func TestBareMustBeMasked(t *testing.T) {
	f := func(line string, names ...string) {
		t.Helper()
		r := redactor(t, append(names, "default"))
		p, recs := New(), make([]record.Record, 1)
		recs[0].Reset()
		recs[0].Line = []byte(line)
		if !p.Bare(usual|record.Fields(record.Domain), r.MasksMember) {
			return
		}
		if p.ParseBare(recs); recs[0].Reason == record.None {
			t.Errorf("%s is read bare", line)
		}
	}
	f(`{"started_at":1,"request":{"uri":"\/a\/token=b\/c"}}`)
	f(`{"started_at":1,"request":{"uri":"\/a;jsessionid=b?c"}}`)
	f(`{"started_at":1,"request":{"uri":"\/a\/token%3Db"}}`)
	f(`{"started_at":1,"request":{"uri":"\/a\/{'token':'b'}"}}`)
	f(`{"started_at":1,"request":{"uri":"\/a\/{\"token\":\"b\"}"}}`)
	f(`{"started_at":1,"request":{"uri":"\/a\/token\u003Db"}}`)
	f(`{"started_at":1,"request":{"uri":"\/a\/token\\u003Db"}}`)
	f(`{"started_at":1,"service":{"name":"token\\x3Db"}}`)
	f(`{"started_at":1,"service":{"name":"\\\\x22token\\\\x22:\\\\x22b"}}`)
	f(`{"started_at":1,"request":{"url":"http:\/\/a.example\/token=b"}}`)
	f(`{"started_at":1,"request":{"uri":"?token=b"}}`)
	f(`{"started_at":1,"request":{"uri":"http:\/\/a.example?token=b"}}`)
	f(`{"started_at":1,"request":{"uri":"\/","url":"\/?token=b:\/\/c\/"}}`)
	f(`{"started_at":1,"consumer":{"username":"token=b"}}`)
	f(`{"started_at":1,"service":{"name":["token=b"]}}`)
	f(`{"started_at":1,"upstream_status":"GET \/?token=a 200"}`)
	f(`{"started_at":1,"latencies":{"session":17}}`)
	f(`{"started_at":1,"session":{"sent":17}}`)
	f(`{"started_at":1,"consumer":{"username":"b"}}`, "consumer")
	f(`{"started_at":1,"consumer":{"username":"b"}}`, "user_name")
	f(`{"started_at":1,"latencies":{"request":17}}`, "latencies")
	f(`{"started_at":17}`, "started_at")
	f("no JSON")
	f(`{"started_at":17`)
}

// bareLines makes lines of what matters: @ is a member, $ is text.
type bareLines struct{ random *rand.Rand }

var bareMembers = []string{
	`"started_at":"17"`, `"client_ip":["$"]`, `"request":{@,@}`, `"uri":"$"`, `"url":"$"`, `"url":["$"]`, `"size":"$"`, `"size":17`,
	`"headers":{@,@}`, `"response":{@,@}`, `"status":"$"`, `"latencies":{@,@}`, `"session":{"sent":17}`, `"session":null`, `"kong":"$"`,
	`"ip":"$"`, `"port":80`, `"upstream_status":"201, $"`, `"upstream_status":"200, 201"`, `"upstream_status":"$ 201"`, `"service":"$"`, `"service":{@,@}`,
	`"name":"$"`, `"id":"$"`, `"route":{@}`, `"consumer":{@,@}`, `"trace_id":{@}`, `"correlation_id":"$"`, `"value":{@}`, `"value":"$"`,
	`"key":"$"`, `"key":"$","value":{@,@}`, `"$":"$"`, `"$":{@}`, `"token":{@,@}`, `"token\\":{@,@}`, `"auth":[{@},"$",17]`, `"a_key":"token","value":"$"`,
}

var bareRequests = []string{`"uri":"\/$"`, `"uri":"\/$?$"`, `"uri":"http:\/\/$?$"`, `"uri":"$","url":"http:\/\/$"`, `"url":"http:\/\/a.long.name.example$?$"`, `"uri":"\/","url":"$:\/\/$\/$?$"`, `@`}

var bareText = []string{
	"17", "token", "pwd", "key", "name", "k", "=", "token=", "%3D", "%253D", ":", "%3A", `\"`, `\\\"`, `\"token\":`, `\"token\":\"`, `\"token\":[1`,
	`'token':'`, `'token': ['`, `'token':17`, "%22token%22:", "%22token%22%3A%22", "'", `\\`, `\/`, "&", "%26", "?", "#", " ", "\t", ";", ",", "|", "{", "}", "[", "]",
	"GET /x?token=", " HTTP/1.1", "http:\\/\\/", "é", ";jsessionid=", "/session=", "value", `name\":\"token\",\"value\":`,
}

// broken is what is no JSON, or has characters written by their number.
var broken = []string{`\u003d`, `\\u003d`, `\x3D`, `"`, `\`, `to\u006ben=`, `\u0022`}

func (l *bareLines) fill(b []byte, text string, depth int) []byte {
	one := func(of []string) string { return of[l.random.IntN(len(of))] }
	for _, c := range []byte(text) {
		switch n := l.random.IntN(10); {
		case c == '@' && (depth > 3 || n < 3):
			b = append(b, `"a":1`...)
		case c == '@':
			b = l.fill(b, one(bareMembers), depth+1)
		case c != '$':
			b = append(b, c)
		case n < 7:
			b = append(b, "ab"[:n%3]...)
		default:
			for range 1 + l.random.IntN(4) {
				b = append(b, one(bareText)...)
			}
			if l.random.IntN(20) == 0 {
				b = append(b, one(broken)...)
			}
		}
	}
	return b
}

func (l *bareLines) line() string {
	request := bareRequests[l.random.IntN(len(bareRequests))]
	const host, latencies = `"headers":{"host":"$","user-agent":"$",@}`, `"latencies":{@,"request":43,"proxy":41}`
	parts := []string{
		`@`, `@`, `"client_ip":"$"`, `"request":{"method":"$",` + request + `,` + host + `,"querystring":{@}}`, `"upstream_status":"201"`, latencies,
		`"response":{"status":201,"size":17,"headers":{@,"x-cache-status":"$"}}`, `"service":{"name":"$","host":"$"}`, `"route":{@,"id":"$"}`,
		`"consumer":{"username":"$","custom_id":"$"}`, `"tries":[{@}]`, `"started_at":1726783839538`,
	}
	l.random.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
	return string(l.fill(nil, "{"+strings.Join(parts[:6+l.random.IntN(7)], ",")+"}", 0))
}

func TestBare(t *testing.T) {
	lines := &bareLines{rand.New(rand.NewPCG(1, 2))}
	var redactors []*redact.Redactor
	for _, names := range secretNames {
		redactors = append(redactors, redactor(t, names))
	}
	bare := 0
	for i := range 5_000 {
		line := lines.line()
		bare += checkBare(t, redactors[i%3%2], line)
		checkBare(t, redactors[i%len(redactors)], line)
	}
	if bare < 5_000 {
		t.Errorf("%d readings are bare", bare)
	}
}

// FuzzBare compares reading bare with masking before.
func FuzzBare(f *testing.F) {
	for _, text := range lines(f) {
		for _, line := range text {
			f.Add(line, "consumer")
		}
	}
	f.Add(`{"started_at":1,"request":{"uri":"\/a;token=b?c","headers":{"name":"token","value":"b"}},"latencies":{"session":17}}`, "uri")
	f.Fuzz(func(t *testing.T, line, name string) {
		r, err := redact.New(redact.Config{Query: []string{"default", name}})
		if err != nil {
			r = redactor(t, redact.DefaultNames())
		}
		checkBare(t, r, line)
	})
}
