package machine

import (
	"regexp/syntax"
	"unicode/utf8"
)

// Program is an expression to be run by Machines. It is not changed by use.
type Program struct {
	insts []inst
	start int32
	rows  int // of marks
	slots int // that captures write: two for each group
}

// inst is an instruction. Those of a program have the numbers of regexp/syntax's, from which they were made.
type inst struct {
	op        op
	condition syntax.EmptyOp // of an assertion
	alone     bool           // a greedy span's bytes cannot begin what follows it: it ends in one place only
	marked    bool           // it is run at most once in each place
	first     byte           // the text, of one
	row       int32          // of marks, if it is marked or a span
	out, arg  int32          // the ways on. A fork prefers out; arg is a capture's slot
	behind    int32          // a text's way on. Its out is behind its first rune
	look      *look          // of a fork
	set       *set           // of one rune: how it may begin; of a span: what it goes over without looking; of a search the same
	runes     *syntax.Inst   // of one rune
	text      []byte         // of a text; of a search, what all it looks for begins with
}

type op uint8

// Instructions. The threads know the forks as forks, and of a text its first rune.
const (
	fail    op = iota
	match      // all has been found
	one        // one ASCII byte, the text
	text       // several bytes
	ascii      // a rune of a class, all of which is ASCII
	runes      // a rune of any class
	assert     // a condition that takes no bytes
	capture    // of a place
	fork       // out, or else arg
	greedy     // a fork: out is one more rune of a class, arg what follows
	lazy       // a fork: out is what follows, arg one more rune of a class
	search     // a lazy one of all runes, before everything else
)

// isFork reports whether there are two ways on.
func (o op) isFork() bool { return o >= fork }

// takesRune reports whether it goes on behind a rune of the line.
func (o op) takesRune() bool { return o >= one && o <= runes }

// takes reports whether an instruction that takes a rune takes r.
func (in *inst) takes(r rune) bool {
	if r < utf8.RuneSelf {
		return in.set.has[r]
	}
	return in.op != ascii && in.runes.MatchRune(r)
}

// holds reports whether an assertion does before line[at]. Only ASCII counts in them, so there is nothing to decode.
func (in *inst) holds(line []byte, at int) bool {
	before, after := rune(-1), rune(-1)
	if at > 0 {
		before = rune(line[at-1])
	}
	if at < len(line) {
		after = rune(line[at])
	}
	return in.condition&^syntax.EmptyOpContext(before, after) == 0
}
