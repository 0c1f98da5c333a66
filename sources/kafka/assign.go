package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/gatemeter/gatemeter/pipeline/batch"
	"github.com/gatemeter/gatemeter/pipeline/cursor"
)

// assignment is a partition in a generation.
type assignment struct {
	topic   string
	number  int
	reading atomic.Pointer[fetcher]

	committed atomic.Int64 // offset that the group has; -1 for none
	text      string       // its metadata; under Source.mu
}

func (a *assignment) fetcher() *fetcher { return a.reading.Load() }

// prepare finds out where each partition begins.
func (g *generation) prepare(ctx context.Context) bool {
	s := g.source
	asked := map[string][]int{}
	for _, a := range g.assignments {
		asked[a.topic] = append(asked[a.topic], a.number)
	}
	if len(asked) == 0 {
		return true
	}
	var committed *kafkago.OffsetFetchResponse
	if !s.again(ctx, "committed offsets", func(ctx context.Context) (err error) {
		committed, err = s.client.OffsetFetch(ctx, &kafkago.OffsetFetchRequest{GroupID: s.set.Group, Topics: asked})
		if err != nil {
			return err
		}
		err = committed.Error
		n := 0
		for _, partitions := range committed.Topics {
			for _, p := range partitions {
				err, n = errors.Join(err, p.Error), n+1
			}
		}
		if err == nil && n < len(g.assignments) {
			err = fmt.Errorf("%w: partitions are missing", errAnswer)
		}
		return err
	}) {
		return false
	}
	for topic, partitions := range committed.Topics {
		for _, p := range partitions {
			a := g.assignments[label(topic, p.Partition)]
			if a == nil {
				continue
			}
			if !g.place(ctx, a, p.CommittedOffset, p.Metadata) {
				return false
			}
		}
	}
	return true
}

// place makes a's fetcher, which begins where the group has got to.
func (g *generation) place(ctx context.Context, a *assignment, committed int64, metadata string) bool {
	s, name := g.source, label(a.topic, a.number)
	what := "partition " + name
	defer s.health.forget(what)
	p := g.partition(a)
	a.committed.Store(committed)
	offset := committed
	if saved, start, ok := handedOver(metadata, name, p.ID, committed); ok {
		p.Saved, offset, a.text = saved, start, metadata
	} else if committed >= 0 && metadata != "" {
		s.set.Log.Warn("the committed offset has metadata that is not ours; only the offset counts", "partition", name, "offset", committed)
	}
	if committed < 0 {
		if !s.again(ctx, what, func(ctx context.Context) (err error) {
			if offset, err = s.startAt(ctx, a.topic, a.number); err != nil {
				return err
			}
			// At once, so that whoever comes after a crash begins there too.
			return g.commit(ctx, pending{a, offset, ""})
		}) {
			return false
		}
	}
	f := s.newFetcher(a.topic, a.number, s.out, s.set.Pool)
	f.begin(p, offset)
	if s.set.Once {
		if _, ok := s.ends[name]; !ok && !s.again(ctx, what, func(ctx context.Context) (err error) {
			var end int64
			if end, err = s.offsetAt(ctx, a.topic, a.number, kafkago.LastOffset); err == nil {
				s.ends[name] = end
			}
			return err
		}) {
			return false
		}
		f.fill.limit = s.ends[name]
	}
	a.reading.Store(f)
	return true
}

// partition returns a's partition for this generation.
func (g *generation) partition(a *assignment) *batch.Partition {
	name := label(a.topic, a.number)
	p := &batch.Partition{Source: g.source.set.Name, Name: name, Shard: name, ID: g.source.id(a.topic, a.number)}
	g.lease.cover(p)
	return p
}

// handedOver returns the cursor in a committed offset's metadata, if it is one of this partition and tells where to begin no later than the
// offset does: one that somebody has set by hand has none.
func handedOver(metadata, name, id string, committed int64) (text []byte, start int64, ok bool) {
	c, err := cursor.Decode([]byte(metadata))
	if err != nil || c.Shard != name || len(c.Partitions) != 1 {
		return nil, 0, false
	}
	p := &c.Partitions[0]
	if p.Name != name || p.ID != id || p.Start() > committed || p.Start() < 0 {
		return nil, 0, false
	}
	return []byte(metadata), p.Start(), true
}
