package machine

import "regexp/syntax"

// look is what a fork sees: for each byte that may be next, and for the end of the line behind them, which ways can lead to a match.
type look [256 + 1]ways

// ways on from a fork, one bit each.
type ways uint8

const (
	byOut ways = 1 << iota
	byArg
)

// end stands for the end of the line where bytes do.
const end = 256

// at returns the ways on before line[at].
func (l *look) at(line []byte, at int) ways {
	if at < len(line) {
		return l[line[at]]
	}
	return l[end]
}

// only returns the bytes before which there are these ways on and no others.
func (l *look) only(w ways) (has [256]bool) {
	for b := range has {
		has[b] = l[b] == w
	}
	return has
}

// next is the bytes, and the end, that may be next where an instruction leads to a match. There may be too many in it, not too few.
type next [(256 + 1 + 63) / 64]uint64

// anything is all of them.
var anything = next{^uint64(0), ^uint64(0), ^uint64(0), ^uint64(0), 1}

func (n *next) add(b int)      { n[b>>6] |= 1 << (b & 63) }
func (n *next) has(b int) bool { return n[b>>6]>>(b&63)&1 != 0 }

// addAll adds all of other and reports whether there was something new.
func (n *next) addAll(other *next) bool {
	before := *n
	for i := range n {
		n[i] |= other[i]
	}
	return *n != before
}

// lookAhead gives each fork its look. Instructions mostly lead to later ones, so going backwards there is little to repeat.
func (c *compiler) lookAhead() {
	nexts := make([]next, len(c.insts))
	for pc := range c.insts {
		in := &c.insts[pc]
		switch {
		case in.op == match:
			nexts[pc] = anything
		case in.op == assert && in.condition&(syntax.EmptyEndLine|syntax.EmptyEndText) != 0:
			nexts[pc].add(end)
			if in.condition&syntax.EmptyEndText == 0 {
				nexts[pc].add('\n')
			}
		case in.op.takesRune():
			for b, has := range in.set.has {
				if has {
					nexts[pc].add(b)
				}
			}
		}
	}
	for again := true; again; { // until nothing is new
		again = false
		for pc := len(c.insts) - 1; pc >= 0; pc-- {
			in := &c.insts[pc]
			switch {
			case in.op.isFork():
				again = nexts[pc].addAll(&nexts[in.arg]) || again
				again = nexts[pc].addAll(&nexts[in.out]) || again
			case in.op == capture, in.op == assert && in.condition&(syntax.EmptyEndLine|syntax.EmptyEndText) == 0:
				again = nexts[pc].addAll(&nexts[in.out]) || again
			}
		}
	}
	looks := map[[2]next]*look{}
	for pc := range c.insts {
		in := &c.insts[pc]
		if !in.op.isFork() {
			continue
		}
		both := [2]next{nexts[in.out], nexts[in.arg]}
		if looks[both] == nil {
			l := new(look)
			for b := range l {
				if both[0].has(b) {
					l[b] |= byOut
				}
				if both[1].has(b) {
					l[b] |= byArg
				}
			}
			looks[both] = l
		}
		in.look = looks[both]
	}
}
