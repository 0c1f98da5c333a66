package e2e

import (
	"fmt"
	"maps"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/internal/servers"
	strictsearch "github.com/gatemeter/gatemeter/internal/strict/elasticsearch"
	strictgraphite "github.com/gatemeter/gatemeter/internal/strict/graphite"
)

// receiver is a gatemeter that others send to, with a strict Graphite, and if asked for a strict Elasticsearch.
type receiver struct {
	*instance
	t        *testing.T
	graphite *strictgraphite.Server
	search   *strictsearch.Server
}

// newReceiver returns one with these sources. Windows stay open for an hour, so that nothing leaves the spools meanwhile.
func newReceiver(t *testing.T, sources object, withSearch bool) *receiver {
	t.Helper()
	r := &receiver{t: t}
	var err error
	if r.graphite, err = strictgraphite.New(strictgraphite.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		r.graphite.Close()
		clean(t, "Graphite", r.graphite.Violations())
	})
	sinks := object{"graphite": object{"type": "graphite", "address": "tcp://" + r.graphite.Address, "prefix": "w"}}
	if withSearch {
		if r.search, err = strictsearch.New(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			r.search.Close()
			clean(t, "Elasticsearch", r.search.Violations())
		})
		sinks["elasticsearch"] = object{"type": "elasticsearch", "urls": []string{r.search.URL}, "data_stream": index("w"), "flush_interval": "50ms"}
	}
	r.instance = newInstance(t, object{
		"sources": sources, "sinks": sinks, "log": object{"format": "json"},
		"metrics": object{"window": "1s", "lateness": "2s", "amend": "1h", "idle_timeout": "1s", "rollups": object{"service": []string{"service"}}},
	})
	return r
}

// totals returns how many requests Graphite has of each service.
func (r *receiver) totals() map[string]int {
	r.t.Helper()
	totals := map[string]int{}
	for name, points := range r.graphite.Values() {
		service, ok := strings.CutSuffix(strings.TrimPrefix(name, "w."+shard+".service."), ".requests.count")
		if !ok {
			continue
		}
		for _, text := range points {
			n, err := strconv.Atoi(text)
			if err != nil {
				r.t.Fatalf("Graphite has %q for %s", text, name)
			}
			totals[service] += n
		}
	}
	return totals
}

// wantTotals waits until Graphite has so many requests of each service, and of no other.
func (r *receiver) wantTotals(want map[string]int) {
	r.t.Helper()
	servers.Await(r.t, time.Minute, func() error {
		if got := r.totals(); !maps.Equal(got, want) {
			return fmt.Errorf("Graphite has %v, want %v", got, want)
		}
		return nil
	})
}

// finish counts what is still in the spools and makes every window final.
func (r *receiver) finish() {
	r.t.Helper()
	if err := servers.Start(r.t, r.command("--once")).Wait(2 * time.Minute); err != nil {
		r.t.Fatalf("run --once: %v", err)
	}
}

// clfLine is a line of the combined format, of now.
func clfLine(path string) string {
	return `203.0.113.7 - - [` + time.Now().UTC().Format("02/Jan/2006:15:04:05 -0700") + `] "GET ` + path + ` HTTP/1.1" 200 7 "-" "agent"`
}
