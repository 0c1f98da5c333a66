// Package distinct counts different values: exactly up to Exact of them, by a HyperLogLog sketch beyond (standard error
// 1.6 %).
//
// What a Counter says is a function of the set of values alone: whether it counts exactly depends on how many there are,
// the sketch on their hashes, and Merge commutes. So any number of workers, and a restart, give the same number.
package distinct

import (
	"github.com/axiomhq/hyperloglog"
	"github.com/cespare/xxhash/v2"
)

const (
	// Exact is how many different values are counted without error.
	Exact = 96

	precision = 12 // 4096 registers of a byte
	smallest  = 8  // slots of a fresh table
)

// Hash returns the hash by which Add knows value: the same in every process, so that counters of several can be merged. It
// is never 0.
func Hash(value []byte) uint64 {
	if h := xxhash.Sum64(value); h != 0 {
		return h
	}
	return 1
}

// Counter counts different values. The zero value is empty and ready. It is used by one goroutine.
type Counter struct {
	n      int32    // values in table
	idle   uint8    // how many times in a row Reset saw far less than there is memory for
	table  []uint64 // open addressing, a power of two long, 0 is a free slot; unused while sketch is
	sketch *hyperloglog.Sketch
	spare  *hyperloglog.Sketch // kept over Reset
}

// Add counts the value with this Hash.
func (c *Counter) Add(hash uint64) {
	if c.sketch != nil {
		c.sketch.InsertHash(hash)
		return
	}
	if c.table == nil {
		c.table = make([]uint64, smallest)
	}
	i := c.slot(hash)
	if c.table[i] == hash {
		return
	}
	if c.n == Exact {
		c.toSketch()
		c.sketch.InsertHash(hash)
		return
	}
	if int(c.n)*4 >= len(c.table)*3 {
		c.grow()
		i = c.slot(hash)
	}
	c.table[i] = hash
	c.n++
}

// slot returns where hash is in the table, or the free slot where it belongs.
func (c *Counter) slot(hash uint64) uint64 {
	mask := uint64(len(c.table) - 1)
	i := hash & mask
	for c.table[i] != 0 && c.table[i] != hash {
		i = (i + 1) & mask
	}
	return i
}

// Merge adds all values of o. o is not changed.
func (c *Counter) Merge(o *Counter) {
	if o.sketch == nil {
		for _, hash := range o.table {
			if hash != 0 {
				c.Add(hash)
			}
		}
		return
	}
	if c.sketch == nil {
		c.toSketch()
	}
	if err := c.sketch.Merge(o.sketch); err != nil {
		panic("BUG: merge of sketches of one precision: " + err.Error())
	}
}

// Count returns how many different values were added.
func (c *Counter) Count() int64 {
	if c.sketch != nil {
		return estimate(c.sketch)
	}
	return int64(c.n)
}

// Any reports whether a value was added.
func (c *Counter) Any() bool { return c.sketch != nil || c.n > 0 }

// maxIdle is how many times in a row memory that was not needed is kept. Who has many counters gives each to another series every time: without
// an end all of them would come to have the memory of the busiest.
const maxIdle = 8

// Reset empties c and keeps its memory, while it is needed now and then.
func (c *Counter) Reset() {
	if c.sketch == nil && (c.spare != nil || 8*int(c.n) < len(c.table)) {
		c.idle++
	} else {
		c.idle = 0
	}
	if c.idle == maxIdle {
		*c = Counter{}
		return
	}
	clear(c.table)
	c.n = 0
	if c.sketch != nil {
		c.spare, c.sketch = c.sketch, nil
		c.spare.Reset()
	}
}

func (c *Counter) grow() {
	old := c.table
	c.table = make([]uint64, 2*len(old))
	for _, hash := range old {
		if hash != 0 {
			c.table[c.slot(hash)] = hash
		}
	}
}

func (c *Counter) toSketch() {
	c.sketch, c.spare = c.spare, nil
	if c.sketch == nil {
		sketch, err := hyperloglog.NewSketch(precision, false)
		if err != nil {
			panic("BUG: new sketch: " + err.Error())
		}
		c.sketch = sketch
	}
	for _, hash := range c.table {
		if hash != 0 {
			c.sketch.InsertHash(hash)
		}
	}
	clear(c.table)
	c.n = 0
}
