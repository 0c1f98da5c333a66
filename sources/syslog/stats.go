package syslog

import "sync/atomic"

// Reason is why a message or a connection was not taken. The list is fixed: a reason becomes a metric's label.
type Reason uint8

// The reasons.
const (
	Stranger  Reason = iota // messages, connections: from an address that may not send
	Empty                   // messages without anything in them
	Cut                     // messages whose connection ended before they did
	Lost                    // messages received while gatemeter stopped and the spool could not take them
	Framing                 // connections: no octet count where one must be
	TooLarge                // connections: an octet count that is no message's
	Crowd                   // connections: as many as may be were open
	Memory                  // connections: half messages of all connections together were more than may be held
	Idle                    // connections: nothing came for so long
	Handshake               // connections: TLS was not agreed on in time, or refused
	Broken                  // connections: an error of the network
	numReasons
)

var reasonNames = [numReasons]string{
	Stranger: "stranger", Empty: "empty", Cut: "cut", Lost: "lost", Framing: "framing", TooLarge: "too_large", Crowd: "crowd",
	Memory: "memory", Idle: "idle", Handshake: "handshake", Broken: "broken",
}

// String returns the reason's name as metrics have it.
func (r Reason) String() string { return reasonNames[r] }

// OfMessages reports whether messages are refused for r.
func (r Reason) OfMessages() bool { return r <= Lost }

// OfConnections reports whether connections are closed for r.
func (r Reason) OfConnections() bool { return r == Stranger || r > Lost }

// Stats is what a source has done since it was made. The received messages are the appended and the refused ones.
type Stats struct {
	Received    int64 // messages: datagrams, and frames of connections
	Appended    int64 // of them, to the spool
	Oversize    int64 // of the appended: longer than may be, so only that is kept
	Connections int64 // open now
	Accepted    int64 // connections
	KernelDrops int64 // datagrams that the kernel dropped because they were not read in time

	Messages [numReasons]int64 // refused
	Closed   [numReasons]int64 // connections
}

// EachReason calls f for each reason.
func (s *Stats) EachReason(f func(r Reason, messages, connections int64)) {
	for r := range numReasons {
		f(r, s.Messages[r], s.Closed[r])
	}
}

// counters are Stats as they are counted, by many goroutines.
type counters struct {
	received, appended, oversize, open, accepted atomic.Int64
	messages, closed                             [numReasons]atomic.Int64
}

// Stats may be called from any goroutine.
func (s *Source) Stats() Stats {
	c := &s.count
	r := Stats{
		Received: c.received.Load(), Appended: c.appended.Load(), Oversize: c.oversize.Load(),
		Connections: c.open.Load(), Accepted: c.accepted.Load(), KernelDrops: s.kernelDrops(),
	}
	for i := range numReasons {
		r.Messages[i], r.Closed[i] = c.messages[i].Load(), c.closed[i].Load()
	}
	return r
}
