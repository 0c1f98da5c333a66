package pipeline

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatemeter/gatemeter/pipeline/batch"
	"github.com/gatemeter/gatemeter/pipeline/histogram"
	"github.com/gatemeter/gatemeter/pipeline/point"
)

// randomLogs makes one to three logs: times mostly rise; some records are late, some too late, some lines are none.
func randomLogs(r *rand.Rand) []*testLog {
	var logs []*testLog
	for i := range 1 + r.IntN(3) {
		var b bytes.Buffer
		at := 1_000_000 + int64(r.IntN(15_000))
		for range r.IntN(400) {
			at += []int64{0, 0, 100, 900, 2000, 3000}[r.IntN(6)]
			late := []int64{0, 0, 0, 0, 0, 0, 2000, 4000, 7000, 12_000, 26_000, 40_000}[r.IntN(12)]
			switch r.IntN(40) {
			case 0:
				b.WriteString("not a record\n")
			case 1:
				b.WriteString(" \n")
			case 2, 3, 4:
				fmt.Fprintf(&b, "%d s0 /health 200 1 1 c\n", at+int64(r.IntN(40_000)))
			default:
				fmt.Fprintf(&b, "%d s%d /r%d.%d %d %d %d c%d\n", at-late, r.IntN(3), r.IntN(4), r.IntN(3), []int{200, 200, 200, 301, 404, 500, 0, 429}[r.IntN(8)],
					int64(math.Exp(r.NormFloat64())*5000), r.IntN(5000), r.IntN(150))
			}
		}
		logs = append(logs, &testLog{name: string(rune('a' + i)), data: b.Bytes()})
	}
	return logs
}

// reference counts logs as slowly and as plainly as can be. It returns what Graphite must hold and the ids of all records.
func reference(logs []*testLog, maxSeries int) (graphite map[string]string, ids map[string]bool) {
	type value struct {
		n, class [6]int64
		codes    map[int]int64
		times    []int64
		bytes    int64
		clients  map[string]bool
	}
	values := map[string]*value{}
	ids = map[string]bool{}
	for _, l := range logs {
		watermark := int64(math.MinInt64)
		known := map[string]map[string]bool{} // window and rollup → keys
		offset := 0
		for _, line := range strings.SplitAfter(string(l.data), "\n") {
			start := offset
			offset += len(line)
			if strings.TrimSpace(line) == "" {
				continue
			}
			p := &batch.Partition{ID: "id-" + l.name}
			ids[string(p.AppendID(nil, int64(start)))] = true
			var at, us, size int64
			var service, route, client string
			var status int
			if n, _ := fmt.Sscan(line, &at, &service, &route, &status, &us, &size, &client); n != 7 {
				continue
			}
			window := at / 10_000 * 10
			before := watermark
			watermark = max(watermark, at-5000)
			if route == "/health" || window*1000+10_000+20_000 <= before {
				continue
			}
			room := func(rollup, key string) bool {
				m := known[fmt.Sprint(window, rollup)]
				if m == nil {
					m = map[string]bool{}
					known[fmt.Sprint(window, rollup)] = m
				}
				if !m[key] && len(m) >= maxSeries {
					return false
				}
				m[key] = true
				return true
			}
			if !room("service", service) {
				service, route = "_other", "_other"
			} else if !room("route", service+" "+route) {
				route = "_other"
			}
			method := "GET"
			if route == "_other" {
				method = "_other"
			}
			class := "_none"
			if status >= 100 {
				class = fmt.Sprint(status/100, "xx")
			}
			if !room("class", class) {
				class = "_other"
			}
			clean := strings.NewReplacer("/", "_", ".", "_")
			for _, path := range []string{"route." + clean.Replace(service) + "." + clean.Replace(route) + "." + method, "service." + service, "all", "class." + class} {
				v := values[fmt.Sprint(path, "@", window)]
				if v == nil {
					v = &value{clients: map[string]bool{}, codes: map[int]int64{}}
					values[fmt.Sprint(path, "@", window)] = v
				}
				v.n[0]++
				v.class[status/100]++
				v.codes[status]++
				v.times = append(v.times, us*1000)
				v.bytes += size
				v.clients[client] = true
			}
		}
	}
	graphite = map[string]string{}
	for key, v := range values {
		path, window, _ := strings.Cut(key, "@")
		put := func(stat string, n int64, f float64) { graphite[path+"."+stat+"@"+window] = valueOf(n, f) }
		put("requests.count", v.n[0], 0)
		for class := 1; class < 6; class++ {
			if class > 1 || v.class[1] > 0 {
				put(fmt.Sprintf("requests.%dxx", class), v.class[class], 0)
			}
		}
		for code, n := range v.codes {
			put(fmt.Sprintf("requests.%d", code), n, 0)
		}
		var h histogram.Histogram // its own tests hold it against exact quantiles
		sum := int64(0)
		for _, ns := range v.times {
			h.Add(ns)
			sum += ns
		}
		put("latency.count", v.n[0], 0)
		put("latency.mean", 0, float64(sum)/float64(len(v.times))/1e9)
		put("latency.min", 0, float64(slices.Min(v.times))/1e9)
		put("latency.max", 0, float64(slices.Max(v.times))/1e9)
		put("latency.p50", 0, h.Quantile(.5))
		put("latency.p999", 0, h.Quantile(.999))
		put("response_bytes.sum", v.bytes, 0)
		if v.codes[429] > 0 {
			put("throttled.count", v.codes[429], 0)
		}
		if len(v.clients) <= 96 {
			put("clients.distinct", 0, float64(len(v.clients)))
		}
	}
	return graphite, ids
}

// difference describes how got differs from want, in brief.
func difference(got, want map[string]string) string {
	var d []string
	for k, v := range want {
		if got[k] != v {
			d = append(d, fmt.Sprintf("%s is %q, want %q", k, got[k], v))
		}
	}
	for k, v := range got {
		if _, ok := want[k]; !ok {
			d = append(d, fmt.Sprintf("%s is %q, want none", k, v))
		}
	}
	slices.Sort(d)
	return strings.Join(d[:min(len(d), 5)], "\n")
}

// TestReference: what leaves is what the slow reference counts, with any number of workers, bit for bit.
func TestReference(t *testing.T) {
	for seed := range uint64(30) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 0))
			logs, maxSeries := randomLogs(r), []int{2, 3, 1000}[r.IntN(3)]
			want, ids := reference(logs, maxSeries)
			for _, workers := range []int{1, 2, 8} {
				w := newWorld()
				w.run(t, logs, testRun{seed: seed + 100, workers: workers, maxSeries: maxSeries})
				for k := range w.graphite { // counts of more than 96 clients are estimates
					if _, ok := want[k]; !ok && strings.Contains(k, "clients.distinct") {
						want[k] = w.graphite[k]
					}
				}
				if d := difference(w.graphite, want); d != "" {
					t.Fatalf("seed %d, %d workers:\n%s", seed, workers, d)
				}
				for k, v := range w.graphite {
					var n int64
					fmt.Sscan(v, &n)
					if _, counter := w.statsd[k]; counter && w.statsd[k] != n {
						t.Fatalf("seed %d, %d workers: StatsD has %d of %s, Graphite %s", seed, workers, w.statsd[k], k, v)
					}
				}
				for id := range ids {
					if w.ids[id] != 1 {
						t.Fatalf("seed %d, %d workers: record %s was indexed %d times", seed, workers, id, w.ids[id])
					}
				}
				if len(w.ids) != len(ids) {
					t.Fatalf("seed %d, %d workers: %d records indexed, want %d", seed, workers, len(w.ids), len(ids))
				}
			}
		})
	}
}

// seeds returns how many seeds a property is tried with: n, or the number in GATEMETER_SEEDS.
func seeds(n uint64) uint64 {
	if more, err := strconv.ParseUint(os.Getenv("GATEMETER_SEEDS"), 10, 32); err == nil {
		return more
	}
	return n
}

// TestCrashesChangeNothing is T-EQ: killed at any effect, several times, a run leaves what one that ran through does.
func TestCrashesChangeNothing(t *testing.T) {
	crashes, seeds := 0, seeds(50)
	for seed := range seeds {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 7))
			logs, maxSeries := randomLogs(r), []int{2, 1000}[r.IntN(2)]
			atLeast := r.IntN(2) == 0
			calm := newWorld()
			calm.run(t, logs, testRun{seed: seed, workers: 1, maxSeries: maxSeries})

			w := newWorld()
			for n := r.IntN(6); ; n-- {
				w.left = 1 << 60
				if n > 0 {
					w.left = 1 + r.IntN(120)
				}
				w.loses = nil
				if atLeast && r.IntN(2) == 0 {
					w.loses = rand.New(rand.NewPCG(r.Uint64(), 1))
				}
				if w.run(t, logs, testRun{seed: r.Uint64(), workers: 1 + r.IntN(4), maxSeries: maxSeries, atLeast: atLeast}) {
					break
				}
				crashes++
			}
			if d := difference(w.graphite, calm.graphite); d != "" {
				t.Fatalf("seed %d: Graphite:\n%s", seed, d)
			}
			if !slices.Equal(slices.Sorted(maps.Keys(w.ids)), slices.Sorted(maps.Keys(calm.ids))) {
				t.Fatalf("seed %d: %d records indexed, want %d", seed, len(w.ids), len(calm.ids))
			}
			for k, n := range calm.statsd {
				if atLeast && w.statsd[k] < n || !atLeast && w.statsd[k] > n {
					t.Fatalf("seed %d: StatsD has %d of %s, want %d; at least once: %v", seed, w.statsd[k], k, n, atLeast)
				}
			}
		})
	}
	if crashes < int(seeds) {
		t.Errorf("only %d crashes in %d seeds: the test no longer tests", crashes, seeds)
	}
}

// TestCrashesWhileLive: killed while it follows logs, some of which have fallen silent, with open windows sent early; then told
// to read to the end: the same values and records.
func TestCrashesWhileLive(t *testing.T) {
	crashes, early := 0, 0
	for seed := range seeds(40) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 41))
			logs := randomLogs(r)
			calm := newWorld()
			calm.run(t, logs, testRun{seed: seed, workers: 1, maxSeries: 1000})

			w := newWorld()
			for range 1 + r.IntN(5) {
				w.left = 1 + r.IntN(400)
				done := make(chan bool)
				run, patience := testRun{seed: r.Uint64(), workers: 1 + r.IntN(4), maxSeries: 1000, linger: true}, time.Duration(1+r.IntN(900))*time.Second
				go func() { done <- w.run(t, logs, run) }()
				select {
				case lived := <-done:
					if !lived {
						crashes++
					}
				case <-time.After(patience):
					w.mu.Lock()
					w.die()
					w.mu.Unlock()
					<-done
				}
			}
			early += w.kinds[point.Early]
			w.left = 1 << 60
			w.run(t, logs, testRun{seed: r.Uint64(), workers: 2, maxSeries: 1000})
			if d := difference(w.graphite, calm.graphite); d != "" {
				t.Fatalf("seed %d: Graphite:\n%s", seed, d)
			}
			for id := range calm.ids {
				if w.ids[id] == 0 {
					t.Fatalf("seed %d: record %s is lost", seed, id)
				}
			}
			for k, n := range calm.statsd {
				if w.statsd[k] > n {
					t.Fatalf("seed %d: StatsD has %d of %s, want at most %d", seed, w.statsd[k], k, n)
				}
			}
		})
	}
	if crashes < 10 || early < 20 {
		t.Errorf("only %d crashes and %d early panes: the test no longer tests", crashes, early)
	}
}

// TestChangedConfig: started again with narrower windows, those that were final stay as they were, and those after that time are
// what the new config makes of the whole log. (With wider ones a record can be missing that was too late for its narrow one.)
func TestChangedConfig(t *testing.T) {
	kept, anew := 0, 0
	for seed := range seeds(40) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 51))
			logs := randomLogs(r)
			wide := func(s *Settings) { s.Metrics.Window, s.Metrics.Fingerprint = 20*time.Second, "wide" }
			before, wanted := newWorld(), newWorld()
			before.run(t, logs, testRun{seed: seed, workers: 1, maxSeries: 1000, change: wide})
			wanted.run(t, logs, testRun{seed: seed, workers: 1, maxSeries: 1000})

			w := newWorld()
			w.left = 20 + r.IntN(200)
			if w.run(t, logs, testRun{seed: seed + 1, workers: 2, maxSeries: 1000, change: wide}) || len(w.cursors) == 0 {
				return
			}
			final := w.cursors[0].Final
			w.left = 1 << 60
			w.run(t, logs, testRun{seed: seed + 2, workers: 2, maxSeries: 1000})
			for k, v := range before.graphite {
				if windowOf(k)+20 <= final {
					kept++
					if w.graphite[k] != v {
						t.Fatalf("seed %d: final at %d: %s is %q, want %q", seed, final, k, w.graphite[k], v)
					}
				}
			}
			for k, v := range wanted.graphite {
				if windowOf(k) >= final {
					anew++
					if w.graphite[k] != v {
						t.Fatalf("seed %d: final at %d: under the new config %s is %q, want %q", seed, final, k, w.graphite[k], v)
					}
				}
			}
		})
	}
	if kept < 1000 || anew < 1000 {
		t.Errorf("%d values kept, %d made anew: the test no longer tests", kept, anew)
	}
}

// windowOf returns the start of the window in a key of world.graphite.
func windowOf(key string) int64 {
	n, _ := strconv.ParseInt(key[strings.LastIndexByte(key, '@')+1:], 10, 64)
	return n
}
