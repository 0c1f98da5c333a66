package machine

import (
	"bytes"
	"regexp/syntax"
	"unicode"
	"unicode/utf8"
)

// set is the bytes that runes of a class begin with.
type set struct {
	has   [256]bool
	kind  kind
	but   byte // of allBut
	whole bool // all bytes from 0x80 on are in it with all of the runes they are part of, or none is
}

type kind uint8

// How a set is gone over.
const (
	table kind = iota
	allBut
	everything
)

// newSet returns the set of an InstRune.
func newSet(class *syntax.Inst) set {
	var s set
	for b := range rune(utf8.RuneSelf) {
		s.has[b] = class.MatchRune(b)
	}
	beyond, all := reaches(class)
	for b := utf8.RuneSelf; b < len(s.has); b++ {
		s.has[b] = beyond
	}
	s.whole = all || !beyond
	missing := 0
	for b, in := range s.has {
		if !in {
			missing++
			s.but = byte(b)
		}
	}
	switch missing {
	case 0:
		s.kind = everything
	case 1:
		s.kind = allBut
	}
	return s
}

// reaches reports whether a class has runes that are not ASCII, and whether it has all of those.
func reaches(class *syntax.Inst) (beyond, all bool) {
	pairs := class.Rune
	switch len(pairs) {
	case 0:
		return false, false
	case 1:
		if syntax.Flags(class.Arg)&syntax.FoldCase != 0 {
			for r := unicode.SimpleFold(pairs[0]); r != pairs[0]; r = unicode.SimpleFold(r) {
				beyond = beyond || r >= utf8.RuneSelf
			}
		}
		return beyond || pairs[0] >= utf8.RuneSelf, false
	}
	low, high := pairs[len(pairs)-2], pairs[len(pairs)-1]
	return high >= utf8.RuneSelf, low <= utf8.RuneSelf && high == unicode.MaxRune
}

// span returns where from `from` on the first byte is that is not in s, or `to`.
func (s *set) span(line []byte, from, to int) int {
	switch s.kind {
	case everything:
		return to
	case allBut:
		if i := bytes.IndexByte(line[from:to], s.but); i >= 0 {
			return from + i
		}
		return to
	}
	for i, b := range line[from:to] {
		if !s.has[b] {
			return from + i
		}
	}
	return to
}

// boundary reports whether line[at] is not inside a valid rune.
func boundary(line []byte, at int) bool {
	if at == len(line) || utf8.RuneStart(line[at]) {
		return true
	}
	for begin := at - 1; begin >= max(0, at-utf8.UTFMax+1); begin-- {
		if utf8.RuneStart(line[begin]) {
			_, width := utf8.DecodeRune(line[begin:])
			return begin+width <= at
		}
	}
	return true
}
