package e2e

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/internal/servers"
)

// How an nginx log is rotated. In the first mode the writer goes over to a new file, in the second the file stays and is
// emptied after it was copied.
const (
	byRename = "rotate 20\ncreate 0600\nsu root root\npostrotate\nREOPEN\nendscript"
	byCopy   = "rotate 20\ncopytruncate\nsu root root"
)

// TestNginxUnderLoad has 20,000 real lines of nginx, 50,000 in `make e2e-large`, written five times over in three formats while logrotate rotates them, read
// by a live gatemeter as they come. All but one log can be counted exactly; the one that is copied and emptied in the midst
// of the load may lose what came between the two, as logrotate's manual says.
func TestNginxUnderLoad(t *testing.T) {
	bulk, odd := 4_000, 2_000 // requests of each of four and two clients
	if generatedLines(t) >= 1_000_000 {
		bulk, odd = 10_000, 5_000
	}
	requests := 4*bulk + 2*odd
	s := startStack(t, "1s:2h")
	n := startNginx(t)
	log := func(name string) string { return filepath.Join(n.Dir, name) }

	j := job{
		Window: 1, Lateness: 2, Amend: 10, Percentiles: []float64{50, 90, 95, 99, 99.9},
		Rollups: map[string][]string{"route": {"service", "route", "method"}, "service": {"service"}, "all": {}},
		Routes:  []string{"/api/v1/orders/{id}"},
		Partitions: []partition{
			{Source: "access", Reader: "nginx_text", Format: combinedFormat, Shard: shard, Path: log("access.log")},
			{Source: "timed", Reader: "nginx_text", Format: timedFormat, Shard: shard, Path: log("timed.log")},
			{Source: "json", Reader: "nginx_json", Format: jsonFormat, Shard: shard, Path: log("json.log")},
		},
	}
	g := newInstance(t, object{"sources": j.sources(), "metrics": j.metrics(), "sinks": s.sinks("live")})
	lossy := newInstance(t, object{
		"sources": object{"lossy": object{"type": "file", "paths": []string{log("lossy.log")}, "format": "combined"}},
		"metrics": j.metrics(), "sinks": s.sinks("lossy"),
	})
	running := g.live(t)
	runningLossy := lossy.live(t)

	// The first half of the load, with rotations in the midst of it.
	load := func(half int) (wait func()) {
		var clients sync.WaitGroup
		errs := make(chan error, 3)
		clients.Go(func() { errs <- servers.Load(t, n.URL+fmt.Sprintf("/api/v1/orders/%d?half=%d", 4711+half, half), bulk) })
		clients.Go(func() { errs <- servers.Load(t, n.URL+"/static/app.css", bulk, "User-Agent: ab in the test") })
		clients.Go(func() { errs <- sendOdd(n.Address, odd, uint64(half)) })
		return func() {
			t.Helper()
			clients.Wait()
			if err := errors.Join(<-errs, <-errs, <-errs); err != nil {
				t.Fatal(err)
			}
		}
	}
	reaches := func(name string, count int) {
		t.Helper()
		servers.Await(t, time.Minute, func() error {
			if got := countLines(t, rotated(log(name))...); got < count {
				return fmt.Errorf("%d lines in %s and its rotations, want %d", got, name, count)
			}
			return nil
		})
	}
	wait := load(0)
	for i := 1; i <= 4; i++ {
		reaches("access.log", i*requests/25)
		n.Rotate("access.log", byRename)
		n.Rotate("timed.log", byRename+"\ncompress\ndelaycompress")
		n.Rotate("lossy.log", byCopy)
	}
	wait()
	for _, name := range []string{"access.log", "timed.log", "json.log", "whole-json.log", "whole.log"} {
		reaches(name, requests/2)
	}
	n.Rotate("json.log", byCopy) // nothing is being written: nothing can be lost
	wait = load(1)
	reaches("access.log", requests/2+requests/25)
	n.Rotate("access.log", byRename)
	wait()
	for _, name := range []string{"access.log", "timed.log", "json.log", "whole-json.log", "whole.log"} {
		reaches(name, requests)
	}

	for i := range j.Partitions {
		j.Partitions[i].Files = rotated(j.Partitions[i].Path)
	}
	want := ask(t, j)
	if got := want.totals["read"]; got != 3*requests {
		t.Fatalf("the oracle read %d lines, want %d", got, 3*requests)
	}
	servers.Await(t, 2*time.Minute, func() error { return s.compare(t, "live", j.Rollups, want, true) })
	g.checkConservation(t, map[string]int{"access": requests, "timed": requests, "json": requests})
	running.Stop()
	if err := s.compare(t, "live", j.Rollups, want, true); err != nil {
		t.Errorf("after the stop: %v", err)
	}

	// What was copied and emptied under load.
	runningLossy.Stop()
	least, most := countLines(t, rotated(log("lossy.log"))...), countLines(t, log("whole.log"))
	got := 0
	counts := graphiteValues(t, s.graphite, "lossy", map[string][]string{"all": {}}, want.values)["all.requests.count"]
	for _, c := range counts {
		got += int(c)
	}
	t.Logf("copied and emptied under load: %d lines written, %d in the files, %d counted", most, least, got)
	if got < least || got > most {
		t.Errorf("counted %d of the log that was copied and emptied under load; its files have %d lines, nginx wrote %d", got, least, most)
	}

	// The same logs once more, after the fact: the same points.
	// A first start reads the rotations that `paths` name.
	sources := j.sources()
	for _, p := range j.Partitions {
		sources[p.Source].(object)["paths"] = []string{p.Path + "*"}
	}
	again := newInstance(t, object{"sources": sources, "metrics": j.metrics(), "sinks": s.sinks("again"), "shutdown_timeout": "5m"})
	if err := servers.Start(t, again.command("--once")).Wait(20 * time.Minute); err != nil {
		t.Fatalf("run --once: %v", err)
	}
	servers.Await(t, time.Minute, func() error { return s.compare(t, "again", j.Rollups, want, true) })
	samePoints(t, s, j.Rollups, want.values, "live", "again")
}

// samePoints wants the values of two runs to be the same to the last bit.
func samePoints(t *testing.T, s *stack, rollups map[string][]string, span values, one, other string) {
	t.Helper()
	a := graphiteValues(t, s.graphite, one, rollups, span)
	b := graphiteValues(t, s.graphite, other, rollups, span)
	var d differences
	for name, windows := range a {
		for w, v := range windows {
			if got, ok := b[name][w]; !ok || math.Float64bits(got) != math.Float64bits(v) {
				d.add("%s at %d: %v in %s, %v in %s", name, w, v, one, got, other)
			}
		}
	}
	if err := d.err("not the same", len(a)); err != nil || len(a) != len(b) {
		t.Errorf("%d series in %s, %d in %s: %v", len(a), one, len(b), other, err)
	}
}

// rotated returns the files of a log, oldest first: name.2.gz, name.1, name.
func rotated(name string) []string {
	older, err := filepath.Glob(name + ".*")
	if err != nil {
		panic("BUG: " + err.Error())
	}
	slices.SortFunc(older, func(a, b string) int { return rotation(b, name) - rotation(a, name) })
	return append(older, name)
}

// rotation returns the number in a rotated file's name.
func rotation(file, name string) int {
	number := 0
	if _, err := fmt.Sscanf(strings.TrimPrefix(file, name), ".%d", &number); err != nil {
		panic(fmt.Sprintf("BUG: %s is no rotation of %s", file, name))
	}
	return number
}

// countLines returns how many lines the files have, all together.
func countLines(t *testing.T, names ...string) int {
	t.Helper()
	n := 0
	for _, name := range names {
		b, err := os.ReadFile(name)
		if errors.Is(err, os.ErrNotExist) {
			continue // just rotated
		}
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, ".gz") {
			b = unzipped(b)
		}
		n += bytes.Count(b, []byte("\n"))
	}
	return n
}

// unzipped returns what is in a gzip file, as far as it has been written.
func unzipped(b []byte) []byte {
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil
	}
	content, _ := io.ReadAll(z)
	return content
}
