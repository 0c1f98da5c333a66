package pipeline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatemeter/gatemeter/pipeline/cursor"
	"github.com/gatemeter/gatemeter/pipeline/point"
)

// slowClose is a record sink that is down when the run ends.
type slowClose struct{ *recordSink }

func (slowClose) Close(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }

// fullSink is a record sink that has no room.
type fullSink struct{ *recordSink }

func (fullSink) Offer(*Body) bool { return false }

func (fullSink) Submit(ctx context.Context, _ *Body) error { <-ctx.Done(); return ctx.Err() }

// TestStopWithRecordSinkDown: whatever a record sink does at the end, StatsD has been sent what the saved cursor says.
func TestStopWithRecordSinkDown(t *testing.T) {
	f := func(sink func(*recordSink) RecordSink, lines int64, pause time.Duration) {
		t.Helper()
		script := newScript("a")
		var outside *world
		live(t, script, func(s *Settings) {
			s.RecordSinks[0].Sink = sink(s.RecordSinks[0].Sink.(*recordSink))
			outside = s.MetricSinks[0].Sink.(graphiteSink).world
		}, func(w *world, p *Pipeline) {
			for i := range lines {
				script.line("a", 1000+20*i)
				later(pause)
			}
		})
		sent, want := int64(0), int64(0)
		for k, n := range outside.statsd {
			if strings.HasPrefix(k, "all.requests.count@") {
				sent += n
			}
		}
		for _, c := range outside.cursors {
			for i := range lines {
				if at := 1000 + 20*i; at+10 <= c.Emitted && c.Partitions[0].Read > i*int64(len("1000000 s r 200 1000 10 c\n")) {
					want++
				}
			}
		}
		if sent != want {
			t.Errorf("StatsD has %d, the cursor says %d: %+v", sent, want, outside.cursors)
		}
	}
	down := func(s *recordSink) RecordSink { return slowClose{s} }
	f(down, 30, time.Second)
	f(down, 30, time.Millisecond)
	f(func(s *recordSink) RecordSink { return fullSink{s} }, 3, 0) // no worker is free before the sinks are given up
}

// TestOnceEnds: a run that reads once ends, and says what a sink has not taken.
func TestOnceEnds(t *testing.T) {
	f := func(what string, change func(s *Settings, w *world)) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			w := newWorld()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			w.die = cancel
			var b bytes.Buffer
			for i := range int64(200) {
				fmt.Fprintf(&b, "%d s r 200 1000 10 c\n", 1_000_000+i*400) // fewer windows than call for an early epoch
			}
			logs := []*testLog{{"a", b.Bytes()}}
			set := w.settings(logs, testRun{seed: 1, workers: 2, maxSeries: 100})
			change(&set, w)
			p, err := New(set)
			if err != nil {
				t.Fatal(err)
			}
			done := make(chan error, 1)
			go func() { done <- p.Run(ctx) }()
			select {
			case err := <-done:
				if err == nil {
					t.Errorf("%s: no error", what)
				}
			case <-time.After(time.Hour):
				t.Errorf("%s: does not end", what)
				cancel()
				<-done
			}
		})
	}
	down := true
	f("Graphite down", func(s *Settings, w *world) { s.MetricSinks[0].Sink = downSink{graphiteSink{w}, &down} })
	f("Graphite down, last windows fill the queue", func(s *Settings, w *world) {
		s.MetricSinks[0].Sink, s.MetricSinks[0].MaxPoints = downSink{graphiteSink{w}, &down}, 10
		s.Epoch, s.Metrics.Amend = time.Hour, time.Hour // all is sent at the end
		s.Sources[0].Source.(*testSource).calm = true
	})
	f("StatsD refuses", func(s *Settings, w *world) {
		s.MetricSinks[1].Sink = failing{}
		s.Epoch = time.Hour
		s.Sources[0].Source.(*testSource).calm = true
	})
	f("Graphite's last bytes are not written", func(s *Settings, w *world) { s.MetricSinks[0].Sink = lastWords{graphiteSink{w}} })
	f("cursor not saved", func(s *Settings, w *world) {
		s.MetricSinks = s.MetricSinks[:1]
		s.Save = func([]cursor.Cursor) error { return errors.New("no space left") }
	})
}

type failing struct{}

func (failing) Send(context.Context, []*point.Pane) error { return errors.New("connection refused") }

func (failing) Close() error { return nil }

// lastWords is a sink that fails as it is closed.
type lastWords struct{ graphiteSink }

func (lastWords) Close() error { return errors.New("broken pipe") }

// TestStoppedWhileASinkFails: a run that was told to stop has not failed because a sink did at the end. The next sends what that one missed.
func TestStoppedWhileASinkFails(t *testing.T) {
	script := newScript("a")
	live(t, script, func(s *Settings) { s.MetricSinks[0].Sink = lastWords{s.MetricSinks[0].Sink.(graphiteSink)} }, func(w *world, _ *Pipeline) {
		script.line("a", 1000)
		later(time.Second)
	})
}
