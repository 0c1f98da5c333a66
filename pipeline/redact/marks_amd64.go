package redact

import "github.com/gatemeter/gatemeter/pipeline/bitmap"

// fillMarks fills marks from as many whole blocks of text.
func fillMarks(marks []bitmap.Block, text []byte) {
	if !bitmap.Wide() || len(marks) == 0 {
		fillMarksPortable(marks, text)
		return
	}
	_ = text[len(marks)*64-1]
	fillMarksAVX2(&marks[0], &text[0], len(marks))
}

// fillMarksAVX2 fills n marks, at least one, from 64 × n bytes of text.
//
//go:noescape
func fillMarksAVX2(marks *bitmap.Block, text *byte, n int)
