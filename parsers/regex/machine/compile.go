package machine

import (
	"fmt"
	"regexp/syntax"
	"slices"
	"unicode"
	"unicode/utf8"
)

// maxInsts bounds a program: how long a line takes, and the memory of a Machine.
const maxInsts = 1 << 16

// Compile makes a program of an expression, parsed as syntax.Perl, that keeps the places of groups: Machine.Match has those of
// groups[i] as the i'th. None is in it twice. Group 0 is the whole match.
func Compile(re *syntax.Regexp, groups []int) (*Program, error) {
	whole := &syntax.Regexp{Op: syntax.OpCapture, Cap: 0, Sub: []*syntax.Regexp{re.Simplify()}}
	prog, err := syntax.Compile(whole)
	if err != nil {
		return nil, err
	}
	if len(prog.Inst) > maxInsts {
		return nil, fmt.Errorf("it makes a program of more than %d instructions", maxInsts)
	}
	c := compiler{from: prog, slots: map[uint32]int32{}, sets: map[[256]bool]*set{}}
	for i, group := range groups {
		c.slots[uint32(2*group)] = int32(2 * i)
		c.slots[uint32(2*group+1)] = int32(2*i + 1)
	}
	anchored := prog.StartCond()&syntax.EmptyBeginText != 0
	if !anchored {
		c.anywhere()
	}
	c.translate()
	c.lookAhead()
	c.spans()
	c.texts()
	if !anchored {
		c.search()
	}
	return &Program{insts: c.insts, start: c.next(prog.Start), rows: c.marks(), slots: 2 * len(groups)}, nil
}

// compiler makes a program.
type compiler struct {
	from  *syntax.Prog
	slots map[uint32]int32   // of places that are kept
	sets  map[[256]bool]*set // those there are
	insts []inst
}

// set returns a set.
func (c *compiler) set(has [256]bool) *set {
	if c.sets[has] == nil {
		c.sets[has] = newSet(has)
	}
	return c.sets[has]
}

// anywhere puts `(?s:.*?)` before the program: it may begin anywhere.
func (c *compiler) anywhere() {
	at := uint32(len(c.from.Inst))
	c.from.Inst = append(c.from.Inst,
		syntax.Inst{Op: syntax.InstAlt, Out: uint32(c.from.Start), Arg: at + 1},
		syntax.Inst{Op: syntax.InstRuneAny, Out: at})
	c.from.Start = int(at)
}

// search makes a search of what anywhere has put there.
func (c *compiler) search() {
	in := &c.insts[c.from.Start]
	begin := &c.insts[in.out]
	for begin.op == capture {
		begin = &c.insts[begin.out]
	}
	in.op, in.text = search, begin.text
}

// next returns the first instruction from pc on that does something.
func (c *compiler) next(pc int) int32 {
	for {
		in := &c.from.Inst[pc]
		if in.Op == syntax.InstCapture {
			if _, kept := c.slots[in.Arg]; kept {
				return int32(pc)
			}
		} else if in.Op != syntax.InstNop {
			return int32(pc)
		}
		pc = int(in.Out)
	}
}

// translate makes an instruction of each that can be reached. The others fail.
func (c *compiler) translate() {
	c.insts = make([]inst, len(c.from.Inst))
	begin := c.next(c.from.Start)
	reached := make([]bool, len(c.insts))
	reached[begin] = true
	todo := []int32{begin}
	reach := func(pc uint32) int32 {
		to := c.next(int(pc))
		if !reached[to] {
			reached[to] = true
			todo = append(todo, to)
		}
		return to
	}
	for len(todo) > 0 {
		pc := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		from, in := c.from.Inst[pc], &c.insts[pc]
		switch from.Op {
		case syntax.InstFail, syntax.InstMatch:
			if from.Op == syntax.InstMatch {
				in.op = match
			}
			continue
		case syntax.InstAlt, syntax.InstAltMatch:
			in.op, in.arg = fork, reach(from.Arg)
		case syntax.InstCapture:
			in.op, in.arg = capture, c.slots[from.Arg]
		case syntax.InstEmptyWidth:
			in.op, in.condition = assert, syntax.EmptyOp(from.Arg)
		case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
			class := classOf(from)
			in.op, in.set, in.runes = runes, c.set(firstBytes(&class)), &class
			if some, _ := beyondASCII(&class); !some {
				in.op = ascii
			}
		}
		in.out = reach(from.Out)
	}
}

// classOf returns an instruction that takes a rune as an InstRune.
func classOf(in syntax.Inst) syntax.Inst {
	switch in.Op {
	case syntax.InstRuneAny:
		in.Rune, in.Arg = []rune{0, unicode.MaxRune}, 0
	case syntax.InstRuneAnyNotNL:
		in.Rune, in.Arg = []rune{0, '\n' - 1, '\n' + 1, unicode.MaxRune}, 0
	}
	in.Op = syntax.InstRune
	return in
}

// spans finds the forks that are loops over one class. Where only some of the runes that are no ASCII are in it, bytes do not tell
// enough, and it is left a fork.
func (c *compiler) spans() {
	for pc := range c.insts {
		in := &c.insts[pc]
		if in.op != fork {
			continue
		}
		loops := func(body int32) bool {
			b := &c.insts[body]
			if !b.op.takesRune() || b.out != int32(pc) {
				return false
			}
			some, all := beyondASCII(b.runes)
			return all || !some
		}
		switch {
		case loops(in.out):
			in.op, in.set, in.alone = greedy, c.insts[in.out].set, !slices.Contains(in.look[:], byOut|byArg)
		case loops(in.arg):
			in.op, in.set = lazy, c.set(in.look.only(byArg))
		}
	}
}

// texts joins runes that follow each other.
func (c *compiler) texts() {
	edges := c.edges()
	inside := make([]bool, len(c.insts)) // come to from a rune only
	for pc := range c.insts {
		if _, ok := c.literal(int32(pc)); ok && edges[c.insts[pc].out] == 1 {
			inside[c.insts[pc].out] = true
		}
	}
	for pc := range c.insts {
		r, ok := c.literal(int32(pc))
		if !ok || inside[pc] {
			continue
		}
		var joined []byte
		at := int32(pc)
		for ok {
			joined = utf8.AppendRune(joined, r)
			if at = c.insts[at].out; !inside[at] {
				break
			}
			r, ok = c.literal(at)
		}
		in := &c.insts[pc]
		in.op, in.text, in.behind = text, joined, at
		if len(in.text) == 1 {
			in.op, in.first = one, in.text[0]
		}
	}
}

// literal returns the only rune that an instruction takes, if it is one that a line can have written out. utf8.RuneError stands for all
// bytes that are wrong too.
func (c *compiler) literal(pc int32) (rune, bool) {
	in := &c.insts[pc]
	if !in.op.takesRune() || len(in.runes.Rune) != 1 {
		return 0, false
	}
	r := in.runes.Rune[0]
	return r, utf8.ValidRune(r) && r != utf8.RuneError && (syntax.Flags(in.runes.Arg)&syntax.FoldCase == 0 || unicode.SimpleFold(r) == r)
}

// marks gives instructions that can be reached in two ways their row of marks, and returns how many rows there are. What can be
// reached in one way is run as often as what comes before it. Spans always have one: they go over the same bytes from different
// places.
func (c *compiler) marks() (rows int) {
	edges := c.edges()
	for pc := range c.insts {
		in := &c.insts[pc]
		in.marked = edges[pc] > 1 && in.op != match && in.op < greedy
		if in.marked || edges[pc] > 0 && (in.op == greedy || in.op == lazy) {
			in.row = int32(rows)
			rows++
		}
	}
	return rows
}

// edges counts, for each instruction, the ways by which backtracking comes to it.
func (c *compiler) edges() []int {
	edges := make([]int, len(c.insts))
	var todo []int32
	to := func(pc int32) {
		if edges[pc]++; edges[pc] == 1 {
			todo = append(todo, pc)
		}
	}
	to(c.next(c.from.Start))
	for len(todo) > 0 {
		in := &c.insts[todo[len(todo)-1]]
		todo = todo[:len(todo)-1]
		switch in.op {
		case fail, match:
		case text, one:
			to(in.behind)
		case greedy:
			to(in.arg)
		case fork:
			to(in.out)
			to(in.arg)
		default:
			to(in.out)
		}
	}
	return edges
}
