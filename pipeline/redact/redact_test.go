package redact

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gatemeter/gatemeter/pipeline/record"
)

func redactor(t testing.TB, c Config) *Redactor {
	r, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestLine(t *testing.T) {
	r := redactor(t, Config{Query: DefaultNames()})
	f := func(line, want string) {
		t.Helper()
		b := []byte(line)
		r.Line(b)
		if string(b) != want {
			t.Errorf("%s\n  became %s\n  want   %s", line, b, want)
		}
		r.Line(b)
		if string(b) != want {
			t.Errorf("%s: masked twice it became %s", line, b)
		}
	}
	f(`"GET /x?token=abc&a=1 HTTP/1.1" 200`, `"GET /x?token=***&a=1 HTTP/1.1" 200`)
	f(`"GET /x?a=1&TOKEN=abc HTTP/1.1" "http://h/?password=p%20w#f"`, `"GET /x?a=1&TOKEN=*** HTTP/1.1" "http://h/?password=*****#f"`)
	f(`"GET /x?token=&a=1 HTTP/1.1" "http://h/?token=" "x"`, `"GET /x?token=&a=1 HTTP/1.1" "http://h/?token=" "x"`)
	f(`"GET /x?tokens=abc&mytoken=1&a=token HTTP/1.1"`, `"GET /x?tokens=abc&mytoken=1&a=token HTTP/1.1"`)
	f(`"GET /x?a=token=b;token=c&a=1 HTTP/1.1"`, `"GET /x?a=token=*********&a=1 HTTP/1.1"`)
	// names: percent-encoded, in parts, spelled otherwise
	f(`"GET /x?%74oken=abc&%2574oken=abc&to%6Ben=abc"`, `"GET /x?%74oken=***&%2574oken=***&to%6Ben=***"`)
	f(`"GET /x?user[password]=abc&user%5Bpassword%5D[0]=abc&user.pwd=abc&token[]=abc"`, `"GET /x?user[password]=***&user%5Bpassword%5D[0]=***&user.pwd=***&token[]=***"`)
	f(`"GET /x?accessToken=abc&client-secret=abc&API-Key=abc&APIKEY=abc"`, `"GET /x?accessToken=***&client-secret=***&API-Key=***&APIKEY=***"`)
	f(`"GET /x?`+strings.Repeat("x", 50)+`[token]=abc&`+strings.Repeat("x", 50)+`token=abc"`, `"GET /x?`+strings.Repeat("x", 50)+`[token]=***&`+strings.Repeat("x", 50)+`token=abc"`)
	// values: what passwords have in them, as logs write it
	f(`"GET /x?password=p\xC3\xA4<b>|c,d;e'f\x22g\\h HTTP/1.1" 200`, `"GET /x?password=`+strings.Repeat("*", 28)+` HTTP/1.1" 200`)
	f(`"GET /x?password=a\"b HTTP/1.1" 200`, `"GET /x?password=**** HTTP/1.1" 200`)
	f(`"GET /x?password=ab\ HTTP/1.1" 200`, `"GET /x?password=*** HTTP/1.1" 200`)
	f("GET /x?password=abc\t200", "GET /x?password=***\t200")
	// where there is no question mark
	f(`"GET" "/x" "a=1&token=abc" 200`, `"GET" "/x" "a=1&token=***" 200`)
	f(`10.0.0.1 GET /x token=abc&a=1 443`, `10.0.0.1 GET /x token=***&a=1 443`)
	f(`"GET /x;jsessionid=abc/y HTTP/1.1" level=info token=abc`, `"GET /x;jsessionid=***/y HTTP/1.1" level=info token=***`)
	f(`"a=1; token=abc; b=2"`, `"a=1; token=***; b=2"`)
	f(`token=abc`, `token=***`)
	// a parameter in a parameter
	f(`"GET /x?next=%2Fcb%3Ftoken%3Dabc%26b%3D1&c=1"`, `"GET /x?next=%2Fcb%3Ftoken%3D***%26b%3D1&c=1"`)
	f(`"GET /x?next=%252Fcb%253Ftoken%253dabc&c=1"`, `"GET /x?next=%252Fcb%253Ftoken%253d***&c=1"`)
	f(`"GET /x/http%3A%2F%2Fh%2F%3Ftoken%3Dabc"`, `"GET /x/http%3A%2F%2Fh%2F%3Ftoken%3D***"`)
	// formats without quotes and spaces
	f(`10.0.0.1|GET|/x?token=abc|200|0.1`, `10.0.0.1|GET|/x?token=***|200|0.1`)
	f(`10.0.0.1,GET,/x?a=1&token=abc,200,0.1`, `10.0.0.1,GET,/x?a=1&token=***,200,0.1`)
	f(`10.0.0.1;/x?token=abc;200`, `10.0.0.1;/x?token=***;200`)
	f(`<uri>/x?token=abc</uri><status>200</status>`, `<uri>/x?token=***</uri><status>200</status>`)
	f(`10.0.0.1 'GET /y' '/x?token=abc' 'http://h/?token=abc' 200`, `10.0.0.1 'GET /y' '/x?token=***' 'http://h/?token=***' 200`)
	// JSON
	f(`{"uri":"/x?token=abc\u0026secret=d","querystring":{"token":"abc","n":1}}`, `{"uri":"/x?token=***\u0026secret=*","querystring":{"token":"***","n":1}}`)
	f(`{"password":-12.5e3,"n":[2,3],"pwd":[12,[true,"ab",null]]}`, `{"password":-11.1e1,"n":[2,3],"pwd":[11,[true,"**",null]]}`)
	f(`{"uri":"/x?a=1\u0026token\u003dabc\u003c\u0026b\u003d1"}`, `{"uri":"/x?a=1\u0026token\u003d*********\u0026b\u003d1"}`)
	f(`{"headers":{"X-Api-Key": ["a\"b", "c"],"x":"y"},"token":5}`, `{"headers":{"X-Api-Key": ["****", "*"],"x":"y"},"token":1}`)
	f(`{"request.headers.cookie" : "a=1; b=2","http_authorization":"Basic YTpi"}`, `{"request.headers.cookie" : "**** ***","http_authorization":"***** ****"}`)
	f(`{"body":"{\"password\": \"a\\\"b\",\"c\":\"d\"}","x":"y"}`, `{"body":"{\"password\": \"******\",\"c\":\"d\"}","x":"y"}`)
	f(`{"b":"{\"c\":\"{\\\"token\\\":\\\"abc\\\"}\"}"}`, `{"b":"{\"c\":\"{\\\"token\\\":\\\"***\\\"}\"}"}`)
	f(`<134>Nov 21 10:00:00 gw kong: {"token":"abc"}`, `<134>Nov 21 10:00:00 gw kong: {"token":"***"}`)
	f(` [{"token":"abc"}] `, ` [{"token":"***"}] `)
	f(`{"a":"token","b":"c","to:ken":"x"}`, `{"a":"token","b":"c","to:ken":"x"}`)
	f(`{"token":{"a":"b","c":[{"d":7}]},"token":null,"c":"d"}`, `{"token":{"a":"*","c":[{"d":1}]},"token":null,"c":"d"}`)
	f(`{"token":"unfinished`, `{"token":"**********`)
	f(`{"token":["a","unfinished`, `{"token":["*","**********`)
	f(`{"token`, `{"token`)
	f(`{"a":[{"key":"url.path","value":{"s":"/x"}},{"key": "http.token" , "value": {"s":"abc","n":[7]}}]}`, `{"a":[{"key":"url.path","value":{"s":"/x"}},{"key": "http.token" , "value": {"s":"***","n":[1]}}]}`)
	f(`{"headers":[{"name":"Host","value":"h"},{"name":"Authorization","value":"Basic abc"}]}`, `{"headers":[{"name":"Host","value":"h"},{"name":"Authorization","value":"***** ***"}]}`)
	f(`{"querystring":{"key":"abc","valued":"x"},"b":"{\"key\":\"jwt\",\"value\":\"abc\"}"}`, `{"querystring":{"key":"***","valued":"x"},"b":"{\"key\":\"jwt\",\"value\":\"***\"}"}`)
	f(`{"key":"a","value"`, `{"key":"*","value"`)
	// JSON as other formats write it
	f(`"POST /x HTTP/1.1" "{\x22token\x22: \x22a\x5C\x22b c\x22,\x22n\x22:\x22/x?pwd=abc\x22}" 200`, `"POST /x HTTP/1.1" "{\x22token\x22: \x22********** *\x22,\x22n\x22:\x22/x?pwd=***\x22}" 200`)
	f(`"POST /x HTTP/1.1" "{\"token\":\"a\\\"b\",\"n\":\"/x?pwd=abc\"}" 200`, `"POST /x HTTP/1.1" "{\"token\":\"******\",\"n\":\"/x?pwd=***\"}" 200`)
	f(`"GET /x?q=%7B%22token%22%3A%20%22a%5C%22b%22%2C%22n%22:1%7D&pwd=abc HTTP/1.1"`, `"GET /x?q=%7B%22token%22%3A%20%22********%22%2C%22n%22:1%7D&pwd=*** HTTP/1.1"`)
	f(`{"a":"{\u0022token\u0022:\u0022abc\u0022}","b":"{'token': 'abc'}"}`, `{"a":"{\u0022token\u0022:\u0022***\u0022}","b":"{'token': '***'}"}`)
	f(`{"a":"{\"uri\":\"/x?token=a\\\"b\",\"n\":1}"}`, `{"a":"{\"uri\":\"/x?token=******\",\"n\":1}"}`)
	f(`10.0.0.1 POST /x {"token":"a b"} 200`, `10.0.0.1 POST /x {"token":"* *"} 200`)
	// behind escapes, entities and what is not ASCII
	f(`"{\x22body\x22:\x22a=1\x5Cntoken=abc\x22}" "/x?b=%22%5Cntoken%3Dabc%22"`, `"{\x22body\x22:\x22a=1\x5Cntoken=***\x22}" "/x?b=%22%5Cntoken%3D******"`)
	f(`{"body":"a=1\ntoken=abc","b":"a=1\u000atoken=abc&amp;pwd=abc&amp;b=1","c":"\u201ctoken=abc"}`, `{"body":"a=1\ntoken=***","b":"a=1\u000atoken=***&amp;pwd=***&amp;b=1","c":"\u201ctoken=***"}`)
	f(`"GET /x?a=1\x26token\x3Dabc\x26b=1 HTTP/1.1"`, `"GET /x?a=1\x26token\x3D***\x26b=1 HTTP/1.1"`)
	f(`"\xEF\xBB\xBFtoken=abc" “token=abc %u0074oken=abc`, `"\xEF\xBB\xBFtoken=***" “token=*** %u0074oken=***`)
	// spaces that clients send in a target; values in quotes
	f(`"GET /x?password=correct horse&a=b c HTTP/1.1" 400`, `"GET /x?password=******* *****&a=b c HTTP/1.1" 400`)
	f(`{"uri":"\/x?password=correct horse","msg":"a password=correct horse"}`, `{"uri":"\/x?password=******* *****","msg":"a password=******* horse"}`)
	f(`level=info token="a \"b&c" password='d e' msg="token=\"f g\" h" x`, `level=info token="* *****" password='* *' msg="token=\"* *\" h" x`)
	// what belongs to the format
	f(`uri=[/x?token=abc] (/y?token=abc), ref='/z?token=abc', token=abc; 200`, `uri=[/x?token=***] (/y?token=***), ref='/z?token=***', token=***; 200`)
	f(`"GET /app;jsessionid=abc/y;v=1;sid=2;session=abc?b=1&a=2 HTTP/1.1"`, `"GET /app;jsessionid=***/y;v=1;sid=2;session=***?b=1&a=2 HTTP/1.1"`)
	f(`path=/app;jsessionid=abc?b=1 uri:/y/token=abc/z`, `path=/app;jsessionid=***?b=1 uri:/y/token=***/z`)
	f(`GET|/app;jsessionid=abc?b=1|200`, `GET|/app;jsessionid=***?b=1|200`)
	f(`{"args":"ids=1,2&password=a,b|c;d"} h.example.com/x?ids=1,2&token=a,b`, `{"args":"ids=1,2&password=*******"} h.example.com/x?ids=1,2&token=***`)
	f(``, ``)
	f(`=`, `=`)
}

// TestEncodedNames: each byte of each name may be percent-encoded, once or twice, or stand as JSON escapes it.
func TestEncodedNames(t *testing.T) {
	r := redactor(t, Config{Query: DefaultNames()})
	for _, name := range DefaultNames() {
		for i := range len(name) {
			for _, format := range []string{"%%%02x", "%%%02X", "%%25%02x", `\u00%02x`, "%c"} {
				before := "/x?" + name[:i] + fmt.Sprintf(format, name[i]) + name[i+1:] + "="
				line := []byte(before + "abc")
				if r.Line(line); string(line) != before+"***" {
					t.Errorf("%sabc became %s", before, line)
				}
			}
		}
	}
}

// TestDocExamples reads the table of docs/redaction.md, and its list of names.
func TestDocExamples(t *testing.T) {
	doc, err := os.ReadFile("../../docs/redaction.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile("(?m)^\\| `(.*)` \\| `(.*)` \\|$").FindAllSubmatch(doc, -1)
	if len(rows) < 5 {
		t.Fatalf("%d examples found", len(rows))
	}
	r := redactor(t, Config{Query: DefaultNames()})
	for _, row := range rows {
		line := bytes.Clone(row[1])
		if r.Line(line); !bytes.Equal(line, row[2]) {
			t.Errorf("%s becomes %s, docs say %s", row[1], line, row[2])
		}
	}
	_, list, _ := strings.Cut(string(doc), "The default list:")
	list, _, _ = strings.Cut(list, "##")
	var names []string
	for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(list, -1) {
		names = append(names, m[1])
	}
	if !slices.Equal(names, DefaultNames()) {
		t.Errorf("docs list %q\nthe names are %q", names, DefaultNames())
	}
}

func TestDefaultInAList(t *testing.T) {
	r := redactor(t, Config{Query: []string{"code", "default", "voucher"}})
	line := []byte("/x?code=a&token=b&voucher=c&default=d")
	if r.Line(line); string(line) != "/x?code=*&token=*&voucher=*&default=d" {
		t.Errorf("it became %s", line)
	}
}

func TestShortNames(t *testing.T) {
	r := redactor(t, Config{Query: []string{"k", "pw", "ключ"}})
	line := []byte("k=a {\"body\":\"pw=a\\npw=a\\tk=a&%6B=a%ffpw=a\\u00e9k=a&xpw=b&ak=b&ключ=a\",\"\\u043a\\u043b\\u044e\\u0447\":\"a\",\"k\":\"a\",\"kk\":\"b\"}")
	if r.Line(line); strings.Contains(string(line), "=a") || strings.Contains(string(line), `"a"`) || strings.Count(string(line), "b") != 5 {
		t.Errorf("it became %s", line)
	}
}

// TestNothingIsMasked: without names, lines stay.
func TestNothingIsMasked(t *testing.T) {
	line := []byte(`{"token":"abc","uri":"/x?token=abc"}`)
	want := string(line)
	redactor(t, Config{}).Line(line)
	if string(line) != want {
		t.Errorf("it became %s", line)
	}
}

// TestHostileLines: the cost of a line grows with its length only. Were it to grow with the square of it, this would take minutes.
func TestHostileLines(t *testing.T) {
	r := redactor(t, Config{Query: DefaultNames()})
	for _, part := range []string{
		"token=", "x", "25", "%25", "=", `\`, `"`, `\"`, `"token":[`, `"token":`, "%3D", `\u003d`, "a|token=b&", "[", "'", `"token":["`, `"token":{`, `"token":{"`, `"key":"`, `"key":"a","value`, `\"token\":\"`,
		`\x22token\x22:`, "%22token%22:%22", "token=\\x22 ", `"GET /x?token=a b`, "token=a b&", ";token=", "token='a ", ":  ", `"a token="`, `\\`, "%5C", `\u0074`,
	} {
		for _, before := range []string{"", "{", "/x?"} {
			r.Line([]byte(before + strings.Repeat(part, 1<<18/len(part)) + "=x"))
		}
	}
}

func TestRecord(t *testing.T) {
	f := func(c Config, address, user, wantAddress, wantUser string, line bool) {
		t.Helper()
		rec := &record.Record{Line: []byte("line"), ClientAddress: []byte(address), User: []byte(user)}
		redactor(t, c).Record(rec, nil)
		if string(rec.ClientAddress) != wantAddress || string(rec.User) != wantUser || (rec.Line != nil) != line {
			t.Errorf("%+v: address %q, user %q, line kept %v", c, rec.ClientAddress, rec.User, rec.Line != nil)
		}
	}
	f(Config{}, "203.0.113.77", "ann", "203.0.113.77", "ann", true)
	f(Config{Addresses: "truncate"}, "203.0.113.77", "ann", "203.0.113.0", "ann", false)
	f(Config{Addresses: "truncate"}, "2001:db8:1:2::3%eth0", "ann", "2001:db8:1::", "ann", false)
	f(Config{Addresses: "truncate"}, "::ffff:203.0.113.77", "", "203.0.113.0", "", false)
	f(Config{Addresses: "truncate"}, "host.example.com", "", "", "", false)
	f(Config{Users: "drop"}, "203.0.113.77", "ann", "203.0.113.77", "", false)
	salted := &record.Record{ClientAddress: []byte("203.0.113.77"), User: []byte("ann")}
	redactor(t, Config{Addresses: "hash", Users: "hash", Salt: []byte("s")}).Record(salted, nil)
	other := &record.Record{ClientAddress: []byte("203.0.113.77")}
	redactor(t, Config{Addresses: "hash", Salt: []byte("t")}).Record(other, nil)
	if len(salted.ClientAddress) != 16 || bytes.Equal(salted.ClientAddress, other.ClientAddress) || bytes.Contains(salted.User, []byte("ann")) {
		t.Errorf("hashes %q %q, with another salt %q", salted.ClientAddress, salted.User, other.ClientAddress)
	}
}

func TestHashOfOneClientIsOne(t *testing.T) {
	r := redactor(t, Config{Addresses: "hash", Salt: []byte("s")})
	f := func(address string) string {
		rec := &record.Record{ClientAddress: []byte(address)}
		r.Record(rec, nil)
		return string(rec.ClientAddress)
	}
	if f("2001:DB8::1") != f("2001:db8:0:0::1") || f("::ffff:10.0.0.1") != f("10.0.0.1") || f("10.0.0.1") == f("10.0.0.2") {
		t.Error("spellings of one address have different hashes, or two addresses the same")
	}
	if got := f("10.0.0.1"); got != "efa2d1dc11993722" { // sha256("s\x0010.0.0.1")
		t.Errorf("the hash is %s: hashes must stay what they were from version to version", got)
	}
}

func TestNewErrors(t *testing.T) {
	for _, c := range []Config{
		{Query: []string{""}},
		{Query: []string{"-_"}},
		{Query: []string{strings.Repeat("x", 41)}},
		{Query: []string{"a=b"}},
		{Query: []string{"a b"}},
		{Query: make([]string, 1001)},
		{Addresses: "drop"},
		{Users: "truncate"},
	} {
		if _, err := New(c); err == nil {
			t.Errorf("%+v is accepted", c)
		}
	}
}

func TestAllocatesNothing(t *testing.T) {
	r := redactor(t, Config{Query: DefaultNames(), Addresses: "hash", Users: "hash", Salt: []byte("salt")})
	line := []byte(`203.0.113.7 - ann [10/Oct/2000:13:55:36 -0700] "GET /x?a=1&token=abc HTTP/1.1" 200 1 "-" "-"`)
	arena := make([]byte, 0, 1000)
	rec := &record.Record{}
	if n := testing.AllocsPerRun(100, func() {
		r.Line(line)
		rec.ClientAddress, rec.User = line[:11], line[14:17]
		arena = r.Record(rec, arena[:0])
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
