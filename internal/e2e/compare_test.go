package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/internal/servers"
)

// kind says how a stat is compared, and whether it adds up.
type kind int

const (
	counter    kind = iota // exactly; adds up over windows
	exact                  // min, max: exactly
	mean                   // a quotient: to the last digits
	percentile             // within the histogram's bound
	distinct               // within the sketch's
)

var percentileStat = regexp.MustCompile(`latency\.p[0-9]+$`)

func kindOf(name string) kind {
	switch {
	case percentileStat.MatchString(name):
		return percentile
	case strings.HasSuffix(name, ".mean"):
		return mean
	case strings.HasSuffix(name, ".min"), strings.HasSuffix(name, ".max"):
		return exact
	case strings.HasSuffix(name, ".distinct"):
		return distinct
	}
	return counter
}

// agree reports whether got is what a stat that is want may be.
func agree(k kind, want, got float64) bool {
	switch k {
	case mean:
		return math.Abs(got-want) <= 1e-12*math.Abs(want)
	case percentile:
		return math.Abs(got-want) <= 0.011*want
	case distinct:
		return math.Abs(got-want) <= max(1, 0.08*want) // five standard errors of 2^12 registers
	}
	return got == want
}

// differences collects what is not as it should be, and keeps the first of it.
type differences struct {
	n     int
	lines []string
}

func (d *differences) add(format string, args ...any) {
	if d.n++; d.n <= 20 {
		d.lines = append(d.lines, fmt.Sprintf(format, args...))
	}
}

func (d *differences) err(what string, of int) error {
	if d.n == 0 {
		return nil
	}
	return fmt.Errorf("%s: %d differences in %d:\n%s", what, d.n, of, strings.Join(d.lines, "\n"))
}

// compareValues says what Graphite has that is not what the oracle expects.
func compareValues(want, got values) error {
	var d differences
	n := 0
	for _, name := range slices.Sorted(maps.Keys(want)) {
		kind := kindOf(name)
		for _, window := range slices.Sorted(maps.Keys(want[name])) {
			n++
			w := want[name][window]
			g, ok := got[name][window]
			switch {
			case !ok:
				d.add("%s at %d: missing, want %v", name, window, w)
			case !agree(kind, w, g):
				d.add("%s at %d: %v, want %v", name, window, g, w)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(got)) {
		for _, window := range slices.Sorted(maps.Keys(got[name])) {
			if _, ok := want[name][window]; !ok {
				d.add("%s at %d: %v, want nothing", name, window, got[name][window])
			}
		}
	}
	return d.err("Graphite", n)
}

// compareCounters says which of StatsD's counters are not the sums that the oracle expects. Names begin with prefix.
func compareCounters(want map[string]float64, got map[string]float64, prefix string) error {
	var d differences
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if g := got[prefix+name]; g != want[name] {
			d.add("%s: %v, want %v", name, g, want[name])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(got)) {
		if below, ok := strings.CutPrefix(name, prefix); ok && got[name] != 0 {
			if _, ok := want[below]; !ok {
				d.add("%s: %v, want nothing", below, got[name])
			}
		}
	}
	return d.err("StatsD", len(want))
}

// graphiteValues reads back all that is below prefix and one node for the shard, in windows from the first to the last
// that want has. The rollups say how deep each subtree is.
func graphiteValues(t *testing.T, g *servers.Graphite, prefix string, rollups map[string][]string, want values) values {
	t.Helper()
	from, until := int64(math.MaxInt64), int64(math.MinInt64)
	for _, windows := range want {
		for w := range windows {
			from, until = min(from, w), max(until, w)
		}
	}
	got := values{}
	for rollup, dimensions := range rollups {
		// The metric and the stat stand behind the dimensions' values.
		target := prefix + ".*." + rollup + strings.Repeat(".*", len(dimensions)+2)
		for name, points := range g.Render(target, time.Unix(from-1, 0), time.Unix(until+1, 0)) {
			_, below, ok := strings.Cut(strings.TrimPrefix(name, prefix+"."), ".")
			if !ok {
				t.Fatalf("Graphite has a series %q", name)
			}
			for _, p := range points {
				got.set(below, p.Time, p.Value)
			}
		}
	}
	return got
}

// badBytes is one or more places where bytes that are no UTF-8 were.
var badBytes = regexp.MustCompile("\uFFFD+")

// compareDocuments says which documents of an index are not what the oracle expects.
func compareDocuments(t *testing.T, e *servers.Elasticsearch, index string, want map[string]document) error {
	t.Helper()
	var d differences
	seen := make(map[string]bool, len(want))
	e.Each(index, func(doc servers.Document) error {
		if seen[doc.ID] {
			d.add("%s: twice", doc.ID)
			return nil
		}
		seen[doc.ID] = true
		w, ok := want[doc.ID]
		if !ok {
			d.add("%s: %.300s, want nothing", doc.ID, doc.Source)
			return nil
		}
		g, err := readDocument(doc.Source)
		if err != nil {
			return err
		}
		if text, wanted := g.String(), w.String(); text != wanted {
			d.add("%s: %s, want %s", doc.ID, text, wanted)
		}
		return nil
	})
	for id, w := range want {
		if !seen[id] {
			d.add("%s: missing, want %s", id, w.String())
		}
	}
	return d.err("Elasticsearch", len(want))
}

// String writes what is compared of d.
func (d document) String() string {
	if d.Malformed {
		return "malformed"
	}
	number := func(n *int64) string {
		if n == nil {
			return "none"
		}
		return fmt.Sprint(*n)
	}
	path := "none"
	if d.Path != nil {
		path = fmt.Sprintf("%q", badBytes.ReplaceAllString(*d.Path, "\uFFFD"))
	}
	return fmt.Sprintf("status %s path %s bytes %s duration %s", number(d.Status), path, number(d.Bytes), number(d.Duration))
}

// readDocument reads what is compared from a stored document.
func readDocument(source []byte) (document, error) {
	var s struct {
		URL   struct{ Path *string }
		Event struct{ Duration *int64 }
		Error *struct{ Message string }
		HTTP  struct {
			Response struct {
				Status *int64 `json:"status_code"`
				Bytes  *int64
				Body   struct{ Bytes *int64 }
			}
		}
	}
	if err := json.Unmarshal(source, &s); err != nil {
		return document{}, fmt.Errorf("document %.300q: %w", source, err)
	}
	if s.Error != nil && s.Error.Message == "" {
		return document{}, errors.New("a document has an error without a message")
	}
	d := document{
		Malformed: s.Error != nil, Status: s.HTTP.Response.Status, Path: s.URL.Path,
		Bytes: s.HTTP.Response.Bytes, Duration: s.Event.Duration,
	}
	if d.Bytes == nil {
		d.Bytes = s.HTTP.Response.Body.Bytes
	}
	return d, nil
}
