package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/internal/servers"
)

// senders is how many requests both ways have under way at a time: the sink's default.
const senders = 2

// TestBenchElasticsearch is `make bench-elasticsearch`: how fast a real Elasticsearch takes the records of a log from gatemeter, beside the same
// requests, made beforehand and sent by the simplest client there can be. GATEMETER_BENCH_ELASTICSEARCH is the file for the result,
// GATEMETER_BENCH_DOCUMENTS how many lines, GATEMETER_BENCH_ROUNDS how many turns. In a run of the tests it is small, to see that it works.
func TestBenchElasticsearch(t *testing.T) {
	t.Parallel()
	result := os.Getenv("GATEMETER_BENCH_ELASTICSEARCH")
	documents, rounds := numberOf(t, "GATEMETER_BENCH_DOCUMENTS", 2000), numberOf(t, "GATEMETER_BENCH_ROUNDS", 1)
	e := servers.StartElasticsearch(t, "indices.breaker.total.use_real_memory=false") // its heap is small: garbage does not count
	load := loadAverage()
	log, stream := filepath.Join(t.TempDir(), "access.log"), index("bench")
	generate(t, log, "nginx_timed", documents, "--rate", "20000", "--malformed", "0")
	stored := func(way string) {
		t.Helper()
		if n := e.Count(stream); n != documents {
			t.Fatalf("%s: Elasticsearch has %d documents of %d", way, n, documents)
		}
		if err := e.Do("DELETE", "_data_stream/"+stream, nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	indexWithGatemeter(t, e.URL, stream, log) // it installs the template, and Elasticsearch gets warm
	stored("gatemeter")
	requests := recordRequests(t, stream, log)
	var own, plain []reading
	for range rounds {
		plain = append(plain, sendRequests(t, e.URL, requests))
		stored("the simplest client")
		own = append(own, indexWithGatemeter(t, e.URL, stream, log))
		stored("gatemeter")
	}
	rate := func(of []reading) string {
		s := spreadOf(rounds, func(k int) float64 { return float64(documents) / of[k].wall.Seconds() })
		return fmt.Sprintf("%.0f %.0f %.0f", s[0], s[1], s[2])
	}
	text := fmt.Sprintf("# Records into a real Elasticsearch\n\nWritten by `make bench-elasticsearch`, %s. %d lines of nginx (`nginx_timed`), Elasticsearch on the same machine: %s. Load average at the\n"+
		"start %s, at the end %s. %d requests at a time, both ways; the simplest client has them in memory and looks only at the status. Its time is from the first\n"+
		"request to the last answer; that of gatemeter, which reads the log, makes the metrics (and sends them nowhere) and the documents, from when it runs to its exit.\n"+
		"By turns, minimum, median and maximum of %d rounds.\n\n| | documents/s |\n|---|---|\n| %d requests made beforehand, the simplest client | %s |\n| gatemeter | %s |\n| gatemeter's rate, in the client's | %v |\n| gatemeter's CPU, µs a document | %v |\n",
		time.Now().UTC().Format("2006-01-02 15:04 UTC"), documents, machine(), load, loadAverage(), senders, rounds, len(requests), rate(plain), rate(own),
		spreadOf(rounds, func(k int) float64 { return plain[k].wall.Seconds() / own[k].wall.Seconds() }),
		spreadOf(rounds, func(k int) float64 { return own[k].cpu.Seconds() * 1e6 / float64(documents) }))
	t.Log(text)
	writeResult(t, result, text)
}

// indexWithGatemeter has the binary index a log, once.
func indexWithGatemeter(t *testing.T, url, stream, log string) reading {
	t.Helper()
	g := newInstance(t, object{
		"sources": object{"gw": object{"type": "file", "paths": []string{log}, "format": "nginx_timed"}},
		"sinks":   object{"es": object{"type": "elasticsearch", "urls": []string{url}, "data_stream": stream, "concurrency": senders}},
	})
	took, _ := runOnce(t, g, "msg=running")
	return took
}

// bulkRequest is a request as gatemeter made it.
type bulkRequest struct {
	path string // with its query
	body []byte
}

// recordRequests returns the requests that gatemeter makes of a log.
func recordRequests(t *testing.T, stream, log string) (requests []bulkRequest) {
	t.Helper()
	var mu sync.Mutex
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Elastic-Product", "Elasticsearch")
		w.Header().Set("Content-Type", "application/json")
		if !strings.HasSuffix(r.URL.Path, "/_bulk") {
			_, _ = io.WriteString(w, `{"version":{"number":"8.19.0"},"acknowledged":true}`)
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("read a request: %v", err)
		}
		mu.Lock()
		requests = append(requests, bulkRequest{r.URL.RequestURI(), body})
		mu.Unlock()
		n := bytes.Count(body, []byte{'\n'}) / 2
		items := strings.Repeat(`{"create":{"status":201}},`, n)
		_, _ = io.WriteString(w, `{"errors":false,"took":1,"items":[`+strings.TrimSuffix(items, ",")+`]}`)
	}))
	defer s.Close()
	indexWithGatemeter(t, s.URL, stream, log)
	return requests
}

// sendRequests sends requests that are there, and returns how long that took.
func sendRequests(t *testing.T, url string, requests []bulkRequest) reading {
	t.Helper()
	left := make(chan bulkRequest, len(requests))
	for _, r := range requests {
		left <- r
	}
	close(left)
	var sending sync.WaitGroup
	var mu sync.Mutex
	var failed error
	began := time.Now()
	for range senders {
		sending.Go(func() {
			for r := range left {
				var err error
				servers.Within(within, func() bool { err = sendRequest(url, r); return !errors.Is(err, errBusy) })
				mu.Lock()
				failed = errors.Join(failed, err)
				mu.Unlock()
			}
		})
	}
	sending.Wait()
	wall := time.Since(began)
	if failed != nil {
		t.Fatal(failed)
	}
	return reading{wall: wall}
}

// errBusy is a 429: the request is to be sent again, as gatemeter does too.
var errBusy = errors.New("429 Too Many Requests")

func sendRequest(url string, r bulkRequest) error {
	resp, err := http.Post(url+r.path, "application/x-ndjson", bytes.NewReader(r.body))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	switch resp.StatusCode {
	case http.StatusOK:
		return nil
	case http.StatusTooManyRequests:
		return errBusy
	}
	return fmt.Errorf("POST %s: %s", r.path, resp.Status)
}
