package servers

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// send writes text to an address and closes.
func send(t *testing.T, network, address, text string) {
	t.Helper()
	conn, err := net.Dial(network, address)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestGraphite(t *testing.T) {
	g := StartGraphite(t, "1s:1h,10s:6h")
	now := time.Now().Unix() - 60
	send(t, "tcp", g.Plaintext, fmt.Sprintf("test.tcp 1.5 %d\ntest.tcp 2 %d\ntest.tcp 3 %d\n", now, now+1, now+1))
	send(t, "udp", g.Plaintext, fmt.Sprintf("test.udp 4 %d\n", now))
	send(t, "tcp", g.Plaintext, fmt.Sprintf("test.tagged;host=a 5 %d\n", now))
	pickle := fmt.Sprintf("(lp0\n(S'test.pickle'\n(L%dL\nF6.25\ntp1\ntp2\na.", now)
	send(t, "tcp", g.Pickle, string(binary.BigEndian.AppendUint32(nil, uint32(len(pickle))))+pickle)
	want := Series{
		"test.tcp": {{now, 1.5}, {now + 1, 3}}, "test.udp": {{now, 4}}, "test.pickle": {{now, 6.25}},
		"test.tagged;host=a": {{now, 5}},
	}
	Await(t, 30*time.Second, func() error {
		got := g.Render("test.*", time.Unix(now-1, 0), time.Unix(now+10, 0))
		for name, points := range g.Render("seriesByTag('name=test.tagged')", time.Unix(now-1, 0), time.Unix(now+10, 0)) {
			got[name] = points
		}
		if d := cmp.Diff(want, got); d != "" {
			return errors.New(d)
		}
		return nil
	})
	g.Carbon.Kill()
	if err := accepts(g.Plaintext); err == nil {
		t.Error("carbon accepts after Kill")
	}
	g.Carbon.Start()
	if got := g.Render("test.tcp", time.Unix(now-1, 0), time.Unix(now+10, 0)); len(got) > 1 {
		t.Errorf("after a restart: %v", got)
	}
}

func TestStatsD(t *testing.T) {
	s := StartStatsD(t)
	send(t, "udp", s.Address, "a:3|c\na:4|c\nb:12.5|g\nc:1|ms\nc:2|ms\nd:x|s\nd:y|s\nbroken")
	send(t, "tcp", s.Address, "a:5|c\n")
	Await(t, 30*time.Second, func() error {
		got, err := s.Flushed()
		if err != nil {
			return err
		}
		for name := range got.Counters {
			if strings.HasPrefix(name, "statsd.") && name != "statsd.bad_lines_seen" {
				delete(got.Counters, name)
			}
		}
		want := Flushed{
			Counters: map[string]float64{"a": 12, "statsd.bad_lines_seen": 1},
			Gauges:   map[string]float64{"b": 12.5, "statsd.timestamp_lag": 0},
			Timers:   map[string][]float64{"c": {1, 2}}, Sets: map[string]int{"d": 2},
		}
		got.Gauges["statsd.timestamp_lag"] = 0
		if d := cmp.Diff(want, got); d != "" {
			return errors.New(d)
		}
		return nil
	})
}

func TestElasticsearch(t *testing.T) {
	e := StartElasticsearch(t)
	resp, err := http.Get(e.URL)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if got := resp.Header.Get("X-Elastic-Product"); resp.StatusCode != 200 || got != "Elasticsearch" {
		t.Errorf("GET /: %s, X-Elastic-Product %q", resp.Status, got)
	}
	do := func(method, path, body string) {
		t.Helper()
		if err := e.Do(method, path, json.RawMessage(body), nil); err != nil {
			t.Fatal(err)
		}
	}
	do("PUT", "_ilm/policy/p", `{"policy": {"phases": {"hot": {"actions": {"rollover": {"max_age": "1d"}}},
		"delete": {"min_age": "7d", "actions": {"delete": {}}}}}}`)
	do("PUT", "_index_template/t", `{"index_patterns": ["logs-t-*"], "data_stream": {}, "priority": 200, "template": {
		"settings": {"index.lifecycle.name": "p", "number_of_replicas": 0},
		"mappings": {"dynamic": false, "properties": {"n": {"type": "long"}}}}}`)
	bulk := func(lines string) string {
		t.Helper()
		resp, err := http.Post(e.URL+"/logs-t-1/_bulk", "application/x-ndjson", strings.NewReader(lines))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var b bytes.Buffer
		if _, err := b.ReadFrom(resp.Body); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	for id := range 3 {
		got := bulk(fmt.Sprintf(`{"create":{"_id":"%d"}}`+"\n"+`{"@timestamp":"2026-01-02T03:04:05Z","n":%d}`+"\n", id, id))
		if !strings.Contains(got, `"status":201`) {
			t.Fatal(got)
		}
	}
	if got := bulk(`{"create":{"_id":"1"}}` + "\n" + `{"@timestamp":"2026-01-02T03:04:05Z"}` + "\n"); !strings.Contains(got, `"status":409`) {
		t.Error(got)
	}
	if got := bulk(`{"create":{}}` + "\n" + `{"@timestamp":"2026-01-02T03:04:05Z","n":"x"}` + "\n"); !strings.Contains(got, "document_parsing_exception") {
		t.Error(got)
	}
	var streams struct {
		DataStreams []struct {
			Policy   string `json:"ilm_policy"`
			Template string
		} `json:"data_streams"`
	}
	if err := e.Do("GET", "_data_stream/logs-t-1", nil, &streams); err != nil {
		t.Fatal(err)
	}
	if len(streams.DataStreams) != 1 || streams.DataStreams[0].Policy != "p" || streams.DataStreams[0].Template != "t" {
		t.Errorf("data streams: %+v", streams)
	}
	e.Kill() // what was answered with 201 survives
	e.Start()
	if got := e.Count("logs-t-1"); got != 3 {
		t.Errorf("Count = %d, want 3", got)
	}
	ids := ""
	e.Each("logs-t-1", func(d Document) error {
		ids += d.ID
		return nil
	})
	if ids != "012" {
		t.Errorf("Each: %q", ids)
	}
	e.Stop()
}

func TestNginx(t *testing.T) {
	n := StartNginx(t, `access_log access.log combined; server { listen LISTEN; location / { return 200 "yes\n"; } }`)
	log := filepath.Join(n.Dir, "access.log")
	lines := func(name string) int {
		b, _ := os.ReadFile(name)
		return bytes.Count(b, []byte("\n"))
	}
	if err := Load(t, n.URL+"/a?b=c", 500); err != nil {
		t.Fatal(err)
	}
	Await(t, 10*time.Second, func() error {
		if got := lines(log); got != 500 {
			return fmt.Errorf("%d lines in access.log", got)
		}
		return nil
	})
	n.Rotate("access.log", "rotate 3\ncreate 0600\nsu root root\npostrotate\nREOPEN\nendscript")
	Await(t, 10*time.Second, func() error {
		if err := Load(t, n.URL+"/", 10); err != nil {
			return err
		}
		if lines(log) == 0 || lines(log+".1") < 500 {
			return fmt.Errorf("after create: %d and %d lines", lines(log), lines(log+".1"))
		}
		return nil
	})
	before := lines(log)
	n.Rotate("access.log", "rotate 3\ncopytruncate\nsu root root")
	if lines(log) != 0 || lines(log+".1") != before {
		t.Errorf("after copytruncate: %d and %d lines, before %d", lines(log), lines(log+".1"), before)
	}
	n.Stop()
}

// TestLeash kills a test process and wants its server, and the server's children, gone.
func TestLeash(t *testing.T) {
	if os.Getenv("GATEMETER_TEST_LEASH") != "" {
		n := StartNginx(t, `access_log off; server { listen LISTEN; }`)
		fmt.Printf("listens %s\n", n.Address)
		_ = os.Stdout.Sync()
		<-t.Context().Done() // until it is killed
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestLeash$", "-test.timeout=2m")
	cmd.Env = append(os.Environ(), "GATEMETER_TEST_LEASH=1", "TMPDIR="+t.TempDir())
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	address := ""
	for lines := bufio.NewScanner(out); address == "" && lines.Scan(); {
		address, _ = strings.CutPrefix(lines.Text(), "listens ")
	}
	if err := accepts(address); err != nil {
		t.Fatalf("before the kill: %v", err)
	}
	if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	Await(t, 10*time.Second, func() error {
		if accepts(address) == nil {
			return fmt.Errorf("%s still accepts", address)
		}
		return nil
	})
}

// TestKafka: the broker answers on each of its ports, and again after it was killed.
func TestKafka(t *testing.T) {
	k := StartKafka(t)
	for range 2 {
		for _, address := range []string{k.SASL, k.MTLS} {
			if err := accepts(address); err != nil {
				t.Error(err)
			}
		}
		k.Kill()
		k.Start()
	}
}
