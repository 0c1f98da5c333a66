package pipeline

// cell is what was counted of a series of the finest level of a chain in a window: by one worker or, once it was sent, by all. What few
// records add is listed, which takes less memory and time than a value of it: most series of a log with thousands come seldom.
type cell struct {
	value *value // of all; nil: they are listed
	few   *few
	n     int // so many are listed
}

// few is what few records add.
type few [maxFew]amounts

const maxFew = 4

// list adds a to what is listed, if there is room. Else it makes a value of what is listed, to which a is to be added.
func (c *cell) list(a *amounts, s *stock) bool {
	switch c.n {
	case 0:
		c.few = s.few.take()
	case maxFew:
		c.sum(s)
		return false
	}
	c.few[c.n] = *a
	c.n++
	return true
}

// listed returns what is listed.
func (c *cell) listed() []amounts {
	if c.n == 0 {
		return nil
	}
	return c.few[:c.n]
}

// sum makes a value of what is listed.
func (c *cell) sum(s *stock) {
	v := s.values.take()
	c.addTo(v, s)
	s.few.put(c.few)
	*c = cell{value: v}
}

// addTo adds c to v.
func (c *cell) addTo(v *value, s *stock) {
	if c.value != nil {
		v.merge(c.value)
		return
	}
	var some [maxFew]addition
	for i := range c.listed() {
		some[i] = addition{&c.few[i], v}
	}
	addAll(some[:c.n], s.codes)
}

// merge adds o, and leaves it to be put back.
func (c *cell) merge(o *cell, s *stock) {
	if c.value == nil && (o.value != nil || c.n < o.n) {
		*c, *o = *o, *c // less is to be added
	}
	if c.value == nil && c.n+o.n <= maxFew {
		for i := range o.listed() {
			c.list(&o.few[i], s)
		}
		return
	}
	if c.value == nil {
		c.sum(s)
	}
	o.addTo(c.value, s)
}

// markSent notes that discarding sinks have all of c.
func (c *cell) markSent() {
	if c.value != nil {
		c.value.markSent()
	}
	for i := range c.listed() {
		c.few[i].sent = true
	}
}
