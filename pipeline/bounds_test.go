package pipeline

import (
	"bytes"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatemeter/gatemeter/pipeline/cursor"
)

// TestQueueIsBoundedWhileBehind: a sink that is down while old logs are read at full speed does not fill the memory.
func TestQueueIsBoundedWhileBehind(t *testing.T) {
	f := func(spool *memorySpool) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			var b bytes.Buffer
			for i := range int64(2000) {
				fmt.Fprintf(&b, "%d s r 200 1000 10 c\n", 1_000_000+i*5000)
			}
			logs := []*testLog{{"a", b.Bytes()}}
			w, down := newWorld(), true
			var p *Pipeline
			done := make(chan struct{})
			go func() {
				defer close(done)
				w.run(t, logs, testRun{seed: 1, workers: 2, maxSeries: 1000, linger: true, started: func(q *Pipeline) { p = q }, change: func(s *Settings) {
					s.MetricSinks[0].Sink = downSink{graphiteSink{w}, &down}
					s.MetricSinks[0].MaxPoints = 500
					if spool != nil {
						s.MetricSinks[0].Spool = spool
					}
				}})
			}()
			most := 0
			for range 1200 {
				later(time.Second)
				most = max(most, p.Stats().Lanes[0].QueuedPoints)
			}
			if most > 10*500 {
				t.Errorf("%d points were held, want about 500", most)
			}
			w.mu.Lock()
			w.die()
			w.mu.Unlock()
			<-done
		})
	}
	f(nil)
	f(&memorySpool{})
}

// TestMovingShardsAreNotSpooled, but their panes do not fill the memory either.
func TestMovingShardsAreNotSpooled(t *testing.T) {
	script := newScript("a")
	spool, down := &memorySpool{}, true
	live(t, script, func(s *Settings) {
		s.Sources[0].Save = func([]cursor.Cursor) error { return nil }
		w := s.MetricSinks[0].Sink.(graphiteSink).world
		s.MetricSinks[0].Sink = downSink{graphiteSink{w}, &down}
		s.MetricSinks[0].Spool, s.MetricSinks[0].MaxPoints = spool, 500
		s.Now = func() time.Time { return time.Unix(1000, 0) }
	}, func(w *world, p *Pipeline) {
		for i := range int64(200) {
			script.line("a", 1000+i*10)
			later(2 * time.Second)
		}
		if l := p.Stats().Lanes[0]; l.QueuedPoints > 2*500 || l.DroppedPanes == 0 || l.SpooledPanes != 0 {
			t.Errorf("%+v", l)
		}
	})
}

// TestManySeries: what a log of many series has open is sent when it is much, not when a second is over.
func TestManySeries(t *testing.T) {
	f := func(series int, least, most uint64) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			var b bytes.Buffer
			for window := range int64(8) {
				for i := range series {
					fmt.Fprintf(&b, "%d s r%d 200 1000 10 c\n", 1_000_000+window*10_000, i)
				}
			}
			w := newWorld()
			var p *Pipeline
			w.run(t, []*testLog{{"a", b.Bytes()}}, testRun{seed: 1, workers: 1, maxSeries: 1 << 20, started: func(q *Pipeline) { p = q }, change: func(s *Settings) { s.Epoch = time.Hour }})
			if p.epochs < least || p.epochs > most {
				t.Errorf("8 windows of %d series were sent in %d epochs, want %d to %d", series, p.epochs, least, most)
			}
		})
	}
	f(10, 2, 2) // at the end
	f(10_000, 4, 10)
}
