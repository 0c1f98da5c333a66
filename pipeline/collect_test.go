package pipeline

import (
	"fmt"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/pipeline/batch"
)

// TestSeriesOfOneNode: series that are one node in Graphite are added up, and who adds up itself gets each request once, also of a window
// that is sent again.
func TestSeriesOfOneNode(t *testing.T) {
	script := newScript("a")
	live(t, script, nil, func(w *world, _ *Pipeline) {
		send := func(second int64, routes ...string) {
			var data []byte
			for _, route := range routes {
				data = fmt.Appendf(data, "%d s %s 200 1000 10 c\n", second*1000, route)
			}
			first := script.offsets["a"]
			script.offsets["a"] += int64(len(data))
			script.steps <- &batch.Batch{Partition: script.partitions["a"], Data: data, First: first, Next: script.offsets["a"], CaughtUp: true}
			later(2 * time.Second)
		}
		check := func(want int64) {
			t.Helper()
			w.mu.Lock()
			defer w.mu.Unlock()
			for _, name := range []string{"route.s.a_b.GET.requests.count@1000", "route.s.a_b.GET.requests.200@1000", "service.s.requests.count@1000"} {
				if graphite, statsd := w.graphite[name], w.statsd[name]; graphite != valueOf(want, 0) || statsd != want {
					t.Errorf("%s is %s in Graphite and %d in StatsD, want %d", name, graphite, statsd, want)
				}
			}
		}
		send(1000, "a.b", "a_b")
		send(1016, "x")
		check(2)
		send(1005, "a_b", "a/b")
		check(4)
		send(1006, "a.b")
		check(5)
	})
}
