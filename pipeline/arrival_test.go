package pipeline

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatemeter/gatemeter/pipeline/batch"
	"github.com/gatemeter/gatemeter/pipeline/record"
	"github.com/gatemeter/gatemeter/pipeline/redact"
)

// TestArrival: a record that has no time has the one of its arrival.
func TestArrival(t *testing.T) {
	at := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC).UnixNano()
	r := record.Record{}
	r.Reset()
	if r.TimeFromArrival() || r.TimeNanos != 0 {
		t.Error("a time from nowhere")
	}
	r.Line, r.Offset, r.Part, r.ArrivalNanos, r.Status = []byte("x"), 7, 3, at, 200
	r.Clear()
	if r.Status != record.Absent || string(r.Line) != "x" || r.Offset != 7 || r.Part != 3 || !r.TimeFromArrival() || r.TimeNanos != at {
		t.Errorf("%+v", r)
	}
}

// TestValues: what is known of lines besides takes the place of what they say, if it is there, of as many lines as there are.
func TestValues(t *testing.T) {
	for _, offsets := range []bool{false, true} {
		script := newScript("topic")
		live(t, script, func(s *Settings) { s.Sources[0].Values = []record.Field{record.Route, record.Service} }, func(w *world, p *Pipeline) {
			const lines = ChunkLines + 10
			b := &batch.Batch{Partition: script.partitions["topic"], Next: lines, CaughtUp: true, Values: []byte("tenant")}
			for i := range int64(lines) {
				b.Data = fmt.Appendf(b.Data, "%d s r 200 1000 10 c", 1_000_000+i)
				b.Ends = append(b.Ends, int32(len(b.Data)))
				if offsets {
					b.Offsets = append(b.Offsets, i)
				}
				b.Spans = append(b.Spans, batch.Span{}, batch.Span{})
				if i%10 == 9 {
					b.Spans[2*i+1] = batch.Span{From: 0, To: 6}
				}
			}
			script.steps <- b
			later(time.Minute)
			w.mu.Lock()
			defer w.mu.Unlock()
			n := 0
			for name, v := range w.graphite {
				if strings.HasPrefix(name, "service.tenant.requests.count@") {
					fmt.Sscan(v, &n)
				}
			}
			if n != lines/10 {
				t.Errorf("%d requests of the tenant, want %d: %v", n, lines/10, w.graphite)
			}
		})
	}
}

// timelessParser is testParser for lines that begin with - instead of a time.
type timelessParser struct{ testParser }

func (p timelessParser) Parse(recs []record.Record) {
	p.testParser.Parse(recs)
	for i := range recs {
		if recs[i].Line[0] == '-' && !recs[i].TimeFromArrival() {
			recs[i].Fail(record.NoTime, -1)
		}
	}
}

// TestArrivalCounts: a line without a time is counted when it arrived; what is ahead is decided by the receiver's clock, if there is
// one, and never by one that is ahead itself.
func TestArrivalCounts(t *testing.T) {
	script := newScript("spool")
	live(t, script, func(s *Settings) {
		s.Sources[0].NewParser = func() Parser { return timelessParser{} }
		s.Metrics.MaxFuture = time.Minute
	}, func(w *world, p *Pipeline) {
		offset := int64(0)
		now := time.Now()
		send := func(received, offsets bool, arrived time.Time, time string) {
			line := time + " s r 200 1000 10 c"
			b := &batch.Batch{
				Partition: script.partitions["spool"], Data: []byte(line), Ends: []int32{int32(len(line))}, First: offset, Next: offset + 1,
				Times: []int64{arrived.UnixNano()}, Received: received, CaughtUp: true,
			}
			if offsets {
				b.Offsets = []int64{offset}
			}
			offset++
			script.steps <- b
			synctest.Wait()
		}
		at := func(d time.Duration) string { return fmt.Sprint(now.Add(d).UnixMilli()) }
		minute := now.Truncate(time.Minute).Add(-10 * time.Minute)
		send(true, false, minute, "-")
		send(true, true, minute, "-")
		send(false, true, minute, "-")
		send(true, false, now.Add(-2*time.Minute), at(-time.Second)) // two minutes ahead of its arrival
		send(false, false, now.Add(-2*time.Minute), at(-time.Second))
		send(true, false, now.Add(time.Hour), at(time.Hour-time.Second)) // the clock was wrong
		if st := p.Stats().Partitions[0]; st.Read != 6 || st.Counted != 4 || st.Reasons[record.Future] != 2 {
			t.Errorf("%+v", st)
		}
	})
}

// TestValuesAreMasked: secrets in what is known of lines besides are masked as in lines, in records and in metrics.
func TestValuesAreMasked(t *testing.T) {
	for _, records := range []bool{true, false} {
		set := kongSettings(t, redact.DefaultNames(), Service)
		set.Sources[0].Values = []record.Field{record.Service, record.Referrer}
		var referrers []string
		set.RecordSinks[0].Sink = takesReferrers{referrers: &referrers}
		p, err := New(set)
		if err != nil {
			t.Fatal(err)
		}
		const line, value = `{"started_at":1726783839538}`, "/?token=abcdef"
		k := p.addPartition(&batch.Partition{Source: "test", Name: "a", Shard: "host", ID: "a"}, 0)
		values := batch.Span{From: 0, To: int32(len(value))}
		b := &sharedBatch{Batch: &batch.Batch{
			Partition: k.Partition, Data: []byte(line + line), Ends: []int32{int32(len(line)), int32(2 * len(line))}, Next: 2,
			Values: []byte(value), Spans: []batch.Span{values, values, {}, values},
		}, left: 1, pipe: p}
		task := &task{partition: k, batch: b, to: 2, metrics: true, now: 2e18, spans: []*span{nil}}
		if records {
			task.spans[0] = k.progress[0].begin(0, b.Next)
		}
		w := p.workers[0]
		w.process(task)
		if records && !slices.Equal(referrers, []string{"/?token=******", "/?token=******"}) {
			t.Errorf("the records have %q", referrers)
		}
		for i := range w.pairs {
			if key := string(w.pairs[i].series.key); strings.Contains(key, "abcdef") {
				t.Errorf("records %v: there is a series %q", records, key)
			}
		}
		if n := testing.AllocsPerRun(10, func() {
			w.arena = w.arena[:0]
			w.overlay(task, w.recs[:2])
		}); n != 0 {
			t.Errorf("%v allocations", n)
		}
		if string(b.Values) != value {
			t.Errorf("the batch, which other workers read, has %q", b.Values)
		}
	}
}

// takesReferrers is a record sink that keeps the records' referrers.
type takesReferrers struct {
	takesAll
	referrers *[]string
}

func (s takesReferrers) Append(body []byte, p *batch.Partition, recs []record.Record) []byte {
	for i := range recs {
		*s.referrers = append(*s.referrers, string(recs[i].Referrer))
	}
	return s.takesAll.Append(body, p, recs)
}
