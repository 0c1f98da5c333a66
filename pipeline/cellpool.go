package pipeline

import "sync"

// cellPool is empty cells for whoever needs one: workers take them, and who has made the panes of a window brings them back.
type cellPool struct {
	mu   sync.Mutex
	free []*cell
}

const (
	keptCells = 8192 // are kept at any rate
	takeCells = 64   // at once
)

// take appends some cells to dst.
func (p *cellPool) take(dst []*cell) []*cell {
	p.mu.Lock()
	from := max(0, len(p.free)-takeCells)
	dst = append(dst, p.free[from:]...)
	clear(p.free[from:])
	p.free = p.free[:from]
	p.mu.Unlock()
	if len(dst) == 0 {
		dst = append(dst, &cell{})
	}
	return dst
}

// put empties cells, which no one else may know any more, and takes them back.
func (p *cellPool) put(cells []*cell) {
	for _, c := range cells {
		c.reset()
	}
	p.mu.Lock()
	p.free = append(p.free, cells...)
	p.mu.Unlock()
}

// trim gives up what goes beyond n and what is kept at any rate.
func (p *cellPool) trim(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n = max(n, keptCells); len(p.free) > n {
		p.free = append([]*cell(nil), p.free[:n]...)
	}
}
