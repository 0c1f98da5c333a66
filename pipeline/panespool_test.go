package pipeline

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatemeter/gatemeter/pipeline/point"
)

// memorySpool is a PaneSpool that outlives a process, as a disk does.
type memorySpool struct {
	mu    sync.Mutex
	panes []*point.Pane
	first int64
	full  bool
	most  int
}

func (s *memorySpool) Append(_ context.Context, panes []*point.Pane) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.full {
		return errors.New("no space left")
	}
	s.panes = append(s.panes, panes...)
	s.most = max(s.most, len(s.panes))
	return nil
}

func (s *memorySpool) Read(maxPoints int) ([]*point.Pane, int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := min(len(s.panes), 1+maxPoints%7)
	if n == 0 {
		return nil, 0, nil
	}
	return append([]*point.Pane(nil), s.panes[:n]...), s.first + int64(n), nil
}

func (s *memorySpool) Trim(next int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.panes, s.first = s.panes[next-s.first:], next
}

// downSink is Graphite, while it is not down.
type downSink struct {
	graphiteSink
	down *bool // under world.mu
}

func (s downSink) Send(ctx context.Context, panes []*point.Pane) error {
	s.mu.Lock()
	down := *s.down
	s.mu.Unlock()
	if down {
		return errors.New("connection refused")
	}
	return s.graphiteSink.Send(ctx, panes)
}

// TestPaneSpool: while Graphite is down its panes go to the spool, final goes on, and when it is back it ends up with what it
// would have had, in spite of crashes and of a process that starts with a spool.
func TestPaneSpool(t *testing.T) {
	spooled, finals := 0, 0
	for seed := range seeds(30) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 11))
			logs := randomLogs(r)
			calm := newWorld()
			calm.run(t, logs, testRun{seed: seed, workers: 1, maxSeries: 1000})

			w, spool, down := newWorld(), &memorySpool{}, true
			change := func(s *Settings) {
				again(s, logs, seed)
				s.MetricSinks[0].Sink = downSink{graphiteSink{w}, &down}
				s.MetricSinks[0].Spool, s.MetricSinks[0].MaxPoints = spool, 200
				s.Now = func() time.Time { return time.Unix(1000, 0) } // live: nothing is old
			}
			for range 1 + r.IntN(3) {
				w.left = 1 << 60
				if r.IntN(2) == 0 {
					w.left = 1 + r.IntN(200)
				}
				done := make(chan bool)
				run, up, stop := testRun{seed: r.Uint64(), workers: 1 + r.IntN(3), maxSeries: 1000, linger: true, change: change}, r.IntN(3) == 0, time.Duration(1+r.IntN(900))*time.Second
				go func() { done <- w.run(t, logs, run) }()
				select {
				case <-done:
				case <-time.After(stop):
					w.mu.Lock()
					down = !up
					w.mu.Unlock()
					select {
					case <-done:
					case <-time.After(stop):
						w.mu.Lock()
						w.die()
						w.mu.Unlock()
						<-done
					}
				}
				for _, c := range w.cursors {
					if down && c.Final > 0 {
						finals++
					}
				}
				down = true
			}
			spooled += spool.most
			down, w.left = false, 1<<60
			w.run(t, logs, testRun{seed: r.Uint64(), workers: 2, maxSeries: 1000, change: change})
			if d := difference(w.graphite, calm.graphite); d != "" {
				t.Fatalf("seed %d: Graphite:\n%s", seed, d)
			}
			if len(spool.panes) > 0 {
				t.Fatalf("seed %d: %d panes are left in the spool by a run that has ended well", seed, len(spool.panes))
			}
		})
	}
	if spooled < 30 || finals < 10 {
		t.Errorf("%d panes spooled, %d times final went on meanwhile: the test no longer tests", spooled, finals)
	}
}

// TestPaneSpoolFull: where the disk is full too the oldest panes are dropped, and counted.
func TestPaneSpoolFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		logs := randomLogs(rand.New(rand.NewPCG(3, 11)))
		w, spool, down := newWorld(), &memorySpool{full: true}, true
		var p *Pipeline
		done := make(chan struct{})
		go func() {
			defer close(done)
			w.run(t, logs, testRun{seed: 1, workers: 2, maxSeries: 1000, linger: true, started: func(q *Pipeline) { p = q }, change: func(s *Settings) {
				again(s, logs, 1)
				s.MetricSinks[0].Sink = downSink{graphiteSink{w}, &down}
				s.MetricSinks[0].Spool, s.MetricSinks[0].MaxPoints = spool, 200
				s.Now = func() time.Time { return time.Unix(1000, 0) }
			}})
		}()
		time.Sleep(20 * time.Minute)
		synctest.Wait()
		if l := p.Stats().Lanes[0]; l.DroppedPanes == 0 || l.SpooledPanes != 0 || l.QueuedPoints > 2*200+10_000 {
			t.Errorf("%+v", l)
		}
		w.mu.Lock()
		w.die()
		w.mu.Unlock()
		<-done
	})
}
