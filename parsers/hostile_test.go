package parsers

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/pipeline/record"
)

// pieces are what a stranger might repeat to make a parser search again and again from each byte.
var pieces = []string{" ", `"`, `\`, `\"`, `" "`, "[", "]", ":", "/", ",", "\t", "|", "{", "=", `a="`, "a:b ", "%", "%25", "-", "0", "a", "<", "map[", " 0/0/0/0/0 ", "prefix=access-log "}

// hostile returns lines of about size bytes: a format's sample cut somewhere, and a piece again and again.
func hostile(sample string, size int) []string {
	var lines []string
	for _, cut := range []int{0, len(sample) / 3, len(sample) * 2 / 3, len(sample)} {
		for _, piece := range pieces {
			lines = append(lines, sample[:cut]+strings.Repeat(piece, size/len(piece)))
		}
	}
	return lines
}

// written are lines of those of specs that are format strings, by how these begin.
var written = map[string]string{
	`$remote_addr - `:   `203.0.113.7 - alice [10/Oct/2025:13:55:36 +0200] "GET /v1 HTTP/1.1" 200 ua="10.0.0.1:80" us="200" urt="0.041" 10.0.0.1:80 200`,
	`{"t":$msec`:        `{"t":1760097336.043,"r":"GET /v1 HTTP/1.1","s":200,"u":0.041,"a":"curl/8.14.1"}`,
	`$time_iso8601 `:    `2025-10-10T13:55:36+02:00 GET /v1 HTTP/1.1|curl/8.14.1`,
	`%t "%r"`:           `[10/Oct/2025:13:55:36 +0200] "GET /v1 HTTP/1.1" 200 2326 "curl/8.14.1" 43000`,
	`%{%F %T}t`:         `2025-10-10 13:55:36.043+0200 shop.example:443 /v1?full=1 43 "shop.example"`,
	`%START_TIME(`:      `1760097336.043|GET /v1|UF,URX|3|203.0.113.7:41342|curl/8.14.1|43`,
	`$context.`:         `1760097336043 203.0.113.7 "GET /v1/orders/{id}" 200 43 "curl/8.14.1"`,
	`%{client.ip}V`:     `203.0.113.7 1760097336043 "/v1?full=1" 43000 HIT`,
	`#Fields:`:          `2025-10-10 11:55:36 203.0.113.7 GET /v1?full=1 200 43 curl/8.14.1`,
	`tomcat %`:          clf + ` 43 "curl/8.14.1"`,
	`haproxy %ci`:       `203.0.113.7:33317 [10/Oct/2025:13:55:36.043] https-in~ orders/srv1 0/0/1/40/43 200 2326 - - ---- 0 {shop.example} {} "GET /v1 HTTP/1.1" GET /v1 ?full=1 10.0.0.1:8080 "curl/8.14.1" x\"y 1F90`,
	`haproxy {"t"`:      `{"t":"1760097336043","c":"203.0.113.7","u":"\/v1","s":200,"d":43,"r":"GET /v1 HTTP/1.1"}`,
	`syslog tyk_pump_s`: `<190>Oct 10 13:55:36 web1 pump: ` + sampleOf("tyk_pump_syslog"),
	`docker ingress`:    `{"log":` + strconv.Quote(sampleOf("ingress_nginx")+"\n") + `,"stream":"stdout"}`,
}

// sampleFor returns a line of the format spec.
func sampleFor(spec string) string {
	for begin, line := range written {
		if strings.HasPrefix(spec, begin) {
			return line
		}
	}
	name, _, _ := strings.Cut(spec, " ")
	return sampleOf(name)
}

// TestHostileLines reads lines on which a search that began anew at each byte would not end while anyone waits.
func TestHostileLines(t *testing.T) {
	for spec, o := range specs() {
		newParser, err := New(spec, o)
		if err != nil {
			t.Fatal(err)
		}
		auto, err := New("auto", Options{})
		if err != nil {
			t.Fatal(err)
		}
		p, a := newParser(), auto()
		if r := one(p, sampleFor(spec)); r.Reason != record.None {
			t.Errorf("%s reads %q: %v at column %d", spec, sampleFor(spec), r.Reason, r.Column)
		}
		for i, line := range hostile(sampleFor(spec), 64<<10) {
			checkRecord(t, spec, one(p, line))
			if i%3 == 0 {
				checkRecord(t, "auto", one(a, line))
			}
		}
	}
}

// BenchmarkHostile reads, with each format, the line of 64 KiB that it takes longest for.
func BenchmarkHostile(b *testing.B) {
	all := specs()
	for _, spec := range slices.Sorted(maps.Keys(all)) {
		newParser, err := New(spec, all[spec])
		if err != nil {
			b.Fatal(err)
		}
		p := newParser()
		var worst string
		longest := time.Duration(0)
		for _, line := range hostile(sampleFor(spec), 64<<10) {
			took := time.Hour
			for range 3 { // the shortest, which nothing else on the machine has made longer
				began := time.Now()
				one(p, line)
				took = min(took, time.Since(began))
			}
			if took > longest {
				worst, longest = line, took
			}
		}
		b.Run(spec, func(b *testing.B) {
			recs := [1]record.Record{}
			text := []byte(worst)
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				p.Reset(nil)
				recs[0].Reset()
				recs[0].Line = text
				p.Parse(recs[:])
			}
		})
	}
}
