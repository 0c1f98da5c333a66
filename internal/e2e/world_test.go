package e2e

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/internal/servers"
	strictsearch "github.com/gatemeter/gatemeter/internal/strict/elasticsearch"
	strictgraphite "github.com/gatemeter/gatemeter/internal/strict/graphite"
	strictstatsd "github.com/gatemeter/gatemeter/internal/strict/statsd"
)

// world is a gatemeter that reads one log while it grows and writes to stand-ins for its servers, which are strict and can be
// made to fail. At the end they must have what the oracle counts in the log, whatever happened meanwhile.
type world struct {
	t      *testing.T
	config object
	job    job
	log    *feed

	graphite *strictgraphite.Server // nil: no such sink
	statsd   *strictstatsd.Server
	search   *strictsearch.Server

	*instance
	process *servers.Server

	unprivileged bool      // gatemeter may read only what file modes let it
	wanted       *expected // what settled has asked the oracle
}

// within is how long a test waits for what must come.
var within = time.Duration(size(60, 300)) * time.Second

// newWorld makes a log of so many generated lines, of which none is written yet, and the config of a gatemeter without sinks
// that reads it. Windows are of a second, so that a minute's traffic has many; what is out of order stays in reach.
func newWorld(t *testing.T, lines int) *world {
	t.Helper()
	t.Parallel()
	return newSerialWorld(t, lines)
}

// newSerialWorld is newWorld for a test whose servers are real, and heavy enough to run alone.
func newSerialWorld(t *testing.T, lines int) *world {
	t.Helper()
	w := &world{t: t, log: newFeed(t, lines)}
	w.job = job{
		Window: 1, Lateness: 2, Amend: 20, Percentiles: []float64{50, 99},
		Rollups:    map[string][]string{"service": {"service", "method"}, "all": {}},
		Partitions: []partition{{Source: "edge", Reader: "nginx_text", Format: generatedTimed, Shard: shard, Path: w.log.path, Files: []string{w.log.path}}},
	}
	metrics := w.job.metrics()
	metrics["idle_timeout"] = "1s" // then the last windows leave as they stand
	w.config = object{
		"sources": w.job.sources(), "metrics": metrics, "sinks": object{}, "log": object{"format": "json"}, "shutdown_timeout": "5s",
	}
	return w
}

func (w *world) addSink(name string, config object) object {
	w.config["sinks"].(object)[name] = config
	return config
}

// addGraphite starts a strict Graphite and returns the sink's config.
func (w *world) addGraphite(o strictgraphite.Options) object {
	w.t.Helper()
	s, err := strictgraphite.New(o)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		s.Close()
		clean(w.t, "Graphite", s.Violations())
	})
	w.graphite = s
	return w.addSink("graphite", object{"type": "graphite", "address": "tcp://" + s.Address, "prefix": "w"})
}

// addStatsD starts a strict StatsD and returns the sink's config.
func (w *world) addStatsD(o strictstatsd.Options) object {
	w.t.Helper()
	s, err := strictstatsd.New(o)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		s.Close()
		clean(w.t, "StatsD", s.Violations())
	})
	w.statsd = s
	return w.addSink("statsd", object{"type": "statsd", "address": s.Address, "prefix": "w", "max_age": "0s"})
}

// addElasticsearch starts a strict Elasticsearch and returns the sink's config.
func (w *world) addElasticsearch() object {
	w.t.Helper()
	s, err := strictsearch.New()
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		s.Close()
		clean(w.t, "Elasticsearch", s.Violations())
	})
	w.search = s
	return w.addSink("elasticsearch", object{"type": "elasticsearch", "urls": []string{s.URL}, "data_stream": index("w"), "flush_interval": "50ms"})
}

func clean(t *testing.T, server string, violations []string) {
	for _, v := range violations {
		t.Errorf("%s was sent what it must not be: %s", server, v)
	}
}

// start starts gatemeter, for the first time or again, and returns when it serves.
func (w *world) start() {
	w.t.Helper()
	if w.instance == nil {
		w.instance = newInstance(w.t, w.config)
	}
	if w.process == nil {
		c := w.command()
		if w.unprivileged && os.Getuid() == 0 { // else root may read everything
			c.Args = append([]string{"/usr/bin/setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--"}, c.Args...)
		}
		w.process = w.serving(w.t, c)
	} else {
		w.process.Start()
	}
}

// serving starts gatemeter by a command and returns when it serves, ready or not.
func (g *instance) serving(t *testing.T, c servers.Command) *servers.Server {
	t.Helper()
	c.Ready = func() error {
		resp, err := http.Get("http://" + g.admin + "/livez")
		if err != nil {
			return err
		}
		return resp.Body.Close()
	}
	return servers.Start(t, c)
}

// await waits until check returns nil.
func (w *world) await(check func() error) {
	w.t.Helper()
	servers.Await(w.t, within, check)
}

// settled waits until the servers have what the oracle counts in the log.
func (w *world) settled() {
	w.t.Helper()
	w.wanted = ask(w.t, w.job)
	if !w.agree() {
		w.t.Fatal(w.compare())
	}
}

// agree waits until the servers have what is wanted, and reports whether they do. It looks at all only when they have enough.
func (w *world) agree() bool {
	w.t.Helper()
	windows, documents := w.wanted.values["all.requests.count"], len(w.wanted.documents)
	enough := func() bool {
		if w.search != nil && w.search.Count() < documents {
			return false
		}
		if w.graphite == nil || windows == nil {
			return true
		}
		got := w.graphite.Series("w." + shard + ".all.requests.count")
		for at, n := range windows {
			if got[at] != strconv.FormatFloat(n, 'f', -1, 64) {
				return false
			}
		}
		return true
	}
	return servers.Within(within, func() bool { return enough() && w.compare() == nil })
}

// compare says what the servers have that is not what the oracle has counted.
func (w *world) compare() error {
	var errs []error
	if w.graphite != nil {
		errs = append(errs, compareValues(w.wanted.values, w.points()))
	}
	if w.statsd != nil {
		got := map[string]float64{}
		for name, n := range w.statsd.Counters() {
			got[name] = float64(n)
		}
		errs = append(errs, compareCounters(w.wanted.values.counters(), got, "w."+shard+"."))
	}
	if w.search != nil {
		errs = append(errs, w.compareStored(w.wanted.documents))
	}
	return errors.Join(errs...)
}

// points returns what Graphite has.
func (w *world) points() values {
	got := values{}
	for name, points := range w.graphite.Values() {
		for at, text := range points {
			v, err := strconv.ParseFloat(text, 64)
			if err != nil {
				w.t.Fatalf("Graphite has %q for %s", text, name)
			}
			got.set(strings.TrimPrefix(name, "w."+shard+"."), at, v)
		}
	}
	return got
}

// compareStored says which documents Elasticsearch has that are not what is wanted. That none is there twice the stand-in sees to,
// as an id is stored once.
func (w *world) compareStored(want map[string]document) error {
	var d differences
	left := maps.Clone(want)
	for _, doc := range w.search.Docs() {
		wanted, ok := left[doc.ID]
		if !ok {
			d.add("%s: %.300s, want nothing", doc.ID, doc.Source)
			continue
		}
		delete(left, doc.ID)
		got, err := readDocument(doc.Source)
		if err != nil {
			w.t.Fatal(err)
		}
		if got.String() != wanted.String() {
			d.add("%s: %s, want %s", doc.ID, got, wanted)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(left)) {
		d.add("%s: missing, want %s", id, left[id])
	}
	return d.err("Elasticsearch", len(want))
}

// metric returns the sum of gatemeter's own metric over all series that have the labels, as `sink="graphite"`.
func (g *instance) metric(t *testing.T, name string, labels ...string) (sum float64) {
	t.Helper()
	for series, v := range g.ownMetrics(t)[name] {
		if !slices.ContainsFunc(labels, func(l string) bool { return !slices.Contains(strings.Split(series, ","), l) }) {
			sum += v
		}
	}
	return sum
}

// reaches waits until a metric of gatemeter's own is at least least.
func (w *world) reaches(least float64, name string, labels ...string) {
	w.t.Helper()
	w.await(func() error {
		if got := w.metric(w.t, name, labels...); got < least {
			return fmt.Errorf("%s%q is %v, want %v", name, labels, got, least)
		}
		return nil
	})
}

// unready returns what /readyz says does not work, by name.
func (g *instance) unready(t *testing.T) map[string]string {
	t.Helper()
	resp, err := http.Get("http://" + g.admin + "/readyz?format=json")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer struct {
		Ready  bool
		Checks []struct{ Name, Error string }
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	if answer.Ready != (resp.StatusCode == http.StatusOK) {
		t.Errorf("/readyz: %s, and ready is %v", resp.Status, answer.Ready)
	}
	fails := map[string]string{}
	for _, c := range answer.Checks {
		if c.Error != "" {
			fails[c.Name] = c.Error
		}
	}
	return fails
}

// ready waits until /readyz names nothing but the checks given.
func (w *world) ready(but ...string) {
	w.t.Helper()
	w.await(func() error {
		fails := w.unready(w.t)
		if got := slices.Sorted(maps.Keys(fails)); !slices.Equal(got, but) {
			return fmt.Errorf("/readyz names %q, want %q", fails, but)
		}
		return nil
	})
}

// message is a line that gatemeter has logged.
type message map[string]any

// messages returns what gatemeter has logged at warn and error of which text and values have all parts. Malformed lines, which
// each log here has, are left out unless they are asked for. It also looks whether each line is one message.
func (g *instance) messages(t *testing.T, parts ...string) (found []message) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(g.dir, "output.log"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(text) {
		if line[len(line)-1] != '\n' {
			break // still being written
		}
		var m message
		if err := json.Unmarshal(line, &m); err != nil {
			t.Fatalf("gatemeter said %q: %v", line, err)
		}
		malformed := m["msg"] == "malformed line" && !slices.Contains(parts, "malformed line")
		if (m["level"] == "WARN" || m["level"] == "ERROR") && !malformed && m.has(parts) {
			found = append(found, m)
		}
	}
	return found
}

func (m message) has(parts []string) bool {
	all := ""
	for _, key := range slices.Sorted(maps.Keys(m)) {
		all += fmt.Sprintf("%s=%v\n", key, m[key])
	}
	return !slices.ContainsFunc(parts, func(p string) bool { return !strings.Contains(all, p) })
}

// said wants gatemeter to have warned of something so many times, no more and no less.
func (w *world) said(times int, parts ...string) {
	w.t.Helper()
	if got := w.messages(w.t, parts...); len(got) != times {
		w.t.Errorf("said %d times %q, want %d: %v", len(got), parts, times, got)
	}
}

// feed is a log of which the lines are known before they are written.
type feed struct {
	t     *testing.T
	path  string
	lines [][]byte // with their newlines
	next  int
}

// newFeed generates lines of the last minutes.
func newFeed(t *testing.T, lines int) *feed {
	t.Helper()
	dir := t.TempDir()
	whole := filepath.Join(dir, "whole")
	generate(t, whole, "nginx_timed", lines, "--seed", strconv.Itoa(lines), "--malformed", "0.01", "--disorder", "4s",
		"--start", time.Now().Add(-10*time.Minute).UTC().Format(time.RFC3339), "--rate", strconv.Itoa(max(50, lines/300)))
	text, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	f := &feed{t: t, path: filepath.Join(dir, "access.log"), lines: slices.Collect(bytes.Lines(text))}
	f.append(nil)
	return f
}

// part appends one part of the lines: the share of them that is left between this part and the last.
func (f *feed) part(number, of int) int {
	f.t.Helper()
	end := number * len(f.lines) / of
	n := end - f.next
	f.append(bytes.Join(f.lines[f.next:end], nil))
	f.next = end
	return n
}

// append writes text to the end of the log.
func (f *feed) append(text []byte) {
	f.t.Helper()
	appendTo(f.t, f.path, text)
}

func appendTo(t *testing.T, path string, text []byte) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = file.Write(text)
		err = cmp.Or(err, file.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}
