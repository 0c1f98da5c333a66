// Package jsonscan reads one JSON object in one pass, left to right, without a tree and without allocating: the caller walks
// through the keys, takes the values it knows and leaves the others, which are skipped.
//
//	s.Start(line)
//	for s.Next() {
//		switch string(s.Key()) {
//		case "status":
//			status = s.Text()
//		case "request":
//			for ok := s.Enter(); ok && s.Next(); {
//				…
//			}
//		}
//	}
//	reason, at := s.End()
//
// Extract does the same in one go for a fixed set of keys, where a line is as gateways write it.
//
// It takes all that encoding/json takes and, because gateways write it, some more: nothing, or `-`, where a value should be
// (nginx's escape=json writes `"t":,` for a variable without a value), numbers with leading zeros, raw control characters and
// invalid UTF-8 in strings, and `\x` with other unknown escapes. Memory is bounded by the line: text that has escapes goes to
// an arena, where it is never longer than in the line.
package jsonscan

import (
	"github.com/gatemeter/gatemeter/parsers/escape"
	"github.com/gatemeter/gatemeter/pipeline/bitmap"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// MaxDepth is how deep objects and arrays may be nested. Gateways write about eight levels.
const MaxDepth = 64

// Kind is what a value is.
type Kind uint8

// The kinds.
const (
	Nothing Kind = iota // null, or no value at all
	String
	Number
	Bool
	Object
	Array
)

// Scanner reads one object. It is used by one goroutine, for line after line.
type Scanner struct {
	data  []byte
	pos   int
	marks []bitmap.Block // of data: where its quotes and backslashes are

	quotes  []uint32 // of data: where the quotes are that no backslash escapes
	quote   int      // the first of quotes that has not been read
	indexed bool

	key     []byte
	pending bool // the value at hand has not been taken
	element bool // it is one of an array
	first   bool // the container at hand has had no member yet
	depth   int  // of containers that were entered

	lenient bool // something was read that is no JSON; escapes are not looked at
	reason  record.Reason
	at      int

	walk  walk // Extract's
	arena []byte
}

// Reset forgets the bytes that Text and Key have handed out.
func (s *Scanner) Reset() { s.arena = s.arena[:0] }

// Arena returns a pointer to the scanner's arena, for text that the caller puts together; it is valid until Reset.
func (s *Scanner) Arena() *[]byte { return &s.arena }

// Start begins with line, which must be an object.
func (s *Scanner) Start(line []byte) {
	s.data, s.pos, s.key, s.depth = line, 0, nil, 0
	s.index()
	s.lenient, s.reason, s.at = false, record.None, 0
	if len(line) > 3 && string(line[:3]) == "\xEF\xBB\xBF" { // a byte order mark, at the beginning of a file
		s.pos = 3
	}
	s.pending, s.element = true, false
	if s.Kind() != Object {
		s.Fail(record.BadJSON, s.pos)
		return
	}
	s.Enter()
}

// End returns None when the whole line has been one object, else why and where it is not.
func (s *Scanner) End() (reason record.Reason, at int) {
	if s.reason == record.None {
		if s.space(); s.pos < len(s.data) {
			s.Fail(record.BadJSON, s.pos)
		}
	}
	return s.reason, s.at
}

// Fail stops the scan: all that follows returns nothing. The first failure stays.
func (s *Scanner) Fail(reason record.Reason, at int) {
	if s.reason == record.None {
		s.reason, s.at = reason, at
	}
	s.pos, s.pending = len(s.data), false
}

// fail is Fail for a byte that is not JSON.
func (s *Scanner) fail() {
	if s.pos >= len(s.data) {
		s.Fail(record.Truncated, len(s.data))
		return
	}
	s.Fail(record.BadJSON, s.pos)
}

// Pos returns where in the line the scan is.
func (s *Scanner) Pos() int { return s.pos }

// Next goes on to the next key of the object at hand, past the value of the one before if that was not taken. It returns
// false at the object's end, and the object around it is at hand again.
func (s *Scanner) Next() bool {
	if s.pending {
		s.Skip()
	}
	// What gateways write has no white space. After a failure there is nothing left of data.
	if i := s.pos; i+1 < len(s.data) && !s.first && s.data[i] == ',' && s.data[i+1] == '"' {
		s.pos++
		return s.readKey()
	}
	return s.member('}') && s.readKey()
}

// Element is Next for the array at hand.
func (s *Scanner) Element() bool {
	if s.pending {
		s.Skip()
	}
	if !s.member(']') {
		return false
	}
	s.pending, s.element = true, true
	return true
}

// member goes on to the next member of the container at hand, which ends with the byte end.
func (s *Scanner) member(end byte) bool {
	if s.reason != record.None {
		return false
	}
	c := s.space()
	switch {
	case c == end:
		s.pos++
		s.depth--
		s.first = false
		return false
	case s.first:
		s.first = false
	case c == ',':
		s.pos++
	default:
		s.fail()
		return false
	}
	return true
}

// readKey reads `"key":`.
func (s *Scanner) readKey() bool {
	if s.space() != '"' {
		s.fail()
		return false
	}
	start, end := s.str()
	if end < 0 {
		return false
	}
	key := s.text(start, end)
	if s.space() != ':' {
		s.fail()
		return false
	}
	s.pos++
	s.key, s.pending, s.element = key, true, false
	return true
}

// Key returns the key at hand. It is valid until Reset, or as long as the line.
func (s *Scanner) Key() []byte { return s.key }

// Kind returns what the value at hand is, without taking it.
func (s *Scanner) Kind() Kind {
	if !s.pending {
		return Nothing
	}
	switch c := s.space(); c {
	case '"':
		return String
	case '{':
		return Object
	case '[':
		return Array
	case 't', 'f':
		return Bool
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return Number
	}
	return Nothing
}

// Enter goes into the value at hand when it is an object, so that Next returns its keys. Otherwise it returns false.
func (s *Scanner) Enter() bool { return s.enter(Object) }

// EnterArray is Enter for an array, whose members Element returns.
func (s *Scanner) EnterArray() bool { return s.enter(Array) }

func (s *Scanner) enter(kind Kind) bool {
	if s.Kind() != kind {
		return false
	}
	if s.depth++; s.depth > MaxDepth {
		s.Fail(record.TooDeep, s.pos)
		return false
	}
	s.pos++
	s.pending, s.first = false, true
	return true
}

// Text takes the value at hand: a string's text with its escapes undone, a number's or boolean's digits or letters as they
// stand, of an array its first member's, nil of all else. It is valid until Reset, or as long as the line.
func (s *Scanner) Text() []byte {
	switch s.Kind() {
	case String:
		start, end := s.str()
		s.pending = false
		if end < 0 {
			return nil
		}
		return s.text(start, end)
	case Number, Bool:
		start := s.pos
		s.Skip()
		if s.reason != record.None {
			return nil
		}
		return s.data[start:s.pos:s.pos]
	case Array:
		var text []byte
		s.EnterArray()
		for n := 0; s.Element(); n++ {
			if k := s.Kind(); n == 0 && k != Array && k != Object {
				text = s.Text()
			}
		}
		return text
	}
	s.Skip()
	return nil
}

// text returns what stands between the quotes of a string, with its escapes undone.
func (s *Scanner) text(start, end int) []byte {
	text := s.data[start:end:end]
	if !bitmap.Any(s.marks, backslashes, start, end) {
		return text
	}
	return s.unescape(text)
}

// unescape returns text with its escapes undone.
func (s *Scanner) unescape(text []byte) []byte {
	n := len(s.arena)
	s.arena = escape.Append(s.arena, text, escape.JSON)
	return s.arena[n:len(s.arena):len(s.arena)]
}

// space skips white space and returns the byte behind it, 0 at the line's end.
func (s *Scanner) space() byte {
	for s.pos < len(s.data) {
		c := s.data[s.pos]
		if c > ' ' || c != ' ' && c != '\t' && c != '\n' && c != '\r' {
			return c
		}
		s.pos++
	}
	return 0
}
