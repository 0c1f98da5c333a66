// Package docker takes lines out of the JSON that log shippers put around them: Docker's json-file driver writes
// {"log":"LINE\n","stream":"stdout","time":"…"}, Filebeat and its like have the line under "message".
package docker

import (
	"bytes"

	"github.com/gatemeter/gatemeter/parsers/jsonscan"
)

// Unwrapper takes lines out. It is used by one goroutine.
type Unwrapper struct{ scan jsonscan.Scanner }

// Reset forgets the lines that Line has returned.
func (u *Unwrapper) Reset() { u.scan.Reset() }

var first = []byte(`{"log":"`) // never written

// Is reports whether line is one of Docker's, without reading it whole.
func Is(line []byte) bool { return bytes.HasPrefix(line, first) }

// Line returns the text under line's key log or message, without its end; ok is false when there is none. It is valid until
// Reset, or as long as line.
func (u *Unwrapper) Line(line []byte) (inner []byte, ok bool) {
	u.scan.Start(line)
	for u.scan.Next() {
		switch string(u.scan.Key()) {
		case "log", "message":
			if u.scan.Kind() == jsonscan.String {
				inner = bytes.TrimRight(u.scan.Text(), "\r\n")
				return inner, len(inner) > 0
			}
		}
	}
	return nil, false
}
