package pipeline

import (
	"slices"
	"sync"
)

// progress follows which of a partition's lines one record sink has confirmed. Lines are handed over in the order of their
// offsets and confirmed in any. What the sink had no room for is a gap, which its record lane fills later by reading again.
type progress struct {
	mu     sync.Mutex
	done   int64   // everything below is confirmed
	spans  []*span // what follows done: in the order of offsets, each from where the one before ends
	behind bool    // new lines are left to the record lane
}

// span is a stretch of offsets that are treated alike.
type span struct {
	from, next int64
	state      spanState
}

type spanState uint8

const (
	onItsWay  spanState = iota // handed over, or about to be
	confirmed                  // the sink has it, or need not
	gap                        // nobody has it
)

// start sets the offset at which everything begins.
func (p *progress) start(offset int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done = offset
}

// begin notes lines that are about to be handed over. It returns nil when they are left to the record lane.
func (p *progress) begin(from, next int64) *span {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.behind {
		s := &span{from, next, onItsWay}
		p.spans = append(p.spans, s)
		return s
	}
	if n := len(p.spans); n > 0 && p.spans[n-1].state == gap {
		p.spans[n-1].next = next
	} else {
		p.spans = append(p.spans, &span{from, next, gap})
	}
	return nil
}

// skip notes lines that the sink is not to be given.
func (p *progress) skip(from, next int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.spans = append(p.spans, &span{from, next, confirmed})
	p.settle()
}

// confirm notes that the sink has s.
func (p *progress) confirm(s *span) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.state != onItsWay {
		panic("BUG: a record sink confirmed a body twice, or one that it did not take")
	}
	s.state = confirmed
	p.settle()
}

// leave makes s, for which the sink has no room, a gap. Lines that follow go the same way until the record lane has caught up.
// It reports whether this is the first.
func (p *progress) leave(s *span) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	first := !p.behind
	s.state, p.behind = gap, true
	return first
}

func (p *progress) settle() {
	n := 0
	for n < len(p.spans) && p.spans[n].state == confirmed {
		p.done = max(p.done, p.spans[n].next)
		n++
	}
	p.spans = slices.Delete(p.spans, 0, n)
}

// indexed returns the offset below which everything is confirmed.
func (p *progress) indexed() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.done
}

// claim takes out of the gaps the first stretch that lies in [from, next), to be handed over; nil when there is none.
func (p *progress) claim(from, next int64) *span {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.IndexFunc(p.spans, func(s *span) bool { return s.state == gap && s.next > from })
	if i < 0 || p.spans[i].from >= next {
		return nil
	}
	whole := p.spans[i]
	taken := &span{max(whole.from, from), min(whole.next, next), onItsWay}
	var parts []*span
	if whole.from < taken.from {
		parts = append(parts, &span{whole.from, taken.from, gap})
	}
	parts = append(parts, taken)
	if taken.next < whole.next {
		parts = append(parts, &span{taken.next, whole.next, gap})
	}
	p.spans = slices.Replace(p.spans, i, i+1, parts...)
	return taken
}

// firstGap returns where the first gap begins.
func (p *progress) firstGap() (from int64, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.spans {
		if s.state == gap {
			return s.from, true
		}
	}
	return 0, false
}

// isBehind reports whether the record lane has to do with the partition.
func (p *progress) isBehind() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.behind || slices.ContainsFunc(p.spans, func(s *span) bool { return s.state == gap })
}

// waiting returns how many offsets lie in gaps.
func (p *progress) waiting() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := int64(0)
	for _, s := range p.spans {
		if s.state == gap {
			n += s.next - s.from
		}
	}
	return n
}

// rejoin hands lines that follow to the sink at once again, if no gap is left or if near says that the lane is all but
// there. It reports whether it did now.
func (p *progress) rejoin(near bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.behind || !near && slices.ContainsFunc(p.spans, func(s *span) bool { return s.state == gap }) {
		return false
	}
	p.behind = false
	return true
}
