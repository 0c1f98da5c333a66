package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/internal/strict/elasticsearch"
	"github.com/gatemeter/gatemeter/internal/strict/graphite"
	"github.com/gatemeter/gatemeter/internal/verify"
)

// verified is a gatemeter that has read logs once, and what it has sent them to.
type verified struct {
	t        *testing.T
	dir      string
	config   string
	graphite *graphite.Server
	search   *elasticsearch.Server
}

// newVerified generates logs, the first of the names and formats the oldest, and reads them once.
func newVerified(t *testing.T, metrics, sources, graphiteKeys string, logs ...[]string) *verified {
	t.Helper()
	v := &verified{t: t, dir: t.TempDir()}
	for i, l := range logs {
		args := append([]string{"gen", "-o", v.path(l[0]), "--seed", fmt.Sprint(i + 1)}, l[1:]...)
		if _, err := output(t, args...); err != nil {
			t.Fatal(err)
		}
	}
	var err error
	if v.graphite, err = graphite.New(graphite.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.graphite.Close)
	web := httptest.NewServer(v.graphite.Render(10))
	t.Cleanup(web.Close)
	if v.search, err = elasticsearch.New(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.search.Close)
	v.config = v.path("gatemeter.yaml")
	text := fmt.Sprintf(`data_dir: %q
listen: ""
shard: web.1
log: {level: error}
metrics: %s
sources: %s
sinks:
  g: {type: graphite, address: "tcp://%s", render_url: %q, %s}
  e: {type: elasticsearch, urls: [%q], index: "access-%%Y.%%m.%%d", setup: false}
`, v.path("data"), metrics, strings.ReplaceAll(sources, "DIR", v.dir), v.graphite.Address, web.URL, graphiteKeys, v.search.URL)
	if err := os.WriteFile(v.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	v.once()
	return v
}

func (v *verified) path(name string) string { return filepath.Join(v.dir, name) }

// once reads what is there.
func (v *verified) once() {
	v.t.Helper()
	if _, err := output(v.t, "run", "-c", v.config, "--once"); err != nil {
		v.t.Fatal(err)
	}
}

// verify wants so many differences, with all of parts in the text of one of them.
func (v *verified) verify(differences int, parts ...string) *verify.Report {
	v.t.Helper()
	out, err := output(v.t, "verify", "-c", v.config, "--json", "--wait", "0s")
	var r verify.Report
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		v.t.Fatalf("%v: %s", err, out)
	}
	code := 0
	if differences == anyNumber && r.Total > 0 {
		differences = r.Total
	}
	if differences > 0 {
		code = 1
	}
	var said []string
	fits := len(parts) == 0
	for i := range r.Differences {
		text := r.Differences[i].String()
		said = append(said, text)
		one := true
		for _, p := range parts {
			one = one && strings.Contains(text, p)
		}
		fits = fits || one
	}
	if exitCode(err) != code || r.Total != differences || r.Agrees != (differences == 0) || !fits {
		v.t.Errorf("%d differences and code %d, want %d with %q:\n%.3000s\nnotes: %q", r.Total, exitCode(err), differences, parts, strings.Join(said, "\n"), r.Notes)
	}
	return &r
}

const (
	someMetrics = `{window: 10s, lateness: 5s, amend: 30s, percentiles: [50, 99, 99.9], status_codes: true, max_series: 8,
  rollups: {route: [service, route, method], service: [service], all: [], class: [status_class], who: [consumer, cache]}}`
	someSources = `
  edge: {type: file, paths: ["DIR/access.log*"], format: combined}
  kong: {type: file, paths: ["DIR/kong.log"], format: kong, service: fallback}
filters:
  - {when: {http.request.method: {one_of: [DELETE]}}, drop: [metrics, records]}
  - {when: {http.response.status_code: {one_of: [404]}}, drop: [records]}
redact: {addresses: truncate}`
)

// someLogs have lines out of order, too late, malformed, and folded series.
func someLogs(t *testing.T) *verified {
	t.Helper()
	begin := time.Now().Add(-24 * time.Hour).UTC().Format(time.RFC3339)
	next := time.Now().Add(-24*time.Hour + 80*time.Second).UTC().Format(time.RFC3339)
	more := []string{"--rate", "10", "--disorder", "50s", "--malformed", "0.02"}
	return newVerified(t, someMetrics, someSources, "prefix: a.b",
		append([]string{"access.log.1", "--format", "nginx_combined", "-n", "800", "--start", begin}, more...),
		append([]string{"access.log", "--format", "nginx_combined", "-n", "400", "--start", next}, more...),
		append([]string{"kong.log", "--format", "kong", "-n", "1000", "--start", begin}, more...))
}

// TestVerifyAgrees: a run that nobody has meddled with agrees, with every kind of line and value.
func TestVerifyAgrees(t *testing.T) {
	v := someLogs(t)
	r := v.verify(0)
	if text, err := output(t, "verify", "-c", v.config); err != nil || !strings.HasSuffix(text, " documents\nall agree\n") {
		t.Errorf("said %q, %v", text, err)
	}
	if r.Lines != 2200 || r.Documents < 2000 || r.Windows < 10 || r.Values < 5000 || r.Reasons["late"] < 50 || r.Reasons["filtered"] == 0 || len(r.Reasons) < 4 {
		t.Errorf("%+v: the test no longer tests", r)
	}
	folded := false
	for name := range v.graphite.Values() {
		folded = folded || strings.Contains(name, "_other")
	}
	if !folded {
		t.Error("no series was folded: the test no longer tests")
	}
}

// TestVerifyFinds: one thing is changed at a time, and found.
func TestVerifyFinds(t *testing.T) {
	v := someLogs(t)
	v.verify(0)

	// A document that is deleted.
	docs := v.search.Docs()
	gone := docs[len(docs)/3]
	v.search.Delete(gone.ID)
	r := v.verify(1, "1 document of", gone.ID, "deleted from Elasticsearch: what is around it is there")
	if d := r.Differences[0]; d.Window == nil || d.Series == "" || d.Source == "" || d.Lines != 1 {
		t.Errorf("%+v", d)
	}
	// All of a log, and nothing of the others.
	for _, other := range docs {
		if strings.HasPrefix(other.ID, gone.ID[:24]) {
			v.search.Delete(other.ID)
		}
	}
	v.verify(1, "documents of", "Elasticsearch has none of this log up to here")
}

// TestVerifyFindsPoints: points of each kind that were changed, added or taken away, each in a window of its own.
func TestVerifyFindsPoints(t *testing.T) {
	v := someLogs(t)
	all := v.graphite.Values()
	windows := slices.Sorted(maps.Keys(all["a.b.web_1.all.requests.count"]))
	var wanted [][]string
	f := func(name string, change func(text string) string, want ...string) {
		t.Helper()
		name = "a.b.web_1." + name
		at := windows[0]
		windows = windows[1:]
		v.graphite.Set(name, at, change(all[name][at]))
		wanted = append(wanted, append(want, name, verify.Time(at).String()))
	}
	add := func(d float64) func(string) string {
		return func(text string) string {
			var x float64
			fmt.Sscan(text, &x)
			return fmt.Sprint(x + d)
		}
	}
	const changed = "the point was changed in Graphite"
	f("all.requests.count", add(1), changed)
	f("all.requests.count", add(-1), changed)
	f("all.requests.2xx", add(1), changed)
	f("all.clients.distinct", add(1), changed)
	f("service.edge.requests.count", add(1), changed)
	f("all.latency.p99", add(0.00001), changed)
	f("all.latency.mean", add(0.0001), changed)
	f("all.response_bytes.sum", add(1), changed)
	f("class.2xx.requests.200", add(1), changed)
	f("all.latency.max", func(string) string { return "" }, "deleted in Graphite", "nothing, the log says")
	f("service.nobody.requests.count", func(string) string { return "1" }, "1, the log says nothing")
	for name := range all { // a window of which nothing is there
		v.graphite.Set(name, windows[0], "")
	}
	wanted = append(wanted, []string{verify.Time(windows[0]).String(), "a.b.web_1.*: nothing, the log says", "nothing of the window arrived"})
	r := v.verify(len(wanted))
	for i, want := range wanted {
		for _, part := range want {
			if text := r.Differences[i].String(); !strings.Contains(text, part) {
				t.Errorf("said %q, want %q", text, part)
			}
		}
	}
}

// TestVerifyFindsLines: lines that somebody has appended, to the log and to a rotation that had been left.
func TestVerifyFindsLines(t *testing.T) {
	v := someLogs(t)
	appendLine := func(name string) {
		t.Helper()
		b, err := os.ReadFile(v.path(name))
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.SplitAfter(strings.TrimSuffix(string(b), "\n")+"\n", "\n")
		if err := os.WriteFile(v.path(name), []byte(string(b)+lines[len(lines)/2]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	before, err := os.ReadFile(v.path("access.log"))
	if err != nil {
		t.Fatal(err)
	}
	appendLine("access.log")
	r := v.verify(1, "1 line of", "access.log", fmt.Sprintf("from offset %d", offsetAfter(t, v, before)), "appended after gatemeter had read the log")
	if d := r.Differences[0]; d.Window == nil || d.Series == "" {
		t.Errorf("%+v", d)
	}
	if err := os.WriteFile(v.path("access.log"), before, 0o600); err != nil {
		t.Fatal(err)
	}
	appendLine("access.log.1")
	r = v.verify(1, "1 line of", "access.log.1 behind gatemeter's back")
	if d := r.Differences[0]; d.Window == nil || d.Series == "" {
		t.Errorf("%+v", d)
	}
}

// offsetAfter is the offset after the live log, which had that content, and its rotation.
func offsetAfter(t *testing.T, v *verified, content []byte) int {
	t.Helper()
	info, err := os.Stat(v.path("access.log.1"))
	if err != nil {
		t.Fatal(err)
	}
	return int(info.Size()) + len(content)
}

// TestVerifyFiles: what becomes of a log's files after they were read.
func TestVerifyFiles(t *testing.T) {
	begin := time.Now().Add(-24 * time.Hour).UTC().Format(time.RFC3339)
	next := time.Now().Add(-24*time.Hour + 200*time.Second).UTC().Format(time.RFC3339)
	last := time.Now().Add(-24*time.Hour + 400*time.Second).UTC().Format(time.RFC3339)
	const metrics = "{window: 10s, rollups: {all: [], method: [method]}}"
	f := func(change func(v *verified), differences int, parts ...string) *verify.Report {
		t.Helper()
		v := newVerified(t, metrics, `{edge: {type: file, paths: ["DIR/access.log*"], format: combined}}`, "prefix: p, tags: true",
			[]string{"access.log.2", "--format", "nginx_combined", "-n", "200", "--start", begin, "--rate", "1"},
			[]string{"access.log.1", "--format", "nginx_combined", "-n", "200", "--start", next, "--rate", "1"},
			[]string{"access.log", "--format", "nginx_combined", "-n", "100", "--start", last, "--rate", "1"})
		change(v)
		return v.verify(differences, parts...)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	edit := func(v *verified, name string, change func([]string) []string) {
		t.Helper()
		b, err := os.ReadFile(v.path(name))
		must(err)
		lines := slices.Collect(strings.Lines(string(b)))
		must(os.WriteFile(v.path(name), []byte(strings.Join(change(lines), "")), 0o600))
		later := time.Now().Add(5 * time.Second) // so rotations seem to be in another order
		must(os.Chtimes(v.path(name), later, later))
	}
	all := f(func(*verified) {}, 0)
	if all.Lines != 500 || all.Windows < 15 || len(all.Notes) > 0 {
		t.Errorf("%+v", all)
	}
	f(func(v *verified) {
		content, err := os.ReadFile(v.path("access.log.2"))
		must(err)
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, err = z.Write(content)
		must(errors.Join(err, z.Close(), os.WriteFile(v.path("access.log.2.gz"), b.Bytes(), 0o600), os.Remove(v.path("access.log.2"))))
	}, 0)
	r := f(func(v *verified) { must(os.Remove(v.path("access.log.2"))) }, 0)
	if text := strings.Join(r.Notes, "\n"); r.Lines != 300 || r.Windows == 0 || r.Windows >= all.Windows || !strings.Contains(text, "older rotations of") {
		t.Errorf("without the oldest file: %+v", r)
	}
	f(func(v *verified) {
		edit(v, "access.log.2", func(l []string) []string { return append(l, l[7]) })
	}, 1, "1 line of", "appended to", "access.log.2 behind")
	f(func(v *verified) { must(os.WriteFile(v.path("access.log.new.log"), []byte(" \nx\n"), 0o600)) }, 1, "2 lines of", "access.log.new.log was never read")
	r = f(func(v *verified) { // a line that is gone
		edit(v, "access.log", func(l []string) []string { return slices.Delete(l, 50, 51) })
	}, anyNumber, "which was being read, is not there any more, or has been changed")
	if r.Total < 3 {
		t.Errorf("%+v", r)
	}
	f(func(v *verified) {
		for _, name := range []string{"access.log", "access.log.1", "access.log.2"} {
			must(os.Remove(v.path(name)))
		}
	}, anyNumber, "no file of this log is there any more")
}

// anyNumber of differences, but 0, is right.
const anyNumber = -1

// TestVerifyDeadLetters: a document that was refused is where it should be, until its letter is dropped.
func TestVerifyDeadLetters(t *testing.T) {
	v := newVerified(t, "{}", `{edge: {type: file, paths: ["DIR/none.log"], format: combined}}`, "prefix: p")
	if _, err := output(t, "gen", "-n", "50", "-o", v.path("none.log")); err != nil {
		t.Fatal(err)
	}
	n := 0
	v.search.Behave(elasticsearch.Behaviour{Refuse: func([]byte) bool { n++; return n == 7 }})
	v.once()
	v.verify(0)
	if _, err := output(t, "deadletters", "drop", "-c", v.config, "--all", "--yes"); err != nil {
		t.Fatal(err)
	}
	v.verify(1, "1 document of", "deleted")
}

// TestVerifyStart: of a source that was to begin at the end, what was before is not missing.
func TestVerifyStart(t *testing.T) {
	begin := time.Now().Add(-24 * time.Hour).UTC().Format(time.RFC3339)
	v := newVerified(t, "{}", `{edge: {type: file, paths: ["DIR/access.log"], format: combined, start: end}}`, "prefix: p",
		[]string{"access.log", "-n", "300", "--start", begin, "--rate", "1"})
	more, err := output(t, "gen", "-n", "300", "--start", time.Now().Add(-23*time.Hour).UTC().Format(time.RFC3339), "--rate", "1")
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(v.path("access.log"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(v.path("access.log"), append(b, more...), 0o600); err != nil {
		t.Fatal(err)
	}
	v.once()
	if r := v.verify(0); r.Lines != 300 || r.Documents != 300 || r.Windows < 10 {
		t.Errorf("%+v", r)
	}
}

func TestVerifyUsage(t *testing.T) {
	v := newVerified(t, "{}", `{edge: {type: file, paths: ["DIR/none.log"], format: combined}}`, "prefix: p")
	text, err := os.ReadFile(v.config)
	if err != nil {
		t.Fatal(err)
	}
	f := func(code int, want string, change func(string) string, args ...string) {
		t.Helper()
		if err := os.WriteFile(v.config, []byte(change(string(text))), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := output(t, append([]string{"verify", "-c", v.config}, args...)...)
		if got := fmt.Sprint(out, err); exitCode(err) != code || !strings.Contains(got, want) {
			t.Errorf("verify %q: code %d, %s; want %d and %q", args, exitCode(err), got, code, want)
		}
	}
	same := func(s string) string { return s }
	without := func(s string) string {
		before, after, _ := strings.Cut(s, "render_url")
		_, after, _ = strings.Cut(after, ",")
		return before + after
	}
	f(0, "all agree", same)
	f(2, "render_url", without)
	f(0, "sink g was not compared", without, "--skip", "g")
	f(2, "no such sink", same, "--skip", "x")
	f(2, "there is no Graphite sink e", same, "--render", "e=http://127.0.0.1:1")
	f(78, "", func(s string) string { return s + "x: y\n" })
	f(1, "standard input", func(s string) string {
		return strings.Replace(s, `{type: file, paths: ["`+v.path("none.log")+`"]`, "{type: stdin", 1)
	})
	f(1, "no cursor", func(s string) string { return strings.Replace(s, v.path("data"), v.dir, 1) })
	f(1, "no such file", func(s string) string { return strings.Replace(s, v.path("data"), v.path("nowhere"), 1) })
	f(1, "refresh access-", func(s string) string { return strings.Replace(s, v.search.URL, "http://127.0.0.1:1", 1) })
	if _, err := output(t, "verify"); exitCode(err) != 2 {
		t.Errorf("%v", err)
	}
}
