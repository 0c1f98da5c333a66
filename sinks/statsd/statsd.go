// Package statsd sends panes to StatsD, or to anything that speaks its protocol.
//
// StatsD adds up what it gets and books it as now. So this sink discards: a counter leaves as what it has grown by since it
// was last sent, and nothing may be sent twice. Gauges carry no time either, so those of an older window are left out once a
// newer one's have been sent.
//
// The encoder (encode.go) turns panes into packets of whole lines and touches no socket. Sink.Send (send.go) writes them.
package statsd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/gatemeter/gatemeter/sinks/dotted"
	"github.com/gatemeter/gatemeter/sinks/oneway"
)

// Dialect is how series are told apart.
type Dialect string

// The dialects, as configs spell them.
const (
	Plain Dialect = "statsd"    // values are nodes of the name
	Dog   Dialect = "dogstatsd" // values are tags: `name:1|c|#shard:web1,service:orders`
)

// Settings is what a Sink is made of.
type Settings struct {
	Name      string  // of the sink in the config, for String; statsd when empty
	Address   string  // udp://host:port, tcp://host:port or unixgram:///path
	Prefix    string  // of every name, dots allowed
	Dialect   Dialect // Plain when empty
	MaxPacket int     // bytes of a datagram; 1432 when 0
	Gauges    bool    // send percentiles, means, minima, maxima and distinct counts; else counters only

	DialTimeout  time.Duration // 5s when 0
	WriteTimeout time.Duration // without progress; 10s when 0

	Log *slog.Logger // slog.Default() when nil
}

// Sizes of datagrams, in bytes.
const (
	DefaultPacket = 1432 // an Ethernet frame's 1500 less the headers of IPv6, UDP and a tunnel
	MinPacket     = 512
	MaxPacket     = oneway.MaxDatagram
)

// Sink sends panes to one server. It implements pipeline.MetricSink; Stats, String and Dial are safe for concurrent use.
type Sink struct {
	name   string
	target *oneway.Target
	log    *slog.Logger

	turn  chan struct{} // holds a token while nobody uses what is below
	enc   *encoder
	conn  *oneway.Conn // nil: none
	sick  bool         // the last attempt failed
	tried attempt
	told  bool // that a line was too long
	done  bool // closed

	stats counters
}

// counters are Stats as they grow.
type counters struct {
	points, bytes, packets, connects, errors, refused, oldGauges, notFinite, oversize atomic.Int64
}

// Stats counts since New.
type Stats struct {
	Points    int64 // lines written to the socket
	Bytes     int64 // of packets
	Packets   int64 // datagrams, or pieces of a stream
	Connects  int64
	Errors    int64 // attempts to connect or send that failed
	Refused   int64 // answers that nobody listens; each is at least one datagram lost
	OldGauges int64 // left out, as a newer window's have been sent
	NotFinite int64 // gauges left out: NaN and infinities
	Oversize  int64 // points left out: a line that no datagram can hold
}

// ErrClosed is what Send returns after Close.
var ErrClosed = errors.New("statsd: sink is closed")

// New checks set and returns a Sink. It opens no socket: the first Send does.
func New(set Settings) (*Sink, error) {
	if set.Dialect == "" {
		set.Dialect = Plain
	}
	if set.MaxPacket == 0 {
		set.MaxPacket = DefaultPacket
	}
	if set.Name == "" {
		set.Name = "statsd"
	}
	if set.Log == nil {
		set.Log = slog.Default()
	}
	target, err := oneway.NewTarget(oneway.Settings{
		Address: set.Address, DialTimeout: set.DialTimeout, WriteTimeout: set.WriteTimeout,
	}, "udp", "tcp", "unixgram")
	errs := []error{err, dotted.CheckPrefix(set.Prefix)}
	if set.Dialect != Plain && set.Dialect != Dog {
		errs = append(errs, fmt.Errorf("dialect: %.200q is neither %s nor %s", set.Dialect, Plain, Dog))
	}
	if set.MaxPacket < MinPacket || set.MaxPacket > MaxPacket {
		errs = append(errs, fmt.Errorf("max_packet: %d bytes are not between %d and %d", set.MaxPacket, MinPacket, MaxPacket))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	s := &Sink{
		name: set.Name, target: target, log: set.Log, turn: make(chan struct{}, 1),
		enc: newEncoder(set.Dialect, set.Prefix, set.Gauges, target.Stream(), set.MaxPacket),
	}
	s.turn <- struct{}{}
	return s, nil
}

// String names the sink and the server. It holds no secret.
func (s *Sink) String() string { return s.name + " at " + s.target.String() }

// Dial opens a socket and closes it again, to see whether the server is there. Over UDP it sees only whether the host's name
// resolves.
func (s *Sink) Dial(ctx context.Context) error {
	conn, err := s.target.Dial(ctx)
	if err != nil {
		return err
	}
	conn.Abort()
	return nil
}

// Stats returns the counts now.
func (s *Sink) Stats() Stats {
	c := &s.stats
	return Stats{
		Points: c.points.Load(), Bytes: c.bytes.Load(), Packets: c.packets.Load(), Connects: c.connects.Load(),
		Errors: c.errors.Load(), Refused: c.refused.Load(), OldGauges: c.oldGauges.Load(), NotFinite: c.notFinite.Load(),
		Oversize: c.oversize.Load(),
	}
}
