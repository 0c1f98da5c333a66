package e2e

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"

	strictgraphite "github.com/gatemeter/gatemeter/internal/strict/graphite"
)

// memory returns the most memory that gatemeter has had resident, in MiB.
func (w *world) memory() int {
	w.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", w.process.PID()))
	if err != nil {
		w.t.Fatal(err)
	}
	m := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status)
	if m == nil {
		w.t.Fatalf("no VmHWM in %q", status)
	}
	n, _ := strconv.Atoi(string(m[1]))
	return n / 1024
}

// letters26 is i in letters: a name that no rule takes for an id.
func letters26(i int) string {
	b := []byte("/")
	for range 6 {
		b = append(b, byte('a'+i%26))
		i /= 26
	}
	return string(b)
}

// TestFaultDistinct: every request has a path, a host, an agent and an address of its own. Series and memory stay bounded, and
// no request is missing in any total.
func TestFaultDistinct(t *testing.T) {
	const maxSeries, seconds = 100, 60
	w := newWorld(t, 0)
	w.addGraphite(strictgraphite.Options{})
	lines := size(60_000, 10_000_000)
	w.config["sources"] = object{"edge": object{
		"type": "file", "paths": []string{w.log.path}, "format": `$remote_addr [$time_local] $host "$request" $status $body_bytes_sent "$http_user_agent"`,
	}}
	metrics := w.config["metrics"].(object)
	metrics["max_series"] = maxSeries
	metrics["rollups"] = object{"route": []string{"route"}, "domain": []string{"domain"}, "all": []string{}}
	f, err := os.OpenFile(w.log.path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	out := bufio.NewWriterSize(f, 1<<20)
	begin := time.Now().Add(-10 * time.Minute).UTC()
	for i := range lines {
		at := begin.Add(time.Duration(i) * seconds * time.Second / time.Duration(lines))
		fmt.Fprintf(out, "10.%d.%d.%d [%s] h%d.example \"GET %s HTTP/1.1\" 200 7 \"agent %d\"\n",
			i>>16&255, i>>8&255, i&255, at.Format("02/Jan/2006:15:04:05 +0000"), i, letters26(i), i)
	}
	if err := out.Flush(); err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	w.start()
	total := func(rollup string, nodes int) (sum, series int) {
		for name, windows := range w.points() {
			if strings.HasPrefix(name, rollup+".") && strings.HasSuffix(name, ".requests.count") && strings.Count(name, ".") == nodes {
				series++
				for _, n := range windows {
					sum += int(n)
				}
			}
		}
		return sum, series
	}
	w.await(func() error {
		if got, _ := total("all", 2); got != lines {
			return fmt.Errorf("%d requests in all, want %d", got, lines)
		}
		return nil
	})
	for _, rollup := range []string{"route", "domain"} {
		sum, series := total(rollup, 3)
		if most := (maxSeries + 1) * (seconds + 1); sum != lines || series > most {
			t.Errorf("%s: %d requests in %d series, want %d in at most %d", rollup, sum, series, lines, most)
		}
		if other := w.graphite.Values()["w."+shard+"."+rollup+"._other.requests.count"]; len(other) == 0 {
			t.Errorf("%s: no _other", rollup)
		}
	}
	note(t, outcome{fault: "distinct paths, hosts, agents and addresses", trials: 1, lines: lines})
	const most = 96
	if got := w.memory(); got > most && !raced() {
		t.Errorf("%d MiB resident, want at most %d", got, most)
	} else {
		t.Logf("%d MiB resident", got)
	}
}

// TestFaultHostile: JSON that is deep, wide, doubled or broken, and a file that decompresses to a thousand times its size.
func TestFaultHostile(t *testing.T) {
	w := newWorld(t, 0)
	w.addGraphite(strictgraphite.Options{})
	w.addElasticsearch()
	good := func(i int) string {
		return fmt.Sprintf(`{"started_at":%d,"request":{"uri":"/a","method":"GET","size":1},"response":{"status":200,"size":2},"latencies":{"request":3,"proxy":2},"client_ip":"192.0.2.1"}`,
			time.Now().Add(-5*time.Minute).UnixMilli()+int64(i))
	}
	hostile := []string{
		strings.Repeat("[", 30_000), strings.Repeat(`{"a":`, 10_000), `{"a":` + strings.Repeat("[0,", 15_000) + "0" + strings.Repeat("]", 15_000) + "}",
		"[" + strings.Repeat("{},", 20_000) + "{}]", `{"request":` + good(0) + strings.Repeat("}", 100), `{"started_at":1e400}`, `{"started_at":"` + strings.Repeat("9", 60_000) + `"}`,
		"null", "true", `""`, "{", "}", "\x00", "\xff\xfe", `{"\ud800":"\udc00"}`, good(0)[:100],
	}
	valid := []string{
		strings.Replace(good(1), `"uri":"/a"`, `"uri":"/a","uri":"/b","uri":"\u0000\ud800\n gateway.x 1 1\n"`, 1),
		strings.Replace(good(2), `"/a"`, `"/x;a=b.c..d:1|c/`+strings.Repeat("é", 10_000)+`"`, 1),
		strings.Replace(good(3), `{"uri"`, `{"headers":{`+strings.Repeat(`"h":"v",`, 7000)+`"h":"v"},"uri"`, 1),
		strings.Replace(good(4), `192.0.2.1`, `\u001b[2Jnobody's address`, 1),
	}
	var text bytes.Buffer
	for range size(20, 300) {
		for _, line := range hostile {
			text.WriteString(line + "\n")
		}
		for _, line := range valid {
			text.WriteString(line + "\n")
		}
	}
	w.log.append(text.Bytes())
	lines, counted := bytes.Count(text.Bytes(), []byte("\n")), len(valid)*size(20, 300)

	bomb := filepath.Join(filepath.Dir(w.log.path), "bomb.log.gz")
	f, err := os.Create(bomb)
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewWriterLevel(f, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	zero := make([]byte, 1<<20)
	for range 256 {
		if _, err := z.Write(zero); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	w.config["sources"] = object{
		"edge": object{"type": "file", "paths": []string{w.log.path}, "format": "kong"},
		"bomb": object{"type": "file", "paths": []string{bomb}, "format": "kong"},
	}
	w.config["metrics"].(object)["rollups"] = object{"route": []string{"service", "route"}, "all": []string{}}
	w.start()
	w.reaches(float64(lines), "gatemeter_source_read_lines_total", `source="edge"`)
	if got := w.metric(t, "gatemeter_window_counted_records_total", `source="edge"`); got != float64(counted) {
		t.Errorf("%v counted, want %d", got, counted)
	}
	if got := w.metric(t, "gatemeter_parser_malformed_lines_total", `source="edge"`); got != float64(lines-counted) {
		t.Errorf("%v malformed, want %d", got, lines-counted)
	}
	w.await(func() error {
		if got := w.search.Count(); got != lines {
			return fmt.Errorf("%d documents, want %d", got, lines)
		}
		return nil
	})
	w.await(func() error { // one line of zeros, or given up for what it is
		if skipped, lost := w.metric(t, "gatemeter_source_skipped_lines_total", `source="bomb"`), w.metric(t, "gatemeter_file_losses_total", `source="bomb"`); skipped+lost == 0 {
			return fmt.Errorf("nothing said of the bomb")
		}
		return nil
	})
	note(t, outcome{fault: "hostile JSON, and a gzip bomb", trials: len(hostile) + len(valid), lines: lines})
	for name := range w.graphite.Values() {
		if nodes := strings.Split(name, "."); nodes[2] == "route" && len(nodes) != 7 {
			t.Errorf("Graphite has %s", name)
		}
	}
	const most = 128
	if got := w.memory(); got > most {
		t.Errorf("%d MiB resident, want at most %d", got, most)
	} else {
		t.Logf("%d MiB resident", got)
	}
}
