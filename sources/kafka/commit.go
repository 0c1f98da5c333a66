package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/gatemeter/gatemeter/pipeline/cursor"
)

// maxMetadata is what brokers take as a committed offset's metadata, if they are not told otherwise.
const maxMetadata = 4096

// pending is what is to be committed of a partition.
type pending struct {
	assignment *assignment
	offset     int64
	metadata   string
}

// Save commits cursors: of each partition the offset that reading has to go on from, with the whole cursor in its metadata. Those
// of partitions that are not ours, or not any more, are left alone. The committed offset never moves back. Save is called by one
// goroutine.
func (s *Source) Save(cursors []cursor.Cursor) error {
	s.mu.Lock()
	g := s.current
	s.mu.Unlock()
	if g == nil || g.isOver() {
		return nil
	}
	var all []pending
	for i := range cursors {
		c := &cursors[i]
		a := g.assignments[c.Shard]
		if a == nil || len(c.Partitions) != 1 || c.Partitions[0].ID != a.fetcher().partition.ID {
			continue
		}
		text, err := cursor.Encode(c)
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
		if !same {
			all = append(all, pending{a, offset, string(text)})
		}
	}
	if len(all) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
	defer cancel()
	if err := g.commit(ctx, all...); err != nil {
		if isFenced(err) {
			g.fenced("commit", err)
			return nil
		}
		s.health.is("commit", err)
		return fmt.Errorf("commit offsets: %w", explain(err))
	}
	s.health.is("commit", nil)
	return nil
}

// commit commits offsets within the generation. Some may be committed when it fails.
func (g *generation) commit(ctx context.Context, all ...pending) error {
	req := &kafkago.OffsetCommitRequest{
		GroupID: g.source.set.Group, GenerationID: int(g.number), MemberID: g.member, Topics: map[string][]kafkago.OffsetCommit{},
	}
	for _, c := range all {
		topic := c.assignment.topic
		req.Topics[topic] = append(req.Topics[topic], kafkago.OffsetCommit{Partition: c.assignment.number, Offset: c.offset, Metadata: c.metadata})
	}
	r, err := g.source.client.OffsetCommit(ctx, req)
	if err != nil {
		return err
	}
	g.source.mu.Lock()
	defer g.source.mu.Unlock()
	for _, c := range all {
		i := slices.IndexFunc(r.Topics[c.assignment.topic], func(p kafkago.OffsetCommitPartition) bool { return p.Partition == c.assignment.number })
		if i < 0 {
			err = errors.Join(err, fmt.Errorf("%w: a partition is not in it", errAnswer))
			continue
		}
		if refused := r.Topics[c.assignment.topic][i].Error; refused != nil {
			if isFenced(refused) {
				g.source.stats.Refused++
			}
			err = refused // the same for all, mostly
			continue
		}
		g.source.stats.Commits++
		c.assignment.committed.Store(c.offset)
		c.assignment.text = c.metadata
	}
	return err
}
