package kafka

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gatemeter/gatemeter/internal/servers"
	"github.com/gatemeter/gatemeter/pipeline/batch"
	"github.com/gatemeter/gatemeter/pipeline/cursor"
)

// within is how long a test waits for what must come.
const within = 20 * time.Second

// world is a cluster in this process, and what its members have read.
type world struct {
	t       *testing.T
	cluster *kfake.Cluster
	client  *kgo.Client
	set     Settings // of members to come

	mu    sync.Mutex
	read  map[string]map[int64]string // by partition and offset
	times map[string]int              // by partition and offset: how often, by whom is not asked
}

func newWorld(t *testing.T, options ...kfake.Opt) *world {
	t.Helper()
	t.Parallel()
	return newSerialWorld(t, options...)
}

func newSerialWorld(t *testing.T, options ...kfake.Opt) *world {
	t.Helper()
	options = append([]kfake.Opt{
		kfake.NumBrokers(2), kfake.SeedTopics(4, "logs"), kfake.GroupMinSessionTimeout(time.Second),
		kfake.BrokerConfigs(map[string]string{"group.initial.rebalance.delay.ms": "0"}),
	}, options...)
	c, err := kfake.NewCluster(options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	w := &world{t: t, cluster: c, read: map[string]map[int64]string{}, times: map[string]int{}}
	w.set = Settings{
		Name: "k", Brokers: c.ListenAddrs(), Topics: []string{"logs"}, Group: "g", MaxLine: 1000, Session: 2 * time.Second,
		Watch: 100 * time.Millisecond, Now: time.Now,
	}
	w.client = w.newClient()
	return w
}

func (w *world) newClient(options ...kgo.Opt) *kgo.Client {
	w.t.Helper()
	c, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(w.cluster.ListenAddrs()...), kgo.RecordPartitioner(kgo.ManualPartitioner()),
	}, options...)...)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(c.Close)
	return c
}

// put writes messages to a partition of the topic logs.
func (w *world) put(c *kgo.Client, partition int32, values ...string) {
	w.t.Helper()
	var records []*kgo.Record
	for _, v := range values {
		records = append(records, &kgo.Record{Topic: "logs", Partition: partition, Value: []byte(v)})
	}
	if err := c.ProduceSync(w.t.Context(), records...).FirstErr(); err != nil {
		w.t.Fatal(err)
	}
}

// numbered returns n different lines.
func numbered(what string, n int) (lines []string) {
	for i := range n {
		lines = append(lines, fmt.Sprintf("%s %d", what, i))
	}
	return lines
}

// position is how far a reader has read a partition.
type position struct {
	*batch.Partition
	next     int64
	caughtUp bool
	ended    bool
	revoked  chan<- struct{} // to be closed yet
}

// lockedLog is a log that tests look into while it is written.
type lockedLog struct {
	mu sync.Mutex
	b  *bytes.Buffer
}

func (l *lockedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedLog) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.b.String(), text)
}

// start starts a member of which change may change the settings.
func (w *world) start(change func(*Settings)) *member {
	w.t.Helper()
	set := w.set
	log := &lockedLog{b: &bytes.Buffer{}}
	set.Log = slog.New(slog.NewTextHandler(log, nil))
	set.Pool = batch.NewPool(64<<10, 0)
	if change != nil {
		change(&set)
	}
	s, err := New(set)
	if err != nil {
		w.t.Fatal(err)
	}
	if opened, err := s.Open(w.t.Context(), nil); err != nil || len(opened) > 0 {
		w.t.Fatal(opened, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	m := &member{w: w, source: s, said: log, cancel: cancel, ended: make(chan struct{}), partitions: map[*batch.Partition]*position{}}
	out := make(chan *batch.Batch)
	var run sync.WaitGroup
	run.Go(func() {
		m.err = s.Run(ctx, out)
		close(out)
	})
	go func() {
		defer close(m.ended)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case b, ok := <-out:
				if !ok {
					run.Wait()
					m.save() // as the pipeline does: Run has returned, and the group is still there
					return
				}
				m.take(b)
			case <-tick.C:
				m.save()
			}
		}
	}()
	w.t.Cleanup(func() {
		m.stop()
		if w.t.Failed() {
			log.mu.Lock()
			defer log.mu.Unlock()
			w.t.Logf("log of a member:\n%s", log.b)
		}
	})
	return m
}

// member is a member of the group, and a pipeline that only notes what it gets.
type member struct {
	w      *world
	source *Source
	said   *lockedLog
	cancel context.CancelFunc
	ended  chan struct{}
	err    error // of Run, once ended is closed

	mu         sync.Mutex
	partitions map[*batch.Partition]*position
	batches    []string // those without lines
	keeps      bool     // does not let partitions go
}

// stop ends the member as gatemeter does.
func (m *member) stop() {
	m.w.t.Helper()
	m.cancel()
	<-m.ended
	if err := m.source.Close(); err != nil {
		m.w.t.Error(err)
	}
}

func (m *member) take(b *batch.Batch) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t, p := m.w.t, b.Partition
	k := m.partitions[p]
	if k == nil {
		k = &position{Partition: p, next: b.First}
		for other := range m.partitions {
			if other.Name == p.Name {
				t.Errorf("%s comes again before it has been given up", p.Name)
			}
		}
		m.partitions[p] = k
		if p.Saved != nil {
			c, err := cursor.Decode(p.Saved)
			if err != nil || c.Partitions[0].Start() != b.First {
				t.Errorf("%s begins at %d, and its cursor is %s", p.Name, b.First, p.Saved)
			}
		}
	}
	if b.First != k.next || b.Next < b.First {
		t.Errorf("%s: [%d, %d) after %d", p.Name, b.First, b.Next, k.next)
	}
	if k.ended {
		t.Errorf("%s: a batch after the end", p.Name)
	}
	k.next, k.caughtUp, k.ended = b.Next, b.CaughtUp, b.Ended
	switch {
	case b.Revoked != nil:
		if m.keeps {
			k.revoked = b.Revoked
			return
		}
		m.saveOne(k)
		delete(m.partitions, p)
		close(b.Revoked)
		return
	case b.Oversize > 0:
		m.batches = append(m.batches, fmt.Sprintf("%s [%d,%d) oversize", p.Name, b.First, b.Next))
	case len(b.Ends) == 0 && b.Next > b.First:
		m.batches = append(m.batches, fmt.Sprintf("%s [%d,%d)", p.Name, b.First, b.Next))
	}
	m.w.mu.Lock()
	defer m.w.mu.Unlock()
	from := int32(0)
	for i, end := range b.Ends {
		offset := b.First + int64(i)
		if b.Offsets != nil {
			offset = b.Offsets[i]
		}
		m.w.note(p.Name, offset, string(b.Data[from:end]))
		from = end
	}
	b.Release()
}

// note notes a line. The world is locked.
func (w *world) note(partition string, offset int64, line string) {
	lines := w.read[partition]
	if lines == nil {
		lines = map[int64]string{}
		w.read[partition] = lines
	}
	if before, ok := lines[offset]; ok && before != line {
		w.t.Errorf("%s at %d: %q, and before %q", partition, offset, line, before)
	}
	lines[offset] = line
	w.times[fmt.Sprint(partition, "@", offset)]++
}

// save saves each partition's cursor.
func (m *member) save() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, k := range m.partitions {
		m.saveOne(k)
	}
}

func (m *member) saveOne(k *position) {
	at := k.next
	_ = m.source.Save([]cursor.Cursor{{Shard: k.Shard, Fingerprint: "f", Partitions: []cursor.Partition{{
		Source: k.Source, Name: k.Name, ID: k.ID, Replay: at, Watermark: cursor.NoWatermark, Read: at, Indexed: at,
	}}}})
}

// committed returns the offset that the group has for a partition, and its metadata.
func (w *world) committed(partition int32) (int64, string) {
	w.t.Helper()
	r := kmsg.NewPtrOffsetFetchRequest()
	r.Group = w.set.Group
	r.Topics = []kmsg.OffsetFetchRequestTopic{{Topic: "logs", Partitions: []int32{partition}}}
	g := kmsg.NewOffsetFetchRequestGroup()
	g.Group = w.set.Group
	gt := kmsg.NewOffsetFetchRequestGroupTopic()
	gt.Topic, gt.Partitions = "logs", []int32{partition}
	g.Topics = append(g.Topics, gt)
	r.Groups = append(r.Groups, g)
	resp, err := r.RequestWith(w.t.Context(), w.client)
	if err != nil {
		w.t.Fatal(err)
	}
	if len(resp.Groups) > 0 && len(resp.Groups[0].Topics) > 0 {
		p := resp.Groups[0].Topics[0].Partitions[0]
		return p.Offset, deref(p.Metadata)
	}
	if len(resp.Topics) == 0 {
		return -1, "" // the coordinator is not there yet
	}
	p := resp.Topics[0].Partitions[0]
	return p.Offset, deref(p.Metadata)
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// setOffset commits an offset as somebody does by hand.
func (w *world) setOffset(partition int32, offset int64) {
	w.t.Helper()
	r := kmsg.NewPtrOffsetCommitRequest()
	r.Group, r.Generation = w.set.Group, -1
	topic := kmsg.NewOffsetCommitRequestTopic()
	topic.Topic, topic.TopicID = "logs", w.cluster.TopicInfo("logs").TopicID
	p := kmsg.NewOffsetCommitRequestTopicPartition()
	p.Partition, p.Offset = partition, offset
	topic.Partitions = append(topic.Partitions, p)
	r.Topics = append(r.Topics, topic)
	if resp, err := r.RequestWith(w.t.Context(), w.client); err != nil || resp.Topics[0].Partitions[0].ErrorCode != 0 {
		w.t.Fatal(resp, err)
	}
}

// await waits until check returns nil.
func (w *world) await(check func() error) {
	w.t.Helper()
	servers.Await(w.t, within, check)
}

// has waits until so many lines of a partition have been read, and returns them in order.
func (w *world) has(partition string, n int) []string {
	w.t.Helper()
	w.await(func() error {
		w.mu.Lock()
		defer w.mu.Unlock()
		if got := len(w.read[partition]); got < n {
			return fmt.Errorf("%d lines of %s, want %d", got, partition, n)
		}
		return nil
	})
	w.mu.Lock()
	defer w.mu.Unlock()
	var lines []string
	for _, offset := range slices.Sorted(maps.Keys(w.read[partition])) {
		lines = append(lines, w.read[partition][offset])
	}
	return lines
}

// owns returns the names of the partitions that a member has.
func (m *member) owns() (names []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for p := range m.partitions {
		names = append(names, p.Name)
	}
	slices.Sort(names)
	return names
}

// awaitOwned waits until members have so many partitions.
func (w *world) awaitOwned(n int, members ...*member) {
	w.t.Helper()
	w.await(func() error {
		got := 0
		for _, m := range members {
			have := len(m.owns())
			if have == 0 {
				return fmt.Errorf("a member has no partition")
			}
			got += have
		}
		if got != n {
			return fmt.Errorf("members have %d partitions, want %d", got, n)
		}
		return nil
	})
}

// most returns how often the line read most often was read.
func (w *world) most() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	most := 0
	for _, n := range w.times {
		most = max(most, n)
	}
	return most
}

func same(t *testing.T, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		i := 0
		for i < len(got) && i < len(want) && got[i] == want[i] {
			i++
		}
		t.Errorf("%d lines, want %d; they differ at %d: %.100q, want %.100q", len(got), len(want), i,
			cmp.Or(strings.Join(got[i:min(i+1, len(got))], ""), "none"), strings.Join(want[i:min(i+1, len(want))], ""))
	}
}
