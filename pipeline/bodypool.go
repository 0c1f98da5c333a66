package pipeline

import "sync"

// bodyPool keeps the buffers of a record sink's bodies. A new one has room for what those before needed: one that grows while it is
// filled is copied again and again, and leaves each of its smaller selves to the garbage collector.
type bodyPool struct {
	mu   sync.Mutex
	free []*Body
	kept int // bytes of free
	room int // what a body needs, as far as is known
}

// maxBody is the longest buffer that a bodyPool keeps, and maxBodies how many bytes it keeps in all.
const (
	maxBody   = 4 << 20
	maxBodies = 64 << 20
)

func (p *bodyPool) get() *Body {
	p.mu.Lock()
	if n := len(p.free); n > 0 {
		defer p.mu.Unlock()
		b := p.free[n-1]
		p.free = p.free[:n-1]
		p.kept -= cap(b.Bytes)
		return b
	}
	room := p.room
	p.mu.Unlock()
	return &Body{Bytes: make([]byte, 0, room)}
}

func (p *bodyPool) put(b *Body) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(b.Bytes)
	// An eighth more, for they are not all alike. After one that was much longer than others it falls again.
	p.room = min(maxBody, max(n+n/8, p.room-p.room/64))
	if size := cap(b.Bytes); size <= maxBody && p.kept+size <= maxBodies {
		b.Bytes, b.Docs, b.Done = b.Bytes[:0], 0, nil
		p.free = append(p.free, b)
		p.kept += size
	}
}
