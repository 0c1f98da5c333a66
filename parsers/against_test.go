package parsers

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/gatemeter/gatemeter/parsers/syslog"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// references are regular expressions for the text formats, written anew from the formats' documentation. A group is called after a
// field of the record, with `_` for dots; what it takes is what the parser has to put there. They backtrack, so they may match
// where a parser, which does not, gives up; never the other way round.
var references = map[string]string{
	"envoy": `^\[.*?\] "(?P<http_request_method>.*?) (?P<url_original>.*?) .*?" (?P<http_response_status_code>.*?) .*? (?P<http_request_body_bytes>.*?) (?P<http_response_body_bytes>.*?) .*? .*? ".*?" ` +
		`"(?P<user_agent_original>.*)" "(?P<http_request_id>.*)" ".*" ".*"$`,
	"istio": `^\[.*?\] "(?P<http_request_method>.*?) (?P<url_original>.*?) .*?" (?P<http_response_status_code>.*?) .*? .*? .*? ".*?" (?P<http_request_body_bytes>.*?) (?P<http_response_body_bytes>.*?) .*? .*? ".*?" ` +
		`"(?P<user_agent_original>.*)" "(?P<http_request_id>.*)" ".*" ".*" .* .* .* .* .* .*$`,
	"traefik": `^.*? - .*? \[.{26}\] "[^"]*(?:"[^"]*)*?" (?P<http_response_status_code>-|\d+) (?:-|\d+)(?: (?:-|".*?") (?:-|"(?P<user_agent_original>.*)")(?: [^ ]+ (?:-|"(?P<gateway_route>.*)") (?:-|".*") [^ ]+ms)?)?$`,
	"haproxy": `^[^ ]* \[[^ ]*\] (?:[^ ]*: ?.*|[^ ]* (?P<service_name>[^ /]*)/[^ ]* (?:[^ ]* ){0,7}?(?:[^ /]*/[^ /]*/[^ /]* \+?(?:-1|-|(?P<http_response_bytes>-0+|\d+))(?: .*)?|` +
		`[^ /]*(?:/[^ /]*){4} \+?(?:-1|(?P<http_response_status_code>-0*|\d+)) \+?(?:-1|-0*|\d+) (?:[^ ]* ){5,37}(?:\{[^}]*\} ?)*"(?P<request>[^"]*)(?:".*)?))$`,
	"aws_alb": `^[^ ]* [^ ]* [^ ]* [^ ]* [^ ]* [^ ]* [^ ]* [^ ]* (?P<http_response_status_code>[^ ]*) (?P<gateway_upstream_status_code>[^ ]*) (?P<http_request_bytes>[^ ]*) (?P<http_response_bytes>[^ ]*)(?: .*)?$`,
	"aws_clb": `^[^ ]* (?P<service_name>"[^"]*"|[^ ]*) [^ ]* [^ ]* [^ ]* [^ ]* [^ ]* (?P<http_response_status_code>[^ ]*) (?P<gateway_upstream_status_code>[^ ]*) (?P<http_request_body_bytes>[^ ]*) (?P<http_response_body_bytes>[^ ]*)(?: .*)?$`,
	"aws_cloudfront": `^[^\t]*\t[^\t]*\t[^\t]*\t(?P<http_response_bytes>[^\t]*)\t(?P<source_ip>[^\t]*)\t(?P<http_request_method>[^\t]*)\t(?P<service_name>[^\t]*)\t(?P<url_path>[^\t]*)\t(?P<http_response_status_code>[^\t]*)\t` +
		`(?P<http_request_referrer>[^\t]*)\t(?P<user_agent_original>[^\t]*)\t(?P<url_query>[^\t]*)(?:\t.*)?$`,
	"squid":              `^ *[^ ]+ +[^ ]+ +(?P<source_ip>[^ ]+) +[^ ]+/(?P<http_response_status_code>[^ ]+) +(?P<http_response_bytes>[^ ]+) +(?P<http_request_method>[^ ]+) +(?P<url_original>[^ ]+) +(?P<user_name>[^ ]+) +[^ ]+(?: .*)?$`,
	"krakend":            `^\[GIN\] [^|]{21,25} \| *(?P<http_response_status_code>[^|]*?) *\|[^|]*\| *(?P<source_ip>.*?) *\|  *(?P<http_request_method>.*?) *"(?P<url_original>(?:[^"\\]|\\.)*)"$`,
	"aws_apigw_rest_csv": `^(?P<source_ip>.*?),.*?,.*?,.{26},(?P<http_request_method>.*?),(?P<gateway_route>.*?),.*?,(?P<http_response_status_code>.*?),(?P<http_response_body_bytes>.*?),(?P<http_request_id>.*?),.*$`,
	"aws_apigw_rest_clf": `^(?P<source_ip>.*?) .*? .*? \[.{26}\] "(?P<http_request_method>.*?) (?P<gateway_route>.*?) .*?" (?P<http_response_status_code>.*?) (?P<http_response_body_bytes>.*?) (?P<http_request_id>.*?) .*$`,
	"aws_apigw_http_xml": `^<request id="(?P<http_request_id>.*?)"> <ip>(?P<source_ip>.*?)</ip> <requestTime>.*?</requestTime> <httpMethod>.*?</httpMethod> <routeKey>.*?</routeKey> <status>(?P<http_response_status_code>.*?)</status> ` +
		`<protocol>.*?</protocol> <responseLength>(?P<http_response_body_bytes>.*?)</responseLength> </request>$`,
	"iis":  `^[^ ]* [^ ]* (?:[^ ]* ){0,3}(?P<http_request_method>[A-Za-z_-]+) (?P<url_path>[^ ]*) (?P<url_query>[^ ]*) \d{1,5} (?P<user_name>[^ ]*) (?P<source_ip>[^ ]*) (?:[^ ]* ){0,5}?(?P<http_response_status_code>\d{3})(?: \d+(?: .*)?)?$`,
	"wso2": `^(?:- )?(?P<source_ip>.*?) .*? (?P<user_name>.*?) \[.{26}\] "(?:[^"\\]|\\.)*" (?P<http_response_status_code>.*?) .*? "(?P<http_request_referrer>(?:[^"\\]|\\.)*)" "(?P<user_agent_original>(?:[^"\\]|\\.)*)"$`,
}

// reference is a parser and the expression it is held against.
type reference struct {
	name   string
	parser Parser
	re     *regexp.Regexp
}

func compiled(t testing.TB) []reference {
	t.Helper()
	var all []reference
	for _, f := range Formats() {
		expression, ok := references[f.Name]
		if !ok {
			continue
		}
		newParser, err := New(f.Spec(), Options{})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, reference{f.Name, newParser(), regexp.MustCompile("(?s)" + expression)})
	}
	if len(all) != len(references) {
		t.Fatalf("%d of %d references are of a format", len(all), len(references))
	}
	return all
}

// check holds what the parser makes of line against the expression.
func (ref *reference) check(t *testing.T, line string) {
	t.Helper()
	r := one(ref.parser, line)
	if r.Reason != record.None || strings.Contains(line, "\x1b") { // gin's colours are taken off before
		return
	}
	var latin []rune // a byte is a code point, so that `.` is any byte
	bare := line
	if ref.name == "haproxy" { // where a header ends is held to in its package
		bare = line[syslog.Header([]byte(line)):]
	}
	for _, c := range []byte(bare) {
		latin = append(latin, rune(c))
	}
	m := ref.re.FindStringSubmatch(string(latin))
	if m == nil {
		t.Errorf("%s: %q is read, and is not of the format:\n%s", ref.name, line, flat("", r))
		return
	}
	for i, group := range ref.re.SubexpNames() {
		f, ok := fieldOf(group)
		if !ok || m[i] == "" {
			continue
		}
		var want []byte
		for _, c := range m[i] {
			want = append(want, byte(c))
		}
		if bytes.ContainsAny(want, `\+%#"`) { // escapes are held to elsewhere
			continue
		}
		if f.Class() != record.Text {
			if n, ok := number(want); ok && n != r.Number(f) {
				t.Errorf("%s: %q: %v is %d, want %d", ref.name, line, f, r.Number(f), n)
			}
			continue
		}
		if got := string(*r.Text(f)); got != string(want) && !(got == "" && (string(want) == "-" || string(want) == "default" || string(want) == "backend not found")) {
			t.Errorf("%s: %q: %v is %q, want %q", ref.name, line, f, got, want)
		}
	}
}

func fieldOf(group string) (record.Field, bool) {
	for _, name := range record.Names() {
		if group != "" && strings.NewReplacer(".", "_").Replace(name) == group {
			return record.Lookup(name)
		}
	}
	return record.NoField, false
}

func number(b []byte) (n int64, ok bool) {
	for _, c := range b {
		if c < '0' || c > '9' || len(b) > 15 {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, len(b) > 0
}

// textLines are lines of the formats that have a reference.
func textLines(t testing.TB) []string {
	t.Helper()
	var all []string
	for _, f := range Formats() {
		if references[f.Name] == "" {
			continue
		}
		all = append(all, f.Sample)
		text, err := os.ReadFile(filepath.Join("testdata", f.Name+".log"))
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

// TestAgainstReferences reads documented lines, the same cut short, and with bytes changed, put in and taken out.
func TestAgainstReferences(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	const strange = "\"\\ -[]{}/:,.|#+%=\t\x00\xff09az"
	lines := textLines(t)
	for _, ref := range compiled(t) {
		for _, line := range lines {
			ref.check(t, line)
			for range 60 {
				b := []byte(line)
				for range 1 + random.IntN(3) {
					i, c := random.IntN(len(b)), strange[random.IntN(len(strange))]
					switch random.IntN(4) {
					case 0:
						b[i] = c
					case 1:
						b = append(b[:i], append([]byte{c}, b[i:]...)...)
					case 2:
						b = append(b[:i], b[i+1:]...)
					case 3:
						b = b[:i+1]
					}
					if len(b) == 0 {
						b = []byte("-")
					}
				}
				ref.check(t, string(b))
			}
		}
	}
}

func FuzzText(f *testing.F) {
	for _, line := range textLines(f) {
		f.Add(line)
	}
	all := compiled(f)
	f.Fuzz(func(t *testing.T, line string) {
		if line == "" || len(line) > 4096 {
			return
		}
		for i := range all {
			all[i].check(t, line)
		}
	})
}
