package machine

import (
	"bytes"
	"regexp/syntax"
	"unicode"
	"unicode/utf8"
)

// set is a set of bytes.
type set struct {
	has  [256]bool
	kind kind
	but  byte // of allBut
}

type kind uint8

// How a set is gone over.
const (
	table kind = iota
	allBut
	everything
)

func newSet(has [256]bool) *set {
	s := &set{has: has}
	missing := 0
	for b, in := range has {
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

// firstBytes returns the bytes that what an InstRune takes may begin with. Of those that are not ASCII they are all or none.
func firstBytes(class *syntax.Inst) (has [256]bool) {
	beyond, _ := beyondASCII(class)
	for b := range rune(len(has)) {
		if b < utf8.RuneSelf {
			has[b] = class.MatchRune(b)
		} else {
			has[b] = beyond
		}
	}
	return has
}

// beyondASCII reports whether an InstRune takes runes that are not ASCII: some, and if so, all.
func beyondASCII(class *syntax.Inst) (some, all bool) {
	if len(class.Rune) == 1 {
		some = class.Rune[0] >= utf8.RuneSelf
		if syntax.Flags(class.Arg)&syntax.FoldCase != 0 {
			for r := unicode.SimpleFold(class.Rune[0]); r != class.Rune[0]; r = unicode.SimpleFold(r) {
				some = some || r >= utf8.RuneSelf
			}
		}
		return some, false
	}
	if n := len(class.Rune); n > 0 {
		low, high := class.Rune[n-2], class.Rune[n-1]
		return high >= utf8.RuneSelf, low <= utf8.RuneSelf && high == unicode.MaxRune
	}
	return false, false
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
