package e2e

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/internal/servers"
	strictgraphite "github.com/gatemeter/gatemeter/internal/strict/graphite"
	strictstatsd "github.com/gatemeter/gatemeter/internal/strict/statsd"
)

// TestFaultKilled: a live gatemeter is killed at any moment, while a server writes and the log is rotated.
func TestFaultKilled(t *testing.T) {
	kills := size(12, 1000)
	w := newWorld(t, size(8000, 300_000))
	w.addGraphite(strictgraphite.Options{})
	w.addElasticsearch()
	p := w.newWriter()
	random := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))
	perKill := 300 * time.Millisecond
	poured := p.pour(w.log.lines, int(float64(len(w.log.lines))/(perKill.Seconds()*float64(kills))))
	w.start()
	w.reaches(1, "gatemeter_cursor_saves_total") // until then it is a first start, which looks for no rotations
	w.process.Kill()
	for i := range kills {
		g := servers.Start(t, w.command())
		alive := time.NewTimer(time.Duration(random.Int64N(int64(2 * perKill))))
		select {
		case <-alive.C:
			g.Kill()
		case <-g.Exited():
			t.Fatalf("gatemeter has ended: %v", g.Wait(0))
		}
		if i%3 == 1 {
			p.rename(kills)
		}
	}
	if err := <-poured; err != nil {
		t.Fatal(err)
	}
	w.start()
	w.proven("SIGKILL at any moment under load, with rotations", kills)
	w.lostNothing()
}

// TestFaultStopped: SIGTERM under load, while each server in turn does not answer. Nothing is lost, and no stop takes longer than
// shutdown_timeout and a second.
func TestFaultStopped(t *testing.T) {
	w := newWorld(t, size(10_000, 200_000))
	w.addGraphite(strictgraphite.Options{ReadBuffer: 4096})
	w.addStatsD(strictstatsd.Options{Network: "tcp"})["delivery"] = "at_least_once"
	w.addElasticsearch()
	w.config["shutdown_timeout"] = "1s"
	stops := size(6, 60)
	slowest := time.Duration(0)
	for i := range stops {
		w.start()
		switch i % 3 {
		case 0:
			w.graphiteBehaves(strictgraphite.Behaviour{Stall: make(chan struct{})})
		case 1:
			w.statsdBehaves(strictstatsd.Behaviour{Refuse: true})
		case 2:
			w.search.Leave()
		}
		n := w.log.part(2*i+1, 2*stops)
		w.reaches(float64(n), "gatemeter_source_read_lines_total")
		w.log.part(2*i+2, 2*stops) // some of it is read, or none
		began := time.Now()
		if err := syscall.Kill(w.process.PID(), syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := w.process.Wait(within); err != nil {
			t.Errorf("stop %d: %v", i, err)
		}
		slowest = max(slowest, time.Since(began))
		switch i % 3 {
		case 0:
			w.graphiteBehaves(strictgraphite.Behaviour{})
		case 1:
			w.statsdBehaves(strictstatsd.Behaviour{})
		case 2:
			if err := w.search.Return(); err != nil {
				t.Fatal(err)
			}
		}
	}
	w.start()
	w.proven("SIGTERM under load, a server stalled", stops)
	t.Logf("the slowest of %d stops took %v", stops, slowest)
	if slowest > 20*time.Second { // on a machine that is busy with other tests
		t.Errorf("a stop took %v", slowest)
	}
}

// TestFaultReloads: SIGHUP under load, with configs that are right, wrong, and name a server that is not there. Reloads cost
// nothing: no line, no goroutine, no file descriptor.
func TestFaultReloads(t *testing.T) {
	w := newWorld(t, size(10_000, 300_000))
	w.addGraphite(strictgraphite.Options{})
	w.addStatsD(strictstatsd.Options{Network: "tcp"})["delivery"] = "at_least_once"
	w.addElasticsearch()
	w.config["shutdown_timeout"] = "1s" // which each config waits that names a server that is not there
	w.start()
	p := w.newWriter()
	if err := p.write(w.log.lines[0]); err != nil {
		t.Fatal(err)
	}
	w.await(func() error {
		if w.search.Count() != 1 {
			return errors.New("nothing is read")
		}
		return nil
	})
	reloads := size(15, 100)
	poured := p.pour(w.log.lines[1:], len(w.log.lines)/(reloads/5))
	write := func(c object) {
		t.Helper()
		w.write(t, "gatemeter.yaml", c)
	}
	count := func(outcome string) float64 {
		m, err := w.scrape()
		if err != nil {
			return -1 // its server is being taken over
		}
		return m["gatemeter_config_reloads_total"][`outcome="`+outcome+`"`]
	}
	goroutines, files := 0, 0
	done, failed := 0.0, 0.0
	for i := range reloads {
		config := maps.Clone(w.config)
		outcome := "done"
		switch i % 3 {
		case 0:
			config["workers"] = 1 + i%4
			done++
		case 1:
			config["unknown"] = i
			outcome = "failed"
			failed++
		case 2:
			sinks := maps.Clone(config["sinks"].(object))
			sinks["away"] = object{"type": "graphite", "address": "tcp://" + servers.FreeAddress(t), "prefix": "away"}
			config["sinks"] = sinks
			done++
		}
		write(config)
		if err := syscall.Kill(w.process.PID(), syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		want := map[string]float64{"done": done, "failed": failed}[outcome]
		w.await(func() error {
			select {
			case <-w.process.Exited():
				t.Fatalf("gatemeter has ended: %v", w.process.Wait(0))
			default:
			}
			if got := count(outcome); got != want {
				return fmt.Errorf("%v reloads are %s, want %v", got, outcome, want)
			}
			return nil
		})
		if i == 3 {
			goroutines, files = w.goroutines(), w.descriptors()
		}
	}
	if err := <-poured; err != nil {
		t.Fatal(err)
	}
	write(w.config)
	if err := syscall.Kill(w.process.PID(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	w.await(func() error {
		if got := count("done"); got != done+1 {
			return fmt.Errorf("%v reloads are done", got)
		}
		return nil
	})
	w.proven("SIGHUP under load with good, bad and unreachable configs", reloads)
	if got := w.metric(t, "gatemeter_config_last_reload_successful"); got != 1 {
		t.Errorf("gatemeter_config_last_reload_successful is %v", got)
	}
	// Connections that are idle come and go.
	const play = 6
	w.await(func() error {
		if g, f := w.goroutines(), w.descriptors(); g > goroutines+play || f > files+play {
			return fmt.Errorf("%d goroutines and %d descriptors after %d reloads, %d and %d after four", g, f, reloads, goroutines, files)
		}
		return nil
	})
}

// goroutines returns how many goroutines gatemeter has.
func (w *world) goroutines() int {
	w.t.Helper()
	resp, err := http.Get("http://" + w.admin + "/debug/pprof/goroutine?debug=1")
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	m := regexp.MustCompile(`goroutine profile: total (\d+)`).FindSubmatch(text)
	if m == nil {
		w.t.Fatalf("no goroutine profile: %.200q", text)
	}
	n, _ := strconv.Atoi(string(m[1]))
	return n
}

// descriptors returns how many file descriptors gatemeter has.
func (w *world) descriptors() int {
	w.t.Helper()
	list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", w.process.PID()))
	if err != nil {
		w.t.Fatal(err)
	}
	return len(list)
}

// TestFaultStateDamaged: whatever becomes of the cursor file, gatemeter starts, says so, and comes to the same numbers.
func TestFaultStateDamaged(t *testing.T) {
	w := newWorld(t, 600)
	w.addGraphite(strictgraphite.Options{})
	w.addElasticsearch()
	w.log.part(1, 3)
	w.instance = newInstance(t, w.config)
	once := func(run string, env ...string) (said string) {
		t.Helper()
		c := exec.CommandContext(t.Context(), binary, "run", "--once", "-c", filepath.Join(w.dir, "gatemeter.yaml"))
		c.Env = append(os.Environ(), env...)
		out, err := c.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", run, err, out)
		}
		return string(out)
	}
	// A live run is killed, so that there are two slots, and windows that are not final.
	w.start()
	w.settled()
	w.log.part(2, 3)
	w.settled()
	w.reaches(3, "gatemeter_cursor_saves_total")
	w.process.Kill()
	w.log.part(3, 3)
	data := filepath.Join(w.dir, "data")
	cursors := filepath.Join(data, "cursors")
	whole, err := os.ReadFile(cursors)
	if err != nil {
		t.Fatal(err)
	}
	w.wanted = ask(t, w.job)
	before, stored := w.points(), map[string]bool{}
	for _, d := range w.search.Docs() {
		stored[d.ID] = true
	}

	trials := 0
	try := func(name string, damage func()) {
		t.Helper()
		trials++
		if err := os.RemoveAll(data); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(os.Mkdir(data, 0o700), os.WriteFile(cursors, whole, 0o600)); err != nil {
			t.Fatal(err)
		}
		damage()
		// A prefix and a data stream of its own show what this run sends; the rest is there from before.
		run := fmt.Sprintf("t%d", trials)
		said := once(name, "GATEMETER_SINKS_GRAPHITE_PREFIX="+run, "GATEMETER_SINKS_ELASTICSEARCH_DATA_STREAM="+index(run))
		got := values{}
		for series, windows := range before {
			got[series] = maps.Clone(windows)
		}
		for series, windows := range w.graphite.Values() {
			below, ok := strings.CutPrefix(series, run+"."+shard+".")
			for at, text := range windows {
				if v, err := strconv.ParseFloat(text, 64); ok && err == nil {
					got.set(below, at, v)
				}
			}
		}
		if err := compareValues(w.wanted.values, got); err != nil {
			t.Errorf("%s: %v\n%s", name, err, said)
		}
		ids := maps.Clone(stored)
		for _, d := range w.search.Docs() {
			if d.Index == index(run) {
				ids[d.ID] = true
			}
		}
		if want := slices.Sorted(maps.Keys(w.wanted.documents)); !slices.Equal(want, slices.Sorted(maps.Keys(ids))) {
			t.Errorf("%s: %d ids in Elasticsearch, want %d\n%s", name, len(ids), len(want), said)
		}
	}
	write := func(b []byte) func() {
		return func() {
			if err := os.WriteFile(cursors, b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	try("as it was", func() {})
	half := len(whole) / 2
	for i := range size(20, 400) {
		at := i * len(whole) / size(20, 400)
		if i%2 == 0 {
			at = i * 2 % 600 // in header and payload of the first slot
		}
		flipped := slices.Clone(whole)
		flipped[at] ^= 1 << (i % 8)
		try(fmt.Sprintf("bit of byte %d flipped", at), write(flipped))
	}
	for i := range size(10, 200) {
		n := i * len(whole) / size(10, 200)
		try(fmt.Sprintf("cut to %d bytes", n), write(whole[:n]))
	}
	try("slots swapped", write(slices.Concat(whole[half:], whole[:half])))
	try("zeros", write(make([]byte, len(whole))))
	try("another file", write([]byte("PNG not at all\n")))
	try("deleted", func() {
		if err := os.Remove(cursors); err != nil {
			t.Fatal(err)
		}
	})
	try("half a new file beside it", func() {
		if err := os.WriteFile(cursors+".new", whole[:100], 0o600); err != nil {
			t.Fatal(err)
		}
	})
	try("a lock of a process that is no more", func() {
		if err := os.WriteFile(filepath.Join(data, "lock"), []byte("1\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	})
	note(t, outcome{fault: "the cursor file flipped, cut, swapped, deleted", trials: trials, lines: trials * len(w.log.lines)})
}
