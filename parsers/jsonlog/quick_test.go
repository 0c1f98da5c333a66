package jsonlog

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	strictbare "github.com/gatemeter/gatemeter/internal/strict/bare"
	"github.com/gatemeter/gatemeter/pipeline/record"
	"github.com/gatemeter/gatemeter/pipeline/redact"
)

// slowly returns a parser that reads key by key.
func slowly(f *Format) *Parser {
	p := New(f)
	p.quick = quick{}
	return p
}

// mutants makes lines of lines: with other values, members missing, twice or in another order, cut off and otherwise broken.
type mutants struct{ random *rand.Rand }

var mutantValues = []string{
	`"17"`, "17", "-1", "0", "0.25", "1.7672256e+18", `"-"`, `""`, "null", "true", "[]", "{}", `["a","b"]`, `[{"a":1}]`, `{"a":"b"}`, `"\/a\/b"`, `"a\u0062"`, `"GET /x?token=a HTTP/1.1"`,
	`"/a?token=b"`, `"/a;token=b?c"`, `"token=a"`, `"https://a.example/x?token=y"`, `"10.0.0.1:80"`, `"a%3Db"`, `"'token':'b'"`, `"GET /a b?c=d HTTP/1.1"`, `"GET /a HTTP/1.1?token=b c"`,
	`"\"token\":\"b\""`, `"/a\"token\":\"?b"`, `"/a?b HTTP/1.1"`, `"200, 502"`, `"0.1, 0.2"`, `"?token=b"`, `"-?token=b"`, `"/token\\u003db"`, `"token\\x3db"`, `"POST /?key=1"`, `"2024-06-13T15:19:34+00:00"`, "1718291190508",
}

func (m *mutants) of(line string) string {
	members := []json.RawMessage{}
	var object map[string]json.RawMessage
	if json.Unmarshal([]byte(line), &object) != nil {
		return line
	}
	for _, key := range sortedKeys(object) {
		v := string(object[key])
		switch m.random.IntN(8) {
		case 0:
			v = mutantValues[m.random.IntN(len(mutantValues))]
		case 1:
			if strings.HasPrefix(v, `{`) {
				v = m.of(v)
			}
		}
		k, _ := json.Marshal(key)
		members = append(members, fmt.Appendf(nil, []string{"%s:%s", "%s:%s", "%s:%s", "%s: %s", " %s :%s "}[m.random.IntN(5)], k, strings.ReplaceAll(v, "\n", "")))
	}
	for range m.random.IntN(3) {
		if len(members) > 1 {
			i, j := m.random.IntN(len(members)), m.random.IntN(len(members))
			switch m.random.IntN(5) {
			case 0:
				members = append(members[:i], members[i+1:]...)
			case 1:
				members = append(members, members[i])
			default:
				members[i], members[j] = members[j], members[i]
			}
		}
	}
	var b []byte
	for i, member := range members {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, member...)
	}
	b = append(append([]byte{'{'}, b...), '}')
	if i := m.random.IntN(len(b)); m.random.IntN(20) == 0 {
		b[i] = ` "\{}[]:,01ux_-`[m.random.IntN(15)]
	} else if m.random.IntN(40) == 0 {
		b = b[:i]
	}
	return string(b)
}

func sortedKeys(object map[string]json.RawMessage) (keys []string) {
	for key := range object {
		keys = append(keys, key)
	}
	for i := range keys {
		for k := i; k > 0 && keys[k-1] > keys[k]; k-- {
			keys[k-1], keys[k] = keys[k], keys[k-1]
		}
	}
	return keys
}

// TestQuick reads lines like those of the golden files in one go and key by key.
func TestQuick(t *testing.T) {
	m := &mutants{rand.New(rand.NewPCG(1, 2))}
	for name, all := range lines(t) {
		f := Compile(name)
		p, slow := New(f), slowly(f)
		if p.quick.trail == nil {
			continue
		}
		read := 0
		for n := range 1000 {
			line := all[n%len(all)]
			if n > 2*len(all) {
				line = m.of(line)
			}
			if got, want := flat(one(p, line)), flat(one(slow, line)); got != want {
				t.Fatalf("%s: %s\nis read as\n%s\nkey by key as\n%s", name, line, got, want)
			}
			if p.readQuick(one(New(f), line), &p.quick, false) {
				read++
			}
		}
		if read < 200 {
			t.Errorf("%s: %d lines are read in one go", name, read)
		}
	}
}

// usual is the texts that metrics are made of by default.
var usual = record.Fields(record.ClientAddress, record.Consumer, record.Cache, record.Service, record.Route, record.Method)

// wishes are sets of fields that are asked for.
var wishes = []record.FieldSet{
	usual, usual | record.Fields(record.Domain, record.Stage), record.Fields(record.URL, record.Scheme), record.Fields(record.Path, record.UserAgent, record.User),
	record.Fields(record.HTTPVersion, record.TLSVersion, record.RequestID, record.Query, record.Flags), ^record.FieldSet(0) &^ record.Fields(record.Line),
}

func redactor(t testing.TB, names ...string) *redact.Redactor {
	t.Helper()
	r, err := redact.New(redact.Config{Query: append(names, "default")})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// checkBare reads line bare for each wish by one of parsers, and masked, and returns how often it could be read bare.
func checkBare(t *testing.T, r *redact.Redactor, parsers []*Parser, line string) (bare int) {
	t.Helper()
	masked := []byte(line)
	r.Line(masked)
	for i, fields := range wishes {
		p := parsers[i]
		if p == nil {
			continue
		}
		recs := make([]record.Record, 1)
		got := &recs[0]
		got.Reset()
		got.Line = []byte(line)
		if p.ParseBare(recs); string(got.Line) != line {
			t.Fatalf("%s\nwas changed to\n%s", line, got.Line)
		}
		if got.Reason != record.None {
			continue
		}
		bare++
		want := one(slowly(p.format), string(masked))
		strictbare.Check(t, line, string(masked), fields, got, want)
	}
	return bare
}

// bareParsers returns a parser for each wish, nil for those that cannot be had.
func bareParsers(f *Format, r *redact.Redactor) (parsers []*Parser, some bool) {
	for _, fields := range wishes {
		p := New(f)
		if !p.Bare(fields, r.MasksMember) {
			p = nil
		}
		parsers = append(parsers, p)
		some = some || p != nil
	}
	return parsers, some
}

func TestBare(t *testing.T) {
	m := &mutants{rand.New(rand.NewPCG(3, 4))}
	count := 0
	for name, all := range lines(t) {
		f := Compile(name)
		for _, r := range []*redact.Redactor{redactor(t), redactor(t, "status", "x_y"), redactor(t, "request", "method")} {
			parsers, some := bareParsers(f, r)
			if !some {
				continue
			}
			count++
			bare := 0
			for n := range 500 {
				line := all[n%len(all)]
				if n > 2*len(all) {
					line = m.of(line)
				}
				bare += checkBare(t, r, parsers, line)
			}
			if bare < 100 {
				t.Errorf("%s: %d readings are bare", name, bare)
			}
		}
	}
	if count < 12 {
		t.Errorf("%d formats and lists of names", count)
	}
}

// TestBareMustBeMasked: where masking changes what is asked for, the line is not read bare.
func TestBareMustBeMasked(t *testing.T) {
	r := redactor(t)
	f := func(format, line string, bare bool) {
		t.Helper()
		p, recs := New(Compile(format)), make([]record.Record, 1)
		if !p.Bare(usual, r.MasksMember) {
			t.Fatalf("%s is never read bare", format)
		}
		recs[0].Reset()
		recs[0].Line = []byte(line)
		if p.ParseBare(recs); (recs[0].Reason == record.None) != bare {
			t.Errorf("%s: %v", line, recs[0].Reason)
		}
	}
	f("traefik_json", `{"StartUTC":"2024-06-13T15:19:34Z","DownstreamStatus":200,"RequestPath":"/a?token=b","request_User-Agent":"a=b","request_Cookie":"token=b"}`, true)
	f("traefik_json", `{"StartUTC":"2024-06-13T15:19:34Z","DownstreamStatus":200,"RequestPath":"/token=b"}`, false)
	f("traefik_json", `{"StartUTC":"2024-06-13T15:19:34Z","DownstreamStatus":200,"RequestPath":"?token=b"}`, false)
	f("traefik_json", `{"StartUTC":"2024-06-13T15:19:34Z","DownstreamStatus":200,"RouterName":"token=b"}`, false)
	for _, sign := range []string{`=`, `\u003d`, `\x3d`, `\\u003d`, `\\x3d`, `\\\u003d`, `\\\\x3d`, `%3d`, `\":\"`, `\\u0022:\\u0022`} {
		line := `{"StartUTC":"2024-06-13T15:19:34Z","DownstreamStatus":200,"RouterName":"token` + sign + `b"}`
		f("traefik_json", line, false)
		f("traefik_json", strings.ReplaceAll(line, "tok", `\/tok`), false)
	}
	f("traefik_json", `{"StartUTC":"2024-06-13T15:19:34Z","DownstreamStatus":200,"RouterName":["b"]}`, false)
	f("traefik_json", `{"StartUTC":"2024-06-13T15:19:34Z","DownstreamStatus":200, "RouterName" : "b" }`, true)
	f("aws_apigw_json", `{ "requestId":"1", "requestTime":"10/Jun/2023:15:36:28 +0000", "routeKey":"GET /pets", "status":"200" }`, true)
	f("aws_apigw_json", `{"requestId":"1","requestTime":"10/Jun/2023:15:36:28 +0000","routeKey":"GET /pets","status":"200","x":{"y":1}}`, false)
	f("aws_apigw_json", `{"requestId":"1","requestTime":"10/Jun/2023:15:36:28 +0000","identity.sourceIp":"192.0.2.1","status":"200"}`, false)
	f("nginx_json", `{"time":"2024-06-13T15:19:34Z","request":"GET /a?token=b HTTP/1.1","status":200}`, true)
	f("nginx_json", `{"time":"2024-06-13T15:19:34Z","request":"GET /a b?token=b HTTP/1.1","status":200}`, false)
	f("nginx_json", `{"time":"2024-06-13T15:19:34Z","request":"GET /token=b HTTP/1.1","status":200}`, false)
	f("envoy_json", `{"start_time":"2024-06-13T15:19:34Z","path":"/a?token=b","x-amzn-trace-id":"Root=1"}`, true)
	f("envoy_json", `{"start_time":"2024-06-13T15:19:34Z","x":"token",":authority":"b"}`, true)
	f("envoy_json", `{"start_time":"2024-06-13T15:19:34Z","pa th":"/a"}`, false)
	f("envoy_json", `{"start_time":"2024-06-13T15:19:34Z","pa:th":"/a"}`, false)
	f("caddy", `{"ts":1,"request":{"uri":"/a?token=b","headers":{"Cookie":["token=b"],"X-Token":["c"]}},"status":200}`, true)
	f("caddy", `no JSON`, false)
}

// FuzzBare compares reading bare with masking before.
func FuzzBare(f *testing.F) {
	for _, all := range lines(f) {
		for _, line := range all {
			f.Add(line)
		}
	}
	r := redactor(f)
	var all [][]*Parser
	for _, name := range Names() {
		if parsers, some := bareParsers(Compile(name), r); some {
			all = append(all, parsers)
		}
	}
	f.Fuzz(func(t *testing.T, line string) {
		if len(line) == 0 {
			return
		}
		for _, parsers := range all {
			for range 3 { // until the line's keys are known
				checkBare(t, r, parsers, line)
			}
		}
	})
}
