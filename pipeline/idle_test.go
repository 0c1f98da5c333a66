package pipeline

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatemeter/gatemeter/pipeline/batch"
	"github.com/gatemeter/gatemeter/pipeline/cursor"
	"github.com/gatemeter/gatemeter/pipeline/point"
	"github.com/gatemeter/gatemeter/pipeline/record"
	"github.com/gatemeter/gatemeter/pipeline/route"
)

// scriptSource sends what a test tells it to.
type scriptSource struct {
	partitions map[string]*batch.Partition
	offsets    map[string]int64
	steps      chan *batch.Batch
}

func newScript(names ...string) *scriptSource {
	s := &scriptSource{map[string]*batch.Partition{}, map[string]int64{}, nil}
	for _, n := range names {
		s.partitions[n] = &batch.Partition{Source: "test", Name: n, Shard: "host", ID: n}
	}
	return s
}

func (s *scriptSource) Open(context.Context, []cursor.Partition) ([]Opened, error) {
	var opened []Opened
	for _, p := range s.partitions {
		opened = append(opened, Opened{Partition: p})
	}
	return opened, nil
}

func (s *scriptSource) Run(ctx context.Context, out chan<- *batch.Batch) error {
	for {
		select {
		case b := <-s.steps:
			out <- b
		case <-ctx.Done():
			return nil
		}
	}
}

// line sends one request of the partition at second, to which nothing more is there to be read.
func (s *scriptSource) line(partition string, second int64) { s.send(partition, second, true) }

// more is line with more to be read after it.
func (s *scriptSource) more(partition string, second int64) { s.send(partition, second, false) }

func (s *scriptSource) send(partition string, second int64, caughtUp bool) {
	data := fmt.Appendf(nil, "%d s r 200 1000 10 c\n", second*1000)
	first := s.offsets[partition]
	s.offsets[partition] += int64(len(data))
	s.steps <- &batch.Batch{Partition: s.partitions[partition], Data: data, First: first, Next: s.offsets[partition], CaughtUp: caughtUp}
}

// live runs a pipeline over script in a bubble of fake time, and calls check beside it.
func live(t *testing.T, script *scriptSource, change func(*Settings), check func(w *world, p *Pipeline)) {
	synctest.Test(t, func(t *testing.T) {
		script.steps = make(chan *batch.Batch) // a channel of the bubble's
		w := newWorld()
		var p *Pipeline
		done := make(chan struct{})
		ready := make(chan struct{})
		go func() {
			defer close(done)
			w.run(t, nil, testRun{workers: 2, maxSeries: 100, linger: true, change: func(s *Settings) {
				s.Sources[0].Source = script
				if change != nil {
					change(s)
				}
			}, started: func(q *Pipeline) { p = q; close(ready) }})
		}()
		<-ready
		check(w, p)
		w.mu.Lock()
		w.die()
		w.mu.Unlock()
		<-done
	})
}

func count(w *world, window int64) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.graphite[fmt.Sprintf("all.requests.count@%d", window)]
}

func later(d time.Duration) {
	time.Sleep(d) // fake time
	synctest.Wait()
}

// TestIdlePartitionHoldsNothingUp: windows wait for a partition that is behind, but not for one that has fallen silent.
func TestIdlePartitionHoldsNothingUp(t *testing.T) {
	script := newScript("a", "b")
	live(t, script, nil, func(w *world, p *Pipeline) {
		for range 4 {
			script.line("a", 1000)
			script.line("b", 1001)
			later(time.Second)
		}
		script.line("a", 1030)
		later(2 * time.Second)
		if got := count(w, 1000); got != "" {
			t.Errorf("window sent while b may still bring something for it: %s", got)
		}
		for range 8 { // a goes on, b is silent for longer than idle_timeout
			script.line("a", 1030)
			later(time.Second)
		}
		if got := count(w, 1000); got != "8 0" {
			t.Errorf("window with b silent: %q, want 8 requests", got)
		}
		script.line("b", 1002) // late, but the window is not final
		later(2 * time.Second)
		if got := count(w, 1000); got != "9 0" {
			t.Errorf("window amended by b: %q, want 9 requests", got)
		}
	})
}

// TestAfterIdle: what a silent partition brings for a window that was made final without it is counted under a reason of
// its own, and nowhere else.
func TestAfterIdle(t *testing.T) {
	script := newScript("a", "b")
	live(t, script, nil, func(w *world, p *Pipeline) {
		script.line("b", 1000)
		script.line("a", 1000)
		for at := int64(1000); at < 1100; at += 5 {
			script.line("a", at)
			later(time.Second)
		}
		before := count(w, 1000)
		script.line("b", 1003)
		later(3 * time.Second)
		if got := count(w, 1000); got != before {
			t.Errorf("a final window changed from %s to %s", before, got)
		}
		for _, k := range p.Stats().Partitions {
			if k.Name == "b" && k.Reasons[record.AfterIdle] != 1 {
				t.Errorf("reasons of b: %v, want one after_idle", k.Reasons)
			}
		}
	})
}

// TestEarlyPane: when nothing comes at all the open windows leave as they stand; what comes later amends them.
func TestEarlyPane(t *testing.T) {
	script := newScript("a")
	live(t, script, nil, func(w *world, p *Pipeline) {
		script.line("a", 1000)
		script.line("a", 1001)
		later(3 * time.Second)
		if got := count(w, 1000); got != "" {
			t.Errorf("sent before idle_timeout: %s", got)
		}
		later(5 * time.Second)
		if got := count(w, 1000); got != "2 0" {
			t.Errorf("early pane: %q, want 2 requests", got)
		}
		script.line("a", 1002)
		later(10 * time.Second)
		if got := count(w, 1000); got != "3 0" {
			t.Errorf("after one more: %q, want 3 requests", got)
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.kinds[point.Early] != 1 || w.kinds[point.Late] != 1 || w.kinds[point.OnTime] != 0 {
			t.Errorf("kinds of panes: %v", w.kinds)
		}
		if got := w.statsd["all.requests.count@1000"]; got != 3 {
			t.Errorf("StatsD has %d, want 3", got)
		}
	})
}

// TestFutureRecords move no watermark and are in no window.
func TestFutureRecords(t *testing.T) {
	script := newScript("a")
	live(t, script, func(s *Settings) { s.Metrics.MaxFuture = time.Minute }, func(w *world, p *Pipeline) {
		now := time.Now().Unix()
		script.line("a", now)
		script.line("a", now+3600)
		script.line("a", now+1)
		script.line("a", now+30)
		later(3 * time.Second)
		if got := count(w, now/10*10); got != "2 0" {
			t.Errorf("window: %q, want 2 requests", got)
		}
		if r := p.Stats().Partitions[0].Reasons; r[record.Future] != 1 || r[record.Late] != 0 {
			t.Errorf("reasons: %v, want one future, none late", r)
		}
	})
}

// TestStoppedWhileOpening: told to stop before its sources are open, a pipeline ends well.
func TestStoppedWhileOpening(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p, err := New(Settings{
		Sources: []SourceSettings{{Name: "test", Source: &stoppedSource{}, NewParser: func() Parser { return testParser{} }}},
		Metrics: testMetrics(10), Routes: &route.Templater{}, Now: time.Now, Rand: func() float64 { return 0 }, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Run(ctx); err != nil {
		t.Error(err)
	}
}

type stoppedSource struct{ scriptSource }

func (*stoppedSource) Open(ctx context.Context, _ []cursor.Partition) ([]Opened, error) {
	return nil, ctx.Err()
}

// TestMalformedLogHoldsNothingUp: a log of which no line can be read is as good as silent.
func TestMalformedLogHoldsNothingUp(t *testing.T) {
	script := newScript("a", "b")
	live(t, script, nil, func(w *world, p *Pipeline) {
		script.line("b", 1000)
		for i := range int64(60) {
			script.line("a", 1000+i)
			data := []byte("nonsense\n")
			first := script.offsets["b"]
			script.offsets["b"] += int64(len(data))
			script.steps <- &batch.Batch{Partition: script.partitions["b"], Data: data, First: first, Next: script.offsets["b"], CaughtUp: true}
			later(time.Second)
		}
		if got := count(w, 1010); got != "10 0" {
			t.Errorf("window beside a malformed log: %q", got)
		}
	})
}
