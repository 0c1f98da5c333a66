package loggen

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the golden files anew")

var start = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func lines(o Options, n int) ([]byte, Truth) {
	g := New(o)
	var b []byte
	for range n {
		b = g.Append(b)
	}
	return b, g.Truth()
}

// TestGolden keeps the bytes of a seed what they are: others compare runs by them.
func TestGolden(t *testing.T) {
	for f := range numFormats {
		t.Run(f.String(), func(t *testing.T) {
			got, _ := lines(Options{Format: f, Seed: 7, Start: start, Interval: 700 * time.Millisecond, Malformed: 0.1, Disorder: DefaultDisorder}, 40)
			compareGolden(t, filepath.Join("testdata", f.String()+".golden"), got)

			all, _ := lines(Options{Format: f, Seed: 1, Start: start, Malformed: DefaultMalformed, Disorder: DefaultDisorder}, 20_000)
			sum := sha256.Sum256(all)
			compareGolden(t, filepath.Join("testdata", f.String()+".sha256"), []byte(hex.EncodeToString(sum[:])+"\n"))
		})
	}
}

func compareGolden(t *testing.T, name string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("other bytes than in %s; the first difference is at byte %d", name, firstDifference(got, want))
	}
}

func firstDifference(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

// read is a line as a slow reader that shares nothing with the generator understands it.
type read struct {
	time              time.Time
	method, path      string
	status            int
	millis, upstream  int64 // -1: none
	bytes             int64
	service, client   string
	routeName, source string
}

// readNginx reads lines of a log_format through a regular expression made of it.
func readNginx(t *testing.T, format string) func(line string) (read, bool) {
	t.Helper()
	pattern := regexp.MustCompile(`\\\$(\w+)`).ReplaceAllStringFunc(regexp.QuoteMeta(format), func(v string) string {
		name := v[2:]
		switch name {
		case "status", "body_bytes_sent", "request_length":
			return `(?P<` + name + `>\d+)`
		case "request_time":
			return `(?P<` + name + `>\d+\.\d{3})`
		case "upstream_response_time":
			return `(?P<` + name + `>-|(?:\d+\.\d{3}(?:, \d+\.\d{3})*)?)`
		}
		return `(?P<` + name + `>[^"]*?)`
	})
	re := regexp.MustCompile(`^` + pattern + `$`)
	return func(line string) (read, bool) {
		m := re.FindStringSubmatch(line)
		if m == nil {
			return read{}, false
		}
		v := map[string]string{}
		for i, name := range re.SubexpNames() {
			v[name] = m[i]
		}
		r := read{client: v["remote_addr"], service: v["server_name"], millis: -1, upstream: -1}
		var err error
		if local := v["time_local"]; local != "" {
			r.time, err = time.Parse("02/Jan/2006:15:04:05 -0700", local)
		} else {
			r.time, err = time.Parse(time.RFC3339, v["time_iso8601"])
		}
		if err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		if request := v["request"]; request != "" {
			parts := strings.Fields(request)
			r.method, r.path = parts[0], parts[1]
		} else {
			r.method, r.path = v["request_method"], v["request_uri"]
		}
		r.path, _, _ = strings.Cut(r.path, "?")
		r.status, _ = strconv.Atoi(v["status"])
		r.bytes, _ = strconv.ParseInt(v["body_bytes_sent"], 10, 64)
		if s := v["request_time"]; s != "" {
			r.millis = millis(t, s)
		}
		if s := v["upstream_response_time"]; s != "" && s != "-" {
			r.upstream = 0
			for try := range strings.SplitSeq(s, ", ") {
				r.upstream += millis(t, try)
			}
		}
		return r, true
	}
}

func millis(t *testing.T, seconds string) int64 {
	t.Helper()
	f, err := strconv.ParseFloat(seconds, 64)
	if err != nil {
		t.Fatal(err)
	}
	return int64(math.Round(f * 1000))
}

func readKong(line string) (read, bool) {
	var k struct {
		StartedAt int64  `json:"started_at"`
		ClientIP  string `json:"client_ip"`
		Source    string
		Request   struct {
			Method, URI string
			Querystring map[string]string
		}
		Response  struct{ Status, Size int }
		Latencies struct{ Request, Proxy, Kong, Receive int64 }
		Service   struct{ Name string }
		Route     struct{ Name string }
		Tries     []struct {
			Nanos float64 `json:"balancer_start_ns"`
		}
	}
	if json.Unmarshal([]byte(line), &k) != nil {
		return read{}, false
	}
	path, query, _ := strings.Cut(k.Request.URI, "?")
	if (len(k.Request.Querystring) > 0) != (query != "") || (k.Source == "kong") != (len(k.Tries) == 0) {
		return read{}, false
	}
	for _, try := range k.Tries {
		if math.Abs(try.Nanos/1e6-float64(k.StartedAt)) > 1 {
			return read{}, false
		}
	}
	return read{
		time: time.UnixMilli(k.StartedAt), method: k.Request.Method, path: path, status: k.Response.Status,
		millis: k.Latencies.Request, upstream: k.Latencies.Proxy, bytes: int64(k.Response.Size),
		service: k.Service.Name, client: k.ClientIP, routeName: k.Route.Name, source: k.Source,
	}, true
}

func reader(t *testing.T, f Format) func(line string) (read, bool) {
	t.Helper()
	switch f {
	case NginxCombined:
		return readNginx(t, NginxCombinedLogFormat)
	case NginxTimed:
		return readNginx(t, NginxTimedLogFormat)
	case NginxJSON:
		return readNginx(t, NginxJSONLogFormat)
	case Kong:
		return readKong
	}
	return readObject(t, f)
}

// TestTruth reads the lines of each format with an independent reader and compares with what the generator says.
func TestTruth(t *testing.T) {
	for f := range numFormats {
		t.Run(f.String(), func(t *testing.T) {
			const n = 4_000
			log, truth := lines(Options{Format: f, Seed: 3, Start: start, Interval: 25 * time.Millisecond, Malformed: 0.01, Disorder: DefaultDisorder}, n)
			got := Truth{Bytes: int64(len(log))}
			parse := reader(t, f)
			newest, most := start, time.Duration(0)
			for line := range strings.Lines(string(log)) {
				got.Lines++
				r, ok := parse(strings.TrimSuffix(line, "\n"))
				if !ok {
					got.Malformed++
					continue
				}
				got.Status[r.status]++
				got.ResponseBytes += r.bytes
				got.Millis += max(r.millis, 0)
				if r.upstream > r.millis {
					t.Fatalf("the upstream took longer than the request: %s", line)
				}
				if r.status == 504 && r.millis >= 0 && r.millis < 30_000 {
					t.Fatalf("a gateway timeout that did not wait: %s", line)
				}
				if r.time.Before(start) {
					t.Fatalf("%v is before the start: %s", r.time, line)
				}
				if r.time.After(newest) {
					newest = r.time
				}
				if f.AtStart() {
					r.time = r.time.Add(time.Duration(r.millis) * time.Millisecond)
				}
				most = max(most, newest.Sub(r.time))
			}
			if f == NginxCombined {
				truth.Millis = 0
			}
			if got != truth {
				t.Errorf("read %+v\nwant %+v", got, truth)
			}
			if most < time.Second || most > 2500*time.Millisecond { // times are cut to seconds
				t.Errorf("disorder of up to %v", most)
			}
			if last := newest.Sub(start); last < 98*time.Second || last > 100*time.Second {
				t.Errorf("the lines span %v", last)
			}
			if truth.Malformed < n/200 || truth.Malformed > n/50 {
				t.Errorf("%d malformed lines", truth.Malformed)
			}
			// Of the lines 1 % is malformed and 5 % of the rest fails.
			successes := truth.Status[200] + truth.Status[201] + truth.Status[204]
			if share := float64(successes) / n; share < 0.93 || share > 0.95 {
				t.Errorf("%.3f of the requests succeed", share)
			}
		})
	}
}

// TestShape checks that the traffic is what the package's comment says.
func TestShape(t *testing.T) {
	log, _ := lines(Options{Format: Kong, Seed: 5, Start: start}, 20_000)
	services, names, clients := map[string]int{}, map[string]int{}, map[string]int{}
	size, n := len(log), 0
	var ofFirst []int64
	for line := range strings.Lines(string(log)) {
		r, ok := readKong(line)
		if !ok {
			t.Fatalf("not JSON: %s", line)
		}
		n++
		services[r.service]++
		names[r.service+"/"+r.routeName]++
		clients[r.client]++
		if r.routeName == routes[0].name && r.status == 200 {
			ofFirst = append(ofFirst, r.millis)
		}
		switch r.status {
		case 401, 403, 429:
			if r.source != "kong" || r.upstream != -1 {
				t.Fatalf("the gateway's own answer went upstream: %s", line)
			}
		}
	}
	if len(services) != 12 || len(names) != 40 {
		t.Errorf("%d services, %d routes", len(services), len(names))
	}
	if len(clients) < 2000 || len(clients) > 5000 {
		t.Errorf("%d clients", len(clients))
	}
	first, last := names[routes[0].service+"/"+routes[0].name], names[routes[39].service+"/"+routes[39].name]
	if first < 15*last {
		t.Errorf("the hottest route has %d requests, the coldest %d", first, last)
	}
	if average := size / n; average < 1340 || average > 1420 {
		t.Errorf("%d bytes a line", average)
	}
	below := 0
	for _, ms := range ofFirst {
		if ms*1000 < routes[0].micros {
			below++
		}
	}
	if share := float64(below) / float64(len(ofFirst)); share < 0.47 || share > 0.53 {
		t.Errorf("%.3f of the requests are faster than the median", share)
	}
}

func TestSeedsDiffer(t *testing.T) {
	a, _ := lines(Options{Seed: 1, Start: start}, 100)
	b, _ := lines(Options{Seed: 2, Start: start}, 100)
	if bytes.Equal(a, b) {
		t.Error("two seeds give the same lines")
	}
}

func TestAllMalformed(t *testing.T) {
	for f := range numFormats {
		log, truth := lines(Options{Format: f, Seed: 11, Start: start, Malformed: 1}, 2000)
		parse := reader(t, f)
		n := 0
		for line := range strings.Lines(string(log)) {
			n++
			if _, ok := parse(strings.TrimSuffix(line, "\n")); ok {
				t.Errorf("%v: well-formed: %q", f, line)
			}
			if strings.TrimSpace(line) == "" {
				t.Errorf("%v: a blank line", f)
			}
		}
		if truth.Malformed != 2000 || n != 2000 {
			t.Errorf("%v: %d lines, %d malformed", f, n, truth.Malformed)
		}
	}
}

func TestAppendAt(t *testing.T) {
	g := New(Options{Format: NginxTimed, Seed: 1})
	line := string(g.AppendAt(nil, start))
	r, ok := readNginx(t, NginxTimedLogFormat)(strings.TrimSuffix(line, "\n"))
	if !ok || !r.time.Equal(start) {
		t.Errorf("%q, want the time %v", line, start)
	}
}

func TestNoAllocations(t *testing.T) {
	for f := range numFormats {
		g := New(Options{Format: f, Seed: 1, Start: start, Malformed: 0.01, Disorder: DefaultDisorder})
		buf := make([]byte, 0, 64<<10)
		for range 1000 {
			g.Append(buf)
		}
		if n := testing.AllocsPerRun(1000, func() { g.Append(buf) }); n != 0 {
			t.Errorf("%v: %v allocations a line", f, n)
		}
	}
}

func TestParseFormat(t *testing.T) {
	for _, name := range FormatNames() {
		if f, err := ParseFormat(name); err != nil || f.String() != name {
			t.Errorf("ParseFormat(%q) = %v, %v", name, f, err)
		}
	}
	if _, err := ParseFormat("iis"); err == nil || !strings.Contains(err.Error(), `"kong"`) {
		t.Errorf("an unknown format gives %v", err)
	}
}

func BenchmarkAppend(b *testing.B) {
	for f := range numFormats {
		b.Run(f.String(), func(b *testing.B) {
			g := New(Options{Format: f, Seed: 1, Start: start, Malformed: DefaultMalformed, Disorder: DefaultDisorder})
			buf := make([]byte, 0, 64<<10)
			b.ReportAllocs()
			for b.Loop() {
				buf = g.Append(buf[:0])
			}
			b.SetBytes(g.Truth().Bytes / g.Truth().Lines)
		})
	}
}
