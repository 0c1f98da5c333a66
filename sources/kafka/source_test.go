package kafka

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
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

// TestRebalance: partitions go from member to member with their offsets, nothing is missing, and while the pipeline says what it
// has read, nothing is read twice. The committed offset never moves back.
func TestRebalance(t *testing.T) {
	w := newWorld(t)
	watching, stop := context.WithCancel(t.Context())
	var watch sync.WaitGroup
	watch.Go(func() {
		highest := map[int32]int64{}
		for watching.Err() == nil {
			for p := range int32(4) {
				offset, _ := w.committed(p)
				if before, ok := highest[p]; ok && offset < before {
					t.Errorf("the committed offset of %d went from %d to %d", p, before, offset)
				}
				highest[p] = offset
			}
		}
	})
	var put sync.WaitGroup
	put.Go(func() {
		for i := range 200 {
			for p := range int32(4) {
				w.put(w.client, p, fmt.Sprint(p, " ", i))
			}
		}
	})
	a := w.start(nil)
	w.awaitOwned(4, a)
	b := w.start(nil)
	w.awaitOwned(4, a, b)
	c := w.start(nil)
	w.awaitOwned(4, a, b, c)
	a.stop()
	w.awaitOwned(4, b, c)
	b.stop()
	w.awaitOwned(4, c)
	put.Wait()
	for p := range 4 {
		var want []string
		for i := range 200 {
			want = append(want, fmt.Sprint(p, " ", i))
		}
		same(t, w.has(label("logs", p), 200), want)
	}
	stop()
	watch.Wait()
	if w.most() != 1 {
		t.Errorf("a line was read %d times", w.most())
	}
}

// TestLease: a member sends only while it may be sure of its partitions: the lease follows the heartbeats, ends with them, and
// for good when the group goes on without it; a commit that comes too late changes nothing.
func TestLease(t *testing.T) {
	w := newWorld(t)
	w.put(w.client, 0, numbered("a", 10)...)
	a := w.start(nil)
	w.has("logs-0", 10)
	lease := func() (until int64) {
		a.mu.Lock()
		defer a.mu.Unlock()
		for p := range a.partitions {
			if p.Name == "logs-0" {
				until = p.Lease.Load()
			}
		}
		return until
	}
	first := lease()
	if ahead := time.Until(time.Unix(0, first)); ahead <= 0 || ahead > 2*time.Second {
		t.Errorf("the lease ends in %v", ahead)
	}
	w.await(func() error {
		if lease() <= first {
			return errors.New("the lease is not raised")
		}
		return nil
	})
	// From now on it is not heard any more, as if it were suspended.
	var mu sync.Mutex
	deaf := true
	w.cluster.ControlKey(12, func(kmsg.Request) (kmsg.Response, error, bool) {
		mu.Lock()
		defer mu.Unlock()
		w.cluster.KeepControl()
		if deaf {
			return nil, errors.New("not heard"), true
		}
		return nil, nil, false
	})
	w.await(func() error {
		if left := time.Until(time.Unix(0, lease())); left > 0 {
			return fmt.Errorf("the lease has %v left", left)
		}
		return nil
	})
	mu.Lock()
	deaf = false
	mu.Unlock()
	// It comes back as a new member.
	w.put(w.client, 0, "later")
	w.has("logs-0", 11)
	w.await(a.source.Ready)
	if until := lease(); time.Until(time.Unix(0, until)) <= 0 {
		t.Error("the lease is not given again")
	}
}

// TestExpelled: the group forgets a member.
func TestExpelled(t *testing.T) {
	w := newWorld(t)
	w.put(w.client, 0, numbered("a", 10)...)
	a := w.start(nil)
	w.has("logs-0", 10)
	w.await(func() error {
		if at, _ := w.committed(0); at != 10 {
			return fmt.Errorf("committed %d", at)
		}
		return nil
	})
	a.mu.Lock()
	var old *position
	for p, k := range a.partitions {
		if p.Name == "logs-0" {
			old = k
		}
	}
	a.mu.Unlock()
	w.cluster.ControlKey(12, func(req kmsg.Request) (kmsg.Response, error, bool) {
		resp := req.ResponseKind().(*kmsg.HeartbeatResponse)
		resp.ErrorCode = kerr.UnknownMemberID.Code
		return resp, nil, true
	})
	w.await(func() error {
		if a.source.Stats().Generations < 2 {
			return errors.New("it has not joined again")
		}
		return nil
	})
	w.awaitOwned(4, a)
	if got := old.Lease.Load(); got != past {
		t.Errorf("the lease of before is %d", got)
	}
	w.put(w.client, 0, "later")
	w.has("logs-0", 11)
}

// TestKeeps: a pipeline that does not let partitions go holds up neither the group nor, when it lets them go, itself; nothing new of
// them comes before.
func TestKeeps(t *testing.T) {
	w := newWorld(t)
	w.put(w.client, 0, numbered("a", 10)...)
	a := w.start(func(s *Settings) { s.Rebalance = 2 * time.Second })
	w.has("logs-0", 10)
	w.awaitOwned(4, a)
	a.mu.Lock()
	a.keeps = true
	var kept []*position
	for _, k := range a.partitions {
		kept = append(kept, k)
	}
	a.mu.Unlock()
	b := w.start(nil)
	w.await(func() error { // b has its half
		if n := len(b.owns()); n != 2 {
			return fmt.Errorf("%d partitions", n)
		}
		return nil
	})
	for _, k := range kept {
		if time.Until(time.Unix(0, k.Lease.Load())) > 0 {
			t.Errorf("%s may still be sent for", k.Name)
		}
	}
	for p := range int32(4) {
		w.put(w.client, p, "later")
	}
	a.mu.Lock()
	if len(a.partitions) != 4 {
		t.Errorf("%d partitions, want those of before alone", len(a.partitions))
	}
	a.keeps = false
	for p, k := range a.partitions {
		delete(a.partitions, p)
		close(k.revoked)
	}
	a.mu.Unlock()
	w.awaitOwned(4, a, b)
	for p := range 4 {
		lines := w.has(label("logs", p), 1)
		if lines[len(lines)-1] != "later" {
			t.Errorf("%q", lines)
		}
	}
}

// TestOnce: a run that reads once ends at what was there, commits, and leaves.
func TestOnce(t *testing.T) {
	w := newWorld(t)
	w.put(w.client, 0, numbered("a", 1000)...)
	w.put(w.client, 2, numbered("b", 10)...)
	m := w.start(func(s *Settings) { s.Once = true })
	select {
	case <-m.ended:
	case <-time.After(within):
		t.Fatal("it does not end")
	}
	if m.err != nil {
		t.Error(m.err)
	}
	for p, k := range m.partitions {
		if !k.ended {
			t.Errorf("%s has not ended", p.Name)
		}
	}
	if err := m.source.Close(); err != nil {
		t.Error(err)
	}
	if len(w.read["logs-0"]) != 1000 || len(w.read["logs-2"]) != 10 {
		t.Errorf("%d and %d lines", len(w.read["logs-0"]), len(w.read["logs-2"]))
	}
	if at, _ := w.committed(0); at != 1000 {
		t.Errorf("committed %d", at)
	}
	if g := w.cluster.GroupInfo("g"); g != nil && len(g.Members) > 0 {
		t.Errorf("%d members are left", len(g.Members))
	}
	// There is nothing more.
	m = w.start(func(s *Settings) { s.Once = true })
	<-m.ended
	if m.err != nil || w.most() != 1 {
		t.Error(m.err, w.most())
	}
}

// TestGrows: partitions and topics that come while it runs are read.
func TestGrows(t *testing.T) {
	w := newWorld(t)
	m := w.start(func(s *Settings) { s.Topics = []string{"logs", "gateway-*"} })
	w.awaitOwned(4, m)
	r := kmsg.NewPtrCreatePartitionsRequest()
	topic := kmsg.NewCreatePartitionsRequestTopic()
	topic.Topic, topic.Count = "logs", 6
	r.Topics = append(r.Topics, topic)
	if resp, err := r.RequestWith(t.Context(), w.client); err != nil || resp.Topics[0].ErrorCode != 0 {
		t.Fatal(resp, err)
	}
	w.awaitOwned(6, m)
	w.put(w.newClient(), 5, "in a new partition")
	w.has("logs-5", 1)
	for _, name := range []string{"gateway-eu", "other"} {
		if err := w.cluster.CreateTopic(name, 2, nil); err != nil {
			t.Fatal(err)
		}
	}
	w.awaitOwned(8, m)
	if err := w.newClient().ProduceSync(t.Context(), &kgo.Record{Topic: "gateway-eu", Value: []byte("in a new topic")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	w.has("gateway-eu-0", 1)
}

// TestUnready: what does not work is named and said once, and works when it can.
func TestUnready(t *testing.T) {
	f := func(name string, set func(*Settings), want string, options ...kfake.Opt) {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, options...)
			m := w.start(set)
			w.await(func() error {
				if err := m.source.Ready(); err == nil || !strings.Contains(err.Error(), want) {
					return fmt.Errorf("ready is %v, want %q", err, want)
				}
				if n := m.said.count("level=ERROR"); n != 1 {
					return fmt.Errorf("%d errors are said", n)
				}
				return nil
			})
			w.await(func() error { // and goes on trying
				if m.said.count("level=ERROR") != 1 {
					t.Error("said more than once")
				}
				return nil
			})
		})
	}
	f("no broker", func(s *Settings) { s.Brokers = []string{"127.0.0.1:1"} }, "connection refused")
	f("no topic", func(s *Settings) { s.Topics = []string{"nope"} }, "topic nope: the topic or partition does not exist")
	f("one topic of two", func(s *Settings) { s.Topics = []string{"logs", "nope"} }, "topic nope: the topic or partition does not exist")
	sasl := []kfake.Opt{kfake.EnableSASL(), kfake.Superuser("PLAIN", "u", "right"), kfake.Superuser("SCRAM-SHA-256", "u", "right"), kfake.Superuser("SCRAM-SHA-512", "u", "right")}
	for _, mechanism := range Mechanisms() {
		f("wrong password "+mechanism, func(s *Settings) { s.SASL = &SASL{mechanism, "u", "wrong"} }, "or another password", sasl...)
	}
	f("a session too short", func(s *Settings) { s.Session = time.Second }, "does not allow this session_timeout", kfake.GroupMinSessionTimeout(5*time.Second))
}

func TestSASL(t *testing.T) {
	for _, mechanism := range Mechanisms() {
		t.Run(mechanism, func(t *testing.T) {
			w := newWorld(t, kfake.EnableSASL(), kfake.Superuser(strings.ToUpper(mechanism), "u", "right"))
			m := w.start(func(s *Settings) { s.SASL = &SASL{mechanism, "u", "right"} })
			w.awaitOwned(4, m)
		})
	}
}

// TestLeadersMove: partitions whose leader moves, and a group whose coordinator does, are read on.
func TestLeadersMove(t *testing.T) {
	w := newWorld(t, kfake.NumBrokers(3))
	m := w.start(nil)
	w.awaitOwned(4, m)
	for round := range 3 {
		for p := range int32(4) {
			w.put(w.client, p, fmt.Sprint(round))
		}
		w.cluster.ShufflePartitionLeaders()
		w.cluster.RehashCoordinators()
	}
	for p := range 4 {
		same(t, w.has(label("logs", p), 3), []string{"0", "1", "2"})
	}
	w.await(m.source.Ready)
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

func TestCheckTopic(t *testing.T) {
	for _, good := range []string{"a", "kong-logs", "A.b_c", "gateway-*", "g[ae]t?"} {
		if err := CheckTopic(good); err != nil {
			t.Error(err)
		}
	}
	for _, bad := range []string{"", "a b", "a/b", "[a", strings.Repeat("x", 250), "ü"} {
		if CheckTopic(bad) == nil {
			t.Errorf("%q is taken", bad)
		}
	}
	s := Settings{Topics: []string{"*", "x.y"}}
	if !s.wants("x.y") || !s.wants("abc") || s.wants("__consumer_offsets") {
		t.Error("wants the wrong topics")
	}
	s.Topics = []string{"__*"}
	if !s.wants("__mine") {
		t.Error("does not want what is named")
	}
}

func TestLabel(t *testing.T) {
	topic, n, err := parseLabel(label("a-b.c-1", 12))
	if topic != "a-b.c-1" || n != 12 || err != nil {
		t.Error(topic, n, err)
	}
	for _, bad := range []string{"", "a", "-1", "a-", "a-x"} {
		if topic, n, err := parseLabel(bad); err == nil {
			t.Errorf("%q is %q and %d", bad, topic, n)
		}
	}
}

// TestLeavesNothing: after Close no goroutine of ours or of kafka-go's is left, whatever state the member was in.
func TestLeavesNothing(t *testing.T) {
	left := func() (stacks []string) {
		text := make([]byte, 1<<20)
		text = text[:runtime.Stack(text, true)]
		for g := range strings.SplitSeq(string(text), "\n\n") {
			ours := strings.Contains(g, "sources/kafka.(*Source)") || strings.Contains(g, "sources/kafka.(*generation)") || strings.Contains(g, "sources/kafka.(*fetcher)")
			if ours || strings.Contains(g, "segmentio/kafka-go") {
				stacks = append(stacks, g)
			}
		}
		return stacks
	}
	w := newSerialWorld(t)
	w.put(w.client, 0, numbered("a", 10)...)
	for range 3 {
		a, b := w.start(nil), w.start(nil)
		w.awaitOwned(4, a, b)
		a.stop()
		b.stop()
		w.start(nil).stop() // while it joins
	}
	gone := w.start(func(s *Settings) { s.Brokers = []string{"127.0.0.1:1"} })
	gone.stop()
	m := w.start(nil)
	w.awaitOwned(4, m)
	w.cluster.Close()
	w.await(func() error {
		if m.source.Ready() == nil {
			return errors.New("nothing said of the cluster that is gone")
		}
		return nil
	})
	m.stop()
	w.await(func() error {
		if stacks := left(); len(stacks) > 0 {
			return fmt.Errorf("%d goroutines are left:\n%s", len(stacks), stacks[0])
		}
		return nil
	})
}

// TestOnceWithoutBroker: a run that reads once does not wait for ever.
func TestOnceWithoutBroker(t *testing.T) {
	w := newWorld(t)
	late := time.Now()
	m := w.start(func(s *Settings) {
		s.Once, s.Brokers = true, []string{"127.0.0.1:1"}
		s.Now = func() time.Time { late = late.Add(10 * time.Second); return late }
	})
	select {
	case <-m.ended:
	case <-time.After(within):
		t.Fatal("it does not end")
	}
	if m.err == nil || !strings.Contains(m.err.Error(), "connection refused") {
		t.Error(m.err)
	}
}
