package point

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
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
	for i := 0; i < len(p.Points); {
		s := p.Points[i].Series
		n := 1
		for i+n < len(p.Points) && p.Points[i+n].Series == s {
			n++
		}
		b = appendSeries(b, s, p.Points[i:i+n])
		i += n
		if len(b) >= max || i == len(p.Points) {
			if err := f(b); err != nil {
				return err
			}
			b = append(b[:0], head...)
		}
	}
	return nil
}

func appendSeries(b []byte, s *Series, points []Point) []byte {
	b = appendString(b, s.Rollup)
	b = binary.AppendUvarint(b, uint64(len(s.Dimensions)))
	for _, d := range s.Dimensions {
		b = appendString(b, d)
	}
	for _, v := range s.Values {
		b = appendString(b, v)
	}
	b = appendString(b, s.Path)
	b = binary.AppendUvarint(b, uint64(len(points)))
	for i := range points {
		p := &points[i]
		b = appendString(b, p.Metric)
		b = appendString(b, p.Stat)
		b = append(b, byte(p.Kind))
		if p.Kind == Counter {
			b = binary.AppendVarint(b, p.Count)
		} else {
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(p.Value))
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
	d := decoder{rest: part[2:], texts: map[string]string{}, names: map[Name]*Name{}}
	p := &Pane{Kind: PaneKind(part[1]), Shard: d.text(), Start: d.signed(), End: d.signed()}
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
		for range d.number() {
			if d.bad || len(d.rest) == 0 {
				return nil, fmt.Errorf("decode pane: %w", errPart)
			}
			k := Point{Series: s, Name: d.name()}
			if k.Kind == Counter {
				k.Count = d.signed()
			} else {
				k.Value = d.float()
			}
			p.Points = append(p.Points, k)
		}
	}
	if d.bad || p.Kind > Early {
		return nil, fmt.Errorf("decode pane: %w", errPart)
	}
	return p, nil
}

// decoder reads what appendSeries writes. Once bad, it gives zeros.
type decoder struct {
	rest  []byte
	bad   bool
	texts map[string]string // met before: most are the same few
	names map[Name]*Name    // the same
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
	known := d.names[n]
	if known == nil {
		known = &n
		d.names[n] = known
	}
	return known
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
