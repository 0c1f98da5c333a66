package point

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
)

// version is the first byte of an encoded pane.
const version = 1

// EachPart calls f with the pane in binary form, in one part or in several of about max bytes: each is decoded to a pane of its
// own, with part of the points, for a sink to which a point is the same in whatever pane it comes. Changes are left out: it is
// for accumulating sinks. A part is valid until f returns; EachPart ends with f's first error.
//
//	version 1, kind, shard, start, end, then for each series:
//	rollup, number of dimensions, their names, their values, path, number of points, then for each point:
//	metric, stat, kind, and the count or the eight bytes of the value
//
// Numbers are varints of encoding/binary, the signed ones zigzag; strings are a length and bytes.
func (p *Pane) EachPart(max int, f func(part []byte) error) error {
	var head, b []byte
	head = append(head, version, byte(p.Kind))
	head = appendString(head, p.Shard)
	head = binary.AppendVarint(head, p.Start)
	head = binary.AppendVarint(head, p.End)
	b = append(b, head...)
	for i := range p.rows {
		b = p.appendRow(b, &p.rows[i])
		if len(b) >= max || i == len(p.rows)-1 {
			if err := f(b); err != nil {
				return err
			}
			b = append(b[:0], head...)
		}
	}
	return nil
}

func (p *Pane) appendRow(b []byte, r *row) []byte {
	s := r.series
	b = appendString(b, s.Rollup)
	b = binary.AppendUvarint(b, uint64(len(s.Dimensions)))
	for _, d := range s.Dimensions {
		b = appendString(b, d)
	}
	for _, v := range s.Values {
		b = appendString(b, v)
	}
	b = appendString(b, s.Path)
	b = binary.AppendUvarint(b, uint64(len(r.names)))
	for i, name := range r.names {
		b = appendString(b, name.Metric)
		b = appendString(b, name.Stat)
		b = append(b, byte(name.Kind))
		if n := p.values[r.first+i]; name.Kind == Gauge {
			b = binary.LittleEndian.AppendUint64(b, uint64(n))
		} else {
			b = binary.AppendVarint(b, n)
		}
	}
	return b
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

var errPart = errors.New("not a part of a pane")

// DecodePart returns the pane that part is. Nothing of it points into part.
func DecodePart(part []byte) (*Pane, error) {
	if len(part) < 2 || part[0] != version {
		return nil, fmt.Errorf("decode pane: version %.1x: %w", part[:min(len(part), 1)], errPart)
	}
	d := decoder{rest: part[2:], texts: map[string]string{}, known: map[Name]*Name{}}
	p := &Pane{Kind: PaneKind(part[1]), Shard: d.text(), Start: d.signed(), End: d.signed()}
	var b Builder
	for len(d.rest) > 0 && !d.bad {
		s := &Series{Rollup: d.text()}
		dimensions := d.number()
		if dimensions > uint64(len(d.rest)) {
			return nil, fmt.Errorf("decode pane: %w", errPart)
		}
		for range dimensions {
			s.Dimensions = append(s.Dimensions, d.text())
		}
		for range dimensions {
			s.Values = append(s.Values, d.text())
		}
		s.Path = d.text()
		d.row = d.row[:0]
		for range d.number() {
			if d.bad || len(d.rest) == 0 {
				return nil, fmt.Errorf("decode pane: %w", errPart)
			}
			name := d.name()
			if d.row = append(d.row, name); name.Kind == Gauge {
				b.Gauge(d.float())
			} else {
				n := d.signed()
				b.Counter(n, n)
			}
		}
		if len(d.row) > 0 {
			b.Row(s, d.names())
		}
	}
	if d.bad || p.Kind > Early {
		return nil, fmt.Errorf("decode pane: %w", errPart)
	}
	b.Pane(p)
	return p, nil
}

// decoder reads what appendRow writes. Once bad, it gives zeros.
type decoder struct {
	rest  []byte
	bad   bool
	texts map[string]string // met before: most are the same few
	known map[Name]*Name    // the same
	row   []*Name           // of the row at hand
	last  []*Name           // of the row before
}

func (d *decoder) fail() { d.rest, d.bad = nil, true }

func (d *decoder) number() uint64 {
	v, n := binary.Uvarint(d.rest)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

func (d *decoder) signed() int64 {
	v, n := binary.Varint(d.rest)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

func (d *decoder) text() string {
	n := d.number()
	if n > uint64(len(d.rest)) {
		d.fail()
		return ""
	}
	b := d.rest[:n]
	d.rest = d.rest[n:]
	s, ok := d.texts[string(b)]
	if !ok {
		s = string(b)
		d.texts[s] = s
	}
	return s
}

func (d *decoder) name() *Name {
	n := Name{d.text(), d.text(), Kind(d.octet())}
	if n.Kind > Gauge {
		d.fail()
	}
	known := d.known[n]
	if known == nil {
		k := n // a copy, so that n is not allocated for each point
		known = &k
		d.known[n] = known
	}
	return known
}

// names returns d.row, which is the list of the row before where that is the same.
func (d *decoder) names() []*Name {
	if !slices.Equal(d.last, d.row) {
		d.last = slices.Clone(d.row)
	}
	return d.last
}

func (d *decoder) octet() byte {
	if len(d.rest) == 0 {
		d.fail()
		return 0
	}
	b := d.rest[0]
	d.rest = d.rest[1:]
	return b
}

func (d *decoder) float() float64 {
	if len(d.rest) < 8 {
		d.fail()
		return 0
	}
	v := math.Float64frombits(binary.LittleEndian.Uint64(d.rest))
	d.rest = d.rest[8:]
	return v
}
