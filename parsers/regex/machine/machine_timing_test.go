package machine_test

import (
	"regexp"
	"regexp/syntax"
	"strings"
	"testing"

	"github.com/gatemeter/gatemeter/parsers/grok"
	"github.com/gatemeter/gatemeter/parsers/regex/machine"
)

// BenchmarkMatch measures a machine, and package regexp beside it.
func BenchmarkMatch(b *testing.B) {
	f := func(name, expression, line string, names []string) {
		parsed, err := syntax.Parse(expression, syntax.Perl)
		if err != nil {
			b.Fatal(err)
		}
		if names == nil {
			names = parsed.CapNames()
		}
		var groups []int
		for group, name := range names {
			if name != "" {
				groups = append(groups, group)
			}
		}
		p, err := machine.Compile(parsed, groups)
		if err != nil {
			b.Fatal(err)
		}
		m, re, text := machine.New(p), regexp.MustCompile(expression), []byte(line)
		_, ok := m.Match(text)
		b.Run(name+"/machine", func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				if _, again := m.Match(text); again != ok {
					b.Fatal(again)
				}
			}
			b.ReportMetric(float64(m.Steps())/float64(len(text)), "steps/byte")
		})
		b.Run(name+"/regexp", func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				if again := re.FindSubmatchIndex(text) != nil; again != ok {
					b.Fatal(again)
				}
			}
		})
	}
	g := func(name, pattern, line string) {
		expression, names, err := grok.Expand(pattern)
		if err != nil {
			b.Fatal(err)
		}
		f(name, expression, line, names)
	}
	const (
		combined = `203.0.113.7 - alice [10/Oct/2025:13:55:36 +0200] "GET /v1/orders/42?full=1 HTTP/1.1" 200 2326 "https://shop.example/cart" "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"`
		haproxy  = `Oct 10 13:55:36 lb1 haproxy[14389]: 203.0.113.7:33317 [10/Oct/2025:13:55:36.655] http-in static/srv1 10/0/30/69/109 200 2750 - - ---- 1/1/1/1/0 0/0 {1wt.eu} {} "GET /index.html HTTP/1.1"`
		nginx    = `^(?P<ip>\S+) \S+ (?P<user>\S+) \[(?P<ts>[^\]]+)\] "(?P<method>\S+) (?P<path>\S+) (?P<version>[^"]+)" (?P<status>\d{3}) (?P<bytes>\d+) "(?P<referrer>[^"]*)" "(?P<agent>[^"]*)"$`
		anywhere = `status=(?P<status>\d+) .*took=(?P<took>[\d.]+)ms`
	)
	f("nginx", nginx, combined, nil)
	g("httpd", "%{HTTPD_COMBINEDLOG}", combined)
	g("haproxy", "%{HAPROXYHTTP}", haproxy)
	f("unanchored", anywhere, `2025-10-10T11:55:36Z level=info msg="request served" method=GET path=/v1/orders/42 status=200 bytes=2326 took=43.1ms`, nil)
	f("class", `(?P<ts>\d+) (?P<uri>\S+)$`, `level=info msg="request served" 1700000000 /v1/orders/42`, nil)
	long := strings.Repeat("GET /v1/orders/42 ", 64<<10/18)
	f("nginx/long", nginx, combined[:50]+long, nil)
	g("httpd/long", "%{HTTPD_COMBINEDLOG}", combined[:50]+long)
	g("haproxy/long", "%{HAPROXYHTTP}", haproxy[:100]+long)
	f("unanchored/long", anywhere, long, nil)
	f("class/long", `(?P<ts>\d+) (?P<uri>\S+)$`, long, nil)
}
