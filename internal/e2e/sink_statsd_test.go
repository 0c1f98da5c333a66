package e2e

import (
	"fmt"
	"testing"

	strictgraphite "github.com/gatemeter/gatemeter/internal/strict/graphite"
	strictstatsd "github.com/gatemeter/gatemeter/internal/strict/statsd"
)

func (w *world) statsdBehaves(b strictstatsd.Behaviour) {
	w.t.Helper()
	if err := w.statsd.Behave(b); err != nil {
		w.t.Fatal(err)
	}
}

// statsdGone runs with a StatsD that is not there at the start, comes, goes in the midst of it, and comes again.
func statsdGone(t *testing.T, network, delivery, refusal string) *world {
	w := newWorld(t, 3000)
	w.addStatsD(strictstatsd.Options{Network: network})["delivery"] = delivery
	w.addGraphite(strictgraphite.Options{})
	w.statsdBehaves(strictstatsd.Behaviour{Refuse: true})
	w.log.part(1, 4)
	w.start()
	w.reaches(1, "gatemeter_sink_failures_total", `sink="statsd"`)
	w.ready("sink/statsd")
	w.said(1, refusal, "sink=statsd")
	w.said(1)

	w.statsdBehaves(strictstatsd.Behaviour{})
	w.log.part(2, 4)
	w.ready()
	w.taken()

	failed := w.metric(t, "gatemeter_sink_failures_total", `sink="statsd"`)
	w.statsdBehaves(strictstatsd.Behaviour{Refuse: true})
	w.statsd.Cut()
	w.log.part(3, 4)
	w.reaches(failed+1, "gatemeter_sink_failures_total", `sink="statsd"`)
	w.ready("sink/statsd")
	w.said(2, "sink=statsd")

	w.statsdBehaves(strictstatsd.Behaviour{})
	w.log.part(4, 4)
	w.ready()
	w.taken()
	w.said(2)
	return w
}

// taken waits until StatsD has all panes that are not lost, and Graphite everything.
func (w *world) taken() {
	w.t.Helper()
	s := w.statsd
	w.statsd = nil
	w.settled()
	w.statsd = s
	w.await(func() error {
		if n := w.metric(w.t, "gatemeter_sink_queued_panes", `sink="statsd"`); n != 0 {
			return fmt.Errorf("%v panes wait for StatsD", n)
		}
		return nil
	})
}

// TestStatsDGone: what must not be doubled is lost while nobody takes it, and counted; what must not be lost waits.
func TestStatsDGone(t *testing.T) {
	for _, network := range []string{"tcp", "udp", "unixgram"} {
		refusal := "connection refused"
		if network == "unixgram" {
			refusal = "no such file"
		}
		t.Run(network+"/at_most_once", func(t *testing.T) {
			w := statsdGone(t, network, "at_most_once", refusal)
			if lost := w.metric(t, "gatemeter_sink_lost_panes_total", `sink="statsd"`, `reason="failed"`); lost == 0 {
				t.Error("no pane is counted as lost")
			}
			got, want := w.statsd.Counters()["w."+shard+".all.requests.count"], w.wanted.values.counters()["all.requests.count"]
			if got == 0 || float64(got) >= want {
				t.Errorf("StatsD has %v requests of %v, want fewer and not none", got, want)
			}
			for name, n := range w.wanted.values.counters() {
				if got := w.statsd.Counters()["w."+shard+"."+name]; float64(got) > n {
					t.Errorf("StatsD has %v of %s, want no more than %v", got, name, n)
				}
			}
		})
		t.Run(network+"/at_least_once", func(t *testing.T) {
			w := statsdGone(t, network, "at_least_once", refusal)
			w.settled()
			if lost := w.metric(t, "gatemeter_sink_lost_panes_total", `sink="statsd"`); lost != 0 {
				t.Errorf("%v panes lost", lost)
			}
		})
	}
}
