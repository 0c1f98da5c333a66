package syslog

import (
	"bytes"
	"errors"
	"fmt"
)

// Framing is how the messages of a connection are told apart: RFC 6587.
type framing uint8

const (
	undecided framing = iota // nothing has come that tells
	newline                  // each ends with a newline
	counted                  // each begins with its length and a space
)

// maxSkipped is the most that a message may have to be skipped; one said to be longer ends the connection.
const maxSkipped = 16 << 20

// Errors after which a connection cannot go on, because nobody knows where the next message begins.
var (
	errCount   = errors.New("the octet count is too large")
	errFraming = errors.New("no octet count where one must be")
)

// framer cuts what comes over one connection into frames.
type framer struct {
	framing framing
	max     int  // bytes of a frame; of longer ones the first max+1 are emitted
	skip    int  // bytes of a counted frame that are still to be left out
	toLine  bool // what comes is left out, up to a newline
}

// cut calls emit with each frame of b, without its newline, and returns what is left: less than a frame. Frames are valid during
// the call.
func (f *framer) cut(b []byte, emit func(frame []byte)) (rest []byte, err error) {
	for len(b) > 0 {
		if f.framing == undecided {
			if f.framing = decide(b); f.framing == undecided {
				return b, nil
			}
		}
		n := 0
		if f.framing == newline {
			n = f.line(b, emit)
		} else if n, err = f.count(b, emit); err != nil {
			return b, err
		}
		if n == 0 {
			return b, nil
		}
		b = b[n:]
	}
	return b, nil
}

// decide tells the framing from how the first message begins: a length, a space and a priority.
func decide(b []byte) framing {
	i := 0
	for i < len(b) && isDigit(b[i]) {
		i++
	}
	switch {
	case i > 10 || i > 0 && b[0] == '0':
		return newline
	case i == len(b), i > 0 && b[i] == ' ' && i+1 == len(b):
		return undecided
	case i > 0 && b[i] == ' ' && b[i+1] == '<':
		return counted
	}
	return newline
}

// line handles a frame that ends with a newline and returns how many bytes it took.
func (f *framer) line(b []byte, emit func([]byte)) int {
	n := bytes.IndexByte(b, '\n')
	switch {
	case f.toLine && n < 0:
		return len(b)
	case f.toLine:
		f.toLine = false
		return n + 1
	case n > f.max:
		emit(b[:f.max+1])
		return n + 1
	case n >= 0:
		emit(b[:n])
		return n + 1
	case len(b) > f.max:
		emit(b[:f.max+1])
		f.toLine = true
		return len(b)
	}
	return 0
}

// count handles a frame that begins with its length and returns how many bytes it took.
func (f *framer) count(b []byte, emit func([]byte)) (int, error) {
	if f.skip > 0 {
		n := min(f.skip, len(b))
		f.skip -= n
		return n, nil
	}
	n, i := 0, 0
	for i < len(b) && isDigit(b[i]) && i <= 10 {
		n = n*10 + int(b[i]-'0')
		i++
	}
	switch {
	case n > maxSkipped:
		return 0, fmt.Errorf("%w: %d or more, and %d are the most", errCount, n, maxSkipped)
	case i == 0 && (b[0] == '\n' || b[0] == '\r'): // some senders end counted messages with a newline all the same
		return 1, nil
	case i == 0 || i < len(b) && b[i] != ' ' || n == 0 && i < len(b):
		return 0, fmt.Errorf("%w: %.40q", errFraming, b)
	case i == len(b):
		return 0, nil
	}
	i++
	switch {
	case n > f.max && len(b)-i > f.max:
		emit(b[i : i+f.max+1])
		taken := min(n, len(b)-i)
		f.skip = n - taken
		return i + taken, nil
	case len(b)-i < n:
		return 0, nil
	}
	emit(b[i : i+n])
	return i + n, nil
}
