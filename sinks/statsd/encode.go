package statsd

import (
	"math"
	"strconv"

	"github.com/gatemeter/gatemeter/pipeline/point"
	"github.com/gatemeter/gatemeter/sinks/dotted"
)

// maxPiece is how many bytes of a stream are written at once.
const maxPiece = 64 << 10

// encoder turns panes into packets of whole lines. It allocates only until its buffer has grown and for each new shard. It
// belongs to one goroutine.
type encoder struct {
	names    *dotted.Names
	numbers  dotted.Numbers
	absolute bool // a gauge's sign is part of its value; else it means a change
	gauges   bool
	stream   bool
	limit    int // most bytes of a packet

	newest map[string]int64 // by shard: the start of the newest window whose gauges were encoded

	position
	begun   bool // names and current are those of panes[0]
	current bool // no newer window's gauges were encoded

	buf       []byte
	points    int64 // in the last packet
	oldGauges int64 // left out since reset, as are the next
	notFinite int64
	oversize  int64
}

// position is where an encoder is in the panes.
type position struct {
	panes  []*point.Pane // yet to be encoded
	reader point.Reader  // of panes[0]
}

// from returns the position before panes.
func from(panes []*point.Pane) position {
	if len(panes) == 0 {
		return position{}
	}
	return position{panes, panes[0].Read()}
}

func newEncoder(dialect Dialect, prefix string, gauges, stream bool, limit int) *encoder {
	e := &encoder{gauges: gauges, stream: stream, limit: limit, newest: map[string]int64{}}
	var tags dotted.Tags
	if dialect == Dog {
		tags, e.absolute = dotted.Tags{First: "|#", Next: ",", Is: ":"}, true
	}
	e.names = dotted.New(prefix, tags)
	if stream {
		e.limit = maxPiece
	}
	return e
}

// reset goes to p.
func (e *encoder) reset(p position) {
	e.position, e.begun = p, false
	e.oldGauges, e.notFinite, e.oversize = 0, 0, 0
}

// next returns the next packet, or nil when there is none: lines joined by newlines, each with one in a stream. It is valid
// until the call after. points says how many points it holds.
func (e *encoder) next() []byte {
	e.points = 0
	buf := e.buf[:0]
	var p point.Point
	for len(e.panes) > 0 {
		pane := e.panes[0]
		if !e.begun {
			e.begin(pane)
		}
		before := e.reader
		if !e.reader.Next(&p) {
			e.position, e.begun = from(e.panes[1:]), false
			continue
		}
		if !e.wanted(&p) {
			continue
		}
		mark := len(buf)
		buf = e.append(buf, &p)
		if len(buf)-1 > e.limit { // a datagram goes without its last newline
			buf = buf[:mark]
			if mark > 0 {
				e.reader = before // the point is encoded again, into the next packet
				break
			}
			e.oversize++
			continue
		}
		e.points++
	}
	e.buf = buf
	switch {
	case len(buf) == 0:
		return nil
	case e.stream:
		return buf
	}
	return buf[:len(buf)-1]
}

// begin decides whether the pane's gauges are news. A late pane's are only when its window is known to be the newest: after
// a restart it may well not be.
func (e *encoder) begin(pane *point.Pane) {
	e.begun = true
	e.names.Pane(pane)
	newest, known := e.newest[pane.Shard]
	e.current = known && pane.Start >= newest || !known && pane.Kind != point.Late
	if e.current {
		e.newest[pane.Shard] = pane.Start
	}
}

// wanted reports whether p is to be sent, and counts it where it is left out.
func (e *encoder) wanted(p *point.Point) bool {
	switch {
	case p.Kind == point.Counter:
		return p.Change != 0
	case !e.gauges:
		return false
	case math.IsNaN(p.Value) || math.IsInf(p.Value, 0):
		e.notFinite++
		return false
	case !e.current:
		e.oldGauges++
		return false
	}
	return true
}

// append appends p's line, with its newline.
func (e *encoder) append(buf []byte, p *point.Point) []byte {
	if p.Kind == point.Counter {
		buf = append(e.names.Append(buf, p), ':')
		buf = strconv.AppendInt(buf, p.Change, 10)
		return e.end(buf, "|c")
	}
	if p.Value < 0 && !e.absolute { // a sign makes it a change: start from 0, in the same packet
		buf = append(e.names.Append(buf, p), ":0"...)
		buf = e.end(buf, "|g")
	}
	buf = append(e.names.Append(buf, p), ':')
	buf = e.numbers.Append(buf, p.Value)
	return e.end(buf, "|g")
}

func (e *encoder) end(buf []byte, kind string) []byte {
	buf = append(buf, kind...)
	buf = append(buf, e.names.Tags()...)
	return append(buf, '\n')
}
