package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/gatemeter/gatemeter/internal/fault"
	strictsearch "github.com/gatemeter/gatemeter/internal/strict/elasticsearch"
	strictgraphite "github.com/gatemeter/gatemeter/internal/strict/graphite"
	strictstatsd "github.com/gatemeter/gatemeter/internal/strict/statsd"
)

// buildWithFaults builds a gatemeter that has fault points.
func buildWithFaults(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "gatemeter-faults")
	build := exec.Command("go", "build", "-tags", "faults", "-o", path, "../../cmd/gatemeter")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build gatemeter with faults: %v\n%s", err, out)
	}
	return path
}

// faultWorld is a world with all sinks, a log of which all lines are there, and one document that Elasticsearch refuses.
func faultWorld(t *testing.T, delivery string) *world {
	w := newWorld(t, 4000)
	w.addGraphite(strictgraphite.Options{})
	w.addStatsD(strictstatsd.Options{Network: "tcp"})["delivery"] = delivery
	w.addElasticsearch()["request_bytes"] = "256KiB"
	w.search.Behave(strictsearch.Behaviour{Refuse: func(doc []byte) bool { return bytes.Contains(doc, []byte("/unloved/path")) }})
	w.log.part(1, 2)
	w.log.append([]byte(`203.0.113.9 - - [` + at(0) + `] "GET /unloved/path HTTP/1.1" 200 7 "-" "x" 0.010 0.009` + "\n"))
	w.log.part(2, 2)
	w.instance = newInstance(t, w.config)
	w.wanted = ask(t, w.job)
	for id, d := range w.wanted.documents {
		if d.Path != nil && *d.Path == "/unloved/path" {
			delete(w.wanted.documents, id)
		}
	}
	return w
}

// once lets gatemeter read all there is, with faults. It reports whether it was killed.
func (w *world) once(program, faults string) (killed bool) {
	w.t.Helper()
	c := exec.Command(program, "run", "--once", "-c", filepath.Join(w.dir, "gatemeter.yaml"))
	c.Env = append(os.Environ(), "GATEMETER_FAULTS="+faults)
	out, err := c.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return false
	case errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL:
		return true
	}
	w.t.Fatalf("%s: %v\n%s", faults, err, out)
	return false
}

// TestKilledAtEachPoint: killed at the first hit of a point, then started again and killed at the second, and so on until a run
// goes through: Graphite and Elasticsearch end up with what one run leaves, and StatsD with no more, or no less, than is
// promised for it.
func TestKilledAtEachPoint(t *testing.T) {
	program := buildWithFaults(t)
	for i, point := range fault.Points() {
		if point == "records.again" || strings.HasPrefix(point, "spool.") || point == "post.stored" {
			continue // only a live run reads again: TestRecordsAgain; a file has no spool: TestPostsAreStoredOnce
		}
		t.Run(point, func(t *testing.T) {
			delivery := []string{"at_most_once", "at_least_once"}[i%2]
			w := faultWorld(t, delivery)
			kills := 0
			for n := 1; w.once(program, fmt.Sprintf("%s:kill:%d", point, n)); n++ {
				if kills++; kills > 100 {
					t.Fatal("no end")
				}
			}
			if kills == 0 {
				t.Fatal("the point is never passed")
			}
			t.Logf("%d kills", kills)
			got := map[string]float64{}
			for name, n := range w.statsd.Counters() {
				got[name] = float64(n)
			}
			for name, want := range w.wanted.values.counters() {
				n := got["w."+shard+"."+name]
				if delivery == "at_most_once" && n > want || delivery == "at_least_once" && n < want {
					t.Errorf("StatsD has %v of %s, want %v: %s", n, name, want, delivery)
				}
			}
			w.statsd = nil // the rest to the digit
			if err := w.compare(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestAnswersLost: every third send, request and save fails, before it does anything or after it has done everything.
func TestAnswersLost(t *testing.T) {
	program := buildWithFaults(t)
	for _, points := range [][]string{{"panes.sending", "bulk.sending", "cursor.saving"}, {"panes.sent", "bulk.answered"}} {
		t.Run(points[0], func(t *testing.T) {
			w := faultWorld(t, "at_least_once")
			faults := ""
			for _, p := range points {
				for n := 1; n < 60; n += 3 {
					faults += fmt.Sprintf("%s:fail:%d,", p, n)
				}
			}
			w.once(program, faults)
			if slices.Contains(points, "panes.sent") {
				w.statsd = nil // it cannot know that it had them: they count twice
			}
			if err := w.compare(); err != nil {
				t.Error(err)
			}
		})
	}
}
