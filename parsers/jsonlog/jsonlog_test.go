package jsonlog

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/pipeline/record"
)

// flat returns a record as text: `field value` for each, in the order of the fields.
func flat(r *record.Record) string {
	if r.Reason != record.None {
		return fmt.Sprintf("error %v at column %d\n", r.Reason, r.Column)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "kind %s\n@timestamp %s\n", r.Kind, time.Unix(0, r.TimeNanos).UTC().Format(time.RFC3339Nano))
	for _, name := range record.Names() {
		f, _ := record.Lookup(name)
		switch {
		case f == record.Time || f == record.Line:
		case f.Class() == record.Text:
			if v := *r.Text(f); len(v) > 0 {
				fmt.Fprintf(&b, "%s %q\n", name, v)
			}
		case r.Number(f) != record.Absent:
			fmt.Fprintf(&b, "%s %d\n", name, r.Number(f))
		}
	}
	return b.String()
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

// lines returns those of each format: the golden files of package parsers.
func lines(t testing.TB) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for _, name := range Names() {
		text, err := os.ReadFile(filepath.Join("..", "testdata", name+".log"))
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if line = strings.TrimSuffix(line, "\n"); line != "" && line[0] != '#' {
				all[name] = append(all[name], line)
			}
		}
	}
	return all
}

// TestValues reads one value of each form.
func TestValues(t *testing.T) {
	f := func(format, line, field, want string) {
		t.Helper()
		p := New(Compile(format))
		if got := flat(one(p, line)); !strings.Contains("\n"+got, "\n"+field+" "+want+"\n") {
			t.Errorf("%s reads %s as\n%swant %s %s", format, line, got, field, want)
		}
	}
	none := func(format, line, field string) {
		t.Helper()
		if got := flat(one(New(Compile(format)), line)); strings.Contains("\n"+got, "\n"+field+" ") || strings.HasPrefix(got, "error") {
			t.Errorf("%s reads %s as\n%swant no %s", format, line, got, field)
		}
	}

	// Times.
	for value, want := range map[string]string{
		`1700000000`: "2023-11-14T22:13:20Z", `1700000000.5`: "2023-11-14T22:13:20.5Z", `1700000000123`: "2023-11-14T22:13:20.123Z",
		`1.7e9`: "2023-11-14T22:13:20Z", `1700000000123456`: "2023-11-14T22:13:20.123456Z", `1700000000123456789`: "2023-11-14T22:13:20.123456789Z",
		`"1700000000.123"`: "2023-11-14T22:13:20.123Z", `"2023-11-14T22:13:20.1Z"`: "2023-11-14T22:13:20.1Z",
		`"2023-11-14T23:13:20+0100"`: "2023-11-14T22:13:20Z", `"2023-11-14 22:13:20.123 +0000 UTC"`: "2023-11-14T22:13:20.123Z",
		`"2023-11-14T22:13:20GMT"`: "2023-11-14T22:13:20Z", `"14/Nov/2023:22:13:20 +0000"`: "2023-11-14T22:13:20Z",
		`"[14/Nov/2023:22:13:20 +0000]"`: "2023-11-14T22:13:20Z", `"2023/11/14 22:13:20.5"`: "2023-11-14T22:13:20.5Z",
		`"2023/11/14 - 22:13:20"`: "2023-11-14T22:13:20Z",
	} {
		f("envoy_json", `{"start_time":`+value+`}`, "@timestamp", want)
	}

	// Lengths of time.
	span := func(format, key, value, want string) {
		t.Helper()
		line := `{"` + key + `":` + value + `,"ts":1700000000,"StartUTC":1700000000,"time_start":1700000000,"request":{}}`
		if want == "" {
			none(format, line, "event.duration")
			return
		}
		f(format, line, "event.duration", want)
	}
	span("caddy", "duration", "0.000929675", "929675")
	span("caddy", "duration", "1e-3", "1000000")
	span("caddy", "duration", `"1m2.5s"`, "62500000000")
	span("caddy", "duration", `"12ms"`, "12000000")
	span("caddy", "duration", `"4.5µs"`, "4500")
	span("caddy", "duration", `"7ns"`, "7")
	span("caddy", "duration", `"0.25"`, "250000000")
	span("caddy", "duration", `"ms"`, "")
	span("caddy", "duration", `-1`, "")
	span("caddy", "duration", `true`, "")
	span("caddy", "duration", `null`, "")
	span("caddy", "duration", `{"a":1}`, "")
	span("traefik_json", "Duration", "43184335", "43184335")
	span("envoy_json", "duration", "43.5", "43500000")
	span("envoy_json", "duration", `"-1"`, "")
	span("fastly_json", "time_elapsed", "43184", "43184000")

	// What comes first in the table, not in the line, fills a field.
	f("envoy_json", `{"ts":1700000000,"downstream_remote_address":"10.0.0.1:5","x_forwarded_for":"203.0.113.7"}`, "source.ip", `"203.0.113.7"`)
	none("envoy_json", `{"ts":1700000000,"downstream_remote_address":"10.0.0.1:5","x_forwarded_for":"203.0.113.7"}`, "source.port")
	none("envoy_json", `{"ts":1700000000,"x_forwarded_for":"203.0.113.7","downstream_remote_address":"10.0.0.1:5"}`, "source.port")
	f("envoy_json", `{"ts":1700000000,"x_forwarded_for":"-","downstream_remote_address":"[::1]:5"}`, "source.ip", `"::1"`)
	f("traefik_json", `{"StartUTC":1700000000,"DownstreamStatus":1,"ClientPort":"7","ClientAddr":"[::1]:5"}`, "source.port", `7`)
	f("traefik_json", `{"StartUTC":1700000000,"DownstreamStatus":1,"ClientAddr":"[::1]:5","ClientPort":"7"}`, "source.port", `7`)
	f("traefik_json", `{"StartUTC":1700000000,"DownstreamStatus":1,"ClientAddr":"[::1]:5","ClientPort":"-"}`, "source.port", `5`)

	// Of keys that repeat the first counts, whatever its value.
	f("envoy_json", `{"ts":1700000000,"method":"GET","method":"POST"}`, "http.request.method", `"GET"`)
	none("envoy_json", `{"ts":1700000000,"method":null,"method":"POST"}`, "http.request.method")
	none("caddy", `{"ts":1700000000,"request":{"uri":"/"},"request":{"method":"POST"}}`, "http.request.method")

	// Names.
	for value, want := range map[string]string{
		`"TLSv1.2"`: "1.2", `"TLS 1.3"`: "1.3", `"tls1.0"`: "1.0", `"TLSv1"`: "1.0", `"Tls12"`: "1.2", `771`: "1.2", `"SSLv3"`: "SSLv3", `"1.1"`: "1.1",
	} {
		f("envoy_json", `{"ts":1700000000,"tls_version":`+value+`}`, "tls.version", `"`+want+`"`)
	}
	none("envoy_json", `{"ts":1700000000,"tls_version":"none"}`, "tls.version")
	for value, want := range map[string]string{
		"HTTP/1.1": "1.1", "HTTP/1.0": "1.0", "HTTP/2.0": "2", "HTTP/2": "2", "h2": "2", "h2c": "2", "HTTP/3.0": "3", "h3": "3", "2.0.0.0": "2", "1.1.0.0": "1.1",
		"http/1.1": "1.1", "HTTP/0.9": "0.9", "2": "2",
	} {
		f("envoy_json", `{"ts":1700000000,"protocol":"`+value+`"}`, "http.version", `"`+want+`"`)
	}
	none("envoy_json", `{"ts":1700000000,"protocol":"TCP"}`, "http.version")
	for value, want := range map[string]string{
		"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01":                  "4bf92f3577b34da6a3ce929d0e0e4736",
		"80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1-05e3ac9a4f6e3b90":     "80f198ee56343ba864fe8b2a57d3eff7",
		"6c4a8a7f0f6f2a3b:6c4a8a7f0f6f2a3b:0:1":                                    "6c4a8a7f0f6f2a3b",
		"105445aa7843bc8bf206b12000100000/1;o=1":                                   "105445aa7843bc8bf206b12000100000",
		"Self=1-67891234-12456789abcdef012345678;Root=1-67891233-abcdef;Lineage=a": "1-67891233-abcdef",
		"1-5759e988-bd862e3fe1be46a994272793":                                      "1-5759e988-bd862e3fe1be46a994272793",
	} {
		f("envoy_json", `{"ts":1700000000,"b3":"`+value+`"}`, "trace.id", `"`+want+`"`)
	}
	for value, want := range map[string]string{"HIT-CLUSTER": "HIT", "MISS-WAIT": "MISS", "HITPASS": "HITPASS", "hit": "hit", "REMOTE_HIT": "HIT", "true": "HIT"} {
		f("fastly_json", `{"time":1700000000,"cache_status":"`+value+`"}`, "gateway.cache", `"`+want+`"`)
	}
	for value, want := range map[string]string{
		"http://10.0.0.1:80/x": "10.0.0.1:80", "10.0.0.1:80": "10.0.0.1:80", "tcp://[::1]:443": "[::1]:443", "https://u:p@host?x": "host", "envoy://internal/": "internal",
	} {
		f("envoy_json", `{"ts":1700000000,"upstream_host":"`+value+`"}`, "gateway.upstream.address", `"`+want+`"`)
	}

	none("fastly_json", `{"time":1700000000,"cache_status":"none"}`, "gateway.cache")
	f("azure_frontdoor", `{"time":1700000000,"cacheStatus":"TCP_MISS"}`, "gateway.cache", `"MISS"`)
	f("fastly_json", `{"time":1700000000,"cache_status":false}`, "gateway.cache", `"MISS"`)
	f("fastly_json", `{"time":1700000000,"is_tls":"0"}`, "url.scheme", `"http"`)
	none("fastly_json", `{"time":1700000000,"is_tls":"maybe"}`, "url.scheme")

	// Addresses.
	for value, want := range map[string]string{
		"10.0.0.1:80": "10.0.0.1", "10.0.0.1": "10.0.0.1", "[::1]:80": "::1", "[::1]": "::1", "::1": "::1", "2001:db8::1:80": "2001:db8::1:80", "[::1": "[::1", "a:b": "a",
	} {
		f("envoy_json", `{"ts":1700000000,"downstream_remote_address":"`+value+`"}`, "source.ip", `"`+want+`"`)
	}
	none("envoy_json", `{"ts":1700000000,"downstream_remote_address":"10.0.0.1:99999"}`, "source.port")
	none("envoy_json", `{"ts":1700000000,"downstream_remote_address":"::1"}`, "source.port")

	// Numbers and lists in strings.
	f("envoy_json", `{"ts":1700000000,"bytes_sent":"612.0"}`, "http.response.body.bytes", "612")
	f("envoy_json", `{"ts":1700000000,"bytes_sent":1.5e3}`, "http.response.body.bytes", "1500")
	none("envoy_json", `{"ts":1700000000,"status":"2000"}`, "http.response.status_code")
	none("envoy_json", `{"ts":1700000000,"status":"OK"}`, "http.response.status_code")
	f("nginx_json", `{"ts":1700000000,"upstream_response_time":"0.100, - : 0.910"}`, "gateway.upstream.duration", "1010000000")
	none("nginx_json", `{"ts":1700000000,"upstream_response_time":"-, -"}`, "gateway.upstream.duration")
	none("nginx_json", `{"ts":1700000000,"upstream_response_time":"fast"}`, "gateway.upstream.duration")
	f("nginx_json", `{"ts":1700000000,"upstream_status":"502, 200"}`, "gateway.upstream.status_code", "200")
	none("nginx_json", `{"ts":1700000000,"upstream_status":"502, -"}`, "gateway.upstream.status_code")

	// How often an upstream was asked.
	const tries = "gateway.upstream.tries"
	f("nginx_json", `{"ts":1700000000,"upstream_response_time":"0.100, - : 0.910"}`, tries, "3")
	f("nginx_json", `{"ts":1700000000,"upstream_response_time":0.100}`, tries, "1")
	f("nginx_json", `{"ts":1700000000,"upstream_status":"502, 200","upstream_addr":"10.0.0.1:80"}`, tries, "2")
	f("nginx_json", `{"ts":1700000000,"upstream_addr":"[2001:db8::1]:80"}`, tries, "1")
	none("nginx_json", `{"ts":1700000000,"upstream_addr":"-","upstream_status":""}`, tries)
	f("envoy_json", `{"ts":1700000000,"upstream_request_attempt_count":"3"}`, tries, "3")
	f("envoy_json", `{"ts":1700000000,"upstream_request_attempt_count":0}`, tries, "0")
	none("envoy_json", `{"ts":1700000000,"upstream_request_attempt_count":"-"}`, tries)
	none("envoy_json", `{"ts":1700000000,"upstream_request_attempt_count":"4000000000"}`, tries)
	f("traefik_json", `{"StartUTC":1700000000,"DownstreamStatus":200,"OriginStatus":200,"RetryAttempts":2}`, tries, "3")
	none("traefik_json", `{"StartUTC":1700000000,"DownstreamStatus":404,"OriginStatus":0,"OriginDuration":0,"RetryAttempts":0}`, tries)
	f("ecs", `{"@timestamp":1700000000,"http":{"request":{"method":"GET"}},"gateway":{"upstream":{"tries":2}}}`, tries, "2")

	// How it ended.
	const flags = "gateway.flags"
	f("envoy_json", `{"ts":1700000000,"response_flags":"UF,URX"}`, flags, `"UF,URX"`)
	none("envoy_json", `{"ts":1700000000,"response_flags":"-"}`, flags)
	f("tyk_access_json", `{"time":1700000000,"prefix":"access-log","response_flag":"UCF"}`, flags, `"UCF"`)

	// A route's key has the method where nothing else has.
	f("aws_apigw_json", `{"requestTimeEpoch":1700000000000,"routeKey":"POST /a/{id}"}`, "http.request.method", `"POST"`)
	f("aws_apigw_json", `{"requestTimeEpoch":1700000000000,"routeKey":"POST /a/{id}"}`, "gateway.route", `"/a/{id}"`)
	none("aws_apigw_json", `{"requestTimeEpoch":1700000000000,"routeKey":"ANY /a/{id}"}`, "http.request.method")
	f("aws_apigw_json", `{"routeKey":"ANY /a","httpMethod":"PUT","requestTimeEpoch":1700000000000}`, "http.request.method", `"PUT"`)

	// Units that other keys tell, and zeros that are none.
	appgw := func(instance, taken string) string {
		return `{"time":1700000000,"properties":{"timeTaken":` + taken + `,"instanceId":"` + instance + `"}}`
	}
	f("azure_appgw", appgw("ApplicationGatewayRole_IN_0", "205"), "event.duration", "205000000")
	f("azure_appgw", appgw("ApplicationGatewayRole_IN_0", "0.205"), "event.duration", "205000000")
	f("azure_appgw", appgw("appgw_1", "2"), "event.duration", "2000000000")
	tyk := func(status, total string) string {
		return `{"timestamp":1700000000,"response_code":` + status + `,"request_time":` + total + `,"latency":{"upstream":0}}`
	}
	f("tyk_pump", tyk("200", "1"), "gateway.upstream.duration", "0")
	f("tyk_pump", tyk("200", "0"), "event.duration", "0")
	f("tyk_pump", tyk("429", "1"), "event.duration", "1000000")
	none("tyk_pump", tyk("429", "1"), "gateway.upstream.duration")
	none("tyk_pump", tyk("401", "0"), "event.duration")

	// Attributes.
	attributes := func(list string) string { return `{"timeUnixNano":"1700000000000000000","attributes":[` + list + `]}` }
	f("otel", attributes(`{"value":{"intValue":"200"},"key":"http.status_code"}`), "http.response.status_code", "200")
	f("otel", attributes(`{"key":"http.status_code","key":"x","value":200,"value":404}`), "http.response.status_code", "200")
	f("otel", attributes(`7,{},{"key":7},{"value":{"a":{}}},{"key":"http.status_code","value":{"intValue":200,"x":1}}`), "http.response.status_code", "200")
	f("otel", attributes(`{"key":"http.status_code","value":{"intValue":200}},{"key":"http.status_code","value":{"intValue":404}}`), "http.response.status_code", "200")

	// Keys in other spellings.
	f("envoy_json", `{"ts":1700000000,"RESPONSE-CODE":200}`, "http.response.status_code", "200")
	f("gravitee", `{"timestamp":1700000000,"Remote_Address":"1.1.1.1"}`, "source.ip", `"1.1.1.1"`)
	f("envoy_json", `{"ts":1700000000,"`+strings.Repeat("m", 70)+`":"GET","method":"PUT"}`, "http.request.method", `"PUT"`)
	f("ecs", `{"@timestamp":1700000000,"http.request":{"method":"GET"}}`, "http.request.method", `"GET"`)
	f("ecs", `{"@timestamp":1700000000,"http":{"request.method":"GET"}}`, "http.request.method", `"GET"`)
	f("ecs", `{"@timestamp":1700000000,"http":{"a.b":1,"request.":2,".":3,"":4},"http.request.method":"GET"}`, "http.request.method", `"GET"`)
}

// TestFailures says why a line is none.
func TestFailures(t *testing.T) {
	f := func(format, line string, reason record.Reason, column int32) {
		t.Helper()
		if r := one(New(Compile(format)), line); r.Reason != reason || r.Column != column {
			t.Errorf("%s: %.100s: %v at column %d, want %v at %d", format, line, r.Reason, r.Column, reason, column)
		}
	}
	f("envoy_json", `{"start_time":"x","time":"y"}`, record.BadTime, 15)
	f("envoy_json", `{"start_time":9e99}`, record.BadTime, 15)
	f("envoy_json", `{"method":"GET"}`, record.NoTime, 0)
	f("envoy_json", `{"ts":1700000000,"status":1000}`, record.BadNumber, 27)
	f("envoy_json", `{"ts":1700000000,"bytes_sent":1e30}`, record.BadNumber, 31)
	f("envoy_json", `{"ts":1700000000,"method":"GE`, record.Truncated, 30)
	f("envoy_json", `{"ts":1700000000} {}`, record.BadJSON, 19)
	f("envoy_json", `[1]`, record.BadJSON, 2)
	f("envoy_json", `[{"ts":"x"}]`, record.BadTime, 8)
	f("envoy_json", ` [{"ts":1700000000} , {"ts":1700000000}]`, record.Unexpected, 21)
	f("envoy_json", `{"a":`+strings.Repeat("[", 70), record.TooDeep, 69)
	f("aws_apigw_json", strings.Repeat(`{"a":`, 70), record.TooDeep, 321)
	f("traefik_json", `{"Duration":1e19,"StartUTC":1700000000}`, record.BadNumber, 13)
	f("tyk_pump", `time="x" no object`, record.BadJSON, 1)
	f("tyk_pump", `time="x" {a {b {"timestamp":`, record.Truncated, 29)
	f("ecs", `{"@timestamp":1700000000}`, record.UnknownFormat, 0)
}

// TestDetect finds each format by its lines, and no other format's.
func TestDetect(t *testing.T) {
	d := NewDetector(NewSigns())
	names := Names()
	for name, all := range lines(t) {
		p := New(Compile(name))
		for _, line := range all {
			if r := one(p, line); r.Reason != record.None || r.Status < 0 && len(r.Method) == 0 {
				continue // too little of a line to tell
			}
			got := ""
			if i := d.Detect([]byte(line)); i >= 0 {
				got = names[i]
			}
			if got != name && line[0] != 't' {
				t.Errorf("a line of %s is taken for %q: %s", name, got, line)
			}
		}
	}
	for _, line := range []string{
		``, `{}`, `[]`, `x`, `{"level":"info","msg":"x","time":"2025-01-01T00:00:00Z"}`, `{"ts":1,"method":"GET","path":"/","status_code":200}`,
		`{"records":[{},{"category":"GatewayLogs"}]}`, `{"a":{"StartUTC":1,"httpRequest":{"requestUrl":1}},"b":"\"tyk-analytics-record\""}`,
	} {
		if i := d.Detect([]byte(line)); i >= 0 {
			t.Errorf("%s is taken for %s", line, names[i])
		}
	}
}

func TestAllocatesNothing(t *testing.T) {
	d := NewDetector(NewSigns())
	var recs [1]record.Record
	for name, all := range lines(t) {
		p := New(Compile(name))
		var data [][]byte
		for _, line := range all {
			data = append(data, []byte(line), []byte(line[:len(line)*2/3]))
		}
		bare := p.Bare(usual, func(string) bool { return false })
		parse := func() {
			p.Reset(nil)
			for _, line := range data {
				recs[0].Reset()
				recs[0].Line = line
				p.Parse(recs[:])
				d.Detect(line)
				if bare {
					recs[0].Reset()
					recs[0].Line = line
					p.ParseBare(recs[:])
				}
			}
		}
		for range 12 { // until the lines' keys are known
			parse()
		}
		if n := testing.AllocsPerRun(5, parse); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// TestSchemas checks what the compiler of the tables cannot.
func TestSchemas(t *testing.T) {
	for _, s := range schemas {
		f := compile(s)
		for i, r := range s.rows {
			if r.to == record.NoField && r.as == plain {
				continue
			}
			n := f.root
			for part := range strings.SplitSeq(r.path, ".") {
				if n = n.child([]byte(f.spelled(part))); n == nil {
					t.Fatalf("%s: %s is not in the tree", s.name, r.path)
				}
			}
			found := false
			for _, target := range n.targets {
				found = found || target == compiled(r, i)
			}
			if !found {
				t.Errorf("%s: %s is not in the tree", s.name, r.path)
			}
			if isSpan := r.as >= inNanos && r.as <= secondsList; isSpan != (r.to.Class() == record.Nanos && r.to != record.NoField) {
				t.Errorf("%s: %s: a length of time has a unit and nothing else has", s.name, r.path)
			}
		}
		if len(s.signs) == 0 {
			t.Errorf("%s has no signs", s.name)
		}
	}
}

func compiled(r row, i int) target { return target{to: r.to, as: r.as, rank: uint8(i)} }
