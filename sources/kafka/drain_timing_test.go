package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"syscall"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gatemeter/gatemeter/internal/servers"
	"github.com/gatemeter/gatemeter/pipeline/batch"
	"github.com/gatemeter/gatemeter/pipeline/cursor"
)

// BenchmarkDrain reads the same partitions of a real broker to their end in the ways there are, by turns: with this package's fetchers,
// with kafka-go's Conn and its Client, and with franz-go. The reader only adds up what it gets. CPU is of this process alone.
//
//	go test ./sources/kafka -run none -bench Drain -benchtime 3x
func BenchmarkDrain(b *testing.B) {
	const partitions, each = 4, 250_000
	broker := servers.StartKafka(b)
	for _, codec := range []struct {
		name  string
		codec kgo.CompressionCodec
	}{{"none", kgo.NoCompression()}, {"zstd", kgo.ZstdCompression()}} {
		topic := "drain-" + codec.name
		fillTopic(b, broker.Address, topic, codec.codec, partitions, each)
		for _, r := range []struct {
			name string
			read func(b *testing.B, address, topic string, partition int) int64
		}{
			{"fetcher", drainFetcher},
			{"kafka-go Conn", drainConn},
			{"kafka-go Client", drainClient},
			{"franz-go", drainFranz},
		} {
			b.Run(codec.name+"/"+r.name, func(b *testing.B) {
				cpu := cpuTime(b)
				for range b.N {
					var reading sync.WaitGroup
					for p := range partitions {
						reading.Go(func() {
							if n := r.read(b, broker.Address, topic, p); n < each || n > each {
								b.Errorf("%d messages, want %d", n, each)
							}
						})
					}
					reading.Wait()
				}
				messages := float64(b.N) * partitions * each
				b.ReportMetric(messages/b.Elapsed().Seconds(), "messages/s")
				b.ReportMetric(float64(cpuTime(b)-cpu)/messages, "cpu-ns/message")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// benchLine has 200 bytes.
const benchLine = `203.0.113.7 - - [10/Oct/2025:13:55:36 +0200] "GET /api/v1/orders/12345?page=3 HTTP/1.1" 200 2326 "https://shop.example.com/" "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/142.0" 0.043 0.04`

func fillTopic(b *testing.B, address, topic string, codec kgo.CompressionCodec, partitions, each int) {
	b.Helper()
	c, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchCompression(codec),
		kgo.ProducerBatchMaxBytes(100<<10), kgo.ProducerLinger(20*time.Millisecond))
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	r := kmsg.NewPtrCreateTopicsRequest()
	t := kmsg.NewCreateTopicsRequestTopic()
	t.Topic, t.NumPartitions, t.ReplicationFactor = topic, int32(partitions), 1
	r.Topics = append(r.Topics, t)
	resp, err := r.RequestWith(b.Context(), c)
	if err == nil {
		err = kerr.ErrorForCode(resp.Topics[0].ErrorCode)
	}
	if err != nil {
		b.Fatal(err)
	}
	var failed error
	for i := range partitions * each {
		c.Produce(b.Context(), &kgo.Record{Topic: topic, Partition: int32(i % partitions), Value: fmt.Appendf(nil, "%s %d", benchLine, i)},
			func(_ *kgo.Record, err error) { failed = errors.Join(failed, err) })
	}
	if err := errors.Join(c.Flush(b.Context()), failed); err != nil {
		b.Fatal(err)
	}
}

func drainFetcher(b *testing.B, address, topic string, partition int) (n int64) {
	pool := batch.NewPool(256<<10, 8<<20)
	s, err := New(Settings{
		Name: "k", Brokers: []string{address}, Topics: []string{topic}, Group: "g", Pool: pool, Now: time.Now, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		b.Error(err)
		return 0
	}
	defer s.Close()
	a := s.Again(pool)
	if _, err := a.Open(b.Context(), []cursor.Partition{{Source: "k", Name: label(topic, partition)}}); err != nil {
		b.Error(err)
		return 0
	}
	ctx, stop := context.WithCancel(b.Context())
	out := make(chan *batch.Batch)
	var run sync.WaitGroup
	run.Go(func() { _ = a.Run(ctx, out) })
	bytes := 0
	for {
		m := <-out
		n += int64(len(m.Ends))
		bytes += len(m.Data)
		end := m.CaughtUp
		m.Release()
		if end {
			break
		}
	}
	stop()
	run.Wait()
	return n
}

func drainConn(b *testing.B, address, topic string, partition int) (n int64) {
	conn, err := kafkago.DialLeader(b.Context(), "tcp", address, topic, partition)
	if err != nil {
		b.Error(err)
		return 0
	}
	defer conn.Close()
	_, end, err := conn.ReadOffsets()
	if err != nil {
		b.Error(err)
		return 0
	}
	bytes := 0
	for n < end {
		got := conn.ReadBatch(1, 1<<20)
		for {
			m, err := got.ReadMessage()
			if err != nil {
				break
			}
			n++
			bytes += len(m.Value)
		}
		if err := got.Close(); err != nil {
			b.Error(err)
			return n
		}
	}
	return n
}

func drainClient(b *testing.B, address, topic string, partition int) (n int64) {
	t := &kafkago.Transport{}
	defer t.CloseIdleConnections()
	c := &kafkago.Client{Addr: kafkago.TCP(address), Transport: t}
	bytes := 0
	for {
		r, err := c.Fetch(b.Context(), &kafkago.FetchRequest{Topic: topic, Partition: partition, Offset: n, MinBytes: 1, MaxBytes: 1 << 20, MaxWait: time.Second})
		if err != nil || r.Error != nil {
			b.Error(err, r)
			return n
		}
		for {
			m, err := r.Records.ReadRecord()
			if err == io.EOF {
				break
			}
			if m.Offset >= n {
				bytes += m.Value.Len()
				n = m.Offset + 1
			}
			_ = m.Value.Close()
		}
		if n >= r.HighWatermark {
			return n
		}
	}
}

func drainFranz(b *testing.B, address, topic string, partition int) (n int64) {
	c, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {int32(partition): kgo.NewOffset().AtStart()}}),
		kgo.FetchMaxPartitionBytes(1<<20))
	if err != nil {
		b.Error(err)
		return 0
	}
	defer c.Close()
	bytes := 0
	for {
		end := int64(0)
		fetches := c.PollFetches(b.Context())
		if err := fetches.Err(); err != nil {
			b.Error(err)
			return n
		}
		fetches.EachPartition(func(p kgo.FetchTopicPartition) {
			end = p.HighWatermark
			for _, r := range p.Records {
				bytes += len(r.Value)
				n++
			}
		})
		if n >= end {
			return n
		}
	}
}
