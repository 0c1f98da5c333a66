package redact

import "github.com/gatemeter/gatemeter/pipeline/bitmap"

// What the words of a block of marks are the places of.
const (
	quotes   = iota // quotation marks
	colons          //
	others          // with which other signs begin: equals signs, percent signs and backslashes
	brackets        // [ and ], which may stand between the parts of a name
)

// appendMarks appends the marks of text to dst, which has room for them, and returns it. Bits past the text's end are 0.
func appendMarks(dst []bitmap.Block, text []byte) []bitmap.Block {
	whole := len(text) / 64
	dst = dst[:(len(text)+63)/64]
	fillMarks(dst[:whole], text)
	if rest := text[whole*64:]; len(rest) > 0 {
		var end [64]byte
		copy(end[:], rest)
		fillMarks(dst[whole:], end[:])
	}
	return dst
}

// fillMarksPortable fills marks from as many whole blocks of text.
func fillMarksPortable(marks []bitmap.Block, text []byte) {
	for k := range marks {
		var space [1]bitmap.Block
		block := text[k*64:][:64]
		four := bitmap.Append(space[:0], block, [4]byte{'"', ':', '=', '%'})[0]
		rest := bitmap.Append(space[:0], block, [4]byte{'\\', '[', ']', ']'})[0]
		marks[k] = bitmap.Block{quotes: four[0], colons: four[1], others: four[2] | four[3] | rest[0], brackets: rest[1] | rest[2]}
	}
}
