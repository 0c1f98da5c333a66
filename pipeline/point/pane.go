package point

import (
	"iter"
	"math"
	"slices"
)

// Pane is the content of one window of one shard at one time. A pane and all it points to is never written after it was
// sent: sinks may keep it and read it from any goroutine.
type Pane struct {
	Shard      string
	Start, End int64 // of the window, Unix seconds; a point's timestamp is Start
	Kind       PaneKind

	rows    []row
	values  []int64 // a counter's full value, the bits of a gauge's
	changes []int64 // as long as values, of use for counters only; nil when each counter's change is its full value
	points  int
}

// row is the points of one series. Several rows may share their numbers.
type row struct {
	series *Series
	names  []*Name // rows with the same names share them
	first  int     // of values
}

// Len returns how many points p has.
func (p *Pane) Len() int { return p.points }

// Read returns a Reader of p's points, ordered by series, then by metric and stat.
func (p *Pane) Read() Reader { return Reader{pane: p} }

// All yields p's points in the same order.
func (p *Pane) All() iter.Seq[Point] {
	return func(yield func(Point) bool) {
		var next Point
		for r := p.Read(); r.Next(&next); {
			if !yield(next) {
				return
			}
		}
	}
}

// Reader reads a pane's points one by one. A copy goes on from where the original was. It belongs to one goroutine.
type Reader struct {
	pane    *Pane
	row, at int // of the next point: its row, and which of that row's
}

// Next sets p to the next point, and returns false when there is none.
func (r *Reader) Next(p *Point) bool {
	for r.row < len(r.pane.rows) {
		row := &r.pane.rows[r.row]
		if r.at == len(row.names) {
			r.row, r.at = r.row+1, 0
			continue
		}
		p.Series, p.Name = row.series, row.names[r.at]
		at := row.first + r.at
		r.at++
		n := r.pane.values[at]
		if p.Kind == Gauge {
			p.Count, p.Change, p.Value = 0, 0, math.Float64frombits(uint64(n))
			return true
		}
		p.Count, p.Change, p.Value = n, n, 0
		if r.pane.changes != nil {
			p.Change = r.pane.changes[at]
		}
		return true
	}
	return false
}

// Builder makes panes. It keeps its memory, that of the largest pane so far, from one to the next. It belongs to one goroutine.
type Builder struct {
	rows    []row
	values  []int64
	changes []int64 // as long as values once a counter's change was not its full value; else empty
	begin   int     // where the values of the row at hand begin
}

// Counter adds a counter to the row at hand: its full value, and that less what discarding sinks have of it.
func (b *Builder) Counter(full, change int64) {
	if len(b.changes) == 0 && full != change {
		b.changes = append(b.changes, b.values...)
	}
	if b.values = append(b.values, full); len(b.changes) > 0 || full != change {
		b.changes = append(b.changes, change)
	}
}

// Gauge adds a gauge to the row at hand.
func (b *Builder) Gauge(value float64) {
	b.values = append(b.values, int64(math.Float64bits(value)))
	if len(b.changes) > 0 {
		b.changes = append(b.changes, 0)
	}
}

// Row ends the row at hand: what was added since the last are s's points, with these names. names must not change any more. It returns the
// row's number.
func (b *Builder) Row(s *Series, names []*Name) int {
	if b.begin+len(names) != len(b.values) {
		panic("BUG: a row has other names than values")
	}
	b.rows = append(b.rows, row{s, names, b.begin})
	b.begin = len(b.values)
	return len(b.rows) - 1
}

// Again adds a row for s with the names and numbers of a row before, and returns its number.
func (b *Builder) Again(s *Series, as int) int {
	b.rows = append(b.rows, row{s, b.rows[as].names, b.rows[as].first})
	return len(b.rows) - 1
}

// Pane gives p the rows, and begins anew. p has memory of its own.
func (b *Builder) Pane(p *Pane) {
	if b.begin != len(b.values) {
		panic("BUG: values of no row")
	}
	p.rows, p.values, p.changes, p.points = slices.Clone(b.rows), slices.Clone(b.values), nil, 0
	if len(b.changes) > 0 {
		p.changes = slices.Clone(b.changes)
	}
	for i := range p.rows {
		p.points += len(p.rows[i].names)
	}
	clear(b.rows)
	b.rows, b.values, b.changes, b.begin = b.rows[:0], b.values[:0], b.changes[:0], 0
}

// NewPane returns p with these points, of which those of a series follow one another. It is for tests: elsewhere a Builder saves memory.
func NewPane(p Pane, points ...Point) *Pane {
	var b Builder
	for len(points) > 0 {
		var names []*Name
		s := points[0].Series
		for ; len(points) > 0 && points[0].Series == s; points = points[1:] {
			if k := &points[0]; k.Kind == Gauge {
				b.Gauge(k.Value)
			} else {
				b.Counter(k.Count, k.Change)
			}
			names = append(names, points[0].Name)
		}
		b.Row(s, names)
	}
	b.Pane(&p)
	return &p
}
