package pipeline

import (
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"
)

// again lets the sources of s be read again, as files can.
func again(s *Settings, logs []*testLog, seed uint64) {
	n := seed
	s.Sources[0].Again = func() (Source, error) {
		n++
		return &testSource{logs: logs, rand: rand.New(rand.NewPCG(n, 5)), linger: true, calm: true}, nil
	}
	s.Metrics.Idle = time.Hour // else who is silent would not hold the windows up
}

// TestRecordSinkDown: while a record sink is down metrics go on; when it is back it gets what it missed, each record once; and
// another record sink has noticed nothing.
func TestRecordSinkDown(t *testing.T) {
	for seed := range seeds(25) {
		synctest.Test(t, func(t *testing.T) {
			logs := randomLogs(rand.New(rand.NewPCG(seed, 3)))
			calm := newWorld()
			calm.run(t, logs, testRun{seed: seed, workers: 1, maxSeries: 1000})

			w, healthy := newWorld(), newWorld()
			broken := &recordSink{world: w, rand: rand.New(rand.NewPCG(seed, 4)), down: true}
			other := &recordSink{world: healthy, rand: rand.New(rand.NewPCG(seed, 6)), refuses: 5}
			var p *Pipeline
			done, ready := make(chan struct{}), make(chan struct{})
			go func() {
				defer close(done)
				w.run(t, logs, testRun{seed: seed, workers: 3, maxSeries: 1000, linger: true, change: func(s *Settings) {
					again(s, logs, seed)
					s.RecordSinks[0].Sink = broken
					s.RecordSinks = append(s.RecordSinks, RecordSinkSettings{Name: "other", Sink: other})
				}, started: func(started *Pipeline) { p = started; close(ready) }})
			}()
			<-ready
			time.Sleep(20 * time.Minute) // of the bubble's clock: all is read
			synctest.Wait()
			w.mu.Lock()
			if len(w.ids) != 0 {
				t.Fatalf("seed %d: a sink that is down has %d records", seed, len(w.ids))
			}
			for key, v := range w.graphite { // the windows that are not closed yet are missing
				if calm.graphite[key] != v {
					t.Errorf("seed %d: %s is %q, want %q", seed, key, v, calm.graphite[key])
				}
			}
			if len(logs) == 1 && len(calm.graphite) > 500 && len(w.graphite) < len(calm.graphite)/2 {
				t.Errorf("seed %d: metrics stand still while a record sink is down: %d points of %d", seed, len(w.graphite), len(calm.graphite))
			}
			broken.down = false
			w.mu.Unlock()
			time.Sleep(20 * time.Minute)
			synctest.Wait()
			if l := p.Stats().RecordLanes; l[0].Behind != 0 || l[0].Waiting != 0 || l[1].Behind != 0 || l[1].Waiting != 0 || l[0].Lost != 0 {
				t.Errorf("seed %d: not caught up: %+v", seed, l)
			}
			w.mu.Lock()
			w.die()
			w.mu.Unlock()
			<-done
			for id := range calm.ids {
				if w.ids[id] != 1 || healthy.ids[id] != 1 {
					t.Fatalf("seed %d: record %s was indexed %d times in the one that was down, %d times in the other", seed, id, w.ids[id], healthy.ids[id])
				}
			}
			if len(w.ids) != len(calm.ids) || len(healthy.ids) != len(calm.ids) {
				t.Fatalf("seed %d: %d and %d records indexed, want %d", seed, len(w.ids), len(healthy.ids), len(calm.ids))
			}
		})
	}
}

// TestCrashesWhileBehind: killed at any effect while record sinks refuse at random, then run to the end: nothing is lost.
func TestCrashesWhileBehind(t *testing.T) {
	crashes := 0
	for seed := range seeds(30) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 9))
			logs := randomLogs(r)
			calm := newWorld()
			calm.run(t, logs, testRun{seed: seed, workers: 1, maxSeries: 1000})

			w := newWorld()
			for range r.IntN(5) {
				w.left = 1 + r.IntN(300)
				done := make(chan bool)
				run, patience := testRun{seed: r.Uint64(), workers: 1 + r.IntN(4), maxSeries: 1000, linger: true, change: func(s *Settings) {
					again(s, logs, seed)
					s.RecordSinks[0].Sink.(*recordSink).refuses = 2
				}}, time.Duration(1+r.IntN(600))*time.Second
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
		})
	}
	if crashes < 15 {
		t.Errorf("only %d crashes: the test no longer tests", crashes)
	}
}

func TestProgress(t *testing.T) {
	p := &progress{}
	p.start(100)
	a, b := p.begin(100, 200), p.begin(200, 300)
	if !p.leave(a) || p.begin(300, 400) != nil || p.begin(400, 500) != nil {
		t.Fatal("a partition left behind goes on")
	}
	p.confirm(b)
	if p.indexed() != 100 || p.waiting() != 300 {
		t.Errorf("indexed %d, waiting %d", p.indexed(), p.waiting())
	}
	if from, ok := p.firstGap(); !ok || from != 100 {
		t.Errorf("the first gap begins at %d", from)
	}
	if s := p.claim(0, 100); s != nil {
		t.Errorf("claimed %+v of nothing", s)
	}
	first := p.claim(150, 350)
	if *first != (span{150, 200, onItsWay}) {
		t.Errorf("claimed %+v", first)
	}
	p.confirm(first)
	second := p.claim(150, 350)
	if *second != (span{300, 350, onItsWay}) {
		t.Errorf("claimed %+v", second)
	}
	if p.claim(150, 350) != nil {
		t.Error("claimed twice")
	}
	if p.rejoin(false) || !p.rejoin(true) || p.rejoin(true) {
		t.Error("rejoins with gaps, or never, or twice")
	}
	last := p.begin(500, 600)
	for from := int64(0); ; {
		s := p.claim(from, 1000)
		if s == nil {
			break
		}
		p.confirm(s)
	}
	if p.indexed() != 300 {
		t.Errorf("indexed %d with a span on its way, want 300", p.indexed())
	}
	p.confirm(second)
	p.confirm(last)
	if p.indexed() != 600 || len(p.spans) != 0 || p.isBehind() {
		t.Errorf("indexed %d with %d spans", p.indexed(), len(p.spans))
	}
}
