package pipeline

import "sync"

// cellPool is memory for cells, which nobody uses: workers take it, and who has made the panes of a window brings it back. Cells and values are empty.
type cellPool struct {
	cells  pool[cell]
	few    pool[few]
	values pool[value]
}

// trim gives up what goes beyond n of each, and beyond what is kept at any rate.
func (p *cellPool) trim(n int) {
	p.cells.trim(n)
	p.few.trim(n)
	p.values.trim(n)
}

// stock is what one goroutine has of the pool, and how it is used: with it cells are added to.
type stock struct {
	cells  share[cell]
	few    share[few]
	values share[value]
	codes  bool // status codes are counted
}

func newStock(p *Pipeline) stock {
	return stock{
		cells: share[cell]{pool: &p.cells.cells}, few: share[few]{pool: &p.cells.few}, values: share[value]{pool: &p.cells.values},
		codes: p.set.Metrics.StatusCodes,
	}
}

// put takes back a cell, which no one else may know any more.
func (s *stock) put(c *cell) {
	if c.value != nil {
		c.value.reset()
		s.values.put(c.value)
	}
	if c.few != nil {
		s.few.put(c.few)
	}
	*c = cell{}
	s.cells.put(c)
}

const (
	keptAtAnyRate = 8192
	takenAtOnce   = 64
)

// pool is things of a kind that nobody uses.
type pool[T any] struct {
	mu   sync.Mutex
	free []*T
}

// take appends some to dst.
func (p *pool[T]) take(dst []*T) []*T {
	p.mu.Lock()
	defer p.mu.Unlock()
	from := max(0, len(p.free)-takenAtOnce)
	dst = append(dst, p.free[from:]...)
	clear(p.free[from:])
	p.free = p.free[:from]
	return dst
}

// put takes some back.
func (p *pool[T]) put(some []*T) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.free = append(p.free, some...)
}

// trim gives up what goes beyond n and what is kept at any rate.
func (p *pool[T]) trim(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n = max(n, keptAtAnyRate); len(p.free) > n {
		p.free = append([]*T(nil), p.free[:n]...)
	}
}

// share is what one goroutine has of a pool, so that it asks for it seldom.
type share[T any] struct {
	pool *pool[T]
	free []*T
}

// take returns one that nobody uses.
func (s *share[T]) take() *T {
	if len(s.free) == 0 {
		if s.free = s.pool.take(s.free); len(s.free) == 0 {
			return new(T)
		}
	}
	n := len(s.free) - 1
	t := s.free[n]
	s.free[n], s.free = nil, s.free[:n]
	return t
}

// put takes back one that nobody uses any more.
func (s *share[T]) put(t *T) {
	if s.free = append(s.free, t); len(s.free) == 2*takenAtOnce {
		s.pool.put(s.free[takenAtOnce:])
		clear(s.free[takenAtOnce:])
		s.free = s.free[:takenAtOnce]
	}
}
