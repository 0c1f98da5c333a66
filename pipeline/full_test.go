package pipeline

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
)

// lockedBuffer is a buffer that many may write to.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// TestFullRollups: each window in which a rollup has no room is counted once, whatever the number of workers and records.
func TestFullRollups(t *testing.T) {
	f := func(workers, maxSeries int, want map[string]int64) {
		t.Helper()
		var b bytes.Buffer
		for window := range int64(3) {
			for i := range 50 { // of five routes; in the last window of one
				route := i % 5
				if window == 2 {
					route = 0
				}
				fmt.Fprintf(&b, "%d s r%d 200 1000 10 c\n", 1_000_000+window*10_000+int64(i), route)
			}
		}
		var p *Pipeline
		var log lockedBuffer
		synctest.Test(t, func(t *testing.T) {
			newWorld().run(t, []*testLog{{"a", b.Bytes()}}, testRun{seed: 1, workers: workers, maxSeries: maxSeries, started: func(q *Pipeline) { p = q }, change: func(s *Settings) {
				s.Log = slog.New(slog.NewTextHandler(&log, nil))
			}})
		})
		for _, k := range p.Stats().Partitions {
			for name, n := range k.Full {
				if n != want[name] {
					t.Errorf("%d workers, max_series %d: rollup %s was full in %d windows, want %d", workers, maxSeries, name, n, want[name])
				}
			}
			if len(k.Full) != 4 {
				t.Errorf("of %d rollups it is said, want all four", len(k.Full))
			}
		}
		if said := strings.Contains(log.b.String(), "max_series is reached"); said != (len(want) > 0) {
			t.Errorf("%d workers, max_series %d: said %v\n%s", workers, maxSeries, said, log.b.String())
		}
	}
	for workers := 1; workers <= 3; workers++ {
		f(workers, 5, nil)
		f(workers, 4, map[string]int64{"route": 2})
	}
}
