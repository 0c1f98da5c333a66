package e2e

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	strictgraphite "github.com/gatemeter/gatemeter/internal/strict/graphite"
)

// TestFaultDisorder: one line in a hundred is late, and changes its window once more; one in a thousand is too late, and has a
// reason; and a host whose clock is a year ahead moves nothing.
func TestFaultDisorder(t *testing.T) {
	w := newWorld(t, size(12_000, 300_000))
	w.addGraphite(strictgraphite.Options{})
	w.addElasticsearch()
	delayed := map[int][][]byte{} // by the line before which they come
	var text, known bytes.Buffer  // known: without those of the wrong clock
	perSecond := max(50, len(w.log.lines)/300)
	future := 0
	for i, line := range w.log.lines {
		for _, d := range delayed[i] {
			text.Write(d)
			known.Write(d)
		}
		switch {
		case i%1000 == 500:
			delayed[i+perSecond*40] = append(delayed[i+perSecond*40], line)
			continue
		case i%100 == 50:
			delayed[i+perSecond*12] = append(delayed[i+perSecond*12], line)
			continue
		case i%97 == 10:
			year := time.Now().UTC().Format("/2006:")
			next := time.Now().UTC().AddDate(1, 0, 0).Format("/2006:")
			if wrong := bytes.Replace(line, []byte(year), []byte(next), 1); !bytes.Equal(wrong, line) {
				text.Write(wrong)
				future++
			}
		}
		text.Write(line)
		known.Write(line)
	}
	filtered := filepath.Join(t.TempDir(), "access.log")
	if err := os.WriteFile(filtered, known.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	w.job.Partitions[0].Files = []string{filtered} // its ids are of other offsets: those are not compared
	search := w.search
	w.search = nil
	w.start()
	parts := bytes.SplitAfter(text.Bytes(), []byte("\n"))
	for i := range 4 { // a batch is not all there is
		w.log.append(bytes.Join(parts[i*len(parts)/4:(i+1)*len(parts)/4], nil))
		w.await(func() error {
			if got := w.metric(t, "gatemeter_file_lag_bytes"); got != 0 {
				return fmt.Errorf("%v bytes not read", got)
			}
			return nil
		})
	}
	w.proven("lines out of order, late, too late, and a year ahead", 1)
	late := w.wanted.totals["late"]
	if late == 0 || future == 0 {
		t.Fatalf("%d late and %d future lines: the log is not what was asked for", late, future)
	}
	// A line that is none has no time, the wrong one neither.
	future -= int(w.metric(t, "gatemeter_parser_malformed_lines_total")) - w.wanted.totals["malformed"]
	for reason, want := range map[string]int{"late": late, "future": future, "after_idle": 0} {
		if got := w.metric(t, "gatemeter_window_left_out_records_total", `reason="`+reason+`"`); got != float64(want) {
			t.Errorf("%v records are %s, want %d", got, reason, want)
		}
	}
	if got := w.metric(t, "gatemeter_window_panes_total", `kind="late"`); got == 0 {
		t.Error("no late pane")
	}
	w.await(func() error {
		if got, want := search.Count(), bytes.Count(text.Bytes(), []byte("\n")); got != want {
			return fmt.Errorf("%d documents, want %d: those that are late or ahead too", got, want)
		}
		return nil
	})
}

// TestFaultClock: the clock is an hour, a year ahead of the log, or as it should be: the same windows with the same values.
func TestFaultClock(t *testing.T) {
	const perSecond = 50
	count := size(3000, 100_000)
	begin := time.Now().Add(-10*time.Minute - time.Duration(count/perSecond)*time.Second).Truncate(time.Second) // none of them is ahead
	w := newWorld(t, 0)
	var first string
	ahead := []time.Duration{0, time.Hour, 366 * 24 * time.Hour}
	for i, by := range ahead {
		v := newSerialWorld(t, 0)
		v.addGraphite(strictgraphite.Options{})
		whole := filepath.Join(t.TempDir(), "whole")
		generate(t, whole, "nginx_timed", count, "--seed", "19", "--disorder", "4s", "--rate", strconv.Itoa(perSecond), "--malformed", "0.01",
			"--start", begin.Add(-by).UTC().Format(time.RFC3339))
		text, err := os.ReadFile(whole)
		if err != nil {
			t.Fatal(err)
		}
		v.start()
		v.log.append(text)
		v.settled()
		v.process.Stop()
		moved := map[string]map[int64]string{}
		for name, windows := range v.graphite.Values() {
			moved[name] = map[int64]string{}
			for at, value := range windows {
				moved[name][at+int64(by/time.Second)] = value
			}
		}
		if got := lines(moved); i == 0 {
			first = got
		} else if got != first {
			t.Errorf("%v ahead: other bytes than with the right clock: %d and %d", by, len(got), len(first))
		}
		w.wanted = v.wanted
	}
	note(t, outcome{fault: "the clock an hour, a year ahead of the log", trials: len(ahead), lines: w.wanted.totals["read"] * len(ahead)})
}
