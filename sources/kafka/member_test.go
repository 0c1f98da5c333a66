package kafka

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

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
