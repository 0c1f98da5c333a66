// Package graphite sends panes to Graphite: to carbon, or to anything that speaks one of carbon's protocols.
//
// Graphite keeps the last value written to a slot of a series, so a pane may be sent any number of times. All that this
// package does about faults rests on that: after a connection was lost it sends again what might not have been read.
//
// The encoder (encode.go) turns panes into packets, whole lines or whole pickle messages, and touches no socket. Sink.Send
// (send.go) writes them to a connection of package oneway, which is kept from Send to Send, and keeps the panes for a while
// (recent.go): carbon never says that it has read something, so when the connection breaks, what was written last may be
// lost. A new connection begins with those panes. A watcher makes one when no Send comes along to do it (heal.go).
package graphite

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatemeter/gatemeter/sinks/dotted"
	"github.com/gatemeter/gatemeter/sinks/oneway"
)

// Protocol is what carbon is spoken to in.
type Protocol string

// The protocols, as configs spell them.
const (
	Plaintext Protocol = "plaintext" // `name value timestamp\n`, carbon's port 2003
	Pickle    Protocol = "pickle"    // batches in Python's pickle format, version 2, carbon's port 2004
)

// Settings is what a Sink is made of.
type Settings struct {
	Name     string     // of the sink in the config, for String; graphite when empty
	Address  string     // tcp://host:port, tls://host:port or udp://host:port
	Protocol Protocol   // Plaintext when empty; Pickle not over UDP
	Prefix   string     // of every name, dots allowed
	Tags     bool       // name{;tag=value…} in place of a node for each value; needs Graphite 1.1
	TLS      oneway.TLS // for tls://

	DialTimeout  time.Duration // 5s when 0
	WriteTimeout time.Duration // without progress; 10s when 0

	Log *slog.Logger // slog.Default() when nil
}

// Sink sends panes to one server. It implements pipeline.MetricSink; Stats and String are safe for concurrent use, and so is
// Dial.
type Sink struct {
	name   string
	target *oneway.Target
	log    *slog.Logger
	now    func() time.Time

	ctx      context.Context // ends with Close
	cancel   context.CancelFunc
	watchers sync.WaitGroup

	turn chan struct{} // holds a token while nobody uses what is below
	enc  *encoder
	conn *oneway.Conn // nil: none
	sick bool         // the last attempt failed
	kept recent
	told bool // that a line was too long
	done bool // closed

	stats counters
}

// counters are Stats as they grow.
type counters struct {
	points, again, bytes, packets, connects, errors, notFinite, oversize atomic.Int64
}

// Stats counts since New.
type Stats struct {
	Points    int64 // written to the socket, those written again included
	Again     int64 // points of Points that were written before and written again because the connection was lost
	Bytes     int64 // of packets
	Packets   int64 // datagrams, pickle messages, or pieces of a stream
	Connects  int64
	Errors    int64 // attempts to connect or send that failed
	NotFinite int64 // points left out: NaN and infinities
	Oversize  int64 // points left out: a line that no datagram can hold
}

// ErrClosed is what Send returns after Close.
var ErrClosed = errors.New("graphite: sink is closed")

// New checks set and returns a Sink. It opens no connection: the first Send does.
func New(set Settings) (*Sink, error) {
	if set.Protocol == "" {
		set.Protocol = Plaintext
	}
	if set.Name == "" {
		set.Name = "graphite"
	}
	if set.Log == nil {
		set.Log = slog.Default()
	}
	var errs []error
	target, err := oneway.NewTarget(oneway.Settings{
		Address: set.Address, TLS: set.TLS, DialTimeout: set.DialTimeout, WriteTimeout: set.WriteTimeout,
	}, "tcp", "tls", "udp")
	errs = append(errs, err, dotted.CheckPrefix(set.Prefix))
	switch set.Protocol {
	case Plaintext:
	case Pickle:
		if target != nil && !target.Stream() {
			errs = append(errs, errors.New("protocol: carbon reads pickle over TCP only, not over UDP"))
		}
	default:
		errs = append(errs, fmt.Errorf("protocol: %.200q is neither %s nor %s", set.Protocol, Plaintext, Pickle))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	s := &Sink{
		name: set.Name, target: target, log: set.Log, now: time.Now,
		enc:  newEncoder(set.Protocol, set.Prefix, set.Tags, target.Stream()),
		turn: make(chan struct{}, 1),
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.turn <- struct{}{}
	return s, nil
}

// String names the sink and the server. It holds no secret.
func (s *Sink) String() string { return s.name + " at " + s.target.String() }

// Dial makes a connection and closes it again, to see whether the server is there. Over UDP it sees only whether the host's
// name resolves.
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
		Points: c.points.Load(), Again: c.again.Load(), Bytes: c.bytes.Load(), Packets: c.packets.Load(),
		Connects: c.connects.Load(), Errors: c.errors.Load(), NotFinite: c.notFinite.Load(), Oversize: c.oversize.Load(),
	}
}
