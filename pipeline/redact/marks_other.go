//go:build !amd64

package redact

import "github.com/gatemeter/gatemeter/pipeline/bitmap"

// fillMarks fills marks from as many whole blocks of text.
func fillMarks(marks []bitmap.Block, text []byte) { fillMarksPortable(marks, text) }
