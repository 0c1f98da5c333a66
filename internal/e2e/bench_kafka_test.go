package e2e

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gatemeter/gatemeter/internal/servers"
	"github.com/gatemeter/gatemeter/pipeline/batch"
	"github.com/gatemeter/gatemeter/pipeline/cursor"
	"github.com/gatemeter/gatemeter/sources/kafka"
)

const benchPartitions = 4

// TestBenchKafka is `make bench-kafka`: how fast gatemeter makes metrics of partitions of a real broker, beside the ways to read these
// with kafka-go alone, and beside franz-go. Each reads all of them to their end, by turns, in a process of its own; readers only add up
// what they get. GATEMETER_BENCH_KAFKA is the file for the result, GATEMETER_BENCH_MESSAGES how many messages, GATEMETER_BENCH_ROUNDS how
// many turns. In a run of the tests it is small, to see that it works.
func TestBenchKafka(t *testing.T) {
	result := os.Getenv("GATEMETER_BENCH_KAFKA")
	messages, rounds := numberOf(t, "GATEMETER_BENCH_MESSAGES", 20_000), numberOf(t, "GATEMETER_BENCH_ROUNDS", 1)
	broker := servers.StartKafka(t)
	log := filepath.Join(t.TempDir(), "access.log")
	generate(t, log, "nginx_timed", messages, "--rate", "20000", "--malformed", "0")
	points := listenForPoints(t)
	var b strings.Builder
	fmt.Fprintf(&b, "# Kafka\n\nWritten by `make bench-kafka`, %s. %d lines of nginx (`nginx_timed`), a message each, in %d partitions of Apache Kafka on the same\n"+
		"machine: %s. Load average at the start %s.\n\nThe time of a reader is from its first request to its last message; that of gatemeter from when it has its partitions to its end, when all\n"+
		"windows have been sent to Graphite and the group is left. CPU is user and system time of the whole process, start to exit, that of the broker\n"+
		"not among it. Medians of %d rounds; ratios are taken within each round, and given as minimum, median and maximum.\n",
		time.Now().UTC().Format("2006-01-02 15:04 UTC"), messages, benchPartitions, machine(), loadAverage(), rounds)
	for _, codec := range []struct {
		name  string
		codec kgo.CompressionCodec
	}{{"none", kgo.NoCompression()}, {"zstd", kgo.ZstdCompression()}} {
		topic := "bench-" + codec.name
		fillTopic(t, broker.Address, topic, codec.codec, log, messages)
		ways := []string{"kafka-go, Conn.ReadBatch of 1 MiB", "kafka-go, Conn.ReadBatch of 8 MiB", "kafka-go, Client.Fetch", "franz-go", "gatemeter's reading alone", "gatemeter, metrics to Graphite"}
		runs := make([][]reading, len(ways))
		for round := range rounds {
			for i, way := range ways {
				run := func() reading { return readApart(t, way, broker.Address, topic, messages) }
				if i == len(ways)-1 {
					run = func() reading { return readWithGatemeter(t, broker.Address, topic, round, messages, points) }
				}
				runs[i] = append(runs[i], run())
			}
		}
		fmt.Fprintf(&b, "\n## Compression: %s\n\n| | messages/s | CPU µs a message | rate, in the fastest of kafka-go's | CPU, in franz-go's |\n|---|---:|---:|---:|---:|\n", codec.name)
		for i, way := range ways {
			rate := spreadOf(rounds, func(k int) float64 { return float64(messages) / runs[i][k].wall.Seconds() })
			cpu := spreadOf(rounds, func(k int) float64 { return runs[i][k].cpu.Seconds() * 1e6 / float64(messages) })
			against := spreadOf(rounds, func(k int) float64 {
				fastest := min(runs[0][k].wall, runs[1][k].wall, runs[2][k].wall)
				return fastest.Seconds() / runs[i][k].wall.Seconds()
			})
			franz := spreadOf(rounds, func(k int) float64 { return runs[i][k].cpu.Seconds() / runs[3][k].cpu.Seconds() })
			fmt.Fprintf(&b, "| %s | %.0f | %.2f | %s | %s |\n", way, rate[1], cpu[1], against, franz)
		}
	}
	fmt.Fprintf(&b, "\nLoad average at the end %s.\n", loadAverage())
	t.Log(b.String())
	writeResult(t, result, b.String())
}

// reading is one run of one way.
type reading struct{ wall, cpu time.Duration }

// numberOf returns a number of the environment, or what it is without.
func numberOf(t *testing.T, name string, without int) int {
	t.Helper()
	s := os.Getenv(name)
	if s == "" {
		return without
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		t.Fatalf("%s=%q is no number", name, s)
	}
	return n
}

// spread is the minimum, the median and the maximum of some values.
type spread [3]float64

func spreadOf(n int, value func(int) float64) spread {
	all := make([]float64, n)
	for i := range all {
		all[i] = value(i)
	}
	slices.Sort(all)
	return spread{all[0], (all[(n-1)/2] + all[n/2]) / 2, all[n-1]}
}

func (s spread) String() string { return fmt.Sprintf("%.2f %.2f %.2f", s[0], s[1], s[2]) }

// writeResult writes a table to the file that is to have it; "": none is.
func writeResult(t *testing.T, name, text string) {
	t.Helper()
	if name == "" {
		return
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func machine() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	n, name := 0, ""
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			n, name = n+1, strings.TrimSpace(value)
		}
	}
	return fmt.Sprintf("%d processors, %s", n, name)
}

func loadAverage() string {
	text, _ := os.ReadFile("/proc/loadavg")
	first, _, _ := strings.Cut(string(text), " ")
	return first
}

// fillTopic makes a topic and writes each line of a log to it, to the partitions in turn, in batches as large as producers under load
// write them.
func fillTopic(t *testing.T, address, topic string, codec kgo.CompressionCodec, log string, lines int) {
	t.Helper()
	c, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchCompression(codec),
		kgo.ProducerBatchMaxBytes(100<<10), kgo.ProducerLinger(20*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	r := kmsg.NewPtrCreateTopicsRequest()
	topics := kmsg.NewCreateTopicsRequestTopic()
	topics.Topic, topics.NumPartitions, topics.ReplicationFactor = topic, benchPartitions, 1
	r.Topics = append(r.Topics, topics)
	resp, err := r.RequestWith(t.Context(), c)
	if err == nil {
		err = kerr.ErrorForCode(resp.Topics[0].ErrorCode)
	}
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(log)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var failed error
	in, n := bufio.NewScanner(f), 0
	for ; in.Scan(); n++ {
		c.Produce(t.Context(), &kgo.Record{Topic: topic, Partition: int32(n % benchPartitions), Value: bytes.Clone(in.Bytes())},
			func(_ *kgo.Record, err error) { failed = errors.Join(failed, err) })
	}
	if err := errors.Join(in.Err(), c.Flush(t.Context()), failed); err != nil || n != lines {
		t.Fatalf("%d lines of %d: %v", n, lines, err)
	}
}

// readApart runs this program as a reader.
func readApart(t *testing.T, way, address, topic string, messages int) reading {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), program)
	c.Env = append(os.Environ(), "GATEMETER_BENCH_READER="+strings.Join([]string{way, address, topic}, "\n"))
	out, err := c.CombinedOutput()
	n, nanos := 0, int64(0)
	if _, scanned := fmt.Sscan(string(out), &n, &nanos); err != nil || scanned != nil || n != messages {
		t.Fatalf("%s: %d messages of %d: %v: %s", way, n, messages, err, out)
	}
	return reading{time.Duration(nanos), c.ProcessState.UserTime() + c.ProcessState.SystemTime()}
}

// readForBench is what a reader's process does instead of tests: it prints how many messages it has read, and in how many nanoseconds.
func readForBench(order string) int {
	var way, address, topic string
	if parts := strings.Split(order, "\n"); len(parts) == 3 {
		way, address, topic = parts[0], parts[1], parts[2]
	}
	read := map[string]func(address, topic string, partition int) (int, error){
		"kafka-go, Conn.ReadBatch of 1 MiB": func(a, t string, p int) (int, error) { return readConn(a, t, p, 1<<20) },
		"kafka-go, Conn.ReadBatch of 8 MiB": func(a, t string, p int) (int, error) { return readConn(a, t, p, 8<<20) },
		"kafka-go, Client.Fetch":            readClient,
		"gatemeter's reading alone":         readOwn,
	}[way]
	began := time.Now()
	total, failed := 0, error(nil)
	switch {
	case way == "franz-go":
		total, failed = readFranz(address, topic)
	case read == nil:
		failed = fmt.Errorf("%q is no way to read", way)
	default:
		var reading sync.WaitGroup
		var mu sync.Mutex
		for p := range benchPartitions {
			reading.Go(func() {
				n, err := read(address, topic, p)
				mu.Lock()
				defer mu.Unlock()
				total, failed = total+n, errors.Join(failed, err)
			})
		}
		reading.Wait()
	}
	if failed != nil {
		fmt.Fprintln(os.Stderr, failed)
		return 1
	}
	fmt.Println(total, time.Since(began).Nanoseconds())
	return 0
}

func readConn(address, topic string, partition, most int) (n int, err error) {
	conn, err := kafkago.DialLeader(context.Background(), "tcp", address, topic, partition)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	_, end, err := conn.ReadOffsets()
	if err != nil {
		return 0, err
	}
	for bytes, next := 0, int64(0); next < end; {
		batch := conn.ReadBatch(1, most)
		for {
			m, err := batch.ReadMessage()
			if err != nil {
				break
			}
			n, next = n+1, m.Offset+1
			bytes += len(m.Value)
		}
		if err := batch.Close(); err != nil {
			return n, err
		}
	}
	return n, nil
}

func readClient(address, topic string, partition int) (n int, err error) {
	transport := &kafkago.Transport{}
	defer transport.CloseIdleConnections()
	c := &kafkago.Client{Addr: kafkago.TCP(address), Transport: transport}
	for bytes, next := int64(0), int64(0); ; {
		r, err := c.Fetch(context.Background(), &kafkago.FetchRequest{
			Topic: topic, Partition: partition, Offset: next, MinBytes: 1, MaxBytes: 1 << 20, MaxWait: time.Second,
		})
		if err == nil {
			err = r.Error
		}
		if err != nil {
			return n, err
		}
		for {
			m, err := r.Records.ReadRecord()
			if err == io.EOF {
				break
			}
			if err != nil {
				return n, err
			}
			if m.Offset >= next {
				bytes += int64(m.Value.Len())
				n, next = n+1, m.Offset+1
			}
			_ = m.Value.Close()
		}
		if next >= r.HighWatermark {
			return n, nil
		}
	}
}

func readOwn(address, topic string, partition int) (n int, err error) {
	pool := batch.NewPool(256<<10, 8<<20)
	s, err := kafka.New(kafka.Settings{
		Name: "k", Brokers: []string{address}, Topics: []string{topic}, Group: "none", Pool: pool, Now: time.Now, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return 0, err
	}
	defer s.Close()
	a := s.Again(pool)
	if _, err := a.Open(context.Background(), []cursor.Partition{{Source: "k", Name: fmt.Sprintf("%s-%d", topic, partition)}}); err != nil {
		return 0, err
	}
	ctx, stop := context.WithCancel(context.Background())
	out := make(chan *batch.Batch)
	var run sync.WaitGroup
	run.Go(func() { _ = a.Run(ctx, out) })
	defer run.Wait()
	defer stop()
	for bytes := 0; ; {
		b := <-out
		n += len(b.Ends)
		bytes += len(b.Data)
		end := b.CaughtUp
		b.Release()
		if end {
			return n, nil
		}
	}
}

func readFranz(address, topic string) (n int, err error) {
	from := map[int32]kgo.Offset{}
	for p := range int32(benchPartitions) {
		from[p] = kgo.NewOffset().AtStart()
	}
	c, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: from}), kgo.FetchMaxPartitionBytes(1<<20))
	if err != nil {
		return 0, err
	}
	defer c.Close()
	bytes, done := 0, map[int32]bool{}
	for len(done) < benchPartitions {
		fetches := c.PollFetches(context.Background())
		if err := fetches.Err(); err != nil {
			return n, err
		}
		fetches.EachPartition(func(p kgo.FetchTopicPartition) {
			for _, r := range p.Records {
				bytes += len(r.Value)
			}
			n += len(p.Records)
			if k := len(p.Records); k > 0 && p.Records[k-1].Offset+1 >= p.HighWatermark {
				done[p.Partition] = true
			}
		})
	}
	return n, nil
}

// pointCounter is a Graphite that only adds up requests.
type pointCounter struct {
	address string
	mu      sync.Mutex
	counts  map[string]int // by series and time, of those of all requests of a shard
}

func listenForPoints(t *testing.T) *pointCounter {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &pointCounter{address: l.Addr().String(), counts: map[string]int{}}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer conn.Close()
				for in := bufio.NewScanner(conn); in.Scan(); {
					p.take(in.Bytes())
				}
			})
		}
	})
	t.Cleanup(func() { l.Close(); running.Wait() })
	return p
}

func (p *pointCounter) take(line []byte) {
	path, rest, _ := bytes.Cut(line, []byte{' '})
	if !bytes.HasSuffix(path, []byte(".all.requests.count")) {
		return
	}
	value, at, _ := bytes.Cut(rest, []byte{' '})
	n, err := strconv.Atoi(string(value))
	if err != nil {
		n = -1 << 40
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts[string(path)+string(at)] = n
}

// total returns the requests of all windows.
func (p *pointCounter) total() (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, k := range p.counts {
		n += k
	}
	return n
}

// reset forgets them.
func (p *pointCounter) reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.counts)
}

// readWithGatemeter has the binary read the topic once, as a group of its own.
func readWithGatemeter(t *testing.T, address, topic string, round, messages int, points *pointCounter) reading {
	t.Helper()
	g := newInstance(t, object{
		"sources": object{"gw": object{
			"type": "kafka", "brokers": []string{address}, "topics": []string{topic}, "group": fmt.Sprintf("%s-%d", topic, round), "format": "nginx_timed",
		}},
		"sinks": object{"graphite": object{"type": "graphite", "address": "tcp://" + points.address, "prefix": "b"}},
		"log":   object{"format": "json"},
	})
	took, said := runOnce(t, g, "reading as a member of the group")
	if n := 0; !servers.Within(within, func() bool { n = points.total(); return n == messages }) {
		t.Fatalf("Graphite has %d requests of %d\n%s", n, messages, said)
	}
	points.reset()
	return took
}

// runOnce has the binary run once. The time is from when it logs a line with the text begins; said is all that it logs.
func runOnce(t *testing.T, g *instance, begins string) (took reading, said string) {
	t.Helper()
	c := exec.CommandContext(t.Context(), binary, "run", "-c", filepath.Join(g.dir, "gatemeter.yaml"), "--once")
	stderr, err := c.StderrPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	var began time.Time
	var all strings.Builder
	for in := bufio.NewScanner(stderr); in.Scan(); {
		if strings.Contains(in.Text(), begins) && began.IsZero() {
			began = time.Now()
		}
		all.WriteString(in.Text() + "\n")
	}
	err = c.Wait()
	wall := time.Since(began)
	if err != nil || began.IsZero() {
		t.Fatalf("run --once: %v\n%s", err, all.String())
	}
	return reading{wall, c.ProcessState.UserTime() + c.ProcessState.SystemTime()}, all.String()
}
