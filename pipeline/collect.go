package pipeline

import (
	"slices"
	"strings"

	"github.com/gatemeter/gatemeter/pipeline/point"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// collector merges the workers' cells of a window into a pane. It belongs to the epoch whose panes are being made, and to the dispatcher when there is
// none.
//
// Series meet under their cleaned path, not their raw values: `/a.b` and `/a_b` are one node in Graphite, and two series
// writing one node would lose one of them.
type collector struct {
	pipeline *Pipeline
	names    *statNames
	sent     map[windowKey]*sentWindow
	slots    [][]map[string]*slot // chain, level, path
	touched  [][][]*slot          // chain, level: of the pane at hand
	pane     uint64               // number of the pane at hand
	stock    stock
	summed   value         // of the cell at hand, where that is listed
	made     []*value      // unused: of the coarser levels. They become larger than those of cells, and stay with the collector
	making   int           // how many of those the pane at hand needs
	need     int           // how many are kept: what a pane needed lately
	builder  point.Builder // of the pane at hand
	packing  []byte
	packFrom int // the constant; less in tests
	n        int // slots
	sweep    int // forget unused ones when n reaches this
}

// sentWindow is what was sent of a window that may still change: records that come for it are counted into a new part by their worker, which is
// added to this when its turn has come.
type sentWindow struct {
	cells  []sentCell
	packed []byte // those cells, one after the other; nil while they are not packed
}

// sentCell is a series of the finest level of a chain.
type sentCell struct {
	slot *slot
	cell *cell // nil while it is packed
}

// slot is one series of one rollup over all workers and panes.
type slot struct {
	series point.Series
	chain  *chain
	parent *slot  // in the next coarser level
	pane   uint64 // the last that touched it
	gone   bool   // forgotten: whoever still knows it looks for the series anew

	// Of the pane at hand.
	cell   *cell
	lender *slot // whose cell it is: the only one in the next finer level that is merged into it
	row    int   // in the pane
}

func newCollector(p *Pipeline) *collector {
	c := &collector{pipeline: p, names: newStatNames(p.set.Metrics.Percentiles), sent: map[windowKey]*sentWindow{}, stock: newStock(p), packFrom: packFrom, sweep: minSweep}
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

// collect makes the panes of an epoch, and forgets what cannot change any more.
func (c *collector) collect(e *epoch) {
	cells := 0
	for i := range e.due {
		due := &e.due[i]
		e.panes = append(e.panes, duePane{c.makePane(due), due.shard})
		win := c.sent[due.key]
		cells += len(win.cells)
		switch {
		case due.final:
			c.forget(due.key)
		case len(win.cells) >= c.packFrom:
			c.pack(win)
		}
	}
	for _, key := range e.final {
		c.forget(key)
	}
	c.pipeline.cells.trim(2 * cells)
	c.tidy()
}

// makePane returns the pane of a window, and notes that discarding sinks now have all of it.
func (c *collector) makePane(due *dueWindow) *point.Pane {
	c.pane++
	win := c.sent[due.key]
	if win == nil {
		win = &sentWindow{}
		c.sent[due.key] = win
		c.pipeline.sentWindows.Add(1)
	}
	if win.packed != nil {
		c.unpack(win)
	}
	for i := range win.cells {
		c.touch(win.cells[i].slot, win.cells[i].cell)
	}
	for _, part := range due.parts {
		c.add(win, part)
	}
	pane := &point.Pane{Shard: due.shard.label, Start: due.key.start, End: due.key.start + c.pipeline.windows.width, Kind: due.kind}
	for i, chain := range c.pipeline.chains {
		for level := len(chain.levels) - 1; level > 0; level-- {
			for _, k := range c.touched[i][level] {
				c.lend(k, i, level)
			}
		}
	}
	for _, levels := range c.touched {
		for level, touched := range levels {
			slices.SortFunc(touched, func(a, b *slot) int { return strings.Compare(a.series.Path, b.series.Path) })
			for _, k := range touched {
				c.addRow(k, level == len(levels)-1)
			}
			levels[level] = touched[:0]
		}
	}
	c.builder.Pane(pane)
	c.need, c.making = max(c.making, c.need-c.need/16-1), 0
	if len(c.made) > c.need {
		c.made = slices.Delete(c.made, c.need, len(c.made))
	}
	return pane
}

// add adds a worker's part to win. Of most series it is the first, whose cell win takes over.
func (c *collector) add(win *sentWindow, part *window) {
	for series, cell := range part.cells {
		k := c.slotOf(series)
		if k.pane == c.pane {
			k.cell.merge(cell, &c.stock)
			c.stock.put(cell)
			continue
		}
		win.cells = append(win.cells, sentCell{k, cell})
		c.touch(k, cell)
	}
}

// touch puts a cell into its slot.
func (c *collector) touch(k *slot, cell *cell) {
	k.pane, k.cell = c.pane, cell
	chain := k.chain
	c.touched[chain.index][len(chain.levels)-1] = append(c.touched[chain.index][len(chain.levels)-1], k)
}

// forget gives the cells of a window that was sent back.
func (c *collector) forget(key windowKey) {
	win := c.sent[key]
	if win == nil {
		return
	}
	if win.packed == nil {
		for i := range win.cells {
			c.stock.put(win.cells[i].cell)
		}
	}
	delete(c.sent, key)
	c.pipeline.sentWindows.Add(-1)
}

// valueOf returns the value of a cell, until it is called again.
func (c *collector) valueOf(cell *cell) *value {
	if cell.value != nil {
		return cell.value
	}
	c.summed.reset()
	cell.addTo(&c.summed, &c.stock)
	return &c.summed
}

// newValue returns an empty one, for a coarser level.
func (c *collector) newValue() *value {
	c.making++
	n := len(c.made) - 1
	if n < 0 {
		return &value{}
	}
	v := c.made[n]
	c.made[n], c.made = nil, c.made[:n]
	return v
}

// lend merges k, which is in this level of the chain, into its parent. The first only lends its cell, which may be all the parent
// needs: one service, or one method of a route, is common.
func (c *collector) lend(k *slot, chain, level int) {
	p := k.parent
	if p.pane != c.pane {
		p.pane, p.cell, p.lender = c.pane, k.cell, k
		c.touched[chain][level-1] = append(c.touched[chain][level-1], p)
		return
	}
	if p.lender != nil {
		lent := p.cell
		p.cell, p.lender = c.stock.cells.take(), nil
		p.cell.value = c.newValue()
		lent.addTo(p.cell.value, &c.stock)
	}
	k.cell.addTo(p.cell.value, &c.stock)
}

// addRow adds the points of k to the pane at hand. Then discarding sinks have all of a cell of the finest level, and one that was made for the pane is
// put back. Who k lends its cell to comes before it.
func (c *collector) addRow(k *slot, finest bool) {
	if p := k.parent; p != nil && p.lender == k {
		k.row = c.builder.Again(&k.series, p.row)
	} else {
		k.row = c.names.add(&c.builder, &k.series, c.valueOf(k.cell))
	}
	switch {
	case finest && c.pipeline.discards:
		k.cell.markSent()
	case !finest && k.lender == nil:
		k.cell.value.reset()
		c.made = append(c.made, k.cell.value)
		k.cell.value = nil
		c.stock.put(k.cell)
	}
	k.cell = nil
}

// slotOf returns where s is added up.
func (c *collector) slotOf(s *series) *slot {
	if s.slot == nil || s.slot.gone {
		s.slot = nil
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
	k := &slot{chain: chain, parent: parent, series: point.Series{Rollup: l.rollup.Name, Dimensions: dimensions, Values: values, Path: string(path)}}
	c.slots[chain.index][i][k.series.Path] = k
	c.n++
	return k
}

// idlePanes is after how many panes without it a slot may be forgotten.
const idlePanes = 100

// tidy forgets slots that no recent pane had, and no window has that may be sent again, once there are many.
func (c *collector) tidy() {
	if c.n < c.sweep {
		return
	}
	for _, win := range c.sent {
		for i := range win.cells {
			for k := win.cells[i].slot; k != nil; k = k.parent {
				k.pane = c.pane
			}
		}
	}
	c.n = 0
	for _, levels := range c.slots {
		for _, slots := range levels {
			for path, k := range slots {
				if k.gone = k.pane+idlePanes < c.pane; k.gone {
					delete(slots, path)
				}
			}
			c.n += len(slots)
		}
	}
	c.sweep = max(minSweep, 2*c.n)
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
