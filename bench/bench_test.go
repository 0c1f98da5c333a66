package main

import (
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestParseSize(t *testing.T) {
	f := func(s string, want int64) {
		t.Helper()
		if got, err := parseSize(s); got != want || (err == nil) != (want > 0) {
			t.Errorf("%s is %d, %v, want %d", s, got, err, want)
		}
	}
	f("1GB", 1e9)
	f("200MB", 2e8)
	f("1GiB", 1<<30)
	f("17", 17)
	f("0", 0)
	f("-1GB", 0)
	f("99999999GB", 0)
	f("1kB", 0)
	f("", 0)
}

func TestSpread(t *testing.T) {
	f := func(values []float64, low, median, high float64) {
		t.Helper()
		if a, b, c := spread(len(values), func(i int) float64 { return values[i] }); a != low || b != median || c != high {
			t.Errorf("%v: %v %v %v, want %v %v %v", values, a, b, c, low, median, high)
		}
	}
	f([]float64{3}, 3, 3, 3)
	f([]float64{3, 1, 2}, 1, 2, 3)
	f([]float64{4, 1, 2, 3}, 1, 2.5, 4)
}

func TestSamples(t *testing.T) {
	text := `# HELP requests_total requests
requests_total{status="200",method="GET"} 12
requests_total{status="404",method="GET"} 3 1790000000000
requests_total{status="",method=""} 99
requests_total_other{status="200"} 7
`
	if n := samples([]byte(text), "requests_total{"); n != 15 {
		t.Errorf("%d", n)
	}
}

// TestCheck: tools that count lines must agree exactly, those that count records but for what is malformed.
func TestCheck(t *testing.T) {
	in := &input{lines: 100_000}
	f := func(lines bool, counted int64, ok bool) {
		t.Helper()
		if err := in.check(&tool{name: "x", allLines: lines}, counted); (err == nil) != ok {
			t.Errorf("%d: %v", counted, err)
		}
	}
	f(true, 100_000, true)
	f(true, 99_999, false)
	f(false, 99_900, true) // gatemeter's own, the first
	f(false, 99_990, true)
	f(false, 99_700, false)
}

// TestSinks: what is sent is counted once, the last value of each window.
func TestSinks(t *testing.T) {
	s, err := listen()
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	conn, err := net.Dial("tcp", s.graphite)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("bench.h.all.requests.count 5 10\nbench.h.all.requests.count 7 10\nbench.h.all.requests.2xx 7 10\nbench.h.all.requests.count 1 20\n")); err != nil {
		t.Fatal(err)
	}
	answer, err := http.Post("http://"+s.elasticsearch+"/x/_bulk", "application/json", strings.NewReader("{}\n{}\n{}\n{}\n"))
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	requests, documents := s.counts()
	for deadline := time.Now().Add(10 * time.Second); requests != 8 && time.Now().Before(deadline); {
		requests, documents = s.counts()
	}
	if requests != 8 || documents != 2 {
		t.Errorf("%d requests, %d documents", requests, documents)
	}
}

// TestConfigs: every peer's configuration can be filled in, and nothing stays unfilled.
func TestConfigs(t *testing.T) {
	files, err := configs.ReadDir("peers")
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{options: &options{}, sinks: &sinks{statsd: "127.0.0.1:1"}}
	r := &toolRun{in: &input{path: "/x"}, dir: t.TempDir()}
	for _, f := range files {
		if _, err := b.config(r, f.Name()); err != nil {
			t.Error(err)
		}
		text, err := configs.ReadFile("peers/" + f.Name())
		if err != nil {
			t.Fatal(err)
		}
		for _, known := range []string{"@IN@", "@DIR@", "@PORT@", "@STATSD_HOST@", "@STATSD_PORT@"} {
			text = []byte(strings.ReplaceAll(string(text), known, ""))
		}
		if i := strings.IndexByte(string(text), '@'); i >= 0 {
			t.Errorf("%s: %.20q is not filled in", f.Name(), text[i:])
		}
	}
}
