package e2e

import (
	"fmt"
	"os"
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

// load is what a process uses at one moment.
type load struct {
	at       time.Duration // since the soak began
	resident int           // KiB
	files    int           // open
	cpu      time.Duration // used since the process began
}

// load looks at the process.
func (w *world) load(began time.Time) load {
	w.t.Helper()
	proc := fmt.Sprintf("/proc/%d/", w.process.PID())
	status, err := os.ReadFile(proc + "status")
	if err != nil {
		w.t.Fatal(err)
	}
	files, err := os.ReadDir(proc + "fd")
	if err != nil {
		w.t.Fatal(err)
	}
	stat, err := os.ReadFile(proc + "stat")
	if err != nil {
		w.t.Fatal(err)
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	resident, _ := strconv.Atoi(string(regexp.MustCompile(`VmRSS:\s+(\d+) kB`).FindSubmatch(status)[1]))
	return load{at: time.Since(began), resident: resident, files: len(files), cpu: time.Duration(user+system) * time.Second / 100}
}

// slope is by how many KiB an hour the resident memory rises, by least squares.
func slope(loads []load) float64 {
	var n, x, y, xx, xy float64
	for _, l := range loads {
		h := l.at.Hours()
		n, x, y, xx, xy = n+1, x+h, y+float64(l.resident), xx+h*h, xy+h*float64(l.resident)
	}
	return (n*xy - x*y) / (n*xx - x*x)
}

// TestSoak is for hours: traffic without a pause, a rotation each minute, servers that go away and come back, reloads. At the end
// every line is there, and the process is no larger than it was. GATEMETER_SOAK is how long, GATEMETER_SOAK_RATE how many lines a
// second; in a run of the tests it is some seconds, to see that it works.
func TestSoak(t *testing.T) {
	length, rate := 8*time.Second, 2000
	if s := os.Getenv("GATEMETER_SOAK"); s != "" {
		var err error
		if length, err = time.ParseDuration(s); err != nil {
			t.Fatal(err)
		}
	}
	if s := os.Getenv("GATEMETER_SOAK_RATE"); s != "" {
		var err error
		if rate, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	w := newWorld(t, 0)
	w.addGraphite(strictgraphite.Options{})
	w.addStatsD(strictstatsd.Options{Network: "tcp"})
	w.addElasticsearch()
	w.search.KeepSources(0)
	unit, keep := length/60, 3
	if unit < 30*time.Second {
		// What a restart needs must still be there: windows can change for 20 s.
		keep = 60
		w.config["sources"].(object)["edge"].(object)["rotate_wait"] = "100ms"
	}
	w.start()
	began := time.Now()
	ended := rotating(w.log.path, rate, length, keep)

	step, loads := 0, []load{}
	look := time.NewTicker(max(unit/6, 200*time.Millisecond))
	defer look.Stop()
	reloads := 0
	for time.Since(began) < length {
		<-look.C
		if now := int(time.Since(began) / unit); now > step {
			step = now
			switch step % 12 {
			case 3:
				w.search.Leave()
			case 4:
				if err := w.search.Return(); err != nil {
					t.Fatal(err)
				}
			case 6:
				w.graphiteBehaves(strictgraphite.Behaviour{Refuse: true})
				w.graphite.Cut()
			case 7:
				w.graphiteBehaves(strictgraphite.Behaviour{})
			case 9:
				reloads++
				if err := syscall.Kill(w.process.PID(), syscall.SIGHUP); err != nil {
					t.Fatal(err)
				}
			}
		}
		loads = append(loads, w.load(began))
	}
	w.graphiteBehaves(strictgraphite.Behaviour{})
	lines := 0
	switch v := (<-ended).(type) {
	case error:
		t.Fatal(v)
	case int:
		lines = v
	}
	servers.Await(t, 2*within, func() error {
		if sum, _ := w.requests(); sum != lines || w.search.Count() != lines {
			return fmt.Errorf("%d requests in Graphite and %d documents, want %d", sum, w.search.Count(), lines)
		}
		return nil
	})
	settled := loads[len(loads)/4:]
	most := slices.MaxFunc(settled, func(a, b load) int { return a.resident - b.resident })
	last := loads[len(loads)-1]
	t.Logf("%v at %d lines/s: %d lines, %d reloads; at most %d MiB resident, rising by %.1f MiB an hour; %d to %d open files; %.3g µs of CPU a line",
		length, rate, lines, reloads, most.resident/1024, slope(settled)/1024, settled[0].files, last.files, last.cpu.Seconds()*1e6/float64(lines))
	if length >= time.Hour && slope(settled)/1024 > 1 {
		t.Errorf("resident memory rises by %.1f MiB an hour, want less than 1", slope(settled)/1024)
	}
	if length >= time.Minute && last.files > settled[0].files+8 { // in less, connections that are being made weigh more
		t.Errorf("%d open files at the end, %d before", last.files, settled[0].files)
	}
	if lost := w.metric(t, "gatemeter_sink_lost_panes_total"); lost != 0 {
		t.Errorf("%v panes lost", lost)
	}
	w.checkBalance(t)
	if name := os.Getenv("GATEMETER_SOAK_RESULT"); name != "" {
		text := fmt.Sprintf("# Soak\n\nWritten by `make soak`. Traffic without a pause into a log that is rotated 60 times; Elasticsearch and Graphite go away\nfor a sixtieth of the time, five times each; the config is reloaded as often.\n\n"+
			"| | |\n| --- | ---: |\n| length | %v |\n| lines a second | %d |\n| lines | %d |\n| requests in Graphite | %d |\n| documents in Elasticsearch | %d |\n| largest resident memory | %d MiB |\n| resident memory rises an hour by | %.2f MiB |\n| open files, after a quarter of the time and at the end | %d, %d |\n| CPU a line | %.3g µs |\n",
			length, rate, lines, lines, lines, most.resident/1024, slope(settled)/1024, settled[0].files, last.files, last.cpu.Seconds()*1e6/float64(lines))
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// rotating is traffic into a log that is renamed 60 times on the way, of which so many rotations are kept.
func rotating(path string, perSecond int, length time.Duration, keep int) <-chan any {
	ended := make(chan any, 1)
	go func() {
		total := 0
		for i := range 60 {
			if i > 0 {
				_ = os.Remove(fmt.Sprintf("%s.%d", path, keep))
				for n := keep - 1; n > 0; n-- {
					_ = os.Rename(fmt.Sprintf("%s.%d", path, n), fmt.Sprintf("%s.%d", path, n+1))
				}
				if err := os.Rename(path, path+".1"); err != nil {
					ended <- err
					return
				}
			}
			switch v := (<-traffic(path, perSecond, length.Seconds()/60)).(type) {
			case error:
				ended <- v
				return
			case int:
				total += v
			}
		}
		ended <- total
	}()
	return ended
}

// checkBalance holds gatemeter's own metrics against the conservation equations.
func (g *instance) checkBalance(t *testing.T) {
	t.Helper()
	sum := func(names ...string) (n float64) {
		for _, name := range names {
			n += g.metric(t, name)
		}
		return n
	}
	for _, e := range []struct {
		whole string
		parts []string
	}{
		{"gatemeter_source_read_lines_total", []string{"gatemeter_source_skipped_lines_total", "gatemeter_parser_malformed_lines_total", "gatemeter_parser_parsed_records_total"}},
		{"gatemeter_parser_parsed_records_total", []string{"gatemeter_window_left_out_records_total", "gatemeter_window_counted_records_total"}},
		{"gatemeter_index_submitted_documents_total", []string{"gatemeter_index_settled_documents_total", "gatemeter_index_in_flight_documents"}},
	} {
		if whole, parts := sum(e.whole), sum(e.parts...); whole != parts {
			t.Errorf("%s is %v, its parts %v", e.whole, whole, parts)
		}
	}
}
