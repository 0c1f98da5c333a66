package pipeline

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatemeter/gatemeter/pipeline/batch"
	"github.com/gatemeter/gatemeter/pipeline/cursor"
	"github.com/gatemeter/gatemeter/pipeline/point"
	"github.com/gatemeter/gatemeter/pipeline/route"
)

// broker keeps logs, and for each the cursor that was committed last, as a Kafka group does.
type broker struct {
	mu      sync.Mutex
	logs    []*testLog
	commits map[string][]byte
	owner   map[string]*member
	back    []string // commits that moved back
}

// member is a source of the partitions that the broker has assigned to it.
type member struct {
	*broker
	rand  *rand.Rand
	take  []int         // logs assigned
	after int           // batches until they are revoked
	lease time.Duration // how long it may speak after each batch; 0: always
	stall bool          // then fall silent instead of giving them up
}

func (m *member) Open(context.Context, []cursor.Partition) ([]Opened, error) { return nil, nil }

// saveAll commits cursors, of the partitions that are still the member's.
func (m *member) saveAll(cursors []cursor.Cursor) error {
	for _, c := range cursors {
		if err := m.save(c); err != nil {
			return err
		}
	}
	return nil
}

func (m *member) save(c cursor.Cursor) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.owner[c.Shard] != m {
		return nil
	}
	if before := m.commits[c.Shard]; before != nil {
		old, err := cursor.Decode(before)
		if err != nil {
			return err
		}
		if c.Partitions[0].Start() < old.Partitions[0].Start() {
			m.back = append(m.back, c.Shard)
		}
	}
	text, err := cursor.Encode(&c)
	if err == nil && len(text) > 4096 {
		panic("BUG: a cursor is too large for an offset's metadata")
	}
	m.commits[c.Shard] = text
	return err
}

func (m *member) Run(ctx context.Context, out chan<- *batch.Batch) error {
	type reading struct {
		p    *batch.Partition
		next int64
		log  *testLog
	}
	var mine []*reading
	m.mu.Lock()
	for _, i := range m.take {
		l := m.logs[i]
		r := &reading{p: &batch.Partition{Source: "test", Name: l.name, Shard: l.name, ID: "id-" + l.name, Saved: m.commits[l.name]}, log: l}
		if r.p.Saved != nil {
			c, err := cursor.Decode(r.p.Saved)
			if err != nil {
				panic(err)
			}
			r.next = c.Partitions[0].Start()
		}
		m.owner[l.name] = m
		mine = append(mine, r)
	}
	m.mu.Unlock()
	extend := func() {
		for _, r := range mine {
			if m.lease > 0 {
				r.p.Lease.Store(time.Now().Add(m.lease).UnixNano())
			}
		}
	}
	extend()
	for left := m.after; left > 0 && ctx.Err() == nil; left-- {
		extend()
		r := mine[m.rand.IntN(len(mine))]
		data := r.log.data[r.next:]
		n := 0
		for range 1 + m.rand.IntN(40) {
			if k := bytes.IndexByte(data[n:], '\n'); k >= 0 {
				n += k + 1
			}
		}
		b := &batch.Batch{Partition: r.p, Data: bytes.Clone(data[:n]), First: r.next, Next: r.next + int64(n), CaughtUp: n == len(data)}
		select {
		case out <- b:
			r.next = b.Next
		case <-ctx.Done():
			return nil
		}
		if m.rand.IntN(3) == 0 {
			time.Sleep(time.Duration(m.rand.IntN(1500)) * time.Millisecond)
		}
	}
	if m.stall {
		<-ctx.Done()
		return nil
	}
	for _, r := range mine { // also when told to stop: a group is left in order
		done := make(chan struct{})
		out <- &batch.Batch{Partition: r.p, First: r.next, Next: r.next, Revoked: done}
		<-done
		m.mu.Lock()
		delete(m.owner, r.p.Name)
		m.mu.Unlock()
	}
	<-ctx.Done()
	return nil
}

// join runs a process whose source is m until it dies or stop, by the bubble's clock, has passed.
func (w *world) join(t *testing.T, m *member, workers int, stop time.Duration, change func(*Settings)) {
	ctx, cancel := context.WithTimeout(t.Context(), stop)
	defer cancel()
	w.mu.Lock()
	w.dead, w.die = false, cancel
	w.mu.Unlock()
	s := Settings{
		Sources:     []SourceSettings{{Name: "test", Source: m, Save: m.saveAll, NewParser: func() Parser { return testParser{} }}},
		MetricSinks: []MetricSinkSettings{{Name: "graphite", Sink: graphiteSink{w}}, {Name: "statsd", Sink: statsdSink{w}, Discarding: true}},
		RecordSinks: []RecordSinkSettings{{Name: "records", Sink: &recordSink{world: w, rand: rand.New(rand.NewPCG(1, 2))}}},
		Metrics:     testMetrics(1000), Routes: &route.Templater{}, Workers: workers,
		Now: time.Now, Rand: func() float64 { return 0 }, Log: slog.New(slog.DiscardHandler),
	}
	if change != nil {
		change(&s)
	}
	p, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Run(ctx); err != nil && !w.dead {
		t.Fatal(err)
	}
}

// TestPartitionsMove: partitions that go from one process to the next, in order or because one died, leave what a calm run
// leaves; and what is committed never moves back.
func TestPartitionsMove(t *testing.T) {
	for seed := range seeds(30) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 21))
			logs := randomLogs(r)
			all := make([]int, len(logs))
			for i := range all {
				all[i] = i
			}
			run := func(w *world, members int, kills bool) *broker {
				b := &broker{logs: logs, commits: map[string][]byte{}, owner: map[string]*member{}}
				for i := range members {
					w.left = 1 << 60
					if kills && r.IntN(3) == 0 {
						w.left = 1 + r.IntN(80)
					}
					m := &member{broker: b, rand: rand.New(rand.NewPCG(r.Uint64(), 1)), take: all, after: 1 + r.IntN(30), lease: 10 * time.Second}
					if i == members-1 {
						m.after, w.left = 400, 1<<60
					}
					w.join(t, m, 1+r.IntN(4), time.Hour, nil)
				}
				if len(b.back) > 0 {
					t.Fatalf("seed %d: commits of %q moved back", seed, b.back)
				}
				return b
			}
			calm, w := newWorld(), newWorld()
			run(calm, 1, false)
			run(w, 2+r.IntN(5), true)
			if d := difference(w.graphite, calm.graphite); d != "" {
				t.Fatalf("seed %d: Graphite:\n%s", seed, d)
			}
			if !slices.Equal(slices.Sorted(maps.Keys(w.ids)), slices.Sorted(maps.Keys(calm.ids))) {
				t.Fatalf("seed %d: %d records indexed, want %d", seed, len(w.ids), len(calm.ids))
			}
			for k, n := range calm.statsd {
				if w.statsd[k] > n {
					t.Fatalf("seed %d: StatsD has %d of %s, want at most %d", seed, w.statsd[k], k, n)
				}
			}
		})
	}
}

// TestExpiredLease: a process that does not know whether it still has its partition sends nothing for it, whatever is queued.
func TestExpiredLease(t *testing.T) {
	for seed := range uint64(10) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 22))
			logs := randomLogs(r)[:1]
			b := &broker{logs: logs, commits: map[string][]byte{}, owner: map[string]*member{}}
			calm := newWorld()
			calm.join(t, &member{broker: b, rand: rand.New(rand.NewPCG(1, 1)), take: []int{0}, after: 400}, 1, time.Hour, nil)

			b.commits, b.owner = map[string][]byte{}, map[string]*member{}
			slow, quick, down := newWorld(), newWorld(), true
			var stuck sync.WaitGroup
			stuck.Go(func() {
				m := &member{broker: b, rand: rand.New(rand.NewPCG(2, 1)), take: []int{0}, after: 15, lease: 10 * time.Second, stall: true}
				slow.join(t, m, 2, time.Hour, func(s *Settings) { s.MetricSinks[0].Sink = downSink{graphiteSink{slow}, &down} })
			})
			time.Sleep(time.Minute) // the lease is over
			quick.join(t, &member{broker: b, rand: rand.New(rand.NewPCG(3, 1)), take: []int{0}, after: 400, lease: 10 * time.Second}, 2, time.Minute*30, nil)
			slow.mu.Lock()
			down = false
			slow.mu.Unlock()
			stuck.Wait()
			if len(slow.graphite) > 0 {
				t.Errorf("seed %d: a process without a lease sent %d points", seed, len(slow.graphite))
			}
			if d := difference(quick.graphite, calm.graphite); d != "" {
				t.Errorf("seed %d: Graphite:\n%s", seed, d)
			}
		})
	}
}

// hangingSink is Graphite that answers nothing for a while.
type hangingSink struct {
	graphiteSink
	hang *bool // under world.mu
}

func (s hangingSink) Send(ctx context.Context, panes []*point.Pane) error {
	s.mu.Lock()
	hang := *s.hang
	s.mu.Unlock()
	if hang && !pause(ctx, 20*time.Second) {
		return ctx.Err()
	}
	return s.graphiteSink.Send(ctx, panes)
}

// TestRevokedWhileDown: of a partition that is given up no cursor is saved that says more than an at_least_once sink has.
func TestRevokedWhileDown(t *testing.T) {
	script := newScript("a", "b")
	script.partitions["b"].Shard = "other"
	hang, saved := false, int64(0)
	live(t, script, func(s *Settings) {
		w := s.MetricSinks[0].Sink.(graphiteSink).world
		s.Sources[0].Save = func(cursors []cursor.Cursor) error {
			for _, c := range cursors {
				if c.Shard == "host" && c.Emitted > 1000 {
					saved = c.Emitted
				}
			}
			return nil
		}
		s.MetricSinks[0].Sink = hangingSink{graphiteSink{w}, &hang}
		s.MetricSinks[1].Sink, s.MetricSinks[1].AtLeastOnce = failing{}, true
	}, func(w *world, p *Pipeline) {
		script.line("b", 1000)
		script.line("a", 1000)
		later(5 * time.Second)
		w.mu.Lock()
		hang = true
		w.mu.Unlock()
		script.line("a", 1030)
		later(3 * time.Second) // Graphite has the pane in hand
		done := make(chan struct{})
		script.steps <- &batch.Batch{Partition: script.partitions["a"], First: script.offsets["a"], Next: script.offsets["a"], Revoked: done}
		<-done
		later(time.Minute)
		if saved != 0 {
			t.Errorf("a cursor was saved that says that windows up to %d have been sent, of which StatsD has nothing", saved)
		}
	})
}

// TestBackWhileReadAgain: a partition that comes back while its records are read again is read again as well.
func TestBackWhileReadAgain(t *testing.T) {
	script := newScript("a", "b")
	script.partitions["a"].Shard = "a"
	sink := &pickySink{no: map[string]bool{"a": true, "b": true}}
	var sent sentBatches
	send := func(name string, second int64) {
		data := fmt.Appendf(nil, "%d s r 200 1000 10 c\n", second*1000)
		b := &batch.Batch{Partition: script.partitions[name], Data: data, First: script.offsets[name], CaughtUp: true}
		b.Next = b.First + int64(len(data))
		script.offsets[name] = b.Next
		sent.add(b)
		script.steps <- b
	}
	live(t, script, func(s *Settings) {
		sink.recordSink = s.RecordSinks[0].Sink.(*recordSink)
		s.RecordSinks[0].Sink = sink
		s.Sources[0].Save = func([]cursor.Cursor) error { return nil }
		s.Sources[0].Again = func() (Source, error) { return scriptAgain{&sent}, nil }
	}, func(w *world, p *Pipeline) {
		send("b", 1000)
		send("a", 1000)
		later(time.Second) // the lane waits for room with what it has of b
		done := make(chan struct{})
		old := script.partitions["a"]
		script.steps <- &batch.Batch{Partition: old, First: script.offsets["a"], Next: script.offsets["a"], Revoked: done}
		<-done
		script.partitions["a"] = &batch.Partition{Source: old.Source, Name: old.Name, Shard: old.Shard, ID: old.ID}
		script.offsets["a"] = 0
		sent.keep(1)
		send("a", 1000)
		later(time.Second)
		w.mu.Lock()
		clear(sink.no)
		w.mu.Unlock()
		later(time.Minute)
		if l := p.Stats().RecordLanes[0]; l.Behind != 0 || l.Waiting != 0 {
			t.Errorf("not caught up: %+v", l)
		}
	})
}

// TestLeaseHoldsNobodyElseUp: while it is not known whether a shard is still ours, the others' panes are sent.
func TestLeaseHoldsNobodyElseUp(t *testing.T) {
	script := newScript("a", "b")
	for name, p := range script.partitions {
		p.Shard = name
	}
	script.partitions["a"].Lease.Store(1) // long over
	live(t, script, func(s *Settings) {
		s.Sources[0].Save = func([]cursor.Cursor) error { return nil }
	}, func(w *world, p *Pipeline) {
		for at := int64(1000); at < 1060; at += 10 {
			script.line("a", at)
			script.line("b", at)
			later(2 * time.Second)
		}
		has := func(shard string) bool {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.graphite[shard+".all.requests.count@1030"] != "" && w.statsd[shard+".all.requests.count@1030"] == 1
		}
		if !has("b") || has("a") {
			t.Errorf("sent: %v of the one that may, %v of the one that may not", has("b"), has("a"))
		}
		script.partitions["a"].Lease.Store(time.Now().Add(time.Hour).UnixNano())
		later(time.Second)
		if !has("a") {
			t.Error("its panes were not sent when it turned out to be ours")
		}
	})
}
