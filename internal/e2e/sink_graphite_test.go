package e2e

import (
	"fmt"
	"testing"

	strictgraphite "github.com/gatemeter/gatemeter/internal/strict/graphite"
	strictstatsd "github.com/gatemeter/gatemeter/internal/strict/statsd"
)

// graphiteBehaves changes what the stand-in does.
func (w *world) graphiteBehaves(b strictgraphite.Behaviour) {
	w.t.Helper()
	if err := w.graphite.Behave(b); err != nil {
		w.t.Fatal(err)
	}
}

// stored waits until Elasticsearch has what was written so far.
func (w *world) stored() {
	w.t.Helper()
	w.await(func() error {
		if got := w.search.Count(); got != w.log.next {
			return fmt.Errorf("Elasticsearch has %d documents of %d lines", got, w.log.next)
		}
		return nil
	})
}

// TestGraphiteGone: a Graphite that is not there at the start, comes, goes in the midst of it, and comes again.
func TestGraphiteGone(t *testing.T) {
	w := newWorld(t, 3000)
	w.addGraphite(strictgraphite.Options{})
	w.addElasticsearch()
	w.addStatsD(strictstatsd.Options{Network: "tcp"})
	w.graphiteBehaves(strictgraphite.Behaviour{Refuse: true})
	w.log.part(1, 4)
	w.start()
	w.stored() // nothing else waits for it
	w.reaches(3, "gatemeter_sink_failures_total", `sink="graphite"`)
	w.ready("sink/graphite")
	w.said(1, "connection refused", "sink=graphite")
	w.said(1)

	w.graphiteBehaves(strictgraphite.Behaviour{})
	w.ready()
	w.log.part(2, 4)
	w.settled()

	failed := w.metric(t, "gatemeter_sink_failures_total", `sink="graphite"`)
	w.graphiteBehaves(strictgraphite.Behaviour{Refuse: true})
	w.graphite.Cut()
	w.log.part(3, 4)
	w.stored()
	w.reaches(failed+3, "gatemeter_sink_failures_total", `sink="graphite"`)
	w.ready("sink/graphite")
	w.said(2, "sink=graphite")

	w.graphiteBehaves(strictgraphite.Behaviour{})
	w.log.part(4, 4)
	w.settled()
	w.ready()
	w.said(2, "sink=graphite")
	if lost := w.metric(t, "gatemeter_sink_lost_panes_total"); lost != 0 {
		t.Errorf("%v panes lost", lost)
	}
}

// TestGraphiteSlow: a Graphite that reads a kilobyte a second is not taken for dead, and holds up no other sink.
func TestGraphiteSlow(t *testing.T) {
	w := newWorld(t, 3000)
	w.addGraphite(strictgraphite.Options{ReadBuffer: 4096})
	w.addElasticsearch()
	w.addStatsD(strictstatsd.Options{Network: "tcp"})
	w.graphiteBehaves(strictgraphite.Behaviour{Rate: 1024})
	w.start()
	w.log.part(1, 2)
	w.stored()
	w.await(func() error {
		if got := w.graphite.Stats().Bytes; got < 3072 {
			return fmt.Errorf("Graphite has read %d bytes", got)
		}
		return nil
	})
	w.log.part(2, 2)
	w.stored()
	if queued := w.metric(t, "gatemeter_sink_queued_panes", `sink="graphite"`); queued == 0 {
		t.Error("no pane waits: Graphite is not slow")
	}
	w.ready()
	w.said(0, "sink=graphite")
	w.graphiteBehaves(strictgraphite.Behaviour{})
	w.settled()
	if n := w.graphite.Stats().Streams; n != 1 {
		t.Errorf("%d connections, want one", n)
	}
}

// TestGraphiteResets: a Graphite that resets each connection after so many bytes, in the middle of a line.
func TestGraphiteResets(t *testing.T) {
	w := newWorld(t, 3000)
	w.addGraphite(strictgraphite.Options{})
	w.start()
	limits := []int64{1, 100, 1000, 7777, 50_001}
	for i, n := range limits {
		resets := w.graphite.Stats().Resets
		w.graphiteBehaves(strictgraphite.Behaviour{ResetAfter: n})
		w.log.part(i+1, len(limits)+1)
		w.await(func() error {
			if w.graphite.Stats().Resets < resets+2 {
				return fmt.Errorf("no reset after %d bytes", n)
			}
			return nil
		})
		w.graphiteBehaves(strictgraphite.Behaviour{})
		w.settled()
	}
	w.log.part(1, 1)
	w.settled()
	w.ready()
	if got := w.graphite.Stats().Halves; got == 0 {
		t.Error("no reset was in the middle of a line")
	}
	if got := w.metric(t, "gatemeter_sink_lost_panes_total"); got != 0 {
		t.Errorf("%v panes lost", got)
	}
	if got := len(w.messages(t, "sink=graphite")); got > len(limits) {
		t.Errorf("%d messages about %d times of trouble", got, len(limits))
	}
}
