package redact

import "unicode/utf8"

// What a byte can be in the name of a parameter, read from its end.
const (
	boundary = iota // no part of a name: it begins behind this byte
	inName          // letters, digits and what is not ASCII
	dash            // - and _, which make no difference
	part            // [ and ] between the parts of a name: user[password]
)

var kinds = makeKinds()

func makeKinds() (t [256]uint8) {
	for i := range t {
		switch c := byte(i); {
		case 'a' <= c|0x20 && c|0x20 <= 'z', '0' <= c && c <= '9', c >= utf8.RuneSelf:
			t[i] = inName
		case c == '-' || c == '_':
			t[i] = dash
		case c == '[' || c == ']':
			t[i] = part
		}
	}
	return t
}

// endings are hashes of the last four letters of the known names; nearly all other names of a log are told apart by these.
type endings struct {
	set   [1 << 15 / 64]uint64
	bytes lastBytes
	short bool // there are names of less than three letters
}

func (e *endings) add(folded string) {
	var last uint32
	for _, c := range []byte(folded[max(0, len(folded)-4):]) {
		last = last<<5 | uint32(c&31)
	}
	h := hash(last)
	e.set[h/64] |= 1 << (h % 64)
	e.short = e.short || len(folded) < 3
	e.bytes.add(folded)
}

// has reports whether a name ends with these letters, 5 bits each. They are the same in either case.
func (e *endings) has(last uint32) bool {
	h := hash(last)
	return e.set[h/64]&(1<<(h%64)) != 0
}

func hash(last uint32) uint32 { return last * 0x9e3779b1 >> (32 - 15) } // Fibonacci hashing

// secretBefore returns where the name that ends before i begins when it, or a part of it, is one to be masked, else -1.
func (r *Redactor) secretBefore(line []byte, i int) int {
	if !r.maySecretEnd(line, i) {
		return -1
	}
	if begin, ok := r.readPlain(line, i); ok {
		return begin
	}
	return r.readBackwards(line, i)
}

// readPlain is readBackwards for a name of letters, digits and dashes behind a quotation mark, as most are; ok is false for others.
func (r *Redactor) readPlain(line []byte, i int) (begin int, ok bool) {
	n := name{begin: maxName}
	for i > 0 {
		c := line[i-1]
		switch kind := kinds[c]; {
		case c == '"':
			if n.in(r) {
				return i, true
			}
			return -1, true
		case kind == inName && c < utf8.RuneSelf && n.begin > 0:
			n.begin--
			n.folded[n.begin] = lower(c)
		case kind != dash:
			return 0, false
		}
		i--
	}
	return 0, false
}

// maySecretEnd is false when no secret's name can end before i. It looks at the last four letters, and leaves whatever is not
// plain to readBackwards.
func (r *Redactor) maySecretEnd(line []byte, i int) bool {
	if r.endings.short {
		return true
	}
	var last uint32
	for bits := 0; bits < 20; {
		if i--; i < 0 {
			return bits == 15 && r.endings.has(last)
		}
		switch c := line[i]; {
		case isLetter(c):
			last |= uint32(c&31) << bits
			bits += 5
		case c == '-' || c == '_':
		case kinds[c] == boundary && c != '\\':
			return bits == 15 && r.endings.has(last)
		default:
			return true
		}
	}
	if i > 0 && (line[i-1] == '\\' || isHigh(line, i-1) && unhex(line[i]) >= 0) {
		return true // the first one may be an escape's, or the end of an encoded one, like the k in to%6Ben
	}
	return r.endings.has(last)
}

// isHigh reports whether the first of the two digits of an encoded byte may stand at i.
func isHigh(line []byte, i int) bool {
	return line[i]-'0' < 10 || unhex(line[i]) >= 0 && (i == 0 || !isLetter(line[i-1]) || line[i-1] == 'x')
}

func isLetter(c byte) bool { return c|0x20-'a' < 26 }

// readBackwards is secretBefore for names that could be one. A name may begin behind the letter of an escape (`\ntoken`) and
// behind what is not ASCII (a quotation mark, a byte order mark): both readings count.
func (r *Redactor) readBackwards(line []byte, i int) int {
	n, found := name{begin: maxName}, false
	for i > 0 {
		c, begin := before(line, i)
		kind := uint8(inName)
		if c < utf8.RuneSelf {
			kind = kinds[c]
		}
		if kind == boundary || kind == part || c >= utf8.RuneSelf || isEscaped(line, begin) {
			found = found || n.in(r)
		}
		if kind == boundary || found && c >= utf8.RuneSelf {
			break
		}
		switch kind {
		case part:
			n = name{begin: maxName}
		case inName:
			n.prepend(c)
			// Of several backslashes the first ones may be text.
			found = found || line[begin] == '\\' && begin+1 < i && line[begin+1] == '\\' && n.in(r)
		}
		i = begin
	}
	if found || n.in(r) {
		return i
	}
	return -1
}

// isEscaped reports whether there is a backslash before i, as it is or encoded.
func isEscaped(line []byte, i int) bool {
	if i == 0 || line[i-1] != '\\' && line[i-1]|0x20 != 'c' {
		return false
	}
	c, _ := before(line, i)
	return c == '\\'
}

// name is a name as it is compared, or a part of one, read from its end.
type name struct {
	folded [maxName]byte // filled from its end
	begin  int
	long   bool // it has more bytes than any name to be masked
}

func (n *name) in(r *Redactor) bool {
	return !n.long && n.begin < maxName && r.known(n.folded[n.begin:])
}

func (n *name) prepend(c rune) {
	var b [utf8.UTFMax]byte
	width := 1
	if c < aByte {
		width = utf8.EncodeRune(b[:], c)
	} else {
		b[0] = byte(c)
	}
	if n.long = n.long || width > n.begin; !n.long {
		n.begin -= width
		for i, c := range b[:width] {
			n.folded[n.begin+i] = lower(c)
		}
	}
}

// aByte is added to what is a byte of UTF-8 and no character.
const aByte = utf8.MaxRune + 1

// maxEncoded is how often a byte may have been percent-encoded over and still be read.
const maxEncoded = 4

// before returns the character, or from aByte on the byte, whose text ends before i, and where that text begins: t itself,
// %74, %2574, \x74, \u0074 or %u0074.
func before(line []byte, i int) (c rune, begin int) {
	if i >= 3 {
		hi, lo := unhex(line[i-2]), unhex(line[i-1])
		if hi >= 0 && lo >= 0 {
			c, begin = char(byte(hi<<4|lo)), percent(line, i-3)
			if begin < 0 && line[i-3] == 'x' {
				begin = escapeBefore(line, i-3)
			}
			if begin < 0 && i >= 5 && line[i-5] == 'u' {
				if a, b := unhex(line[i-4]), unhex(line[i-3]); a >= 0 && b >= 0 {
					c = rune(a<<12 | b<<8 | hi<<4 | lo)
					if begin = escapeBefore(line, i-5); begin < 0 && i >= 6 && line[i-6] == '%' {
						begin = i - 6
					}
				}
			}
			if begin >= 0 {
				return c, begin
			}
		}
	}
	return char(line[i-1]), i - 1
}

// escapeBefore returns where the backslashes that end before i begin, -1 when there are none. JSON in a string of JSON has two.
func escapeBefore(line []byte, i int) int {
	begin := i
	for begin > 0 && line[begin-1] == '\\' {
		begin--
	}
	if begin == i {
		return -1
	}
	return begin
}

func char(c byte) rune {
	if c < utf8.RuneSelf {
		return rune(c)
	}
	return aByte + rune(c)
}

// percent returns where the percent sign begins that ends with line[i], be it % or, encoded over and over, %25; else -1.
func percent(line []byte, i int) int {
	for n := 1; n < maxEncoded && i >= 2 && line[i] == '5' && line[i-1] == '2'; n++ {
		i -= 2
	}
	if line[i] == '%' {
		return i
	}
	return -1
}

func unhex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
