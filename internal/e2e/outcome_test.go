package e2e

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gatemeter/gatemeter/internal/servers"
)

// size returns how much of something a fault test does: small in every run of the tests, large in `make fault`.
func size(small, large int) int {
	if os.Getenv("GATEMETER_E2E_FAULTS") == "large" {
		return large
	}
	return small
}

// outcome is a row of the table that `make fault` writes.
type outcome struct {
	fault         string
	trials, lines int
	lost, doubled int
}

// outcomes are those of this run.
var outcomes struct {
	sync.Mutex
	rows []outcome
}

// note adds a row.
func note(t *testing.T, o outcome) {
	t.Helper()
	outcomes.Lock()
	defer outcomes.Unlock()
	outcomes.rows = append(outcomes.rows, o)
	if err := writeOutcomes(); err != nil {
		t.Error(err)
	}
	t.Logf("%s: %d trials, %d lines, %d lost, %d doubled", o.fault, o.trials, o.lines, o.lost, o.doubled)
}

// writeOutcomes writes the table so far to the file that the environment names. outcomes is locked.
func writeOutcomes() error {
	name := os.Getenv("GATEMETER_E2E_OUTCOMES")
	if name == "" {
		return nil
	}
	slices.SortStableFunc(outcomes.rows, func(a, b outcome) int { return strings.Compare(a.fault, b.fault) })
	var b strings.Builder
	b.WriteString("# Faults\n\nWritten by `make fault`. A line is lost when a server lacks it at the end, doubled when one has it twice; whatever was done to\n" +
		"gatemeter, its files and its servers, both are to be 0. Each row is a test in internal/e2e.\n\n" +
		"| fault | trials | lines | lost | doubled |\n| --- | ---: | ---: | ---: | ---: |\n")
	for _, o := range outcomes.rows {
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %d |\n", o.fault, o.trials, o.lines, o.lost, o.doubled)
	}
	return os.WriteFile(name, []byte(b.String()), 0o644)
}

// proven waits until the servers have what the oracle counts, notes what is lost and doubled then, and fails when they have
// not.
func (w *world) proven(fault string, trials int) {
	w.t.Helper()
	w.wanted = ask(w.t, w.job)
	if !w.agree() {
		w.t.Error(w.compare())
	}
	o := outcome{fault: fault, trials: trials, lines: w.wanted.totals["read"]}
	o.lost, o.doubled = w.difference()
	note(w.t, o)
}

// provenIDs is proven for an Elasticsearch that keeps no documents, only their ids.
func (w *world) provenIDs(fault string, trials int) {
	w.t.Helper()
	search := w.search
	w.wanted = ask(w.t, w.job)
	w.search = nil
	if !w.agree() {
		w.t.Error(w.compare())
	}
	w.search = search
	o := outcome{fault: fault, trials: trials, lines: w.wanted.totals["read"]}
	servers.Within(2*within, func() bool {
		if search.Count() < len(w.wanted.documents) {
			return false
		}
		o.lost, o.doubled = w.difference()
		return o.lost == 0 && o.doubled == 0
	})
	o.lost, o.doubled = w.difference()
	note(w.t, o)
	if o.lost != 0 || o.doubled != 0 {
		w.t.Errorf("%d lost, %d doubled", o.lost, o.doubled)
	}
}

// difference returns how many lines the server has too few that has fewest, and too many that has most.
func (w *world) difference() (lost, doubled int) {
	if w.graphite != nil {
		sum := func(v values) (n int) {
			for _, c := range v["all.requests.count"] {
				n += int(c)
			}
			return n
		}
		want, got := sum(w.wanted.values), sum(w.points())
		lost, doubled = max(lost, want-got), max(doubled, got-want)
	}
	if w.search != nil {
		missing, more := len(w.wanted.documents), 0
		for _, d := range w.search.Docs() {
			if _, ok := w.wanted.documents[d.ID]; ok {
				missing--
			} else {
				more++
			}
		}
		lost, doubled = max(lost, missing), max(doubled, more)
	}
	return lost, doubled
}
