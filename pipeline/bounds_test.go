package pipeline

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatemeter/gatemeter/pipeline/cursor"
	"github.com/gatemeter/gatemeter/pipeline/point"
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
	f(10, 2, 3) // at the end, and perhaps once for so many windows
	f(10_000, 4, 10)
}

// TestLateRecords: lines out of order call for no more panes than lines in order, as each sends the whole window again.
func TestLateRecords(t *testing.T) {
	f := func(series, workers int) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			const windows = 12
			r := rand.New(rand.NewPCG(1, 1))
			var b bytes.Buffer
			for at := int64(0); at < windows*10_000; at += 5 {
				when := at
				if r.IntN(20) == 0 {
					when = max(0, at-r.Int64N(60_000))
				}
				fmt.Fprintf(&b, "%d s r%d 200 5 7 c\n", 1_000_000+when, r.IntN(series))
			}
			var p *Pipeline
			newWorld().run(t, []*testLog{{"a", b.Bytes()}}, testRun{seed: 1, workers: workers, maxSeries: 1 << 20, started: func(q *Pipeline) { p = q }, change: func(s *Settings) {
				s.Epoch, s.Metrics.Amend = time.Hour, time.Minute
				s.Sources[0].Source.(*testSource).calm = true
			}})
			if n := p.Stats().Panes; n[point.OnTime]+n[point.Late] > 6*windows {
				t.Errorf("%d series, %d workers: %v panes of %d windows", series, workers, n, windows)
			}
		})
	}
	f(10, 2)
	f(10, 8)
	f(2000, 2)
}

// slowSink takes a second for all it is sent at once.
type slowSink struct{ graphiteSink }

func (s slowSink) Send(ctx context.Context, panes []*point.Pane) error {
	pause(ctx, time.Second)
	return s.graphiteSink.Send(ctx, panes)
}

// TestReadingWaitsForASlowSink: where the log can wait, no more is read than the sink can take.
func TestReadingWaitsForASlowSink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
		for i := range int64(4000) {
			fmt.Fprintf(&b, "%d s r 200 1000 10 c\n", 1_000_000+i*5000)
		}
		w := newWorld()
		var p *Pipeline
		done, ready := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(done)
			w.run(t, []*testLog{{"a", b.Bytes()}}, testRun{seed: 1, workers: 2, maxSeries: 1000, started: func(q *Pipeline) { p = q; close(ready) }, change: func(s *Settings) {
				s.MetricSinks[0].Sink, s.MetricSinks[0].MaxPoints = slowSink{graphiteSink{w}}, 400
				s.Sources[0].Source.(*testSource).calm = true
			}})
		}()
		<-ready
		most, all := 0, int64(0)
		for ended := false; !ended; {
			select {
			case <-done:
				ended = true
			default:
				later(100 * time.Millisecond)
				l := p.Stats().Lanes[0]
				most, all = max(most, l.QueuedPoints), l.Points
			}
		}
		if most > int(all)/4 {
			t.Errorf("%d points of %d waited at a time", most, all)
		}
	})
}
