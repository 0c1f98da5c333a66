package pipeline

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/gatemeter/gatemeter/pipeline/batch"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// TestMessages: lines with offsets of their own, several of which may be one message's; and a stretch of offsets without any.
func TestMessages(t *testing.T) {
	script := newScript("topic")
	var sink *recordSink
	var parts []string
	live(t, script, func(s *Settings) {
		sink = s.RecordSinks[0].Sink.(*recordSink)
	}, func(w *world, p *Pipeline) {
		script.offsets = map[string]int64{}
		var data []byte
		var ends []int32
		offsets := []int64{3, 3, 3, 5, 9, 9}
		for i := range offsets {
			if i == 2 {
				data = append(data, ' ') // a part that is blank is none
			} else {
				data = fmt.Appendf(data, "%d s r 200 1000 10 c", 1000_000+i)
			}
			ends = append(ends, int32(len(data)))
		}
		script.steps <- &batch.Batch{Partition: script.partitions["topic"], Data: data, Ends: ends, Offsets: offsets, First: 0, Next: 12}
		script.steps <- &batch.Batch{Partition: script.partitions["topic"], First: 12, Next: 40, CaughtUp: true}
		synctest.Wait()
		if st := p.Stats().Partitions[0]; st.Read != 6 || st.Counted != 5 || st.Indexed != 40 && len(sink.held) == 0 {
			t.Errorf("%+v", st)
		}
		_ = sink.Close(t.Context())
		for id := range w.ids {
			parts = append(parts, id)
		}
	})
	slices.Sort(parts)
	if want := []string{"topic-000000000003", "topic-000000000003.1", "topic-000000000005", "topic-000000000009", "topic-000000000009.1"}; !slices.Equal(parts, want) {
		t.Errorf("ids %q, want %q", parts, want)
	}
}

// panickingParser cannot read more than one line at a time.
type panickingParser struct{ testParser }

func (p panickingParser) Parse(recs []record.Record) {
	if len(recs) > 1 {
		panic("two")
	}
	p.testParser.Parse(recs)
}

// TestManyMessages: more lines than a chunk has, two of each message, also when the parser panics.
func TestManyMessages(t *testing.T) {
	f := func(parser Parser) {
		t.Helper()
		script := newScript("topic")
		live(t, script, func(s *Settings) {
			s.Sources[0].NewParser = func() Parser { return parser }
		}, func(w *world, p *Pipeline) {
			var data []byte
			var ends []int32
			var offsets []int64
			for i := range int64(200) {
				data = fmt.Appendf(data, "%d s r 200 1000 10 c", 1000_000+i)
				ends, offsets = append(ends, int32(len(data))), append(offsets, i/2)
			}
			script.steps <- &batch.Batch{Partition: script.partitions["topic"], Data: data, Ends: ends, Offsets: offsets, Next: 100, CaughtUp: true}
			synctest.Wait()
			_ = p.set.RecordSinks[0].Sink.Close(t.Context())
			if len(w.ids) != 200 || w.ids["topic-00000000001f.1"] != 1 { // which is the 64th line
				t.Errorf("%d ids, want 200", len(w.ids))
			}
		})
	}
	f(testParser{})
	f(panickingParser{})
}
