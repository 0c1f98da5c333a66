package pipeline

// cell is what was counted of a series of the finest level of a chain in a window: by one worker or, once it was sent, by all. What few
// records add is listed, which takes less memory and time than a value of it: most series of a log with thousands come seldom.
type cell struct {
	value *value // all of it; nil while it is listed
	few   *few
	n     int // so many of few are listed
}

// few is what few records add.
type few [maxFew]amounts

const maxFew = 4

// add lists a and returns nil, or returns the value that a is still to be added to.
func (c *cell) add(a *amounts, s *stock) *value {
	if c.value == nil && c.n < maxFew {
		if c.n == 0 {
			c.few = s.few.take()
		}
		c.few[c.n] = *a
		c.n++
		return nil
	}
	if c.value == nil {
		c.sum(s)
	}
	return c.value
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
	for i := range c.n {
		some[i] = addition{&c.few[i], v}
	}
	addAll(some[:c.n], s.codes)
}

// merge adds o, and leaves it to be put back.
func (c *cell) merge(o *cell, s *stock) {
	if c.value == nil && o.value != nil {
		*c, *o = *o, *c // there is a value already
	}
	if c.value == nil && c.n+o.n <= maxFew {
		for i := range o.n {
			c.add(&o.few[i], s)
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
	for i := range c.n {
		c.few[i].sent = true
	}
}
