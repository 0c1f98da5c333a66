package e2e

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gatemeter/gatemeter/internal/servers"
	strictsearch "github.com/gatemeter/gatemeter/internal/strict/elasticsearch"
	strictgraphite "github.com/gatemeter/gatemeter/internal/strict/graphite"
)

// fleet is processes of one consumer group that read one topic of a real broker, and write to stand-ins which they share.
type fleet struct {
	t            *testing.T
	broker       *servers.Kafka
	topic        string
	parts        int32
	client       *kgo.Client
	transactions *kgo.Client // nil: none yet
	lines        [][]byte
	put          int  // of lines, so far
	timeless     bool // they say no time: that of their message is theirs
	mixed        bool // some messages have two lines, some are of transactions, some of which are given up
	want         int  // records, as far as they have been written

	graphite *strictgraphite.Server
	search   *strictsearch.Server
	members  []*fleetMember
}

// fleetMember is one process.
type fleetMember struct {
	*instance
	process *servers.Server
}

const fleetSession = "4s"

// newFleet makes a topic, and lines for it.
func newFleet(t *testing.T, broker *servers.Kafka, topic string, partitions int32, lines int) *fleet {
	t.Helper()
	f := &fleet{t: t, broker: broker, topic: topic, parts: partitions, lines: newFeed(t, lines).lines}
	var err error
	f.client, err = kgo.NewClient(kgo.SeedBrokers(broker.Address), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0),
		kgo.RecordDeliveryTimeout(within))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.client.Close)
	r := kmsg.NewPtrCreateTopicsRequest()
	topics := kmsg.NewCreateTopicsRequestTopic()
	topics.Topic, topics.NumPartitions, topics.ReplicationFactor = topic, partitions, 1
	r.Topics = append(r.Topics, topics)
	resp, err := r.RequestWith(t.Context(), f.client)
	if err == nil {
		err = kerr.ErrorForCode(resp.Topics[0].ErrorCode)
	}
	if err != nil {
		t.Fatal(err)
	}
	f.graphite, f.search = f.standIns()
	return f
}

func (f *fleet) standIns() (*strictgraphite.Server, *strictsearch.Server) {
	f.t.Helper()
	g, err := strictgraphite.New(strictgraphite.Options{})
	if err != nil {
		f.t.Fatal(err)
	}
	s, err := strictsearch.New()
	if err != nil {
		f.t.Fatal(err)
	}
	s.TakeTwice() // of a partition that comes back while its records are on their way
	f.t.Cleanup(func() {
		g.Close()
		s.Close()
		clean(f.t, "Graphite", g.Violations())
		clean(f.t, "Elasticsearch", s.Violations())
	})
	return g, s
}

// config is of a process of a group that writes to the stand-ins.
func (f *fleet) config(group string, g *strictgraphite.Server, s *strictsearch.Server) object {
	source := object{
		"type": "kafka", "brokers": []string{f.broker.Address}, "topics": []string{f.topic}, "group": group, "format": generatedTimed,
		"session_timeout": fleetSession, "partition_watch": "500ms",
	}
	if f.timeless {
		source["format"], source["key"], source["headers"] = "json", "gateway.consumer", object{"X-Tenant": "service.name"}
	}
	return object{
		"sources": object{"gw": source},
		"metrics": object{
			"window": "1s", "lateness": "2s", "amend": "20s", "idle_timeout": "1s", "percentiles": []float64{50, 99},
			"rollups": object{"service": []string{"service", "method"}, "all": []string{}},
		},
		"sinks": object{
			"graphite":      object{"type": "graphite", "address": "tcp://" + g.Address, "prefix": "w"},
			"elasticsearch": object{"type": "elasticsearch", "urls": []string{s.URL}, "data_stream": index("w"), "flush_interval": "50ms"},
		},
		"log": object{"format": "json"}, "shutdown_timeout": "5s",
	}
}

// join starts one more process.
func (f *fleet) join() *fleetMember {
	f.t.Helper()
	m := &fleetMember{instance: newInstance(f.t, f.config(f.topic, f.graphite, f.search))}
	m.process = m.serving(f.t, m.command())
	f.members = append(f.members, m)
	return m
}

// part writes one part of the lines, each to its partition.
func (f *fleet) part(number, of int) {
	f.t.Helper()
	end := number * len(f.lines) / of
	var records []*kgo.Record
	for ; f.put < end; f.put++ {
		r := &kgo.Record{Topic: f.topic, Partition: int32(f.put) % f.parts, Value: f.lines[f.put]}
		f.want++
		if f.timeless {
			r.Key, r.Headers = []byte("alice"), []kgo.RecordHeader{{Key: "X-Tenant", Value: []byte("shop")}}
		}
		if f.mixed && f.put%4 == 0 {
			r.Value = slices.Concat(r.Value, f.lines[f.put/2])
			f.want++
		}
		records = append(records, r)
	}
	if f.mixed {
		third := len(records) / 3
		f.transaction(kgo.TryCommit, records[:third]...)
		f.transaction(kgo.TryAbort, &kgo.Record{Topic: f.topic, Value: f.lines[0]}, &kgo.Record{Topic: f.topic, Partition: 1, Value: f.lines[1]})
		records = records[third:]
	}
	if err := f.client.ProduceSync(context.Background(), records...).FirstErr(); err != nil {
		f.t.Fatal(err)
	}
}

// transaction writes records in one transaction and ends it.
func (f *fleet) transaction(end kgo.TransactionEndTry, records ...*kgo.Record) {
	f.t.Helper()
	if f.transactions == nil {
		var err error
		f.transactions, err = kgo.NewClient(kgo.SeedBrokers(f.broker.Address), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.TransactionalID(f.topic))
		if err != nil {
			f.t.Fatal(err)
		}
		f.t.Cleanup(f.transactions.Close)
	}
	err := f.transactions.BeginTransaction()
	if err == nil {
		err = f.transactions.ProduceSync(context.Background(), records...).FirstErr()
	}
	if err == nil {
		err = f.transactions.EndTransaction(context.Background(), end)
	}
	if err != nil {
		f.t.Fatal(err)
	}
}

// settled waits until the stand-ins have what one calm run of another group comes to: the same points in Graphite, over all shards, and
// the same ids in Elasticsearch.
func (f *fleet) settled(fault string, trials int) {
	f.t.Helper()
	g, s := f.standIns()
	config := f.config(f.topic+"-calm", g, s)
	config["shutdown_timeout"] = "5m" // for the stand-ins to take it all
	calm := newInstance(f.t, config)
	if err := servers.Start(f.t, calm.command("--once")).Wait(10 * time.Minute); err != nil {
		f.t.Fatalf("run --once: %v", err)
	}
	want, ids := g.Values(), identities(s)
	if len(ids) != f.want || len(want) == 0 {
		f.t.Fatalf("the calm run has %d documents and %d series, want %d and some", len(ids), len(want), f.want)
	}
	var err error
	if !servers.Within(6*within, func() bool { err = f.compare(want, ids); return err == nil }) {
		f.t.Error(err)
	}
	have := identities(f.search)
	o := outcome{fault: fault, trials: trials, lines: f.want}
	for id := range ids {
		if !have[id] {
			o.lost++
		}
	}
	o.doubled = len(have) + o.lost - len(ids)
	note(f.t, o)
}

func identities(s *strictsearch.Server) map[string]bool {
	ids := map[string]bool{}
	for _, d := range s.Docs() {
		ids[d.ID] = true
	}
	return ids
}

// compare says what the stand-ins have that is not what a calm run has.
func (f *fleet) compare(want map[string]map[int64]string, ids map[string]bool) error {
	var d differences
	got := f.graphite.Values()
	for _, name := range slices.Sorted(maps.Keys(want)) {
		for at, v := range want[name] {
			if got[name][at] != v {
				d.add("%s at %d: %q, want %q", name, at, got[name][at], v)
			}
		}
	}
	for name, points := range got {
		for at, v := range points {
			if _, ok := want[name][at]; !ok {
				d.add("%s at %d: %q, want nothing", name, at, v)
			}
		}
	}
	have := identities(f.search)
	for id := range ids {
		if !have[id] {
			d.add("%s: missing", id)
		}
	}
	for id := range have {
		if !ids[id] {
			d.add("%s: want nothing", id)
		}
	}
	return d.err("the stand-ins", len(want)+len(ids))
}

// watchOffsets samples the committed offsets until stop is called: none moves back.
func (f *fleet) watchOffsets() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var watching sync.WaitGroup
	samples := 0
	watching.Go(func() {
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		highest := map[int32]int64{}
		for {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
			for p, offset := range f.offsets(ctx) {
				if before, ok := highest[p]; ok && offset < before {
					f.t.Errorf("the committed offset of partition %d went from %d to %d", p, before, offset)
				}
				highest[p] = offset
			}
			samples++
		}
	})
	return func() {
		cancel()
		watching.Wait()
		f.t.Logf("%d samples of the committed offsets", samples)
	}
}

// offsets returns the committed offsets, as far as the broker tells.
func (f *fleet) offsets(ctx context.Context) map[int32]int64 {
	r := kmsg.NewPtrOffsetFetchRequest()
	g := kmsg.NewOffsetFetchRequestGroup()
	g.Group = f.topic
	r.Groups = append(r.Groups, g)
	offsets := map[int32]int64{}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	resp, err := r.RequestWith(ctx, f.client)
	if err != nil || len(resp.Groups) == 0 {
		return nil
	}
	for _, t := range resp.Groups[0].Topics {
		for _, p := range t.Partitions {
			offsets[p.Partition] = p.Offset
		}
	}
	return offsets
}

// owned returns how many partitions processes have.
func (f *fleet) owned(members ...*fleetMember) int {
	n := 0
	for _, m := range members {
		metrics, err := m.scrape()
		if err != nil {
			return -1
		}
		n += len(metrics["gatemeter_kafka_read_offset"])
	}
	return n
}

// awaitOwned waits until processes have all partitions between them.
func (f *fleet) awaitOwned(members ...*fleetMember) {
	f.t.Helper()
	servers.Await(f.t, 2*within, func() error {
		for _, m := range members {
			if n := f.owned(m); n < 1 {
				return fmt.Errorf("a process has %d partitions", n)
			}
		}
		if n := f.owned(members...); n != int(f.parts) {
			return fmt.Errorf("processes have %d partitions, want %d", n, f.parts)
		}
		return nil
	})
}

// TestKafka is the faults of a consumer group, on one broker.
func TestKafka(t *testing.T) {
	t.Parallel()
	broker := servers.StartKafka(t)
	t.Run("killed", func(t *testing.T) { kafkaKilled(t, broker) })
	t.Run("times of messages", func(t *testing.T) { kafkaTimes(t, broker) })
	t.Run("rebalanced", func(t *testing.T) { kafkaStorm(t, broker) })
	t.Run("suspended", func(t *testing.T) { kafkaZombie(t, broker) })
	t.Run("idle partition", func(t *testing.T) { kafkaIdle(t, broker) })
	t.Run("grown and restarted", func(t *testing.T) { kafkaGrown(t, broker) })
	t.Run("access", func(t *testing.T) { kafkaAccess(t, broker) })
}

// kafkaKilled: processes are killed in the middle of it, and started again.
func kafkaKilled(t *testing.T, broker *servers.Kafka) {
	f := newFleet(t, broker, "killed", 6, size(3000, 60_000))
	f.mixed = true
	defer f.watchOffsets()()
	f.join()
	f.join()
	rounds := size(5, 60)
	for i := range rounds {
		f.part(i+1, rounds)
		m := f.members[i%2]
		before := f.search.Count()
		servers.Within(2*time.Second, func() bool { return f.search.Count() > before })
		m.process.Kill()
		m.process.Start()
	}
	f.settled("kafka: SIGKILL of processes of a group", rounds)
}

// kafkaTimes: lines that say no time are counted at that of their message, whenever they are read.
func kafkaTimes(t *testing.T, broker *servers.Kafka) {
	f := newFleet(t, broker, "times", 3, size(600, 10_000))
	f.timeless = true
	for i := range f.lines {
		f.lines[i] = []byte(timeless(fmt.Sprint("/", i)) + "\n")
	}
	m := f.join()
	const rounds = 3
	for i := range rounds {
		f.part(i+1, rounds)
		servers.Await(t, within, func() error {
			if n := f.search.Count(); n < f.want {
				return fmt.Errorf("%d documents of %d", n, f.want)
			}
			return nil
		})
		m.process.Kill()
		m.process.Start()
	}
	f.settled("kafka: SIGKILL, lines without a time", rounds)
	for _, d := range f.search.Docs() {
		if s := string(d.Source); !strings.Contains(s, `"service":{"name":"shop"}`) || !strings.Contains(s, `"consumer":"alice"`) {
			t.Fatalf("without its key and header: %s", s)
		}
	}
}

// kafkaStorm: processes join and leave, one each two seconds.
func kafkaStorm(t *testing.T, broker *servers.Kafka) {
	f := newFleet(t, broker, "rebalanced", 12, size(6000, 60_000))
	defer f.watchOffsets()()
	for range 4 {
		f.join()
	}
	f.awaitOwned(f.members...)
	rounds := size(6, 30)
	beat := time.NewTicker(2 * time.Second)
	defer beat.Stop()
	for i := range rounds {
		f.part(i+1, rounds)
		m := f.members[i/2%4]
		if i%2 == 0 {
			m.process.Stop()
		} else {
			m.process.Start()
		}
		<-beat.C
	}
	f.settled("kafka: processes join and leave each 2 s", rounds)
	for _, m := range f.members {
		if got := m.messages(t, "BUG"); len(got) > 0 {
			t.Errorf("said %v", got)
		}
	}
}

// kafkaZombie: a process sleeps for longer than its session, others take over, it wakes up, and what it does then changes nothing.
func kafkaZombie(t *testing.T, broker *servers.Kafka) {
	f := newFleet(t, broker, "suspended", 6, size(3000, 30_000))
	defer f.watchOffsets()()
	a, b := f.join(), f.join()
	f.awaitOwned(a, b)
	rounds := size(2, 10)
	for i := range rounds {
		f.part(3*i+1, 3*rounds)
		a.process.Pause()
		f.part(3*i+2, 3*rounds)
		f.awaitOwned(b)
		a.process.Resume()
		f.part(3*i+3, 3*rounds)
		f.awaitOwned(a, b)
	}
	f.settled("kafka: SIGSTOP past the session timeout", rounds)
	if n := a.metric(t, "gatemeter_kafka_expulsions_total") + a.metric(t, "gatemeter_kafka_generations_total"); n < 2 {
		t.Errorf("the process that slept has noticed nothing: %v", n)
	}
}

// kafkaIdle: a partition of which nothing comes holds no other up, and loses nothing when it comes late.
func kafkaIdle(t *testing.T, broker *servers.Kafka) {
	f := newFleet(t, broker, "idle", 6, size(1800, 60_000))
	m := f.join()
	late := [][]byte{}
	for i, line := range f.lines { // those of partition 3 come last
		if i%6 == 3 {
			late = append(late, line)
		}
	}
	var records []*kgo.Record
	for i, line := range f.lines {
		if i%6 != 3 {
			records = append(records, &kgo.Record{Topic: f.topic, Partition: int32(i % 6), Value: line})
		}
	}
	if err := f.client.ProduceSync(t.Context(), records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	servers.Await(t, within, func() error { // the windows of the others close
		closed := 0
		for name, points := range f.graphite.Values() {
			if strings.HasSuffix(name, ".all.requests.count") && len(points) > 5 {
				closed++
			}
		}
		if closed < 5 {
			return fmt.Errorf("%d shards have windows", closed)
		}
		return nil
	})
	records = records[:0]
	for _, line := range late {
		records = append(records, &kgo.Record{Topic: f.topic, Partition: 3, Value: line})
	}
	if err := f.client.ProduceSync(t.Context(), records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	f.want = len(f.lines)
	f.settled("kafka: a partition that is silent for long", 1)
	if got := m.metric(t, "gatemeter_window_left_out_records_total", `reason="after_idle"`); got != 0 {
		t.Errorf("%v records came too late", got)
	}
}

// kafkaGrown: partitions are added, and the broker goes and comes back.
func kafkaGrown(t *testing.T, broker *servers.Kafka) {
	f := newFleet(t, broker, "grown", 3, size(1800, 60_000))
	defer f.watchOffsets()()
	a, b := f.join(), f.join()
	f.awaitOwned(a, b)
	f.part(1, 3)
	r := kmsg.NewPtrCreatePartitionsRequest()
	topic := kmsg.NewCreatePartitionsRequestTopic()
	topic.Topic, topic.Count = f.topic, 6
	r.Topics = append(r.Topics, topic)
	resp, err := r.RequestWith(t.Context(), f.client)
	if err == nil {
		err = kerr.ErrorForCode(resp.Topics[0].ErrorCode)
	}
	if err != nil {
		t.Fatal(err)
	}
	f.parts = 6
	f.awaitOwned(a, b)
	f.client.ForceMetadataRefresh()
	servers.Await(t, within, func() error {
		return f.client.ProduceSync(t.Context(), &kgo.Record{Topic: f.topic, Partition: 5, Value: f.lines[0]}).FirstErr()
	})
	f.want++
	f.part(2, 3)
	broker.Kill()
	servers.Await(t, within, func() error {
		if len(a.unready(t)) == 0 {
			return fmt.Errorf("/readyz says nothing of the broker that is gone")
		}
		return nil
	})
	broker.Start()
	f.part(3, 3)
	f.settled("kafka: partitions added, the broker killed", 1)
	servers.Await(t, within, func() error {
		if fails := a.unready(t); len(fails) > 0 {
			return fmt.Errorf("/readyz: %v", fails)
		}
		return nil
	})
}

// kafkaAccess: who may read reads, and who may not is told why.
func kafkaAccess(t *testing.T, broker *servers.Kafka) {
	f := newFleet(t, broker, "access", 2, 200)
	f.part(1, 1)
	start := func(change func(source object)) *instance {
		g, s := f.standIns()
		c := f.config("access-"+fmt.Sprint(len(f.members)), g, s)
		f.members = append(f.members, nil)
		change(c["sources"].(object)["gw"].(object))
		i := newInstance(t, c)
		i.serving(t, i.command())
		return i
	}
	says := func(want string, change func(source object)) {
		t.Helper()
		i := start(change)
		servers.Await(t, within, func() error {
			if got := i.unready(t)["source/gw"]; !strings.Contains(got, want) {
				return fmt.Errorf("/readyz says %q, want %q", got, want)
			}
			if got := i.messages(t, "kafka does not work"); len(got) != 1 {
				return fmt.Errorf("said %v", got)
			}
			return nil
		})
	}
	reads := func(change func(source object)) {
		t.Helper()
		i := start(change)
		servers.Await(t, within, func() error {
			if n := i.metric(t, "gatemeter_source_read_lines_total"); n != 200 {
				return fmt.Errorf("%v lines, want 200", n)
			}
			if fails := i.unready(t); len(fails) > 0 {
				return fmt.Errorf("/readyz: %v", fails)
			}
			return nil
		})
	}
	login := func(mechanism, password string) func(object) {
		return func(s object) {
			s["brokers"], s["tls"] = []string{"tls://" + broker.SASL}, object{"ca": broker.CA}
			s["sasl"], s["username"], s["password"] = mechanism, servers.KafkaUser, password
		}
	}
	certificate := func(cert, key string) func(object) {
		return func(s object) {
			s["brokers"], s["tls"] = []string{"tls://" + broker.MTLS}, object{"ca": broker.CA}
			if cert != "" {
				s["tls"] = object{"ca": broker.CA, "cert": cert, "key": key}
			}
		}
	}
	for _, mechanism := range []string{"plain", "scram-sha-256", "scram-sha-512"} {
		reads(login(mechanism, servers.KafkaPassword))
		says("refuses the username or the password", login(mechanism, "wrong"))
	}
	reads(certificate(broker.ClientCert, broker.ClientKey))
	says("certificate", certificate("", ""))
	says("certificate", certificate(broker.OldCert, broker.OldKey))
	says("topic nope: the topic or partition does not exist", func(s object) { s["topics"] = []string{"nope"} })
	nobody := servers.FreeAddress(t)
	says("connection refused", func(s object) { s["brokers"] = []string{nobody} })
	says("broker", func(s object) { s["brokers"] = []string{broker.SASL} })
}
