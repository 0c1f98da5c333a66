package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gatemeter/gatemeter/pipeline/batch"
	"github.com/gatemeter/gatemeter/pipeline/cursor"
)

// TestRead: every message of every codec once and in order, also of what comes later; who comes after goes on where the
// offsets say.
func TestRead(t *testing.T) {
	w := newWorld(t)
	codecs := map[int32]kgo.CompressionCodec{0: kgo.NoCompression(), 1: kgo.GzipCompression(), 2: kgo.ZstdCompression(), 3: kgo.Lz4Compression()}
	want := map[int32][]string{}
	for p, codec := range codecs {
		c := w.newClient(kgo.ProducerBatchCompression(codec))
		want[p] = numbered(fmt.Sprint(p), 3000)
		w.put(c, p, want[p]...)
	}
	m := w.start(nil)
	for p := range codecs {
		same(t, w.has(label("logs", int(p)), 3000), want[p])
	}
	more := numbered("more", 500)
	w.put(w.newClient(kgo.ProducerBatchCompression(kgo.SnappyCompression())), 2, more...)
	same(t, w.has("logs-2", 3500), append(slices.Clone(want[2]), more...))
	w.await(m.source.Ready)
	m.stop()
	for p := range codecs {
		offset, metadata := w.committed(p)
		if wantOffset := int64(len(w.read[label("logs", int(p))])); offset != wantOffset || !strings.Contains(metadata, `"read":`) {
			t.Errorf("partition %d: committed %d and %q, want %d", p, offset, metadata, wantOffset)
		}
	}
	w.start(nil)
	w.put(w.client, 1, "after")
	same(t, w.has("logs-1", 3001)[3000:], []string{"after"})
	if w.most() != 1 {
		t.Errorf("a line was read %d times", w.most())
	}
}

// TestIdentity: a partition's id depends on the cluster, the topic and the number, and on nothing else.
func TestIdentity(t *testing.T) {
	w := newWorld(t, kfake.ClusterID("prod"))
	w.put(w.client, 0, "a")
	m := w.start(nil)
	w.awaitOwned(4, m)
	m.mu.Lock()
	ids := map[string]string{}
	for p := range m.partitions {
		ids[p.Name] = p.ID
		if p.Shard != p.Name || p.Source != "k" || len(p.ID) > 64 {
			t.Errorf("%+v", p)
		}
	}
	m.mu.Unlock()
	if ids["logs-0"] == ids["logs-1"] || ids["logs-0"] != "kd08721k48ee13trn" {
		t.Errorf("%q", ids)
	}
}

// TestTransactions: what was given up is not read, nor what has not ended yet.
func TestTransactions(t *testing.T) {
	w := newWorld(t)
	m := w.start(nil)
	c := w.newClient(kgo.TransactionalID("x"))
	transaction := func(end kgo.TransactionEndTry, values ...string) {
		t.Helper()
		if err := c.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		w.put(c, 0, values...)
		if err := c.EndTransaction(t.Context(), end); err != nil {
			t.Fatal(err)
		}
	}
	w.put(w.client, 0, "plain")
	transaction(kgo.TryCommit, "a", "b")
	transaction(kgo.TryAbort, "never", "nor this")
	w.put(w.client, 0, "plain again")
	transaction(kgo.TryCommit, "c")
	same(t, w.has("logs-0", 5), []string{"plain", "a", "b", "plain again", "c"})
	if err := c.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	w.put(c, 0, "open")
	w.put(w.client, 0, "behind it")
	w.put(w.client, 1, "elsewhere")
	w.has("logs-1", 1)
	same(t, w.has("logs-0", 5)[5:], nil)
	if err := c.EndTransaction(t.Context(), kgo.TryCommit); err != nil {
		t.Fatal(err)
	}
	same(t, w.has("logs-0", 7)[5:], []string{"open", "behind it"})
	w.await(func() error {
		if got := m.source.Stats(); got.Partitions[0].Aborted != 2 || got.Partitions[0].Lag() != 0 {
			return fmt.Errorf("%+v", got)
		}
		return nil
	})
}

// TestCompacted: messages that compaction has removed leave stretches without lines.
func TestCompacted(t *testing.T) {
	w := newWorld(t)
	compact := "compact"
	if err := w.cluster.CreateTopic("kept", 1, map[string]string{"cleanup.policy": compact, "min.compaction.lag.ms": "0", "min.cleanable.dirty.ratio": "0"}); err != nil {
		t.Fatal(err)
	}
	w.set.Topics = []string{"kept"}
	for i := range 20 {
		r := &kgo.Record{Topic: "kept", Key: fmt.Appendf(nil, "k%d", i%5), Value: fmt.Appendf(nil, "v%d", i)}
		if err := w.client.ProduceSync(t.Context(), r).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	w.cluster.Compact()
	w.start(nil)
	r := &kgo.Record{Topic: "kept", Value: []byte("last")}
	if err := w.client.ProduceSync(t.Context(), r).FirstErr(); err != nil {
		t.Fatal(err)
	}
	w.await(func() error {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.read["kept-0"][20] != "last" {
			return fmt.Errorf("%v", w.read)
		}
		if n := len(w.read["kept-0"]); n > 7 {
			t.Errorf("%d lines: nothing was compacted", n)
		}
		return nil
	})
}

// TestRemoved: what retention has removed is passed over, said, and counted.
func TestRemoved(t *testing.T) {
	w := newWorld(t)
	w.put(w.client, 0, numbered("a", 100)...)
	m := w.start(nil)
	w.has("logs-0", 100)
	m.stop()
	w.put(w.client, 0, numbered("b", 100)...)
	if err := w.cluster.DeleteRecords("logs", 0, 150); err != nil {
		t.Fatal(err)
	}
	m = w.start(nil)
	same(t, w.has("logs-0", 150)[100:], numbered("b", 100)[50:])
	w.await(func() error {
		if got := m.source.Stats(); len(got.Partitions) != 4 || got.Partitions[0].Lost != 50 {
			return fmt.Errorf("%+v", got)
		}
		return nil
	})
	if m.said.count("messages=50") != 1 {
		t.Error("not said, or not once")
	}
}

// TestMadeAnew: a topic that was deleted and made anew is read, though its offsets begin again.
func TestMadeAnew(t *testing.T) {
	w := newWorld(t)
	w.put(w.client, 0, numbered("a", 100)...)
	m := w.start(nil)
	w.has("logs-0", 100)
	m.stop()
	if err := errors.Join(w.cluster.DeleteTopic("logs"), w.cluster.CreateTopic("logs", 4, nil)); err != nil {
		t.Fatal(err)
	}
	c := w.newClient()
	w.mu.Lock()
	clear(w.read)
	w.mu.Unlock()
	m = w.start(nil)
	w.awaitOwned(4, m)
	w.put(c, 0, "new")
	same(t, w.has("logs-0", 1), []string{"new"})
}

// TestStart: where a partition begins of which nothing has been committed.
func TestStart(t *testing.T) {
	w := newWorld(t)
	old := time.Now().Add(-time.Hour)
	for i := range 10 {
		r := &kgo.Record{Topic: "logs", Value: fmt.Append(nil, "v", i), Timestamp: old.Add(time.Duration(i) * time.Minute)}
		if err := w.client.ProduceSync(t.Context(), r).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	m := w.start(func(s *Settings) { s.Group, s.Start.Since = "since", old.Add(7*time.Minute) })
	same(t, w.has("logs-0", 3), []string{"v7", "v8", "v9"})
	m.stop()
	w.mu.Lock()
	clear(w.read)
	w.mu.Unlock()
	m = w.start(func(s *Settings) { s.Group, s.Start.Latest = "latest", true })
	w.awaitOwned(4, m)
	m.stop()
	w.put(w.client, 0, "v10") // while nobody reads: the offset is committed already
	w.start(func(s *Settings) { s.Group, s.Start.Latest = "latest", true })
	same(t, w.has("logs-0", 1), []string{"v10"})
}

// TestTruncated: a partition that ends before what is committed is read on from its end.
func TestTruncated(t *testing.T) {
	w := newWorld(t)
	w.put(w.client, 0, numbered("a", 10)...)
	w.setOffset(0, 500)
	m := w.start(nil)
	w.await(func() error {
		if m.said.count("log ends before") != 1 {
			return errors.New("not said, or not once")
		}
		return nil
	})
	w.await(func() error {
		if at, _ := w.committed(0); at != 10 {
			return fmt.Errorf("committed %d", at)
		}
		return nil
	})
	w.put(w.client, 0, "new")
	same(t, w.has("logs-0", 1), []string{"new"})
	w.await(m.source.Ready)
}

// TestHandSet: an offset that was set by hand counts, whatever cursor was there before.
func TestHandSet(t *testing.T) {
	w := newWorld(t)
	w.put(w.client, 0, numbered("a", 10)...)
	m := w.start(nil)
	w.has("logs-0", 10)
	m.stop()
	w.setOffset(0, 4)
	w.mu.Lock()
	clear(w.read)
	w.mu.Unlock()
	w.start(nil)
	same(t, w.has("logs-0", 6), numbered("a", 10)[4:])
}

// TestCorruptBatch: a batch that stays broken is passed over, said and counted; what is behind it is read.
func TestCorruptBatch(t *testing.T) {
	w := newWorld(t, kfake.NumBrokers(1))
	w.put(w.client, 0, "a", "b")
	w.put(w.client, 0, "c", "d", "e")
	w.put(w.client, 0, "f")
	w.cluster.ControlKey(1, func(req kmsg.Request) (kmsg.Response, error, bool) {
		w.cluster.KeepControl()
		fetch := req.(*kmsg.FetchRequest)
		p := fetch.Topics[0].Partitions[0]
		if p.Partition != 0 || p.FetchOffset >= 5 {
			return nil, nil, false
		}
		records := join(written{base: 0, values: []string{"a", "b"}})
		broken := written{base: 2, values: []string{"c", "d", "e"}}.bytes()
		broken[len(broken)-2] ^= 0x40
		resp := fetch.ResponseKind().(*kmsg.FetchResponse)
		topic, part := kmsg.NewFetchResponseTopic(), kmsg.NewFetchResponseTopicPartition()
		topic.Topic, part.HighWatermark, part.LastStableOffset = "logs", 6, 6
		part.RecordBatches = append(records, broken...)
		topic.Partitions = append(topic.Partitions, part)
		resp.Topics = append(resp.Topics, topic)
		return resp, nil, true
	})
	m := w.start(nil)
	same(t, w.has("logs-0", 3), []string{"a", "b", "f"})
	if got := m.source.Stats(); got.Partitions[0].Corrupt != 3 {
		t.Errorf("%+v", got.Partitions[0])
	}
	if m.said.count("passed over") != 1 {
		t.Error("not said, or not once")
	}
	w.await(m.source.Ready)
}

// TestStandsStill: a broker that says there is more and sends nothing of it is connected to anew, and that is counted.
func TestStandsStill(t *testing.T) {
	w := newWorld(t, kfake.NumBrokers(1))
	w.put(w.client, 0, "a", "b")
	var now atomic.Int64 // beside the real time
	var asked atomic.Int64
	var recovered atomic.Bool
	w.cluster.ControlKey(1, func(req kmsg.Request) (kmsg.Response, error, bool) {
		w.cluster.KeepControl()
		fetch := req.(*kmsg.FetchRequest)
		p := fetch.Topics[0].Partitions[0]
		if p.Partition != 0 || p.FetchOffset >= 2 || recovered.Load() {
			return nil, nil, false
		}
		if asked.Add(1) == 3 {
			now.Store(int64(stallTime + time.Second))
		}
		resp := fetch.ResponseKind().(*kmsg.FetchResponse)
		topic, part := kmsg.NewFetchResponseTopic(), kmsg.NewFetchResponseTopicPartition()
		topic.Topic, part.HighWatermark, part.LastStableOffset = "logs", 2, 2
		topic.Partitions = append(topic.Partitions, part)
		resp.Topics = append(resp.Topics, topic)
		return resp, nil, true
	})
	m := w.start(func(s *Settings) { s.Now = func() time.Time { return time.Now().Add(time.Duration(now.Load())) } })
	w.await(func() error {
		if total := m.source.Stats(); total.Total().Restarts != 1 {
			return fmt.Errorf("%+v", total)
		}
		if m.said.count("the broker has more and sends nothing") != 1 {
			return errors.New("not said, or not once")
		}
		return nil
	})
	recovered.Store(true)
	same(t, w.has("logs-0", 2), []string{"a", "b"})
	w.await(m.source.Ready)
}

// TestAgain: what was read is read again from given offsets.
func TestAgain(t *testing.T) {
	w := newWorld(t)
	w.put(w.client, 0, numbered("a", 100)...)
	w.put(w.client, 1, numbered("b", 100)...)
	m := w.start(nil)
	w.has("logs-0", 100)
	w.has("logs-1", 100)
	var saved []cursor.Partition
	m.mu.Lock()
	for p := range m.partitions {
		if p.Name == "logs-0" || p.Name == "logs-1" {
			saved = append(saved, cursor.Partition{Source: p.Source, Name: p.Name, ID: p.ID, Replay: 60, Indexed: 60, Read: 60})
		}
	}
	m.mu.Unlock()
	a := m.source.Again(batch.NewPool(64<<10, 0))
	opened, err := a.Open(t.Context(), saved)
	if err != nil || len(opened) != 2 || opened[0].Offset != 60 {
		t.Fatal(opened, err)
	}
	ctx, stop := context.WithCancel(t.Context())
	out, ended := make(chan *batch.Batch), make(chan error, 1)
	go func() { ended <- a.Run(ctx, out) }()
	lines, done := 0, map[string]bool{}
	for len(done) < 2 {
		b := <-out
		lines += len(b.Ends)
		if b.CaughtUp {
			done[b.Partition.Name] = b.Next == 100
		}
		b.Release()
	}
	if lines != 80 || !done["logs-0"] || !done["logs-1"] {
		t.Errorf("%d lines, %v", lines, done)
	}
	stop()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestHold: a partition that is to wait is not read on.
func TestHold(t *testing.T) {
	w := newWorld(t)
	m := w.start(nil)
	w.awaitOwned(4, m)
	m.mu.Lock()
	for p := range m.partitions {
		if p.Name == "logs-0" {
			p.Hold.Store(true)
		}
	}
	m.mu.Unlock()
	w.await(func() error { // what was asked before is answered
		w.put(w.client, 0, "x")
		w.mu.Lock()
		before, n := len(w.read["logs-0"]), len(w.read["logs-1"])
		w.mu.Unlock()
		w.put(w.client, 0, "y")
		w.put(w.client, 1, "z")
		w.has("logs-1", n+1)
		w.mu.Lock()
		defer w.mu.Unlock()
		if len(w.read["logs-0"]) > before {
			return errors.New("it is read on")
		}
		return nil
	})
}
