package kafka

import (
	"context"

	"github.com/gatemeter/gatemeter/pipeline/batch"
)

// revocation is a partition that the pipeline is to give up.
type revocation struct {
	partition *batch.Partition
	next      int64
	sent      bool
	done      chan struct{} // closed by the pipeline
}

// send tells the pipeline, and waits for it if it is to.
func (r *revocation) send(ctx context.Context, out chan<- *batch.Batch, wait bool) bool {
	if !r.sent {
		select {
		case out <- &batch.Batch{Partition: r.partition, First: r.next, Next: r.next, Revoked: r.done}:
			r.sent = true
		case <-ctx.Done():
			return false
		}
	}
	if wait {
		select {
		case <-r.done:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// release has the pipeline give up the generation's partitions, while commits still go to it.
func (g *generation) release() {
	s := g.source
	for _, a := range g.assignments {
		if f := a.fetcher(); f != nil && f.sent {
			s.revoking = append(s.revoking, &revocation{partition: f.partition, next: f.given, done: make(chan struct{})})
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.set.Rebalance/2) // the other half is for joining
	defer cancel()
	if !s.revoke(ctx) {
		s.set.Log.Warn("partitions are given up before the sinks have taken what is theirs; whoever gets them makes it again", "group", s.set.Group)
	}
}

// revoke waits until the pipeline has given up what it was to give up, or until ctx ends.
func (s *Source) revoke(ctx context.Context) bool {
	for _, r := range s.revoking {
		if !r.send(ctx, s.out, false) {
			return false
		}
	}
	for _, r := range s.revoking {
		if !r.send(ctx, s.out, true) {
			return false
		}
	}
	s.revoking = nil
	return true
}
