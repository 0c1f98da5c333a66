package graphite

import (
	"encoding/binary"
	"math"
	"strconv"

	"github.com/gatemeter/gatemeter/pipeline/point"
	"github.com/gatemeter/gatemeter/sinks/dotted"
)

// Bounds of packets.
const (
	maxDatagram = 1432     // bytes: an Ethernet frame's 1500 less the headers of IPv6, UDP and a tunnel
	maxPiece    = 64 << 10 // bytes of a stream written at once: each write may wake the reader
	maxPickle   = 64 << 10 // bytes of a pickle message; carbon's own limit is 1 MiB
	maxBatch    = 500      // points of a pickle message, as carbon-relay's own default
)

// encoder turns panes into packets: whole lines of the plaintext protocol, or one pickle message each. It allocates only
// until its buffer has grown. It belongs to one goroutine.
type encoder struct {
	names   *dotted.Names
	numbers dotted.Numbers
	pickle  bool
	limit   int // most bytes of a packet, without pickleEnd
	batch   int // most points of a packet

	panes  []*point.Pane // yet to be encoded
	reader point.Reader  // of panes[0], when begun
	begun  bool          // names and stamp are those of panes[0]
	stamp  []byte        // the timestamp as the protocol writes it

	buf       []byte
	points    int64 // in the last packet
	notFinite int64 // left out since reset
	oversize  int64 // left out since reset
}

func newEncoder(protocol Protocol, prefix string, tags, stream bool) *encoder {
	e := &encoder{limit: maxDatagram, batch: math.MaxInt}
	var style dotted.Tags
	if tags {
		style = dotted.Tags{First: ";", Next: ";", Is: "="}
	}
	e.names = dotted.New(prefix, style)
	if stream {
		e.limit = maxPiece
	}
	if protocol == Pickle {
		e.pickle, e.limit, e.batch = true, maxPickle-len(pickleEnd), maxBatch
	}
	return e
}

// reset starts over with panes.
func (e *encoder) reset(panes []*point.Pane) {
	e.panes, e.begun = panes, false
	e.notFinite, e.oversize = 0, 0
}

// next returns the next packet, or nil when there is none. It is valid until the call after. points says how many points it
// holds.
func (e *encoder) next() []byte {
	e.points = 0
	buf := e.buf[:0]
	if e.pickle {
		buf = append(buf, pickleStart...)
	}
	empty := len(buf)
	var p point.Point
	for len(e.panes) > 0 && e.points < int64(e.batch) {
		pane := e.panes[0]
		if !e.begun {
			e.begin(pane)
		}
		before := e.reader
		if !e.reader.Next(&p) {
			e.panes, e.begun = e.panes[1:], false
			continue
		}
		if p.Kind == point.Gauge && (math.IsNaN(p.Value) || math.IsInf(p.Value, 0)) {
			e.notFinite++
			continue
		}
		mark := len(buf)
		if e.pickle {
			buf = e.appendPickle(buf, &p)
		} else {
			buf = e.appendLine(buf, &p)
		}
		if len(buf) > e.limit {
			buf = buf[:mark]
			if mark > empty {
				e.reader = before // the point is encoded again, into the next packet
				break
			}
			e.oversize++
			continue
		}
		e.points++
	}
	e.buf = buf
	if len(buf) == empty {
		return nil
	}
	if e.pickle {
		e.buf = append(buf, pickleEnd...)
		binary.BigEndian.PutUint32(e.buf, uint32(len(e.buf)-4))
	}
	return e.buf
}

func (e *encoder) begin(pane *point.Pane) {
	e.reader, e.begun = pane.Read(), true
	e.names.Pane(pane)
	if e.pickle {
		e.stamp = appendPickleInt(e.stamp[:0], pane.Start)
		return
	}
	e.stamp = append(e.stamp[:0], ' ')
	e.stamp = strconv.AppendInt(e.stamp, pane.Start, 10)
	e.stamp = append(e.stamp, '\n')
}

// appendLine appends p as a line. Numbers are never written with an exponent: carbon reads them, other receivers may not.
func (e *encoder) appendLine(buf []byte, p *point.Point) []byte {
	buf = e.names.Append(buf, p)
	buf = append(buf, e.names.Tags()...)
	buf = append(buf, ' ')
	if p.Kind == point.Counter {
		buf = strconv.AppendInt(buf, p.Count, 10)
	} else {
		buf = e.numbers.Append(buf, p.Value)
	}
	return append(buf, e.stamp...)
}
