package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	kafkago "github.com/segmentio/kafka-go"
)

// generation is the time during which this member has the same partitions.
type generation struct {
	source *Source
	number int32
	member string
	lease  *lease
	over   chan struct{} // closed when the group goes on without us
	gone   sync.Once

	assignments map[string]*assignment // by label; which there are does not change
	ended       atomic.Int32           // partitions that have
}

// why a generation's reading ended.
type why uint8

const (
	rebalanced why = iota // the group begins another
	stopped               // Run is to end
	allRead               // with Once: there is no more
	grown                 // there are other topics
)

// member takes part in the group until there are other topics to subscribe to, which it returns, or until Run is to end.
func (s *Source) member(ctx context.Context, known topics) (topics, error) {
	group, err := kafkago.NewConsumerGroup(s.groupConfig(known))
	if err != nil {
		return nil, fmt.Errorf("kafka: %w", err)
	}
	s.mu.Lock()
	s.group = group
	s.mu.Unlock()
	deadline := s.set.Now().Add(onceTimeout)
	for {
		gen, err := group.Next(ctx)
		if ctx.Err() != nil {
			return nil, nil
		}
		if err != nil {
			s.health.is("group "+s.set.Group, err)
			if s.set.Once && s.set.Now().After(deadline) {
				return nil, fmt.Errorf("read once: join group %s: %w", s.set.Group, explain(err))
			}
			continue // kafka-go has waited
		}
		s.health.is("group "+s.set.Group, nil)
		g := &generation{
			source: s, number: gen.ID, member: gen.MemberID, lease: newLease(s.set.Session, s.set.Rebalance), over: make(chan struct{}),
			assignments: map[string]*assignment{},
		}
		for topic, partitions := range gen.Assignments {
			for _, p := range partitions {
				g.assignments[label(topic, p.ID)] = &assignment{topic: topic, number: p.ID}
			}
		}
		read, finished := make(chan result, 1), make(chan struct{})
		gen.Start(func(still context.Context) {
			defer close(finished)
			g.run(ctx, still, known, read)
		})
		switch r := <-read; r.why {
		case stopped, allRead:
			return nil, nil // the generation lives on until Close
		case grown:
			<-finished
			if err := group.Close(); err != nil {
				return nil, err
			}
			return r.topics, nil
		default:
			<-finished
		}
		// Others may have seen new partitions before: they are in the next generation.
		if found, err := s.lookUp(ctx); err == nil && slices.Equal(found.names(), known.names()) {
			known = found
		}
	}
}

// groupConfig is of a member that subscribes to the topics.
func (s *Source) groupConfig(known topics) kafkago.ConsumerGroupConfig {
	return kafkago.ConsumerGroupConfig{
		ID: s.set.Group, Brokers: s.set.Brokers, Topics: known.names(),
		Dialer: &kafkago.Dialer{
			ClientID: clientID, Timeout: requestTimeout, DialFunc: s.conns.dial, TLS: s.transport.TLS, SASLMechanism: s.transport.SASL,
		},
		GroupBalancers:    []kafkago.GroupBalancer{kafkago.RoundRobinGroupBalancer{}, kafkago.RangeGroupBalancer{}},
		HeartbeatInterval: s.interval(), SessionTimeout: s.set.Session, RebalanceTimeout: s.set.Rebalance, JoinGroupBackoff: time.Second,
	}
}

// result is how a generation's reading ended.
type result struct {
	why    why
	topics topics // there are now
}

// run reads the generation's partitions while still is, tells read when it has stopped reading, and returns when the partitions
// may go to others.
func (g *generation) run(ctx, still context.Context, known topics, read chan<- result) {
	s := g.source
	beats, stop := context.WithCancel(context.Background())
	var beating sync.WaitGroup
	defer beating.Wait()
	defer stop()
	alive := make(chan struct{})
	beating.Go(func() { g.beat(beats, sync.OnceFunc(func() { close(alive) })) })

	work, end := context.WithCancel(still)
	defer end()
	defer context.AfterFunc(ctx, end)()
	go func() { // ends with work
		select {
		case <-g.over:
			end()
		case <-work.Done():
		}
	}()
	select {
	case <-alive:
	case <-work.Done():
	}

	s.mu.Lock()
	s.stats.Generations++
	s.mu.Unlock()
	var reading sync.WaitGroup
	if s.revoke(work) && g.prepare(work) {
		s.mu.Lock()
		s.current, s.joined = g, true
		s.mu.Unlock()
		s.set.Log.Info("reading as a member of the group", "group", s.set.Group, "generation", g.number, "partitions", len(g.assignments))
		for _, a := range g.assignments {
			reading.Go(func() { g.read(work, a, end) })
		}
		if len(g.assignments) == 0 && s.set.Once {
			end()
		}
	}
	var found topics
	more := false
	if !s.set.Once {
		found, more = s.watch(work, known)
	}
	if more {
		end()
	}
	<-work.Done()
	reading.Wait()

	r := result{}
	switch {
	case ctx.Err() != nil:
		r.why = stopped
	case still.Err() == nil && s.set.Once && int(g.ended.Load()) == len(g.assignments):
		r.why = allRead
	case more && !slices.Equal(found.names(), known.names()):
		r.why, r.topics = grown, found
	}
	if r.why == stopped || r.why == allRead {
		read <- r
		select { // while the pipeline finishes
		case <-s.closing:
		case <-g.over:
		}
	} else {
		g.release()
		read <- r
	}
	g.lease.end()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current == g {
		s.current = nil
	}
	for _, a := range g.assignments {
		if f := a.fetcher(); f != nil {
			p := f.stats()
			s.stats.Gone.add(&p)
		}
	}
}

// read reads a until ctx ends. end ends it for all.
func (g *generation) read(ctx context.Context, a *assignment, end func()) {
	s := g.source
	for {
		f := a.fetcher()
		err := f.run(ctx)
		var truncated *truncatedError
		switch {
		case f.ended && err == nil:
			if int(g.ended.Add(1)) == len(g.assignments) {
				end()
			}
			return
		case !errors.As(err, &truncated):
			return
		}
		// What is there now is another log under the same name, or one that has lost its end.
		s.set.Log.Error("a partition's log ends before what has been read of it: its topic was made anew, or brokers have lost messages; going on from its end",
			"partition", f.partition.Name, "read", f.fill.next, "end", truncated.end)
		if f.sent && !(&revocation{partition: f.partition, next: f.given, done: make(chan struct{})}).send(ctx, s.out, true) {
			return
		}
		next := s.newFetcher(a.topic, a.number, s.out, s.set.Pool)
		next.begin(g.partition(a), truncated.end)
		next.fill.limit = f.fill.limit
		if err := g.commit(ctx, pending{a, truncated.end, ""}); err != nil {
			s.health.is("partition "+f.partition.Name, err)
		}
		a.reading.Store(next)
	}
}

// fenced notes that the group goes on without us: somebody else may have our partitions.
func (g *generation) fenced(when string, err error) {
	g.lease.end()
	g.gone.Do(func() {
		s := g.source
		select {
		case <-s.closing: // on purpose
		default:
			s.set.Log.Warn("the group went on without this member: what it has not committed is read again by others", "group", s.set.Group,
				"generation", g.number, "noticed_by", when, "error", err)
		}
		s.mu.Lock()
		s.stats.Expelled++
		s.mu.Unlock()
		close(g.over)
	})
}

func (g *generation) isOver() bool {
	select {
	case <-g.over:
		return true
	default:
		return false
	}
}

// all returns the assignments that are read.
func (g *generation) all() (all []*assignment) {
	for _, a := range g.assignments {
		if a.fetcher() != nil {
			all = append(all, a)
		}
	}
	return all
}
