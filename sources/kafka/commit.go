package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/gatemeter/gatemeter/pipeline/cursor"
)

// maxMetadata is what brokers take as a committed offset's metadata, if they are not told otherwise.
const maxMetadata = 4096

// assignment is a partition in a generation.
type assignment struct {
	topic   string
	number  int
	reading atomic.Pointer[fetcher]

	committed atomic.Int64 // offset that the group has; -1 for none
	text      string       // its metadata; under Source.mu
}

func (a *assignment) fetcher() *fetcher { return a.reading.Load() }

// Save commits a cursor: the offset that reading has to go on from, with the whole cursor in its metadata. That of a partition which is
// not ours, or not any more, is left alone. The committed offset never moves back. Save is called by one goroutine.
func (s *Source) Save(c cursor.Cursor) error {
	s.mu.Lock()
	g := s.current
	s.mu.Unlock()
	if g == nil || len(c.Partitions) != 1 {
		return nil
	}
	a := g.assignments[c.Shard]
	if a == nil || g.isOver() || c.Partitions[0].ID != a.fetcher().partition.ID {
		return nil
	}
	text, err := cursor.Encode(&c)
	if err != nil {
		return err
	}
	if len(text) > maxMetadata {
		return fmt.Errorf("commit offset of %s: its cursor has %d bytes, of at most %d", c.Shard, len(text), maxMetadata)
	}
	s.mu.Lock()
	offset := max(c.Partitions[0].Start(), a.committed.Load())
	same := offset == a.committed.Load() && string(text) == a.text
	s.mu.Unlock()
	if same {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
	defer cancel()
	if err := g.commit(ctx, a, offset, string(text)); err != nil {
		if isFenced(err) {
			g.fenced("commit", err)
			return nil
		}
		s.health.is("commit", err)
		return fmt.Errorf("commit offset of %s: %w", c.Shard, explain(err))
	}
	s.health.is("commit", nil)
	return nil
}

// commit commits an offset of a within the generation.
func (g *generation) commit(ctx context.Context, a *assignment, offset int64, metadata string) error {
	r, err := g.source.client.OffsetCommit(ctx, &kafkago.OffsetCommitRequest{
		GroupID: g.source.set.Group, GenerationID: int(g.number), MemberID: g.member,
		Topics: map[string][]kafkago.OffsetCommit{a.topic: {{Partition: a.number, Offset: offset, Metadata: metadata}}},
	})
	if err != nil {
		return err
	}
	done := false
	for _, p := range r.Topics[a.topic] {
		if p.Partition == a.number {
			err, done = errors.Join(err, p.Error), true
		}
	}
	if err == nil && !done {
		err = fmt.Errorf("%w: the partition is not in it", errAnswer)
	}
	g.source.mu.Lock()
	defer g.source.mu.Unlock()
	if err != nil {
		if isFenced(err) {
			g.source.stats.Refused++
		}
		return err
	}
	g.source.stats.Commits++
	a.committed.Store(offset)
	a.text = metadata
	return nil
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
