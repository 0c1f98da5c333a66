package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	kafkago "github.com/segmentio/kafka-go"
)

// topics are how many partitions each topic has that is read.
type topics map[string]int

// names returns the topics' names in order.
func (t topics) names() []string { return slices.Sorted(maps.Keys(t)) }

// more reports whether t has a topic or a partition that before has not.
func (t topics) more(before topics) bool {
	for name, n := range t {
		if n > before[name] {
			return true
		}
	}
	return false
}

// lookUp asks the cluster for the topics that are to be read, and notes those that are named and not there.
func (s *Source) lookUp(ctx context.Context) (topics, error) {
	m, err := s.client.Metadata(ctx, &kafkago.MetadataRequest{Topics: s.transport.MetadataTopics})
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.cluster = cmp.Or(s.cluster, m.ClusterID)
	s.mu.Unlock()
	found := topics{}
	failed := map[string]error{}
	for i := range m.Topics {
		t := &m.Topics[i]
		switch {
		case !s.set.wants(t.Name):
		case t.Error != nil:
			failed[t.Name] = t.Error
		case len(t.Partitions) > 0:
			found[t.Name] = len(t.Partitions)
		}
	}
	for _, name := range s.set.named() {
		if found[name] > 0 {
			s.health.is("topic "+name, nil)
			continue
		}
		if failed[name] == nil {
			failed[name] = kafkago.UnknownTopicOrPartition
		}
		s.health.is("topic "+name, failed[name])
	}
	return found, nil
}

// Dial logs in to a broker and looks for the topics, once: for `check --dial`. It joins no group.
func (s *Source) Dial(ctx context.Context) error {
	found, err := s.lookUp(ctx)
	switch {
	case err != nil:
		return explain(err)
	case len(found) == 0 && len(s.set.named()) == 0:
		return errors.New("no topic matches")
	}
	return s.health.err()
}

// awaitTopics waits until there is a topic to be read. It returns nil when ctx ends first.
func (s *Source) awaitTopics(ctx context.Context) (topics, error) {
	deadline := s.set.Now().Add(onceTimeout)
	said := false
	for failures := 0; ; failures++ {
		found, err := s.lookUp(ctx)
		if ctx.Err() != nil {
			return nil, nil
		}
		s.health.is("brokers", err)
		if len(found) > 0 {
			return found, nil
		}
		if err == nil && len(s.set.named()) == 0 {
			err = errors.New("no topic matches")
			if !said {
				said = true
				s.set.Log.Warn("no topic matches yet; waiting for one", "topics", s.set.Topics)
			}
		}
		if err == nil {
			err = s.health.err()
		}
		if s.set.Once && s.set.Now().After(deadline) {
			return nil, fmt.Errorf("read once: %w", explain(err))
		}
		if !pause(ctx, min(backoff(failures), s.set.Watch)) {
			return nil, nil
		}
	}
}

// watch returns when there are more topics or partitions than known, or when ctx ends.
func (s *Source) watch(ctx context.Context, known topics) (topics, bool) {
	tick := time.NewTicker(s.set.Watch)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, false
		}
		found, err := s.lookUp(ctx)
		if ctx.Err() != nil {
			return nil, false
		}
		if err == nil && found.more(known) {
			return found, true
		}
	}
}
