package kafka

import (
	"encoding/binary"
	"fmt"
	"io"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

// fetchCall is a Fetch request for one partition, and its answer. It is not used again after an error: a connection that was given
// up may still write to it.
//
// Protocol: https://kafka.apache.org/protocol.html#The_Messages_Fetch, versions 4 (Kafka 0.11) to 11.
type fetchCall struct {
	topic     string
	partition int32
	offset    int64
	maxBytes  int32
	wait      time.Duration // for the first byte

	version int16
	buf     []byte
	answer  answer
}

// answer is what a broker has said of a partition. The slices point into fetchCall.buf.
type answer struct {
	err     error // the broker's
	high    int64 // offset after the last message that all replicas have
	stable  int64 // offset up to which all transactions have ended: reading goes no further
	first   int64 // lowest offset that is still there; -1 unknown
	aborted []aborted
	records []byte // whole batches; the last may be cut
}

// aborted is a transaction that was given up: of its producer's batches from first on, all up to the marker.
type aborted struct{ producer, first int64 }

// versions that are spoken here.
const (
	leastFetch = 4
	mostFetch  = 11
)

// ApiKey implements protocol.Message.
func (c *fetchCall) ApiKey() protocol.ApiKey { return protocol.Fetch }

// Broker implements protocol.BrokerMessage: the request goes to the partition's leader.
func (c *fetchCall) Broker(cluster protocol.Cluster) (protocol.Broker, error) {
	p, ok := cluster.Topics[c.topic].Partitions[c.partition]
	if !ok {
		return protocol.Broker{ID: -1}, kafkago.UnknownTopicOrPartition
	}
	leader, ok := cluster.Brokers[p.Leader]
	if !ok {
		return protocol.Broker{ID: -1}, kafkago.LeaderNotAvailable
	}
	return leader, nil
}

// Required implements protocol.RawExchanger: the bytes are always ours.
func (c *fetchCall) Required(versions map[protocol.ApiKey]int16) bool {
	c.version = min(versions[protocol.Fetch], mostFetch)
	return true
}

// RawExchange implements protocol.RawExchanger.
func (c *fetchCall) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	if c.version < leastFetch {
		return nil, fmt.Errorf("the broker is older than Kafka 0.11: %w", kafkago.UnsupportedVersion)
	}
	var err error
	if c.buf, err = exchange(rw, c.buf, protocol.Fetch, c.version, c.request()); err != nil {
		return nil, err
	}
	if err := c.read(c.buf); err != nil {
		return nil, err
	}
	return c, nil
}

// request returns the request's body.
func (c *fetchCall) request() []byte {
	be := binary.BigEndian
	b := be.AppendUint32(nil, ^uint32(0)) // no replica
	b = be.AppendUint32(b, uint32(c.wait.Milliseconds()))
	b = be.AppendUint32(b, 1) // bytes to wait for
	b = be.AppendUint32(b, uint32(c.maxBytes))
	b = append(b, byte(kafkago.ReadCommitted))
	if c.version >= 7 { // no fetch session
		b = be.AppendUint32(b, 0)
		b = be.AppendUint32(b, ^uint32(0))
	}
	b = be.AppendUint32(b, 1)
	b = appendString(b, c.topic)
	b = be.AppendUint32(b, 1)
	b = be.AppendUint32(b, uint32(c.partition))
	if c.version >= 9 { // whatever the leader's epoch is
		b = be.AppendUint32(b, ^uint32(0))
	}
	b = be.AppendUint64(b, uint64(c.offset))
	if c.version >= 5 { // where a replica's log begins
		b = be.AppendUint64(b, ^uint64(0))
	}
	b = be.AppendUint32(b, uint32(c.maxBytes))
	if c.version >= 7 { // topics to leave out of the session
		b = be.AppendUint32(b, 0)
	}
	if c.version >= 11 { // our rack
		b = appendString(b, "")
	}
	return b
}

// read reads the answer's body.
func (c *fetchCall) read(body []byte) error {
	f := fields{b: body}
	a := &c.answer
	*a = answer{first: -1, aborted: a.aborted[:0]}
	f.int32() // for how long we were throttled
	if c.version >= 7 {
		a.err = failure(f.int16())
		f.int32() // session
	}
	if n := f.count(4); n != 1 && a.err == nil {
		return fmt.Errorf("%w: it has %d topics", errAnswer, n)
	} else if n == 0 {
		return nil
	}
	f.take(int(f.int16())) // the topic's name
	if n := f.count(4); n != 1 {
		return fmt.Errorf("%w: it has %d partitions", errAnswer, n)
	}
	f.int32() // its number
	if err := failure(f.int16()); err != nil {
		a.err = err
	}
	a.high, a.stable = f.int64(), f.int64()
	if c.version >= 5 {
		a.first = f.int64()
	}
	for range f.count(16) {
		a.aborted = append(a.aborted, aborted{f.int64(), f.int64()})
	}
	if c.version >= 11 {
		f.int32() // a replica nearer to our rack
	}
	if n := f.int32(); n > 0 {
		a.records = f.take(int(n))
	}
	if f.short {
		return fmt.Errorf("%w: it is cut", errAnswer)
	}
	if a.stable < 0 {
		a.stable = a.high
	}
	return nil
}

// failure returns the error that code says, nil for none.
func failure(code int16) error {
	if code == 0 {
		return nil
	}
	return kafkago.Error(code)
}
