package pipeline

import (
	"slices"
	"strings"

	"github.com/gatemeter/gatemeter/pipeline/point"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// collector merges the workers' cells of a window into a pane. The dispatcher owns it.
//
// Series meet under their cleaned path, not their raw values: `/a.b` and `/a_b` are one node in Graphite, and two series
// writing one node would lose one of them.
type collector struct {
	pipeline *Pipeline
	names    *statNames
	slots    [][]map[string]*slot // chain, level, path
	touched  [][][]*slot          // chain, level: of the pane at hand
	pane     uint64               // number of the pane at hand
	free     []*value
	n        int // slots
	sweep    int // forget unused ones when n reaches this
}

// slot is one series of one rollup over all workers and panes.
type slot struct {
	series point.Series
	parent *slot  // in the next coarser level
	pane   uint64 // the last that touched it

	// Of the pane at hand.
	value      *value
	cell       *cell // whose value it is: the only one of the slot
	lender     *slot // whose value it is: the only one in the next finer level that is merged into it
	begin, end int   // its points
}

func newCollector(p *Pipeline) *collector {
	c := &collector{pipeline: p, names: newStatNames(p.set.Metrics.Percentiles), sweep: minSweep}
	c.slots = make([][]map[string]*slot, len(p.chains))
	c.touched = make([][][]*slot, len(p.chains))
	for i, chain := range p.chains {
		c.slots[i] = make([]map[string]*slot, len(chain.levels))
		c.touched[i] = make([][]*slot, len(chain.levels))
		for j := range c.slots[i] {
			c.slots[i][j] = map[string]*slot{}
		}
	}
	return c
}

// collect returns the pane of the shard's window that starts at start, and notes that discarding sinks now have all of it.
func (c *collector) collect(s *shard, start int64) *point.Pane {
	c.pane++
	key := windowKey{s.index, start}
	if win := c.gather(key); win != nil {
		for series, cell := range win.cells {
			c.touch(c.slotOf(series), series.chain, cell)
		}
		win.changed = false
	}
	pane := &point.Pane{Shard: s.label, Start: start, End: start + c.pipeline.windows.width}
	for i, chain := range c.pipeline.chains {
		for level := len(chain.levels) - 1; level > 0; level-- {
			for _, k := range c.touched[i][level] {
				c.lend(k, i, level)
			}
		}
	}
	n := 0
	for _, levels := range c.touched {
		for _, touched := range levels {
			for _, k := range touched {
				n += c.names.points(k.value)
			}
		}
	}
	pane.Points = make([]point.Point, 0, n)
	for _, levels := range c.touched {
		for level, touched := range levels {
			slices.SortFunc(touched, func(a, b *slot) int { return strings.Compare(a.series.Path, b.series.Path) })
			for _, k := range touched {
				c.appendPoints(pane, k)
			}
			levels[level] = touched[:0]
		}
	}
	if len(c.free) > keptFree {
		c.free = slices.Delete(c.free, keptFree, len(c.free))
	}
	c.tidy()
	return pane
}

// gather moves all workers' parts of a window to one of them, and returns that; nil when there is none. What a window has when it is
// sent is most of what it will ever have, and it stays in memory until it cannot change any more.
func (c *collector) gather(key windowKey) (into *window) {
	var home *worker
	for _, w := range c.pipeline.workers {
		win := w.windows[key]
		switch {
		case win == nil:
			continue
		case into == nil:
			home, into = w, win
			continue
		}
		for s, cell := range win.cells {
			home.cell(into, key, home.series.same(s)).merge(&cell.value)
		}
		w.drop(key)
	}
	return into
}

// touch adds a cell to its slot, which is of the finest level. The first only lends its value, and mostly it is the only one.
func (c *collector) touch(k *slot, chain *chain, cell *cell) {
	if k.pane != c.pane {
		level := len(chain.levels) - 1
		k.pane, k.value, k.cell = c.pane, &cell.value, cell
		c.touched[chain.index][level] = append(c.touched[chain.index][level], k)
		return
	}
	if k.cell != nil {
		k.value = c.newValue()
		c.take(k.value, k.cell)
		k.cell = nil
	}
	c.take(k.value, cell)
}

// take merges a cell into v. Its points have been sent then.
func (c *collector) take(v *value, cell *cell) {
	v.merge(&cell.value)
	c.markSent(cell)
}

func (c *collector) markSent(cell *cell) {
	if c.pipeline.discards {
		cell.markSent()
	}
}

func (c *collector) newValue() *value {
	if n := len(c.free); n > 0 {
		v := c.free[n-1]
		c.free = c.free[:n-1]
		return v
	}
	return &value{}
}

// lend merges k, which is in this level of the chain, into its parent. The first only lends its value, which may be all the parent
// needs: one service, or one method of a route, is common.
func (c *collector) lend(k *slot, chain, level int) {
	p := k.parent
	if p.pane != c.pane {
		p.pane, p.value, p.lender = c.pane, k.value, k
		c.touched[chain][level-1] = append(c.touched[chain][level-1], p)
		return
	}
	if p.lender != nil {
		lent := p.value
		p.value, p.lender = c.newValue(), nil
		p.value.merge(lent)
	}
	p.value.merge(k.value)
}

// appendPoints appends the points of k, and after those frees its value. Who it lends that to comes before it.
func (c *collector) appendPoints(pane *point.Pane, k *slot) {
	k.begin = len(pane.Points)
	if p := k.parent; p != nil && p.lender == k {
		pane.Points = append(pane.Points, pane.Points[p.begin:p.end]...)
		for i := k.begin; i < len(pane.Points); i++ {
			pane.Points[i].Series = &k.series
		}
	} else {
		pane.Points = c.names.appendPoints(pane.Points, &k.series, k.value)
	}
	k.end = len(pane.Points)
	switch {
	case k.cell != nil:
		c.markSent(k.cell)
	case k.lender == nil:
		k.value.reset()
		c.free = append(c.free, k.value)
	}
	k.value, k.cell = nil, nil
}

// slotOf returns where s is added up.
func (c *collector) slotOf(s *series) *slot {
	if s.slot == nil {
		parts := keyParts(s.key[1:])
		for i := range s.chain.levels {
			s.slot = c.slotAt(s.chain, i, parts, s.slot)
		}
	}
	return s.slot
}

func (c *collector) slotAt(chain *chain, i int, parts []string, parent *slot) *slot {
	l := &chain.levels[i]
	values := make([]string, len(l.order))
	dimensions := make([]string, len(l.order))
	path := []byte(l.rollup.Name)
	for j, at := range l.order {
		values[j], dimensions[j] = parts[at], l.rollup.Dimensions[j].String()
		path = point.AppendClean(append(path, '.'), values[j])
	}
	if k := c.slots[chain.index][i][string(path)]; k != nil {
		return k
	}
	k := &slot{parent: parent, series: point.Series{Rollup: l.rollup.Name, Dimensions: dimensions, Values: values, Path: string(path)}}
	c.slots[chain.index][i][k.series.Path] = k
	c.n++
	return k
}

// idlePanes is after how many panes without it a slot may be forgotten.
const idlePanes = 100

// tidy forgets slots that no recent pane had, once there are many.
func (c *collector) tidy() {
	if c.n < c.sweep {
		return
	}
	c.n = 0
	for _, levels := range c.slots {
		for _, slots := range levels {
			for path, k := range slots {
				if k.pane+idlePanes < c.pane {
					delete(slots, path)
				}
			}
			c.n += len(slots)
		}
	}
	for _, w := range c.pipeline.workers {
		for _, s := range w.series.slots {
			if s != nil && s.slot != nil && s.slot.forgotten(c.pane) {
				s.slot = nil
			}
		}
	}
	c.sweep = max(minSweep, 2*c.n)
}

// forgotten reports whether k, or what it is merged into, is no longer known to the collector.
func (k *slot) forgotten(pane uint64) bool {
	for ; k != nil; k = k.parent {
		if k.pane+idlePanes < pane {
			return true
		}
	}
	return false
}

// SeriesOf returns the paths of the series that r is counted under, as `explain` prints them.
func SeriesOf(r *record.Record, rollups []Rollup) []string {
	paths := make([]string, 0, len(rollups))
	for _, rollup := range rollups {
		path := []byte(rollup.Name)
		for _, d := range rollup.Dimensions {
			path = point.AppendClean(append(path, '.'), keyParts(string(appendValue(nil, d, r)))[0])
		}
		paths = append(paths, string(path))
	}
	return paths
}
