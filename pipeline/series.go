package pipeline

import (
	"hash/maphash"

	"github.com/gatemeter/gatemeter/pipeline/record"
)

// series is one combination of a chain's finest dimension values, as one worker knows it. The worker owns it, and between tasks the
// dispatcher does; slot belongs to the collector.
type series struct {
	chain *chain
	key   string // see appendKeyPart
	hash  uint64
	ends  [maxLevels]uint16 // how much of key each level of the chain has

	slot *slot // where the collector adds it up, which finds it at the first pane; its own

	// What was last asked, of even windows and odd ones apart: where one ends records of two lie side by side.
	last [2]seriesInWindow

	cells    int    // in open windows
	usedTask uint64 // last task that looked it up
}

// seriesInWindow is what is known of a series in a window.
type seriesInWindow struct {
	// Where the series is in the task at hand: pairs[pair] is its pair with pairWindow.
	pairTask   uint64
	pairWindow int64
	pair       int32

	// The last admission: in verdictWindow of verdictPartition the series counts under target.
	verdictPartition *partition
	verdictWindow    int64
	target           *series

	// The last cell counted in.
	cellKey windowKey
	cell    *cell
}

// dictionary finds series by their key. It is an open-addressing table under a seeded hash, so that no one can write lines
// whose keys all collide.
type dictionary struct {
	seed  maphash.Seed
	slots []*series // a power of two long
	n     int
	sweep int // sweep when n reaches this
	key   []byte
}

func newDictionary(seed maphash.Seed) *dictionary {
	return &dictionary{seed: seed, slots: make([]*series, 256), sweep: minSweep}
}

// minSweep series are kept without asking whether they are still of use.
const minSweep = 8192

// of returns the series r belongs to in c.
func (d *dictionary) of(c *chain, r *record.Record) *series {
	d.key = append(d.key[:0], byte(c.index))
	var ends [maxLevels]uint16
	at := 0
	for i := range c.levels {
		for ; at < c.levels[i].width; at++ {
			d.key = appendValue(d.key, c.dims[at], r)
		}
		ends[i] = uint16(len(d.key))
	}
	return d.find(c, &ends)
}

// folded returns the series that s counts under when level i of its chain has no room for it: its own values as far as the
// next coarser level goes, then `_other`. So the coarser rollups stay right.
func (d *dictionary) folded(s *series, i int) *series {
	c := s.chain
	width, end, ends := 0, 1, s.ends
	if i > 0 {
		width, end = c.levels[i-1].width, int(s.ends[i-1])
	}
	d.key = append(d.key[:0], s.key[:end]...)
	for at := width; i < len(c.levels); i++ {
		for ; at < c.levels[i].width; at++ {
			d.key = appendKeyPart(d.key, otherValue)
		}
		ends[i] = uint16(len(d.key))
	}
	return d.find(c, &ends)
}

// find returns the series whose key is in d.key, a new one if there is none.
func (d *dictionary) find(c *chain, ends *[maxLevels]uint16) *series {
	hash := maphash.Bytes(d.seed, d.key)
	mask := uint64(len(d.slots) - 1)
	i := hash & mask
	for ; d.slots[i] != nil; i = (i + 1) & mask {
		if s := d.slots[i]; s.hash == hash && s.key == string(d.key) {
			return s
		}
	}
	s := &series{chain: c, key: string(d.key), hash: hash, ends: *ends}
	d.slots[i] = s
	d.n++
	if d.n*4 > len(d.slots)*3 {
		d.rebuild(2*len(d.slots), func(*series) bool { return true })
	}
	return s
}

// tidy forgets series without a cell that task, the worker's current one, did not use, once there are many: lines of
// strangers must not fill the memory with names that were refused. It reports whether it may have forgotten one. Call it between
// tasks.
func (d *dictionary) tidy(task uint64) (forgot bool) {
	if d.n < d.sweep {
		return false
	}
	size := len(d.slots)
	d.rebuild(size, func(s *series) bool { return s.cells > 0 || s.usedTask == task })
	for size > 256 && d.n*4 < size {
		size /= 2
	}
	d.rebuild(size, func(*series) bool { return true })
	d.sweep = max(minSweep, 2*d.n)
	return true
}

func (d *dictionary) rebuild(size int, keep func(*series) bool) {
	old := d.slots
	d.slots, d.n = make([]*series, size), 0
	mask := uint64(size - 1)
	for _, s := range old {
		if s == nil || !keep(s) {
			continue
		}
		i := s.hash & mask
		for ; d.slots[i] != nil; i = (i + 1) & mask {
		}
		d.slots[i] = s
		d.n++
	}
}
