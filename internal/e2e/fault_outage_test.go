package e2e

import (
	"bytes"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/internal/servers"
	strictgraphite "github.com/gatemeter/gatemeter/internal/strict/graphite"
)

// traffic writes lines of now, so many a second for so long, in a goroutine of its own. The channel has how many, or an error.
func traffic(path string, perSecond int, seconds float64) <-chan any {
	ended := make(chan any, 1)
	go func() {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			ended <- err
			return
		}
		defer f.Close()
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		var text bytes.Buffer
		written, total := 0, int(float64(perSecond)*seconds)
		began := time.Now()
		first := int(began.UnixMicro()) // no two logs are alike, not even of one second: one would be taken for a copy of the other
		for written < total {
			now := <-tick.C
			text.Reset()
			stamp := now.UTC().Format("02/Jan/2006:15:04:05 -0700")
			for due := min(total, int(now.Sub(began).Seconds()*float64(perSecond))); written < due; written++ {
				fmt.Fprintf(&text, "203.0.113.%d - - [%s] \"GET /orders/%d HTTP/1.1\" 200 512 \"-\" \"curl/8.14.1\" 0.0%02d 0.0%02d\n",
					written%250, stamp, first+written, written%90+10, written%9+1)
			}
			if _, err := f.Write(text.Bytes()); err != nil {
				ended <- err
				return
			}
		}
		ended <- written
	}()
	return ended
}

// requests returns how many requests Graphite has in all, and the start of the newest window.
func (w *world) requests() (sum int, newest int64) {
	for at, n := range w.points()["all.requests.count"] {
		sum += int(n)
		newest = max(newest, at)
	}
	return sum, newest
}

// TestFaultElasticsearchOutage: Elasticsearch is away for long enough that documents fill what may be held of them. Metrics keep
// their pace, memory its bound, and afterwards every record is there, once.
func TestFaultElasticsearchOutage(t *testing.T) {
	perSecond, outage := size(8000, 20_000), size(6, 600)
	w := newWorld(t, 0)
	w.addGraphite(strictgraphite.Options{})
	w.addElasticsearch()
	w.search.KeepSources(0)
	w.start()
	ended := traffic(w.log.path, perSecond, float64(outage)+4)
	w.await(func() error {
		if w.search.Count() == 0 {
			return fmt.Errorf("no document yet")
		}
		return nil
	})
	w.search.Leave()
	oldest, most := time.Duration(0), 0
	servers.Within(time.Duration(outage)*time.Second, func() bool {
		_, newest := w.requests()
		if newest > 0 {
			oldest = max(oldest, time.Since(time.Unix(newest+1, 0)))
		}
		most = max(most, w.memory())
		return false
	})
	if behind := w.metric(t, "gatemeter_sink_partitions_behind", `sink="elasticsearch"`); behind != 1 {
		t.Errorf("%v partitions behind: the outage was too short to show anything", behind)
	}
	if err := w.search.Return(); err != nil {
		t.Fatal(err)
	}
	var lines int
	switch v := (<-ended).(type) {
	case error:
		t.Fatal(v)
	case int:
		lines = v
	}
	deadline := within + 4*time.Duration(outage)*time.Second // the stand-in takes a few thousand documents a second
	servers.Await(t, deadline, func() error {
		if sum, _ := w.requests(); sum != lines || w.search.Count() != lines {
			return fmt.Errorf("%d requests in Graphite and %d documents, want %d", sum, w.search.Count(), lines)
		}
		return nil
	})
	// window 1 s, lateness 2 s, and 5 s.
	if oldest > 8*time.Second {
		t.Errorf("Graphite's newest window was %v old, want at most 8s", oldest)
	}
	if most > 128 {
		t.Errorf("%d MiB resident, want at most 128", most)
	}
	w.await(func() error {
		if behind := w.metric(t, "gatemeter_sink_partitions_behind"); behind != 0 {
			return fmt.Errorf("%v partitions behind", behind)
		}
		return nil
	})
	w.said(1, "no room for more records")
	note(t, outcome{fault: "Elasticsearch away while it fills what is held", trials: 1, lines: lines})
	t.Logf("%d lines/s, %d s: newest window at most %v old, %d MiB resident", perSecond, outage, oldest.Round(time.Millisecond), most)
}

// TestFaultGraphiteOutage: Graphite is away for longer than its queue lasts; gatemeter is killed meanwhile and started again.
// The panes wait on disk, and afterwards every window is right.
func TestFaultGraphiteOutage(t *testing.T) {
	perSecond, outage := size(300, 2000), size(12, 60)
	w := newWorld(t, 0)
	graphite := w.addGraphite(strictgraphite.Options{})
	graphite["queue"] = 1000
	metrics := w.config["metrics"].(object)
	metrics["rollups"] = object{"route": []string{"service", "route", "method", "status_class"}, "service": []string{"service"}, "all": []string{}}
	metrics["percentiles"] = []float64{10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 99, 99.9} // many points
	metrics["status_codes"] = true
	w.start()
	w.ready()
	w.graphiteBehaves(strictgraphite.Behaviour{Refuse: true})
	w.graphite.Cut()
	ended := traffic(w.log.path, perSecond, float64(outage)+2)
	w.reaches(1, "gatemeter_sink_spooled_panes_total")
	w.process.Kill()
	w.start()
	lines := 0
	switch v := (<-ended).(type) {
	case error:
		t.Fatal(v)
	case int:
		lines = v
	}
	w.reaches(1, "gatemeter_sink_failures_total")
	w.graphiteBehaves(strictgraphite.Behaviour{})
	w.await(func() error {
		if sum, _ := w.requests(); sum != lines {
			return fmt.Errorf("%d requests in Graphite, want %d", sum, lines)
		}
		return nil
	})
	if lost := w.metric(t, "gatemeter_sink_lost_panes_total"); lost != 0 {
		t.Errorf("%v panes lost", lost)
	}
	note(t, outcome{fault: "Graphite away for longer than its queue, and a kill", trials: 1, lines: lines})
}
