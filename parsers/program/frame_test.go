package program_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	strictbare "github.com/gatemeter/gatemeter/internal/strict/bare"
	"github.com/gatemeter/gatemeter/parsers/apache"
	"github.com/gatemeter/gatemeter/parsers/aws"
	"github.com/gatemeter/gatemeter/parsers/envoy"
	"github.com/gatemeter/gatemeter/parsers/krakend"
	"github.com/gatemeter/gatemeter/parsers/nginx"
	"github.com/gatemeter/gatemeter/parsers/program"
	"github.com/gatemeter/gatemeter/pipeline/batch"
	"github.com/gatemeter/gatemeter/pipeline/bitmap"
	"github.com/gatemeter/gatemeter/pipeline/record"
	"github.com/gatemeter/gatemeter/pipeline/redact"
)

// framedFormat is a format and lines of it; those of a format without a frame are there for what they do to others.
type framedFormat struct {
	name          string
	program       *program.Program
	lines         []string
	search, frame *program.Parser
}

func framedFormats(t testing.TB) (all []*framedFormat) {
	t.Helper()
	f := func(name string, lines ...string) func(p *program.Program, err error) {
		return func(p *program.Program, err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, &framedFormat{name, p, lines, program.NewParser(p).BySearch(), program.NewParser(p).ByFrame()})
		}
	}
	const clf = `203.0.113.7 - alice [31/Mar/2021:12:04:07 +0000] `
	f("nginx timed",
		clf+`"GET /search?q=a HTTP/1.1" 200 612 "https://example.com/a" "Mozilla/5.0 (X11; Linux)" 0.123 0.100`,
		clf+`"POST /a/b HTTP/2.0" 404 0 "-" "-" 12.003 -`,
		clf+`"" 400 0 "-" "-" 0.000 0.001, 0.2 : 0.5`,
	)(nginx.Compile(nginx.Timed, "", nil))
	f("nginx ingress", clf+`"GET /a HTTP/1.1" 200 612 "-" "curl/8" 84 0.123 [default-web-80] [] 10.0.0.1:80 612 0.120 200 8af1`)(nginx.Compile(nginx.Ingress, "", nil))
	f("nginx kong", clf+`"GET /a HTTP/1.1" 200 612 "-" "curl/8" kong_request_id: "8af1"`)(nginx.Compile(nginx.Kong, "", nil))
	f("nginx stream", `203.0.113.7 [31/Mar/2021:12:04:07 +0000] TCP 200 12 34 1.500`)(nginx.Compile(nginx.Stream, "", nil))
	f("nginx apisix", clf+`a.example:80 "GET /a HTTP/1.1" 200 612 0.123 "-" "curl/8" 10.0.0.1:80 200 0.120 "http://b.example/a"`)(nginx.Compile(nginx.APISIX, "", nil))
	f("nginx json", `{"t":"2021-03-31T12:04:07+00:00","a":"203.0.113.7","r":"GET /a\/b HTTP/1.1","s":200,"d":"0.1, 0.2","u":"é\u00e9","n":1.500}`,
		`{"t":"2021-03-31T12:04:07+00:00","a":"203.0.113.7","r":"GET /a HTTP/1.1","s":200,"d":"-","u":"","n":1.500}`,
	)(nginx.Compile(`{"t":"$time_iso8601","a":"$remote_addr","r":"$request","s":$status,"d":"$upstream_response_time","u":"$http_user_agent","n":$request_time}`, "json", nil))
	f("nginx none json", `{"t":"2021-03-31T12:04:07+00:00","r":"GET /a HTTP/1.1","s":200,"u":"a b c"}`,
		`{"t":"2021-03-31T12:04:07+00:00","r":"GET /a HTTP/1.1","s":200,"u":"a "b" c"}`,
	)(nginx.Compile(`{"t":"$time_iso8601","r":"$request","s":$status,"u":"$http_user_agent"}`, "none", nil))
	f("nginx bars", `31/Mar/2021:12:04:07 +0000|::1|GET|200|1.500|curl/8|`, `31/Mar/2021:12:04:07 +0000|::1|GET / x|200|1.500|curl/8 (x)|`)(nginx.Compile(`$time_local|$remote_addr|$request|$status|$request_time|$http_user_agent|`, "", nil))
	f("nginx msec", `1617192247.123 [31/Mar/2021:12:04:07 +0000] 200ms "GET" /a "x y" z`)(nginx.Compile(`$msec [$time_local] ${status}ms "$request_method" $uri "$http_a $http_b" $http_c`, "", nil))
	f("nginx loose end", `1617192247.123 200 - [0.500]`)(nginx.Compile(`$msec $status - [$request_time]`, "", nil))
	f("nginx no cuts", `200,2021-03-31T12:04:07+00:00,GET,/a`)(nginx.Compile(`$status,$time_iso8601,$request_method,$request_uri`, "", nil))
	f("nginx twice", `1617192247.123 - 127.0.0.1 200 404 /a /b "GET /c HTTP/1.1" a b`)(nginx.Compile(`$msec $remote_user $remote_addr $status $status $uri $request_uri "$request" $remote_user $server_name`, "", nil))
	f("nginx quoted port", `"10.0.0.1:5555" 200 31/Mar/2021:12:04:07 +0000`)(nginx.Compile(`"$remote_addr:$remote_port" $status $time_local`, "", nil))
	f("apache common", clf+`"GET /a?b=c HTTP/1.1" 200 612`, clf+`"GET /a\"b HTTP/1.1" 200 -`, clf+`"-" 408 0`)(apache.Compile(apache.Common, nil))
	f("apache combined", clf+`"GET /a HTTP/1.1" 200 612 "-" "Mozilla/5.0 (X11; Linux)"`, clf+`"GET /a HTTP/1.1" 200 612 "-" "Mozilla\\5.0 \xe9"`)(apache.Compile(apache.Combined, nil))
	f("apache vhost", `a.example:80 `+clf+`"GET /a HTTP/1.1" 200 612 "-" "curl/8"`)(apache.Compile(apache.VHostCombined, nil))
	f("apache ssl", `[31/Mar/2021:12:04:07 +0000] 203.0.113.7 TLSv1.3 TLS_AES_256_GCM_SHA384 "GET /a HTTP/1.1" 612`)(apache.Compile(apache.SSLRequest, nil))
	f("apache parts", `2021-03-31 12:04:07.123 203.0.113.7 200 /a?b`)(apache.Compile(`%{%F %T}t.%{msec_frac}t %h %>s %U%q`, nil))
	f("envoy", `[2021-03-31T12:04:07.123Z] "GET /a b HTTP/1.1" 200 - 0 612 12 11 "-" "curl/8" "8af1" "a.example" "10.0.0.1:80"`,
		`[2021-03-31T12:04:07.123Z] "GET /a b HTTP/1.1" 200 - 0 612 12 11 "-" "curl/8 "x"" "8af1" "a.example" "10.0.0.1:80"`)(envoy.Compile(envoy.Default, nil))
	f("istio", `[2021-03-31T12:04:07.123Z] "GET /a HTTP/1.1" 200 - via_upstream - "-" 0 612 12 11 "-" "curl/8" "8af1" "a.example" "10.0.0.1:80" `+
		`outbound|80||b.example 10.0.0.2:1 10.0.0.3:80 10.0.0.4:5 - default`)(envoy.Compile(envoy.Istio, nil))
	f("api gateway", `203.0.113.7 - alice [31/Mar/2021:12:04:07 +0000] "GET /a HTTP/1.1" 200 612 8af1`)(aws.Gateway(
		`$context.identity.sourceIp $context.identity.caller $context.identity.user [$context.requestTime] `+
			`"$context.httpMethod $context.resourcePath $context.protocol" $context.status $context.responseLength $context.requestId`, nil))
	f("krakend", `[GIN] 2021/03/31 - 12:04:07 | 200 |    4.529µs |    203.0.113.7 | GET      "/a"`)(krakend.Compile())
	return all
}

// fits reports whether the frame fits most lines: it does not where times have other spaces.
func (f *framedFormat) fits() bool {
	return f.frame.Framed() && f.name != "apache parts" && f.name != "api gateway" && f.name != "krakend"
}

// check compares the two ways to read line, and reports whether the frame fits.
func (f *framedFormat) check(t *testing.T, line []byte) (fits bool) {
	t.Helper()
	var got, want record.Record
	for r, p := range map[*record.Record]*program.Parser{&got: f.frame, &want: f.search} {
		r.Reset()
		r.Line, r.Offset, r.Part = line, 5, 6
		p.Reset(nil)
	}
	f.search.Read(&want)
	if !f.frame.Framed() || !f.frame.ReadFramed(&got) {
		return false
	}
	if want.Reason != record.None {
		t.Fatalf("%s: %q is read, and should be %v at %d", f.name, line, want.Reason, want.Column)
	}
	equal(t, f.name, line, &got, &want, ^record.FieldSet(0))
	return true
}

func equal(t *testing.T, name string, line []byte, got, want *record.Record, texts record.FieldSet) {
	t.Helper()
	if got.Kind != want.Kind || got.Reason != want.Reason || got.Offset != want.Offset || got.Part != want.Part {
		t.Fatalf("%s: %q is %+v, want %+v", name, line, got, want)
	}
	for f := record.NoField + 1; f < record.NumFields; f++ {
		if f.Class() == record.Text {
			if texts.Has(f) && string(*got.Text(f)) != string(*want.Text(f)) {
				t.Fatalf("%s: %q has %v %q, want %q", name, line, f, *got.Text(f), *want.Text(f))
			}
		} else if got.Number(f) != want.Number(f) {
			t.Fatalf("%s: %q has %v %d, want %d", name, line, f, got.Number(f), want.Number(f))
		}
	}
}

// pieces are what lines are changed by.
var pieces = []string{
	" ", "  ", `"`, `""`, `" "`, `\"`, `\`, `\x22`, `\u0022`, "-", ":", ", ", " : ", "0", "12345678", "123456789", "1000", ".", ".5", "0.1234", "[", "]", "] ", ` "`,
	`" `, "|", "?", "=", "%", "{", "/", "é", "\x00", "GET /x HTTP/1.1", "HTTP/2.0", "31/Mar/2021:12:04:07 +0000", "31/Mar/2021:12:04:07\"+0000", "- -", "a=b", "token=1",
	"?token=", "&key=c d", "'", ";session=x", "%3D", `{"token":"a`, "}",
}

// changed returns line with a few changes.
func changed(random *rand.Rand, line string, other string) []byte {
	b := []byte(line)
	for range random.IntN(4) {
		i, j := random.IntN(len(b)+1), random.IntN(len(b)+1)
		i, j = min(i, j), max(i, j)
		piece := pieces[random.IntN(len(pieces))]
		switch random.IntN(6) {
		case 0, 1:
			b = append(append(b[:i:i], piece...), b[i:]...)
		case 2:
			b = append(append(b[:i:i], piece...), b[min(len(b), i+len(piece)):]...)
		case 3:
			b = append(b[:i:i], b[min(j, i+5):]...)
		case 4: // another piece of the line
			b = append(append(b[:i:i], line[min(i, len(line)):min(j, len(line))]...), b[i:]...)
		case 5:
			k := random.IntN(len(other) + 1)
			b = append(append(b[:i:i], other[k:min(k+10, len(other))]...), b[i:]...)
		}
	}
	return b
}

func TestFrame(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	all := framedFormats(t)
	for _, f := range all {
		fit := 0
		for i, line := range f.lines {
			if !f.check(t, []byte(line)) && i == 0 && f.fits() {
				t.Errorf("%s: the frame does not fit %s", f.name, line)
			}
			for n := range len(line) {
				f.check(t, []byte(line[:n]))
				f.check(t, []byte(line[n:]))
			}
			for range 2_000 {
				other := all[random.IntN(len(all))].lines[0]
				if f.check(t, changed(random, line, other)) {
					fit++
				}
			}
		}
		if f.fits() && fit < 200*len(f.lines) {
			t.Errorf("%s: the frame fits %d lines", f.name, fit)
		}
	}
}

// TestFramed: the formats that most people have are read by frames.
func TestFramed(t *testing.T) {
	for _, f := range framedFormats(t) {
		want := bitmap.QuickCuts()
		switch f.name {
		case "nginx json", "nginx none json", "nginx loose end", "nginx no cuts", "nginx quoted port", "nginx bars", "apache parts", "api gateway":
			want = false
		}
		if got := program.NewParser(f.program).Framed(); got != want || !f.frame.Framed() {
			t.Errorf("%s has a frame: %v, and one that pays: %v", f.name, f.frame.Framed(), got)
		}
	}
}

// TestFrameFitsNot: a parser reads the lines that its frame does not fit, and after many such the others.
func TestFrameFitsNot(t *testing.T) {
	for _, f := range framedFormats(t) {
		line := f.lines[0]
		for i := range 1000 {
			var got, want record.Record
			got.Reset()
			want.Reset()
			got.Line = []byte(line)
			if i < 500 {
				got.Line = append(got.Line, ` "`...)
			}
			want.Line = got.Line
			f.frame.Read(&got)
			f.search.Read(&want)
			equal(t, f.name, got.Line, &got, &want, ^record.FieldSet(0))
		}
	}
}

func TestFrameAllocatesNothing(t *testing.T) {
	for _, f := range framedFormats(t) {
		recs := make([]record.Record, 1)
		line := []byte(f.lines[0])
		if n := testing.AllocsPerRun(100, func() {
			f.frame.Reset(nil)
			recs[0].Reset()
			recs[0].Line = line
			f.frame.Parse(recs)
		}); n != 0 {
			t.Errorf("%s: %v allocations", f.name, n)
		}
	}
}

func FuzzFrame(f *testing.F) {
	all := framedFormats(f)
	for _, format := range all {
		for _, line := range format.lines {
			f.Add([]byte(line))
		}
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		for _, format := range all {
			format.check(t, line)
		}
	})
}

// usual is the texts that metrics are made of by default.
var usual = record.Fields(record.ClientAddress, record.Consumer, record.Cache, record.Service, record.Route, record.Method)

// wishes are sets of fields that are asked for.
var wishes = []record.FieldSet{
	usual, 0, record.Fields(record.Domain), record.Fields(record.Path, record.UserAgent), record.Fields(record.URL, record.Scheme),
	record.Fields(record.Query, record.User), record.Fields(record.HTTPVersion, record.Referrer), ^record.Fields(record.Line),
}

// checkBare reads line bare for each wish, and masked, and returns how often it could be read bare.
func (f *framedFormat) checkBare(t *testing.T, r *redact.Redactor, line []byte) (bare int) {
	t.Helper()
	masked := append([]byte(nil), line...)
	r.Line(masked)
	var want record.Record
	want.Reset()
	want.Line = masked
	f.search.Reset(nil)
	f.search.Read(&want)
	for _, fields := range wishes {
		if !f.frame.Bare(fields, r.MasksMember) {
			continue
		}
		f.frame.Reset(nil)
		recs := make([]record.Record, 1)
		recs[0].Reset()
		recs[0].Line = line
		before := string(line)
		if f.frame.ParseBare(recs); string(recs[0].Line) != before {
			t.Fatalf("%s: %q was changed to %q", f.name, before, line)
		}
		if recs[0].Reason != record.None {
			continue
		}
		bare++
		equal(t, f.name, line, &recs[0], &want, strictbare.Wanted(fields, &want))
	}
	return bare
}

func redactors(t testing.TB) (all []*redact.Redactor) {
	t.Helper()
	for _, names := range [][]string{{"default"}, {"b", "q", "default"}, {"x", "a", "get"}, {"http", "mozilla"}} {
		r, err := redact.New(redact.Config{Query: names})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

func TestBare(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	all, redactors := framedFormats(t), redactors(t)
	for _, f := range all {
		bare := 0
		for _, line := range f.lines {
			for _, r := range redactors {
				f.checkBare(t, r, []byte(line))
			}
			for i := range 2_000 {
				other := all[random.IntN(len(all))].lines[0]
				bare += f.checkBare(t, redactors[i%len(redactors)], changed(random, line, other))
			}
		}
		if can := f.frame.Bare(usual, nil); can && f.fits() && bare < 400 {
			t.Errorf("%s: %d readings are bare", f.name, bare)
		} else if strings.HasSuffix(f.name, "json") == can && f.frame.Framed() {
			t.Errorf("%s is read bare: %v", f.name, can)
		}
	}
}

// TestBareUsual: what nginx and Apache write is read bare, whatever the query and the referrer have in them.
func TestBareUsual(t *testing.T) {
	f := func(format *framedFormat, line string, want bool) {
		t.Helper()
		recs := make([]record.Record, 1)
		recs[0].Reset()
		recs[0].Line = []byte(line)
		if !format.frame.Bare(usual, nil) {
			t.Fatal("the usual fields cannot be read bare")
		}
		if format.frame.ParseBare(recs); (recs[0].Reason == record.None) != want {
			t.Errorf("%s is read bare: %v", line, !want)
		}
		for _, r := range redactors(t) {
			format.checkBare(t, r, []byte(line))
		}
	}
	timed := framedFormats(t)[0]
	const before, after = `203.0.113.7 - - [31/Mar/2021:12:04:07 +0000] `, ` 200 612 "https://a.example/?token=b" "Mozilla/5.0" 0.123 0.100`
	f(timed, before+`"GET /a?token=b&c=d HTTP/1.1"`+after, true)
	f(timed, before+`"GET /a?token=b c HTTP/1.1"`+after, true)
	f(timed, before+`"GET /token=b?c HTTP/1.1"`+after, false)
	f(timed, before+`"GET /a;session=b?c HTTP/1.1"`+after, false)
	f(timed, before+`"token=b /a?c HTTP/1.1"`+after, false)
	f(timed, before+`"GET http://a.example/a?token=b HTTP/1.1"`+after, false)
	f(timed, before+`"GET /a%3Ftoken%3Db HTTP/1.1"`+after, false)
	f(timed, before+`"GET /a\x22 HTTP/1.1"`+after, false)
	f(timed, strings.Replace(before, "- -", "- token=b", 1)+`"GET /a HTTP/1.1"`+after, false)
	f(timed, before+`"GET /a HTTP/1.1"`+strings.Replace(after, "0.100", `"token":"b"}`, 1), false)
}

// TestBareInSharedQuotes: masking goes on to the end of quotes that begin with a URL, whatever fields are in them, and over commas.
func TestBareInSharedQuotes(t *testing.T) {
	const before, after = `203.0.113.7 - - [31/Mar/2021:12:04:07 +0000] "GET /a HTTP/1.1" 200 612 `, ` 0.123`
	f := func(format, quoted string, want bool) {
		t.Helper()
		p, err := nginx.Compile(`$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent `+format+` $request_time`, "", nil)
		if err != nil {
			t.Fatal(err)
		}
		all := framedFormat{quoted, p, nil, program.NewParser(p).BySearch(), program.NewParser(p).ByFrame()}
		for i, r := range redactors(t) {
			if bare := all.checkBare(t, r, []byte(before+quoted+after)); i == 0 && (bare > 0) != want {
				t.Errorf("%s is read bare %d times", quoted, bare)
			}
		}
	}
	f(`"$http_referer $upstream_cache_status"`, `"https://a.example/?token=a HIT"`, false)
	f(`"$http_referer $upstream_cache_status"`, `"https://a.example/?token=my secret"`, false)
	f(`"$http_referer $upstream_cache_status"`, `"https://a.example/ HIT"`, true)
	f(`"$http_referer ms"`, `"/?token=a ms"`, false)
	f(`"$http_referer" "$upstream_cache_status"`, `"/?token=a" "HIT"`, true)
	f(`"$upstream_status" "$http_referer"`, `"token=a,b, 200" "-"`, false)
	f(`"$upstream_status" "$http_referer"`, `"502, 200" "/?token=b"`, true)
}

// TestBareOfNoUse: where all of a line is wanted, lines with a query are not read in vain before they are masked.
func TestBareOfNoUse(t *testing.T) {
	timed := framedFormats(t)[0].frame
	all := ^record.FieldSet(0) &^ record.Fields(record.Line)
	for fields, want := range map[record.FieldSet]bool{all: false, all &^ record.Fields(record.UserAgent): true, usual: true} {
		if got := timed.Bare(fields, nil); got != want {
			t.Errorf("for the fields %b lines are read bare: %v", fields, got)
		}
	}
}

func TestBareAllocatesNothing(t *testing.T) {
	f := framedFormats(t)[0]
	f.frame.Bare(usual, nil)
	recs := make([]record.Record, 1)
	line := []byte(f.lines[0])
	if n := testing.AllocsPerRun(100, func() {
		f.frame.Reset((*batch.Partition)(nil))
		recs[0].Reset()
		recs[0].Line = line
		f.frame.ParseBare(recs)
	}); n != 0 || recs[0].Reason != record.None {
		t.Errorf("%v allocations, %v", n, recs[0].Reason)
	}
}

func FuzzBare(f *testing.F) {
	all, redactors := framedFormats(f), redactors(f)
	for _, format := range all {
		for _, line := range format.lines {
			f.Add([]byte(line))
		}
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		for _, format := range all {
			for _, r := range redactors {
				format.checkBare(t, r, line)
			}
		}
	})
}

// A time in quotes has its space in them.
func TestFrameOfAQuotedTime(t *testing.T) {
	p, err := nginx.Compile(`$remote_addr "$time_local" "$request" $status $body_bytes_sent $request_time $remote_port`, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	f := &framedFormat{"a quoted time", p, nil, program.NewParser(p).BySearch(), program.NewParser(p).ByFrame()}
	if !f.check(t, []byte(`203.0.113.7 "31/Mar/2021:12:04:07 +0000" "GET /a HTTP/1.1" 200 612 0.123 5555`)) {
		t.Error("the line does not fit")
	}
	if f.check(t, []byte(`203.0.113.7 "31/Mar/2021:12:04:07 +000" "GET /a HTTP/1.1" 200 612 0.123 5555`)) {
		t.Error("a time that is too short fits")
	}
}
