package pipeline

import (
	"bytes"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/pipeline/batch"
	"github.com/gatemeter/gatemeter/pipeline/record"
	"github.com/gatemeter/gatemeter/pipeline/route"
)

// fixedParser makes each line the same kind of record without an allocation.
type fixedParser struct{ at int64 }

func (*fixedParser) Reset(*batch.Partition) {}

func (p *fixedParser) Parse(recs []record.Record) {
	for i := range recs {
		r := &recs[i]
		if r.Line[0] == '!' {
			r.Fail(record.Unexpected, 0)
			continue
		}
		p.at += 1e6
		r.TimeNanos, r.Status, r.DurationNanos, r.UpstreamNanos, r.ResponseBytes = p.at, 200, p.at%1e9, p.at%1e8, 512
		r.Service, r.Path, r.Method, r.ClientAddress = r.Line[:2], r.Line[3:9], r.Line[10:13], r.Line[14:18]
	}
}

// steadyTask is a worker with a task of a thousand lines that it can do again and again: time goes on from one to the next.
func steadyTask(tb testing.TB) (w *worker, again func()) {
	var data bytes.Buffer
	for i := range 1000 {
		if i%100 == 0 {
			data.WriteString("! not a record\n")
			continue
		}
		fmt.Fprintf(&data, "s%d /r/%03d GET c%03d\n", i%9, i%40, i%60)
	}
	m := testMetrics(1000)
	m.StatusCodes = false
	p, err := New(Settings{
		Sources: []SourceSettings{{Name: "test", NewParser: func() Parser { return &fixedParser{at: 1e18} }}},
		Metrics: m, Routes: &route.Templater{}, Now: time.Now, Rand: func() float64 { return 0 }, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		tb.Fatal(err)
	}
	k := p.addPartition(&batch.Partition{Source: "test", Name: "a", Shard: "host", ID: "a"}, 0)
	w = p.workers[0]
	b := &sharedBatch{Batch: &batch.Batch{Partition: k.Partition, Data: data.Bytes(), Next: int64(data.Len())}, left: 1 << 40, pipe: p}
	t := &task{partition: k, batch: b, to: int64(data.Len()), metrics: true, now: 2e18}
	again = func() {
		t.number = k.turn
		w.process(t)
	}
	return w, again
}

// TestSteadyStateAllocatesNothing: lines of series that are known, in windows that are open, make no garbage.
func TestSteadyStateAllocatesNothing(t *testing.T) {
	w, again := steadyTask(t)
	parser := w.parsers[0].(*fixedParser)
	for range 50 { // every series in this window, every bucket
		parser.at = 1e18
		again()
	}
	if n := testing.AllocsPerRun(100, func() {
		parser.at = 1e18
		again()
	}); n != 0 {
		t.Errorf("%v allocations for a thousand lines", n)
	}
}

func BenchmarkWorker(b *testing.B) {
	w, again := steadyTask(b)
	parser := w.parsers[0].(*fixedParser)
	b.ReportAllocs()
	for b.Loop() {
		parser.at = 1e18
		again()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/line")
}
