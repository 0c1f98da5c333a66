package pipeline

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/pipeline/batch"
	"github.com/gatemeter/gatemeter/pipeline/cursor"
)

// scriptAgain reads what a script has sent, from the beginning.
type scriptAgain struct{ sent *sentBatches }

// sentBatches is what a script has sent, in order.
type sentBatches struct {
	mu   sync.Mutex
	list []*batch.Batch
}

func (s *sentBatches) add(b *batch.Batch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = append(s.list, b)
}

// keep forgets all but the first n.
func (s *sentBatches) keep(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = s.list[:n:n]
}

func (s *sentBatches) all() []*batch.Batch {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.list
}

func (s scriptAgain) Open(context.Context, []cursor.Partition) ([]Opened, error) {
	var opened []Opened
	known := map[string]bool{}
	for _, b := range s.sent.all() {
		if !known[b.Partition.Source+b.Partition.Name] {
			known[b.Partition.Source+b.Partition.Name] = true
			opened = append(opened, Opened{b.Partition, b.First})
		}
	}
	return opened, nil
}

func (s scriptAgain) Run(ctx context.Context, out chan<- *batch.Batch) error {
	for _, b := range s.sent.all() {
		p := b.Partition
		select {
		case out <- &batch.Batch{Partition: &batch.Partition{Source: p.Source, Name: p.Name, Shard: p.Shard, ID: p.ID}, Data: bytes.Clone(b.Data), First: b.First, Next: b.Next, CaughtUp: true}:
		case <-ctx.Done():
			return nil
		}
	}
	<-ctx.Done()
	return nil
}

// pickySink has no room for bodies of some partitions.
type pickySink struct {
	*recordSink
	no map[string]bool // ids that begin with this, under mu
}

func (s *pickySink) Offer(b *Body) bool {
	s.mu.Lock()
	id, _, _ := strings.Cut(string(b.Bytes), "-")
	no := s.no[id]
	s.mu.Unlock()
	return !no && s.recordSink.Offer(b)
}

// Submit waits as long as there is no room.
func (s *pickySink) Submit(ctx context.Context, b *Body) error {
	id, _, _ := strings.Cut(string(b.Bytes), "-")
	for {
		s.mu.Lock()
		no := s.no[id]
		s.mu.Unlock()
		if !no {
			return s.recordSink.Submit(ctx, b)
		}
		if !pause(ctx, time.Second) {
			return ctx.Err()
		}
	}
}

// TestTwoSourcesBehind: while the records of one source are read again, those of another are left too.
func TestTwoSourcesBehind(t *testing.T) {
	one, two := newScript("a"), newScript("b")
	two.partitions["b"].Source = "two"
	sink := &pickySink{no: map[string]bool{"a": true}}
	var sentA, sentB sentBatches
	send := func(s *scriptSource, name string, second int64, sent *sentBatches) {
		data := fmt.Appendf(nil, "%d s r 200 1000 10 c\n", second*1000)
		first := s.offsets[name]
		s.offsets[name] += int64(len(data))
		b := &batch.Batch{Partition: s.partitions[name], Data: data, First: first, Next: s.offsets[name], CaughtUp: true}
		sent.add(b)
		s.steps <- b
	}
	live(t, one, func(s *Settings) {
		two.steps = make(chan *batch.Batch)
		sink.recordSink = s.RecordSinks[0].Sink.(*recordSink)
		s.RecordSinks[0].Sink = sink
		s.Sources[0].Again = func() (Source, error) { return scriptAgain{&sentA}, nil }
		s.Sources = append(s.Sources, SourceSettings{
			Name: "two", Source: two, NewParser: s.Sources[0].NewParser,
			Again: func() (Source, error) { return scriptAgain{&sentB}, nil },
		})
	}, func(w *world, p *Pipeline) {
		send(one, "a", 1000, &sentA)
		later(time.Second) // the lane reads a again, and waits for room
		w.mu.Lock()
		sink.no["b"] = true
		w.mu.Unlock()
		send(two, "b", 1000, &sentB)
		later(time.Second)
		w.mu.Lock()
		clear(sink.no)
		w.mu.Unlock()
		later(time.Minute)
		if l := p.Stats().RecordLanes[0]; l.Behind != 0 || l.Waiting != 0 {
			t.Errorf("not caught up: %+v", l)
		}
	})
}
