package nginx

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/parsers/escape"
	"github.com/gatemeter/gatemeter/parsers/program"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// reference reads a log_format by regular expressions, one for each variable and the literal after it. It knows no lists
// without quotes.
type reference struct {
	prefix string
	names  []string
	values []*regexp.Regexp // the first group is the value
	json   bool
	plain  bool
}

func newReference(format, escaping string) *reference {
	ref := &reference{json: escaping == "json", plain: escaping == "none"}
	parts := regexp.MustCompile(`\$\{?([a-z0-9_]+)\}?`)
	literals, names := parts.Split(format, -1), parts.FindAllStringSubmatch(format, -1)
	ref.prefix = literals[0]
	for i, literal := range literals[1:] {
		name := names[i][1]
		value := `.*?`
		switch {
		case literal == "":
			value = `.*`
		case literal[0] == '"' && ref.json:
			value = `(?:[^"\\]|\\.)*`
		case literal[0] == '"' && !ref.plain:
			value = `[^"]*`
		case name == "time_local":
			value = `.{26}|.*?`
		case name == "time_iso8601":
			value = `.{25}|.*?`
		}
		ref.names = append(ref.names, name)
		// Bytes become code points of the same number, so that `.` is any byte.
		ref.values = append(ref.values, regexp.MustCompile(`^(?s:(`+value+`)`+regexp.QuoteMeta(latin(literal))+`)`))
	}
	return ref
}

func latin[T string | []byte](b T) string {
	var s strings.Builder
	for i := range len(b) {
		s.WriteRune(rune(b[i]))
	}
	return s.String()
}

func bytesOf(s string) string {
	var b []byte
	for _, r := range s {
		b = append(b, byte(r))
	}
	return string(b)
}

// split returns the values of line's variables, false when it is not of the format.
func (ref *reference) split(line []byte) (map[string]string, bool) {
	rest, ok := strings.CutPrefix(latin(line), latin(ref.prefix))
	if !ok {
		return nil, false
	}
	values := map[string]string{}
	for i, name := range ref.names {
		m := ref.values[i].FindStringSubmatch(rest)
		if m == nil {
			return nil, false
		}
		rest = rest[len(m[0]):]
		kind := escape.Hex
		if ref.json {
			kind = escape.JSON
		}
		value := bytesOf(m[1])
		if !ref.plain {
			value = string(escape.Append(nil, []byte(value), kind))
		}
		if value != "-" && value != `""` {
			values[name] = value
		}
	}
	return values, rest == ""
}

// want returns what a record's fields must be, as text; fields not in it are not compared.
func (ref *reference) want(v map[string]string) map[record.Field]string {
	w := map[record.Field]string{}
	for name, f := range map[string]record.Field{
		"remote_addr": record.ClientAddress, "remote_user": record.User, "http_referer": record.Referrer,
		"http_user_agent": record.UserAgent, "request_id": record.RequestID,
	} {
		if contains(ref.names, name) {
			w[f] = v[name]
		}
	}
	for name, f := range map[string]record.Field{"status": record.Status, "body_bytes_sent": record.ResponseBodyBytes} {
		if contains(ref.names, name) {
			w[f] = "-1"
			if n, err := strconv.Atoi(v[name]); err == nil {
				w[f] = strconv.Itoa(n)
			}
		}
	}
	if contains(ref.names, "request_time") {
		w[record.Duration] = sumOf(v["request_time"])
	}
	if contains(ref.names, "upstream_response_time") {
		w[record.UpstreamDuration] = sumOf(v["upstream_response_time"])
	}
	if contains(ref.names, "time_local") {
		text, leap := v["time_local"], time.Duration(0)
		if before := strings.TrimSuffix(text, text[max(0, len(text)-6):]); strings.HasSuffix(before, ":60") { // a leap second: package time knows none
			text, leap = strings.Replace(text, ":60 ", ":59 ", 1), time.Second
		}
		t, _ := time.Parse("02/Jan/2006:15:04:05 -0700", text)
		t = t.Add(leap)
		w[record.Time] = strconv.FormatInt(t.UnixNano(), 10)
	}
	if request := v["request"]; contains(ref.names, "request") {
		method, target, hasSpace := strings.Cut(request, " ")
		if !hasSpace {
			method, target = "", request
		} else if i := strings.LastIndexByte(target, ' '); i >= 0 && len(target) > i+6 && strings.HasPrefix(target[i+1:], "HTTP/") {
			target = target[:i]
		}
		if target != "-" && strings.TrimRight(target, " ") != "-" && target != `""` && method != "-" && method != `""` {
			w[record.Method], w[record.URL] = method, target
		}
	}
	return w
}

func contains(names []string, name string) bool {
	for _, n := range names {
		if n == name {
			return true
		}
	}
	return false
}

// sumOf adds up a list of seconds, in nanoseconds.
func sumOf(list string) string {
	sum, some := int64(0), false
	for _, entry := range regexp.MustCompile(`[, ]`).Split(list, -1) {
		if entry == "" || entry == "-" || entry == ":" {
			continue
		}
		whole, fraction, _ := strings.Cut(entry, ".")
		n, _ := strconv.ParseInt(whole+(fraction + "000000000")[:9], 10, 64)
		sum, some = sum+n, true
	}
	if !some {
		return "-1"
	}
	return strconv.FormatInt(sum, 10)
}

func valueOf(r *record.Record, f record.Field) string {
	if f.Class() == record.Text {
		return string(*r.Text(f))
	}
	return strconv.FormatInt(r.Number(f), 10)
}

// formats are log_format strings with their escape.
var formats = [][2]string{
	{Combined, ""},
	{Timed, ""},
	{Kong, "default"},
	{`$remote_addr - $remote_user [$time_local] "$request" $status rt=$request_time urt="$upstream_response_time" "$http_user_agent"`, ""},
	{`{"time":"$time_local","addr":"$remote_addr","req":"$request","st":$status,"urt":"$upstream_response_time","ua":"$http_user_agent","id":"$request_id"}`, "json"},
	{`$time_local|$remote_addr|$request|$status|$http_user_agent|`, "none"},
	{`  $status  $time_local  $remote_addr`, ""},
}

type pair struct {
	format string
	parser *program.Parser
	ref    *reference
}

func pairs(t testing.TB) []pair {
	t.Helper()
	var all []pair
	for _, f := range formats {
		p, err := Compile(f[0], f[1], nil)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, pair{f[0], program.NewParser(p), newReference(f[0], f[1])})
	}
	return all
}

func (p *pair) check(t *testing.T, line []byte) {
	t.Helper()
	recs := make([]record.Record, 1)
	r := &recs[0]
	r.Reset()
	r.Line = line
	p.parser.Reset(nil)
	p.parser.Parse(recs)
	values, ok := p.ref.split(line)
	switch {
	case !ok && r.Reason == record.None:
		t.Fatalf("%s\n%q is read, and is not of the format", p.format, line)
	case ok && (r.Reason == record.Truncated || r.Reason == record.Unexpected):
		t.Fatalf("%s\n%q: %v at column %d, and is of the format", p.format, line, r.Reason, r.Column)
	case r.Reason != record.None:
		return // a number or a time that is none
	}
	for f, want := range p.ref.want(values) {
		if got := valueOf(r, f); got != want {
			t.Errorf("%s\n%q: %v is %q, want %q", p.format, line, f, got, want)
		}
	}
}

var seeds = []string{
	`203.0.113.7 - alice [31/Mar/2021:12:04:07 +0000] "GET /search?q=\x22quoted\x22 HTTP/1.1" 200 612 "https://example.com/a\x22b" "Mozilla/5.0 \x5Ctest"`,
	`203.0.113.7 - john doe [31/Mar/2021:12:04:07 +0000] "" 000 0 "-" "-" 0.123 0.100`,
	`203.0.113.7 - - [31/Mar/2021:12:04:07 +0000] "GET / HTTP/2.0" 200 0 "-" "-" kong_request_id: "abc"`,
	`1.2.3.4 - - [31/Mar/2021:12:04:07 +0000] "GET / HTTP/1.1" 502 rt=1.010 urt="0.100, - : 0.910" "ua"`,
	`{"time":"31/Mar/2021:12:04:07 +0000","addr":"::1","req":"GET \"/\" HTTP/1.1","st":200,"urt":"0.1, 0.2","ua":"\u00e9\\","id":""}`,
	`{"time":"31/Mar/2021:12:04:07 +0000","addr":"","req":"","st":,"urt":"","ua":"","id":"x"}`,
	`31/Mar/2021:12:04:07 +0000|::1|GET / x|200|a"b|`,
	`  200  31/Mar/2021:12:04:07 +0000  ::1`,
	`  200  -  ::1`,
}

func TestAgainstRegularExpressions(t *testing.T) {
	read := 0
	for _, p := range pairs(t) {
		for _, line := range seeds {
			for cut := range len(line) {
				p.check(t, []byte(line[:cut+1]))
			}
			if _, ok := p.ref.split([]byte(line)); ok {
				read++
			}
		}
	}
	if read < len(seeds)-1 {
		t.Errorf("only %d lines are of a format", read)
	}
}

func FuzzNginx(f *testing.F) {
	for _, line := range seeds {
		f.Add([]byte(line))
	}
	all := pairs(f)
	f.Fuzz(func(t *testing.T, line []byte) {
		if len(line) == 0 {
			return
		}
		for i := range all {
			all[i].check(t, line)
		}
	})
}

// FuzzCompile compiles strange log_format strings and reads strange lines by them.
func FuzzCompile(f *testing.F) {
	for i, format := range formats {
		f.Add(format[0], format[1], seeds[i])
	}
	f.Add(`log_format main escape=json '{"a":"$msec",' "\"b\":\"$request\"}";`, "", `{"a":"1.5","b":""}`)
	f.Add(Ingress, "", `a - b [31/Mar/2021:12:04:07 +0000] "" 1 2 "" "" 1 2 [] [] a:1, b:2 : c:3 1, - 0.1, 0.2 : - 1, 2 id`)
	f.Fuzz(func(t *testing.T, format, escaping, line string) {
		p, err := Compile(format, escaping, nil)
		if err != nil {
			if p != nil || len(err.Error()) > 1200 {
				t.Fatal(p, err)
			}
			return
		}
		r := record.Record{}
		r.Reset()
		r.Line = []byte(line)
		program.NewParser(p).Read(&r)
		if r.Reason != record.None && (!r.Reason.Malformed() || int(r.Column) > len(line)+1) {
			t.Fatalf("%q: %v at column %d", line, r.Reason, r.Column)
		}
		if string(r.Line) != line {
			t.Fatal("the line was changed")
		}
	})
}

// TestHostileLinesAreReadInLinearTime counts no seconds: it reads lines on which a search that began anew at each byte would
// not end while anyone waits.
func TestHostileLinesAreReadInLinearTime(t *testing.T) {
	const size = 1 << 20
	for _, p := range pairs(t) {
		for _, piece := range []string{" ", `"`, `\`, `\"`, " -", "[", ": ", ", ", " : ", "] \"", "{", "|"} {
			line := bytes.Repeat([]byte(piece), size/len(piece))
			for _, head := range []string{"", `1.2.3.4 - `, `1.2.3.4 - - [31/Mar/2021:12:04:07 +0000] "`, `1.2.3.4 - - [31/Mar/2021:12:04:07 +0000] "GET / HTTP/1.1" 200 0 "-" "-" 0.1 `} {
				r := record.Record{}
				r.Reset()
				r.Line = append([]byte(head), line...)
				p.parser.Read(&r)
				if r.Reason == record.None && len(head) < 70 {
					t.Errorf("%s: %q and %q again and again is read", p.format, head, piece)
				}
				p.parser.Reset(nil)
			}
		}
	}
}

func ExampleCompile() {
	p, err := Compile(`$remote_addr [$time_local] "$request" $status $request_time`, "", nil)
	if err != nil {
		panic(err)
	}
	r := record.Record{}
	r.Reset()
	r.Line = []byte(`203.0.113.7 [31/Mar/2021:12:04:07 +0000] "GET /orders HTTP/1.1" 200 0.043`)
	program.NewParser(p).Read(&r)
	fmt.Printf("%s %s %d %dns\n", r.Method, r.Path, r.Status, r.DurationNanos)
	// Output: GET /orders 200 43000000ns
}
