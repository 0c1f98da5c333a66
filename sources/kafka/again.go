package kafka

import (
	"context"
	"sync"

	"github.com/gatemeter/gatemeter/pipeline"
	"github.com/gatemeter/gatemeter/pipeline/batch"
	"github.com/gatemeter/gatemeter/pipeline/cursor"
)

// Again reads partitions once more, from given offsets on, for a sink that was left behind. It is no member of the group and
// commits nothing.
type Again struct {
	source   *Source
	pool     *batch.Pool
	fetchers []*fetcher
}

// Again returns a source that reads again what s reads, into buffers of its own.
func (s *Source) Again(pool *batch.Pool) *Again { return &Again{source: s, pool: pool} }

// Open makes a partition of each that is saved; see pipeline.Source.
func (a *Again) Open(_ context.Context, saved []cursor.Partition) ([]pipeline.Opened, error) {
	var opened []pipeline.Opened
	for i := range saved {
		c := &saved[i]
		topic, number, err := parseLabel(c.Name)
		if err != nil {
			return nil, err
		}
		p := &batch.Partition{Source: c.Source, Name: c.Name, Shard: c.Name, ID: c.ID}
		f := a.source.newFetcher(topic, number, nil, a.pool)
		f.begin(p, c.Start())
		a.fetchers = append(a.fetchers, f)
		opened = append(opened, pipeline.Opened{Partition: p, Offset: c.Start()})
	}
	return opened, nil
}

// Run reads until ctx ends; see pipeline.Source.
func (a *Again) Run(ctx context.Context, out chan<- *batch.Batch) error {
	var reading sync.WaitGroup
	defer reading.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	failed := make(chan error, len(a.fetchers))
	for _, f := range a.fetchers {
		f.out = out
		reading.Go(func() { failed <- f.run(ctx) })
	}
	for range a.fetchers {
		if err := <-failed; ctx.Err() == nil {
			return err // the log is not what it was
		}
	}
	<-ctx.Done()
	return ctx.Err()
}
