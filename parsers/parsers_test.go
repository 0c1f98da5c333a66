package parsers

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/pipeline/record"
)

var update = flag.Bool("update", false, "write the golden files anew")

// flat returns a record as text, a field a line.
func flat(format string, r *record.Record) string {
	var b strings.Builder
	if r.Reason != record.None {
		fmt.Fprintf(&b, "  error %v at column %d\n", r.Reason, r.Column)
		return b.String()
	}
	fmt.Fprintf(&b, "  format %s, kind %s\n", format, r.Kind)
	fmt.Fprintf(&b, "  @timestamp %s\n", time.Unix(0, r.TimeNanos).UTC().Format(time.RFC3339Nano))
	for _, name := range record.Names() {
		f, _ := record.Lookup(name)
		switch {
		case f == record.Time || f == record.Line:
		case f.Class() == record.Text:
			if v := *r.Text(f); len(v) > 0 {
				fmt.Fprintf(&b, "  %s %q\n", name, v)
			}
		case r.Number(f) != record.Absent:
			fmt.Fprintf(&b, "  %s %d\n", name, r.Number(f))
		}
	}
	return b.String()
}

// one parses a single line.
func one(p Parser, line string) *record.Record {
	var recs [1]record.Record
	recs[0].Reset()
	recs[0].Line = []byte(line)
	p.Reset(nil)
	p.Parse(recs[:])
	return &recs[0]
}

// TestGolden reads testdata/*.log. The first line says how: `# format: …`, `# escape: …`, `# fields: a=b c=d`.
func TestGolden(t *testing.T) {
	logs, err := filepath.Glob("testdata/*.log")
	if err != nil || len(logs) < 8 {
		t.Fatal(logs, err)
	}
	for _, name := range logs {
		t.Run(filepath.Base(name), func(t *testing.T) {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			spec, o := "", Options{Fields: map[string]string{}}
			var out bytes.Buffer
			var p Parser
			for line := range strings.SplitSeq(strings.TrimSuffix(string(text), "\n"), "\n") {
				if v, ok := strings.CutPrefix(line, "# format: "); ok {
					spec = v
					continue
				}
				if v, ok := strings.CutPrefix(line, "# escape: "); ok {
					o.Escape = v
					continue
				}
				if v, ok := strings.CutPrefix(line, "# fields: "); ok {
					for pair := range strings.FieldsSeq(v) {
						key, value, _ := strings.Cut(pair, "=")
						o.Fields[key] = value
					}
					continue
				}
				if p == nil {
					newParser, err := New(spec, o)
					if err != nil {
						t.Fatal(err)
					}
					p = newParser()
				}
				r := one(p, line)
				fmt.Fprintf(&out, "%s\n%s\n", line, flat(p.Format(), r))
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
				t.Errorf("read as (run with -update to accept):\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

func TestSamples(t *testing.T) {
	names := map[string]bool{}
	for _, f := range Formats() {
		if names[f.Name] || f.About == "" || f.Sample == "" {
			t.Errorf("%+v is not a whole row of the table, or has a name twice", f)
		}
		names[f.Name] = true
		newParser, err := New(f.Spec(), Options{})
		if err != nil {
			t.Fatal(err)
		}
		p := newParser()
		r := one(p, f.Sample)
		if r.Reason != record.None {
			t.Errorf("%s: the sample fails: %v at column %d", f.Name, r.Reason, r.Column)
		}
		auto, err := New("auto", Options{})
		if err != nil {
			t.Fatal(err)
		}
		a := auto()
		s := one(a, f.Sample)
		if f.Sign == "" { // no line says that it is nginx's combined rather than Apache's
			continue
		}
		if p.Format() != f.Name || a.Format() != f.Name {
			t.Errorf("the sample of %s is read as %q, by auto as %q", f.Name, p.Format(), a.Format())
		}
		if got, want := flat("", s), flat("", r); got != want {
			t.Errorf("%s: auto reads the sample as\n%s\nwant\n%s", f.Name, got, want)
		}
	}
}

func TestNew_Failure(t *testing.T) {
	f := func(spec string, o Options, want string) {
		t.Helper()
		_, err := New(spec, o)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q, %v: %v, want %q", spec, o, err, want)
		}
	}
	tenant := func(place string) Options { return Options{Fields: map[string]string{"tenant": place}} }
	f("combine", Options{}, `there is no format "combine"; did you mean "combined"?`)
	f("ngnix", Options{}, `did you mean "nginx"?`)
	f("zzzzzzzzzzzz", Options{}, `there is no format "zzzzzzzzzzzz"`)
	f("json", tenant("service.nam"), `fields: tenant: there is no field "service.nam"; did you mean "service.name"?`)
	f("json", tenant("event.duration:min"), "the units are ns, us, ms and s")
	f("json", tenant("service.name:s"), "is not a length of time")
	f("json", tenant("event.original"), "cannot be another value")
	named := func(names ...string) Options {
		o := Options{Fields: map[string]string{}}
		for _, name := range names {
			o.Fields[name] = "service.name"
		}
		return o
	}
	f("json", named(""), `fields: "" is no name of anything in a log`)
	f("json", named("$"), `fields: "$" is no name of anything in a log`)
	f("json", named("a", " "), `fields: " " is no name of anything in a log`)
	f("$msec $a", named("$a", "a"), "fields: $a and a are the same: leave out one of them")
	f("json", Options{Fields: map[string]string{"b": "x", "a": "y"}}, "fields: a: there is no field \"y\"\nfields: b: there is no field \"x\"")
	f("auto", tenant("service.name"), "fields need a format")
	f("nginx", tenant("service.name"), "the format has no variable $tenant")
	f("$time_local $tenan", tenant("service.name"), "the format has no variable $tenant")
	f("combined", Options{Escape: "json"}, "belongs to an nginx log_format string")
	f("$time_local $status$b", Options{}, "nothing separates $status from $b")
	f("$time_local $a$status", Options{}, "nothing separates $a from $status")
	f("[$time_local] ${status", Options{}, "${ is not closed")
	f("[$time_local] ${}", Options{}, "without the name of a variable")
	f("[$time_local] $ $status", Options{}, "without the name of a variable")
	f("$remote_addr $status", Options{}, "it has no time: one of $msec")
	f("$msec", Options{Escape: "yaml"}, `escape "yaml" is not default, json or none`)
	f("log_format main", Options{}, "has a name and no format")
	f("log_format main '$msec", Options{}, "is not closed")
	f("log_format main escape=json '$msec';", Options{Escape: "none"}, "log_format says escape=json, the config escape: none")
	f("log_format main escape=json", Options{}, "no field")
	f("%h %l %u", Options{}, "it has no time: %t is needed")
	f("%t %Z", Options{}, "%Z is no directive")
	f("%t %{Referer", Options{}, "%{ is not closed")
	f("%t %", Options{}, "a % has nothing after it")
	f("%t %{h}T", Options{}, "the units are s, ms and us")
	f("%{%j}t", Options{}, "is not one of")
	f("%t %h%l", Options{}, "nothing separates %h from %l")
	f("%t %h", tenant("service.name"), "the format has no tenant")
	f(`LogFormat "%t`, Options{}, "is not closed")
	f("LogFormat common", Options{}, "no format in double quotes")
	f("$msec "+strings.Repeat("x", 20<<10), Options{}, "longer than")
	f("$msec "+strings.Repeat("$status ", 300), Options{}, "more than 200 fields")
	f("combined", Options{Time: "middle"}, `time: "middle" is neither start nor end`)
	f("squid", Options{Location: time.UTC}, "have their zone, or are UTC")
	f("csv", Options{}, "needs more than its name")
	f("csv a,b", Options{}, "no column is a time")
	f("csv ts,a", tenant("service.name"), `the format has no column "tenant"`)
	f("csv "+strings.Repeat("a,", 100)+"ts", Options{}, "more than 96 columns")
	f("regex (", Options{}, "missing closing")
	f(`regex ^(?P<path>\S+)$`, Options{}, "no group is a time")
	f(`regex ^(?P<ts>\S+)$`, tenant("service.name"), "no group tenant")
	f("grok %{IPP:source.ip}", Options{}, `there is no pattern "IPP"; did you mean "IP"?`)
	f("grok %{IP", Options{}, "%{ is not closed")
	f("grok %{A:@timestamp}\nA %{B}\nB %{A}", Options{}, "in a circle")
	f("grok %{A:@timestamp}\nA", Options{}, `"A" defines nothing`)
	f("#Fields: c-ip cs-method", Options{}, "no column is a time")
	f("#Fields: date time c-ip c-ip", Options{}, `names "c-ip" twice`)
	f("#Fields:", Options{}, "has 0 names")
	f("%START_TIME", Options{}, "%START_TIME is not closed")
	f("%START_TIME(%s", Options{}, "%START_TIME( is not closed")
	f("%REQ(:METHOD)% %DURATION%", Options{}, "it has no time: %START_TIME% is needed")
	f("%START_TIME(%H:%M)% %DURATION%", Options{}, "does not say which day")
	f("%START_TIME% %DURATION%", tenant("service.name"), "the format has no operator tenant")
	f("%START_TIME%%DURATION%%PROTOCOL%", Options{}, "nothing separates DURATION from PROTOCOL")
	f("%START_TIME% % %DURATION%", Options{}, "stands without an operator")
	f("$context.status", Options{}, "it has no time: one of $context.requestTimeEpoch")
	f("$context.requestTime $context.", Options{}, "stands without a name")
	f("$context.requestTime $context.status", tenant("service.name"), "the format has no variable $context.tenant")
	f("$context.requestTime", Options{Escape: "json"}, "belongs to an nginx log_format string")
	f("haproxy", tenant("service.name"), "is no captured header")
	f("traefik", tenant("service.name"), "values have their places")
	f("aws_alb", tenant("service.name"), `the format has no column "tenant"`)
	f("syslog nonsense", Options{}, `there is no format "nonsense"`)
	f("haproxy %ci %ST", Options{}, "format haproxy: it has no time: %tr, %t")
	f("haproxy %tr %ci%ST", Options{}, "nothing separates %ci from %ST")
	f("haproxy %tr %", Options{}, "stands without an item")
	f("haproxy %tr %{+Q", Options{}, "%{ is not closed by }")
	f("haproxy %tr %(a", Options{}, "%( is not closed by )")
	f("haproxy %tr %[src", Options{}, "%[ is not closed by ]")
	f("haproxy %tr", tenant("service.name"), "the format has no item tenant")
	f("haproxy %tr %hs", Options{Fields: map[string]string{"request.1": "service.name"}}, "the format has no item request.1")
	f("haproxy %{+json}o %(time)tr", Options{}, "format: json reads them")
	f("haproxy %{+cbor}o %(time)tr", Options{}, "CBOR, which is not read")
	f(`haproxy log-format-sd %{+Q,+E}o\ [a@1\ b=%tr]`, Options{}, "which is not read")
	f(`haproxy "%tr %ST`, Options{}, "the quote before")
	f(`haproxy "%tr $TAG"`, Options{}, "$TAG is a variable of HAProxy's environment")
	f("haproxy text", Options{}, "there is no item in it")
	f("haproxy %tr"+strings.Repeat(" %lc", 300), Options{}, "more than 200 items")
	f("haproxy %tr"+strings.Repeat(" %lc", 9000), Options{}, "longer than")
	f("%ci:%cp [%tr] %ft %ST", Options{}, "put haproxy and a space before it")
	f("haproxy_clf", tenant("service.name"), "the format has no item tenant")
	f("tomcat %h %D", Options{}, "it has no time: %t is needed")
}

func TestNew_Success(t *testing.T) {
	f := func(spec string, o Options, line, field, want string) {
		t.Helper()
		newParser, err := New(spec, o)
		if err != nil {
			t.Errorf("%q: %v", spec, err)
			return
		}
		r := one(newParser(), line)
		if got := flat("", r); !strings.Contains(got, "  "+field+" "+want+"\n") {
			t.Errorf("%q reads %q as\n%swant %s %s", spec, line, got, field, want)
		}
	}
	f("", Options{}, `1.2.3.4 - - [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.1" 200 7`, "source.ip", `"1.2.3.4"`)
	f("log_format main '$msec $remote_addr '\n    '\"$request\"';", Options{}, `1700000000.123 1.2.3.4 "GET / HTTP/1.1"`, "@timestamp", "2023-11-14T22:13:20.123Z")
	f(`log_format j escape=json '{"t":"$time_iso8601","ua":"$http_user_agent"}';`, Options{}, `{"t":"2023-11-14T22:13:20+00:00","ua":"a\"b\n"}`, "user_agent.original", `"a\"b\n"`)
	f(`log_format j escape=json "{\"t\":\"$time_iso8601\",\"ua\":\"$http_user_agent\"}";`, Options{}, `{"t":"2023-11-14T22:13:20+00:00","ua":"x"}`, "user_agent.original", `"x"`)
	f("'$msec $remote_addr'", Options{}, `1700000000.123 1.2.3.4`, "source.ip", `"1.2.3.4"`)
	f("$msec $remote_addr:$remote_port $status", Options{}, `1.5 2001:db8::1:443 200`, "source.ip", `"2001:db8::1"`)
	f("$msec ${tenant}_$status", Options{Fields: map[string]string{"tenant": "service.name"}}, `1.5 a_200`, "service.name", `"a"`)
	f("$msec $took", Options{Fields: map[string]string{"$took": "event.duration:ms"}}, `1.5 12.5`, "event.duration", "12500000")
	f("$msec $server_name $tenant", Options{Fields: map[string]string{"tenant": "service.name"}}, `1.5 a b`, "service.name", `"b"`)
	f("$msec $remote_addr $real", Options{Fields: map[string]string{"real": "source.ip"}}, `1.5 1.1.1.1 2.2.2.2`, "source.ip", `"2.2.2.2"`)
	f(`LogFormat "%h %l %u %t \"%r\" %>s %b \"%{X-Tenant}i\"" tenants`, Options{Fields: map[string]string{"X-Tenant": "service.name"}},
		`1.2.3.4 - - [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.1" 200 7 "acme"`, "service.name", `"acme"`)
	f(`CustomLog "logs/access.log" "%t %a %D"`, Options{}, `[10/Oct/2000:13:55:36 -0700] 1.2.3.4 1500`, "event.duration", "1500000")
	f(`%{%F %T}t.%{msec_frac}t%{%z}t %h`, Options{}, `2000-10-10 13:55:36.123-0700 h`, "@timestamp", "2000-10-10T20:55:36.123Z")
	f(`%{sec}t.%{usec_frac}t %h`, Options{}, `1700000000.000123 h`, "@timestamp", "2023-11-14T22:13:20.000123Z")
	f(`%t %m %U%q %H %s %>s`, Options{}, `[10/Oct/2000:13:55:36 -0700] GET /a?b=c HTTP/2.0 500 200`, "http.response.status_code", "200")
	f(`%t %m %U%q %H %s %>s`, Options{}, `[10/Oct/2000:13:55:36 -0700] GET /a?b=c HTTP/2.0 500 200`, "url.query", `"b=c"`)
	f(`%t "%m" "%U" "%q"`, Options{}, `[10/Oct/2000:13:55:36 -0700] "GET" "/a" "?b=c"`, "url.original", `"/a?b=c"`)
	f(`%T %t %D %{ms}T`, Options{}, `1 [10/Oct/2000:13:55:36 -0700] 1234567 1234`, "event.duration", "1234567000")
	f(`%v:%p %h %t`, Options{}, `2001:db8::1:443 h [10/Oct/2000:13:55:36 -0700]`, "service.name", `"2001:db8::1"`)
	f(`%h %l %u %t`, Options{}, `h - john doe [10/Oct/2000:13:55:36 -0700]`, "user.name", `"john doe"`)
	f(`%!200,304{Referer}i %{end:}t`, Options{}, `x [10/Oct/2000:13:55:36 -0700]`, "http.request.referrer", `"x"`)
	// time: start and end, and places without a zone
	const alb = "aws_alb"
	f(alb, Options{Time: "end"}, sampleOf(alb), "@timestamp", "2025-10-10T11:55:36.086Z")
	f(alb, Options{Time: "start"}, sampleOf(alb), "@timestamp", "2025-10-10T11:55:36.043Z")
	f("auto", Options{Time: "end"}, sampleOf("haproxy"), "@timestamp", "2025-10-10T13:55:36.086Z")
	f("auto", Options{Time: "start"}, sampleOf("squid"), "@timestamp", "2025-10-10T11:55:36Z")
	f("$msec $request_time", Options{Time: "start"}, "1700000000.5 0.5", "@timestamp", "2023-11-14T22:13:20Z")
	f("%t %D", Options{Time: "end"}, "[10/Oct/2000:13:55:36 -0700] 500000", "@timestamp", "2000-10-10T20:55:36.5Z")
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	f("haproxy", Options{Location: berlin}, sampleOf("haproxy"), "@timestamp", "2025-10-10T11:55:36.043Z")
	f("krakend", Options{Location: berlin}, sampleOf("krakend"), "@timestamp", "2025-10-10T09:55:36Z")
	f("haproxy %ci:%cp [%tr] %Ta", Options{Location: berlin}, "203.0.113.7:80 [10/Oct/2025:13:55:36.043] 43", "@timestamp", "2025-10-10T11:55:36.043Z")
	f("haproxy %ci:%cp [%trg] %Ta", Options{Location: berlin}, "203.0.113.7:80 [10/Oct/2025:13:55:36 +0000] 43", "@timestamp", "2025-10-10T13:55:36Z")
	f("haproxy_clf", Options{Location: berlin}, "203.0.113.7:80 [10/Oct/2025:13:55:36.043] fe/f1: Connection error", "@timestamp", "2025-10-10T11:55:36.043Z")
	f("haproxy %ci:%cp [%trg] %Ta", Options{Time: "end"}, "203.0.113.7:80 [10/Oct/2025:13:55:36 +0000] 43", "@timestamp", "2025-10-10T13:55:36.043Z")
	f("auto", Options{Location: berlin}, sampleOf("squid"), "@timestamp", "2025-10-10T11:55:36.043Z")
	f("auto", Options{Location: berlin}, sampleOf("haproxy"), "@timestamp", "2025-10-10T11:55:36.043Z")
	f(`log-format "%ci:%cp [%tr] %ST"`, Options{}, "203.0.113.7:80 [10/Oct/2025:13:55:36.043] 200", "http.response.status_code", "200")
	// HAProxy's, as JSON: docs/formats/haproxy.md
	f("json", Options{Fields: map[string]string{"took": "event.duration:ms", "be": "service.name"}},
		`{"time": "10/Oct/2025:13:55:36 +0000", "method": "GET", "url": "/a?b", "status_code": 200, "took": 43, "be": "orders"}`, "event.duration", "43000000")
	f("json", Options{Fields: map[string]string{"took": "event.duration:ms"}}, `{"time": 1760097336043, "method": "GET", "url": "/a", "status_code": -1, "took": -1}`, "url.path", `"/a"`)
	// the user's own
	f("csv ts|path|took", Options{Fields: map[string]string{"took": "event.duration:s"}}, "1700000000|/a,b|0.25", "event.duration", "250000000")
	f(`csv "ts","path"`, Options{}, `"1700000000","/a""b"`, "url.path", `"/a\"b"`)
	f(`regex (?P<ts>\d+) (?P<uri>\S+)`, Options{Fields: map[string]string{"uri": "url.original"}}, "x 1700000000 /a?b", "url.query", `"b"`)
	f("grok %{NUMBER:[@timestamp]} %{NOTSPACE:[url][original]} (?<who>.*)", Options{Fields: map[string]string{"who": "user.name"}}, "1700000000 /a b c", "user.name", `"b c"`)
	f("syslog combined", Options{}, "<190>Nov 21 04:00:00 web1 nginx: "+clf2, "user.name", `"alice"`)
	f("syslog combined", Options{}, clf2, "user.name", `"alice"`)
	f("docker common", Options{}, `{"log":"203.0.113.7 - \"a b\" [10/Oct/2025:13:55:36 +0200] \"GET / HTTP/1.1\" 200 7\n","stream":"stdout"}`, "user.name", `"\"a b\""`)
	f("docker common", Options{}, clf, "user.name", `"alice"`)
	f("auto", Options{}, "\xEF\xBB\xBF"+clf, "source.ip", `"203.0.113.7"`)
	f(`%{client.ip}V %{begin:msec}t "%{req.url}V" %{time.elapsed.usec}V %{fastly_info.state}V`, Options{}, `203.0.113.7 1700000000123 "/a?b" 1500 HIT`, "event.duration", "1500000")
	f("kong_stream", Options{}, sampleOf("kong_stream"), "event.duration", "43000000")
	f("%START_TIME(%d/%b/%Y:%H:%M:%S %z)% %REQ(X-A):5%", Options{Fields: map[string]string{"X-A": "service.name"}}, "10/Oct/2000:13:55:36 -0700 abcde", "service.name", `"abcde"`)
	f("$context.requestTimeEpoch $context.x.y", Options{Fields: map[string]string{"$context.x.y": "service.name"}}, "1700000000123 a b", "service.name", `"a b"`)
	f("kong", Options{Fields: map[string]string{"request.headers.x-tenant": "service.name"}}, `{"started_at":1700000000000,"service":{"name":"a"},"request":{"headers":{"x-tenant":["b","c"]}}}`, "service.name", `"b"`)
}

// sampleOf returns the sample of a format of the table.
func sampleOf(name string) string {
	for _, f := range Formats() {
		if f.Name == name {
			return f.Sample
		}
	}
	return ""
}

// lines are of every kind, good and bad.
func lines(t testing.TB) []string {
	t.Helper()
	var all []string
	for _, f := range Formats() {
		all = append(all, f.Sample, f.Sample[:len(f.Sample)*2/3])
	}
	logs, err := filepath.Glob("testdata/*.log")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range logs {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.SplitSeq(string(text), "\n") {
			if line != "" && line[0] != '#' {
				all = append(all, line)
			}
		}
	}
	return all
}

// specs are formats of every kind.
func specs() map[string]Options {
	s := map[string]Options{
		`$remote_addr - $remote_user [$time_local] "$request" $status ua="$upstream_addr" us="$upstream_status" urt="$upstream_response_time" $upstream_addr $status`: {},
		`{"t":$msec,"r":"$request","s":$status,"u":$upstream_response_time,"a":"$http_user_agent"}`:                                                                   {Escape: "json"},
		`$time_iso8601 $request|$http_user_agent`:                    {Escape: "none"},
		`%t "%r" %>s %b "%{User-Agent}i" %D`:                         {},
		`%{%F %T}t.%{msec_frac}t%{%z}t %v:%p %U%q %{ms}T "%{Host}i"`: {},
		`%START_TIME(%s.%3f)%|%REQ(:METHOD)% %REQ(:PATH)%|%RESPONSE_FLAGS%|%UPSTREAM_REQUEST_ATTEMPT_COUNT%|%DOWNSTREAM_REMOTE_ADDRESS%|%REQ(USER-AGENT)%|%DURATION%`:          {},
		`$context.requestTimeEpoch $context.identity.sourceIp "$context.routeKey" $context.status $context.responseLatency "$context.identity.userAgent"`:                      {},
		`%{client.ip}V %{begin:msec}t "%{req.url}V" %{time.elapsed.usec}V %{fastly_info.state}V`:                                                                               {},
		`#Fields: date time c-ip cs-method cs-uri sc-status time-taken cs(User-Agent)`:                                                                                         {},
		`tomcat %h %l %u %t "%r" %s %b %D "%{User-Agent}i"`:                                                                                                                    {},
		`haproxy %ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc %rc %hr %hs %{+Q}r %HM %HPO %HQ %si:%sp %{+Q}[var(txn.ua)] %{+E}[capture.req.hdr(0)] %{+X}cp`: {Fields: map[string]string{"var(txn.ua)": "user_agent.original", "request.2": "url.domain"}},
		`haproxy {"t":"%[date(ms)]","c":"%ci","u":"%[url,json]","s":%ST,"d":%Ta,"r":"%r"}`:                                                                                     {},
		`syslog tyk_pump_syslog`: {},
		`docker ingress_nginx`:   {},
		`kong`:                   {Fields: map[string]string{"request.headers.x-tenant": "service.name"}},
	}
	for _, f := range Formats() {
		if _, ok := s[f.Spec()]; !ok {
			s[f.Spec()] = Options{}
		}
	}
	return s
}

func TestAllocatesNothing(t *testing.T) {
	all := lines(t)
	recs := make([]record.Record, 64)
	for spec, o := range specs() {
		newParser, err := New(spec, o)
		if err != nil {
			t.Fatal(spec, err)
		}
		p := newParser()
		data := copies(all)
		parse := func() {
			p.Reset(nil)
			for i := range data {
				r := &recs[i%len(recs)]
				r.Reset()
				r.Line = data[i]
				p.Parse(recs[i%len(recs) : i%len(recs)+1])
			}
		}
		for range 12 { // until what is remembered of lines is all there
			parse()
		}
		if n := testing.AllocsPerRun(5, parse); n != 0 {
			t.Errorf("%s: %v allocations", spec, n)
		}
	}
}

func copies(all []string) [][]byte {
	data := make([][]byte, len(all))
	for i, line := range all {
		data[i] = []byte(line)
	}
	return data
}

// checkRecord fails when r could not be what a parser makes of its line: text from elsewhere, numbers out of range.
func checkRecord(t *testing.T, spec string, r *record.Record) {
	t.Helper()
	if r.Reason == record.Blank && r.Drop == record.DropMetrics|record.DropRecords {
		return // a line of the gateway's other log
	}
	if r.Reason != record.None {
		if !r.Reason.Malformed() || r.Column < 0 || int(r.Column) > len(r.Line)+1 {
			t.Fatalf("%s: %q: %v at column %d", spec, r.Line, r.Reason, r.Column)
		}
		return
	}
	if r.Kind == "" || r.TimeNanos == 0 {
		t.Fatalf("%s: %q: kind %q, time %d", spec, r.Line, r.Kind, r.TimeNanos)
	}
	total := 0
	for f := record.NoField + 1; f < record.NumFields; f++ {
		if f.Class() == record.Text && f != record.Line {
			total += len(*r.Text(f))
		} else if f.Class() == record.Count && (r.Number(f) < record.Absent || r.Number(f) > 1<<50) || f.Class() == record.Nanos && r.Number(f) < record.Absent {
			t.Fatalf("%s: %q: %v is %d", spec, r.Line, f, r.Number(f))
		}
	}
	if total > 8*len(r.Line)+64 {
		t.Fatalf("%s: %q: %d bytes of text", spec, r.Line, total)
	}
}

// FuzzAll puts lines through every format: no panic, the line stays as it was, the same again, and the same whatever came
// before.
func FuzzAll(f *testing.F) {
	for _, line := range lines(f) {
		f.Add([]byte(line))
	}
	type parser struct {
		spec        string
		used, fresh Parser
	}
	var all []parser
	for _, spec := range slices.Sorted(maps.Keys(specs())) {
		newParser, err := New(spec, specs()[spec])
		if err != nil {
			f.Fatal(err)
		}
		all = append(all, parser{spec, newParser(), newParser()})
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		if len(line) == 0 {
			return
		}
		kept := bytes.Clone(line)
		for _, p := range all {
			r := one(p.used, string(line))
			checkRecord(t, p.spec, r)
			_ = one(p.fresh, formats[0].Sample)
			again := one(p.fresh, string(line))
			if a, b := flat("", r), flat("", again); a != b {
				t.Fatalf("%s: %q is read as\n%s and as\n%s", p.spec, line, a, b)
			}
		}
		if !bytes.Equal(line, kept) {
			t.Fatal("the line was changed")
		}
	})
}
