package kafka

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/gatemeter/gatemeter/pipeline"
	"github.com/gatemeter/gatemeter/pipeline/batch"
	"github.com/gatemeter/gatemeter/pipeline/cursor"
)

var (
	_ pipeline.Source = (*Source)(nil)
	_ pipeline.Source = (*Again)(nil)
)

const (
	// requestTimeout is of a request, besides what the broker is asked to wait.
	requestTimeout = 10 * time.Second
	// onceTimeout is for how long a run that reads once tries to reach the group.
	onceTimeout = 30 * time.Second
	// metadataAge is how old what is known of leaders may be.
	metadataAge = 2 * time.Second
)

// Source is a member of a consumer group. Make one with New; call Open once, then Run once, then Close. Save, Stats and Ready may
// be called from any goroutine.
type Source struct {
	set       Settings
	addr      net.Addr
	transport *kafkago.Transport
	client    *kafkago.Client
	health    *health
	conns     *conns // the group's

	closing chan struct{} // closed by Close
	close   sync.Once
	out     chan<- *batch.Batch // Run's

	// Run's own.
	ends     map[string]int64 // with Once: where each partition ended when it was first seen
	revoking []*revocation    // in order

	mu      sync.Mutex
	cluster string // its id; empty: not known yet
	joined  bool   // the group, once at least
	group   *kafkago.ConsumerGroup
	current *generation // nil: none
	stats   Stats       // what outlives a generation
}

// New returns a source of s. It connects to nothing yet.
func New(s Settings) (*Source, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	config, err := s.TLS.config()
	if err != nil {
		return nil, fmt.Errorf("kafka: %w", err)
	}
	mechanism, err := s.SASL.mechanism()
	if err != nil {
		return nil, fmt.Errorf("kafka: %w", err)
	}
	s.Log = s.Log.With("source", s.Name)
	t := &kafkago.Transport{
		Dial: (&net.Dialer{Timeout: 5 * time.Second}).DialContext, ClientID: clientID, TLS: config, SASL: mechanism, MetadataTTL: metadataAge,
	}
	if named := s.named(); len(named) == len(s.Topics) {
		t.MetadataTopics = named // else all there are: a pattern may match any
	}
	addr := kafkago.TCP(s.Brokers...)
	src := &Source{
		set: s, addr: addr, transport: t, client: &kafkago.Client{Addr: addr, Timeout: requestTimeout, Transport: t},
		health: &health{log: s.Log}, closing: make(chan struct{}), ends: map[string]int64{}, conns: &conns{open: map[net.Conn]struct{}{}},
	}
	return src, nil
}

// Open finds no partitions: they come with the group's generations.
func (s *Source) Open(context.Context, []cursor.Partition) ([]pipeline.Opened, error) {
	return nil, nil
}

// Ready returns nil when everything works, else what does not.
func (s *Source) Ready() error {
	err := s.health.err()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil && !s.joined {
		return fmt.Errorf("group %s: not joined yet", s.set.Group)
	}
	return err
}

// Run reads; see pipeline.Source. The group is not left before Close, so that what the pipeline still saves is taken.
func (s *Source) Run(ctx context.Context, out chan<- *batch.Batch) error {
	s.out = out
	known, err := s.awaitTopics(ctx)
	for err == nil && known != nil {
		known, err = s.member(ctx, known)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// Close leaves the group. It is to be called when the pipeline has ended; without a Run it does nothing.
func (s *Source) Close() error {
	s.close.Do(func() { close(s.closing) })
	s.mu.Lock()
	g := s.group
	s.group = nil
	s.mu.Unlock()
	if g != nil {
		left := make(chan struct{})
		go func() { // ends with the group, at the latest when its connections are cut
			defer close(left)
			_ = g.Close()
		}()
		cut := time.AfterFunc(3*time.Second, s.conns.cut)
		defer cut.Stop()
		<-left
	}
	s.transport.CloseIdleConnections()
	return nil
}

// conns are the connections of a ConsumerGroup, which has no other way to be told that it should not wait any more.
type conns struct {
	mu   sync.Mutex
	open map[net.Conn]struct{}
	done bool
}

// dial is a kafkago.Dialer's DialFunc.
func (c *conns) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done {
		return nil, errors.Join(net.ErrClosed, conn.Close())
	}
	c.open[conn] = struct{}{}
	return &counted{conn, c}, nil
}

// cut ends all connections, and those to come.
func (c *conns) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.done = true
	for conn := range c.open {
		_ = conn.Close()
	}
}

// counted is a connection that leaves conns when it is closed.
type counted struct {
	net.Conn
	of *conns
}

func (c *counted) Close() error {
	c.of.mu.Lock()
	delete(c.of.open, c.Conn)
	c.of.mu.Unlock()
	return c.Conn.Close()
}

// label returns the name of a partition, and of its shard.
func label(topic string, partition int) string { return topic + "-" + strconv.Itoa(partition) }

// parseLabel is the opposite of label.
func parseLabel(s string) (topic string, partition int, err error) {
	i := strings.LastIndexByte(s, '-')
	if i > 0 {
		partition, err = strconv.Atoi(s[i+1:])
	}
	if i <= 0 || err != nil || partition < 0 {
		return "", 0, fmt.Errorf("%.300q is no partition's name", s)
	}
	return s[:i], partition, nil
}

// id returns a partition's batch.Partition.ID.
func (s *Source) id(topic string, partition int) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%d", s.cluster, topic, partition))
	return "k" + strings.ToLower(base32.HexEncoding.EncodeToString(sum[:10]))
}

// pause waits for d, give or take a quarter, and reports whether ctx is still there.
func pause(ctx context.Context, d time.Duration) bool {
	d += time.Duration((rand.Float64() - 0.5) / 2 * float64(d))
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// backoff returns how long to wait after so many failures.
func backoff(failures int) time.Duration {
	return min(100*time.Millisecond<<min(failures, 10), 5*time.Second)
}

// again calls try until it succeeds or ctx ends, and notes what does not work.
func (s *Source) again(ctx context.Context, what string, try func(ctx context.Context) error) bool {
	for failures := 0; ; failures++ {
		err := try(ctx)
		if err == nil {
			s.health.is(what, nil)
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		s.health.is(what, err)
		if !pause(ctx, backoff(failures)) {
			return false
		}
	}
}

// offsetAt returns the offset of a partition at a time: kafkago.FirstOffset, kafkago.LastOffset, or Unix milliseconds.
func (s *Source) offsetAt(ctx context.Context, topic string, partition int, at int64) (int64, error) {
	r, err := s.client.ListOffsets(ctx, &kafkago.ListOffsetsRequest{
		Topics:         map[string][]kafkago.OffsetRequest{topic: {{Partition: partition, Timestamp: at}}},
		IsolationLevel: kafkago.ReadCommitted,
	})
	if err != nil {
		return 0, err
	}
	for _, p := range r.Topics[topic] {
		if p.Partition != partition {
			continue
		}
		if p.Error != nil {
			return 0, p.Error
		}
		switch at {
		case kafkago.FirstOffset:
			return p.FirstOffset, nil
		case kafkago.LastOffset:
			return p.LastOffset, nil
		}
		for offset := range p.Offsets {
			if offset >= 0 {
				return offset, nil
			}
		}
		return s.offsetAt(ctx, topic, partition, kafkago.LastOffset) // all messages are older
	}
	return 0, fmt.Errorf("%w: the partition is not in it", errAnswer)
}

// startAt returns where a partition begins that the group has no offset for.
func (s *Source) startAt(ctx context.Context, topic string, partition int) (int64, error) {
	at := int64(kafkago.FirstOffset)
	switch start := s.set.Start; {
	case start.Latest:
		at = kafkago.LastOffset
	case !start.Since.IsZero():
		at = cmp.Or(max(start.Since.UnixMilli(), 0), 1)
	}
	return s.offsetAt(ctx, topic, partition, at)
}
