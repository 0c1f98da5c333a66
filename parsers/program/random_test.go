package program_test

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/gatemeter/gatemeter/parsers/nginx"
	"github.com/gatemeter/gatemeter/parsers/program"
)

// values are what stands in lines for variables of nginx: the first nearly always, the others now and then. Some hold a secret, or what
// separates fields.
var values = map[string][]string{
	"args":                   {"-", "a=b", "x"},
	"body_bytes_sent":        {"0", "612", "-"},
	"host":                   {"a.example", "[::1]:80", "-"},
	"http_referer":           {"-", "https://a/b", "https://a/?token=b c", "/a?token=x"},
	"http_user_agent":        {"curl/8", "Mozilla/5.0 (X11; Linux)", "-", "a=b"},
	"http_x":                 {"", "-", "x y", "token=z"},
	"http_x_forwarded_for":   {"1.2.3.4, 5.6.7.8", "-"},
	"msec":                   {"1617192247.123"},
	"remote_addr":            {"10.0.0.1", "::1", "2001:db8::1"},
	"remote_port":            {"5555", "1"},
	"remote_user":            {"-", "bob", "a b", "tok=en"},
	"request":                {"GET /a HTTP/1.1", "POST /a?token=b c HTTP/1.1", "GET /x?token=a&b=c HTTP/2.0", "-", "", "GET /a HTTP/1.1?token=b c"},
	"request_id":             {"8af1"},
	"request_length":         {"12", "123456789"},
	"request_method":         {"GET", "-"},
	"request_time":           {"0.123", "12.003", "1", "-"},
	"request_uri":            {"/a?b", "/a?token=x", "-"},
	"server_name":            {"_", "a"},
	"server_protocol":        {"HTTP/1.1"},
	"status":                 {"200", "404", "000"},
	"time_iso8601":           {"2021-03-31T12:04:07+00:00"},
	"time_local":             {"31/Mar/2021:12:04:07 +0000"},
	"upstream_addr":          {"10.0.0.1:80", "10.0.0.1:80, 10.0.0.2:80", "unix:/x", "-"},
	"upstream_cache_status":  {"HIT", "-", "MISS"},
	"upstream_response_time": {"0.100", "-", "0.1, 0.2", "0.1 : 0.2"},
	"upstream_status":        {"200", "502, 200", "502 : 200", "-", "token=1,a, 200"},
	"uri":                    {"/a", "/a b", "/token=b"},
}

// separators stand between variables.
var separators = []string{
	" ", " ", " ", " ", ` "`, `" "`, `" `, ":", "|", ",", " - ", " [", "] ", "] [", ", ", `"`, "  ", "/", `" x "`, ` "[`, `]" `, "ms ", `" - "`, "; ",
}

// randomFormat returns the pieces of a format of nginx; those that begin with `$` are variables. One of them is a time.
func randomFormat(random *rand.Rand, names []string) (pieces []string) {
	one := func(of ...string) string { return of[random.IntN(len(of))] }
	if random.IntN(4) == 0 {
		pieces = append(pieces, one(`"`, "[", "x ", ` "`))
	}
	n := 2 + random.IntN(9)
	at := random.IntN(n)
	for i := range n {
		name := one(names...)
		if i == at {
			name = one("time_local", "time_local", "time_iso8601", "msec")
		}
		pieces = append(pieces, "$"+name)
		if i < n-1 || random.IntN(2) == 0 {
			pieces = append(pieces, one(separators...))
		}
	}
	return pieces
}

// Whatever format somebody thinks of, by frame it is read as by search, and bare as if it had been masked.
func TestRandomFormats(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 6))
	names := slices.Sorted(maps.Keys(values))
	masks := redactors(t)[:2]
	fit, bare := 0, 0
	for range 4000 {
		pieces := randomFormat(random, names)
		escape := []string{"", "", "json", "none"}[random.IntN(4)]
		p, err := nginx.Compile(strings.Join(pieces, ""), escape, nil)
		if err != nil {
			continue // where a field ends cannot be told
		}
		f := &framedFormat{strings.Join(pieces, "") + " escape=" + escape, p, nil, program.NewParser(p).BySearch(), program.NewParser(p).ByFrame()}
		if !f.frame.Framed() {
			continue
		}
		for range 10 {
			var b strings.Builder
			for _, s := range pieces {
				if s[0] == '$' {
					all := values[s[1:]]
					s = all[0]
					if random.IntN(3) == 0 {
						s = all[random.IntN(len(all))]
					}
				}
				b.WriteString(s)
			}
			line := []byte(b.String())
			if random.IntN(2) == 0 {
				line = changed(random, b.String(), b.String())
			}
			if len(line) == 0 {
				continue
			}
			if f.check(t, line) {
				fit++
			}
			for _, r := range masks {
				bare += f.checkBare(t, r, line)
			}
			if t.Failed() {
				t.Fatalf("of the format %s", f.name)
			}
		}
	}
	if fit < 1000 || bare < 1000 {
		t.Errorf("only %d lines fit a frame, and %d were read bare", fit, bare)
	}
	t.Logf("%d lines fit, %d readings were bare", fit, bare)
}
