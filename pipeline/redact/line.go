package redact

import "bytes"

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
		case 'a' <= c|0x20 && c|0x20 <= 'z', '0' <= c && c <= '9', c >= 0x80:
			t[i] = inName
		case c == '-' || c == '_':
			t[i] = dash
		case c == '[' || c == ']':
			t[i] = part
		}
	}
	return t
}

// parameters masks what follows `name=`, wherever in the line it stands: behind `?`, `&` or `;`, alone between quotes
// (nginx's $args), in a referrer, a cookie, or as a parameter within a parameter (`next=%2Fcb%3Ftoken%3Dabc`).
func (r *Redactor) parameters(line []byte) {
	s := signs{line: line, equal: -1, encoded: -1, escaped: -1}
	w := word{line: line}
	for end, value := s.next(0); end >= 0; end, value = s.next(value) {
		if !r.maySecretEnd(line, end) {
			continue
		}
		if from := r.secretBefore(line, end); from >= 0 {
			value = mask(line, value, w.delimiter(from))
		}
	}
}

// signs finds the next equals sign: as it is, percent-encoded once or more (%3D, %253D), or as JSON may write it (\u003d).
type signs struct {
	line                    []byte
	equal, encoded, escaped int // where the next of each kind is; -1: not looked for yet; len(line): there is none
}

// next returns where the first sign at or after i begins, -1 when there is none, and where the value behind it begins.
func (s *signs) next(i int) (at, after int) {
	if s.equal < i {
		s.equal = index(s.line, i, '=')
	}
	for s.encoded < i || s.encoded < len(s.line) && encodedSign(s.line, s.encoded) == 0 {
		s.encoded = index(s.line, max(i, s.encoded+1), '%')
	}
	for s.escaped < i || s.escaped < len(s.line) && !escapedSign(s.line[s.escaped:]) {
		s.escaped = index(s.line, max(i, s.escaped+1), '\\')
	}
	switch at = min(s.equal, s.encoded, s.escaped); at {
	case len(s.line):
		return -1, at
	case s.equal:
		return at, at + 1
	case s.encoded:
		return at, encodedSign(s.line, at)
	}
	return at, at + len(`\u003d`)
}

// index returns where c is at or after i, len(b) when it is not.
func index(b []byte, i int, c byte) int {
	if i < len(b) {
		if n := bytes.IndexByte(b[i:], c); n >= 0 {
			return i + n
		}
	}
	return len(b)
}

// maxEncoded is how often a byte may have been percent-encoded over and still be read.
const maxEncoded = 4

// encodedSign returns where the encoded equals sign that begins with the % at i ends, 0 when it is none.
func encodedSign(line []byte, i int) int {
	i++
	for n := 1; n < maxEncoded && i+1 < len(line) && line[i] == '2' && line[i+1] == '5'; n++ {
		i += 2
	}
	if i+1 < len(line) && line[i] == '3' && line[i+1]|0x20 == 'd' {
		return i + 2
	}
	return 0
}

// escapedSign reports whether b, which begins with a backslash, begins with an equals sign as JSON may write it.
func escapedSign(b []byte) bool {
	return len(b) >= 6 && string(b[1:5]) == "u003" && b[5]|0x20 == 'd'
}

// endings are the last two bytes of the known names, folded; most names of a log are told apart by these.
type endings [1 << 16 / 64]uint64

func (e *endings) add(folded string) {
	last := uint(folded[len(folded)-1])
	if len(folded) > 1 {
		e.set(uint(folded[len(folded)-2])<<8 | last)
		return
	}
	for before := range uint(256) {
		e.set(before<<8 | last)
	}
}

func (e *endings) set(n uint)      { e[n/64] |= 1 << (n % 64) }
func (e *endings) has(n uint) bool { return e[n/64]&(1<<(n%64)) != 0 }

// maySecretEnd is false when no secret's name can end before i.
func (r *Redactor) maySecretEnd(line []byte, i int) bool {
	if i < 2 {
		return i == 1 // one byte
	}
	last, before := line[i-1], line[i-2]
	if kinds[last] == boundary {
		return false
	}
	if kinds[last] != inName || kinds[before] != inName || '0' <= before && before <= '9' || '0' <= last && last <= '9' {
		return true // a part, a dash, or half of an encoded byte
	}
	if i >= 3 && unhex(before) >= 0 && '0' <= line[i-3] && line[i-3] <= '9' {
		return true // perhaps the second half of one, like the k in to%6Ben
	}
	return r.endings.has(uint(lower(before))<<8 | uint(lower(last)))
}

// secretBefore returns where the name that ends before i begins when it, or a part of it, is one to be masked, else -1.
func (r *Redactor) secretBefore(line []byte, i int) int {
	var folded [maxName]byte // filled from its end
	n, found := maxName, false
	long := false // the part has more bytes than any name
	for {
		c, start := before(line, i)
		kind := kinds[c]
		if start < 0 || kind == boundary || kind == part {
			found = found || !long && n < maxName && r.known(folded[n:])
			if start < 0 || kind == boundary {
				break
			}
			n, long = maxName, false
		}
		if kind == inName {
			if n == 0 {
				long = true
			} else {
				n--
				folded[n] = lower(c)
			}
		}
		i = start
	}
	if found {
		return i
	}
	return -1
}

// before returns the byte whose text ends before i, and where that text begins: itself, %74, %2574, \x74 or \u0074. At the
// line's beginning start is -1.
func before(line []byte, i int) (c byte, start int) {
	if i == 0 {
		return 0, -1
	}
	if i >= 3 {
		if hi, lo := unhex(line[i-2]), unhex(line[i-1]); hi >= 0 && lo >= 0 {
			c = byte(hi<<4 | lo)
			k := i - 3
			switch {
			case line[k] == 'x' && k >= 1 && line[k-1] == '\\':
				return c, k - 1
			case line[k] == '0' && k >= 3 && string(line[k-3:k]) == `\u0`:
				return c, k - 3
			}
			for n := 1; n < maxEncoded && k >= 2 && line[k] == '5' && line[k-1] == '2'; n++ {
				k -= 2
			}
			if line[k] == '%' {
				return c, k
			}
		}
	}
	return line[i-1], i - 1
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

// mask masks the value that begins at i and returns where it ends. A value ends at `&`, a space, a tab, `"`, `#` or the
// delimiter of the format; not at `;`, `<` or an escaped quote, which a password may have in it.
func mask(line []byte, i int, delimiter byte) int {
	for i < len(line) {
		switch c := line[i]; {
		case c == '&' || c == ' ' || c == '\t' || c == '"' || c == '#' || c == delimiter && delimiter != 0:
			return i
		case c == '\\':
			if bytes.HasPrefix(line[i:], []byte(`\u0026`)) { // & in JSON
				return i
			}
			// An escape of the log's: its second byte ends nothing, not even as a quote. \x22 and \u00e4 go byte by byte.
			line[i] = '*'
			if i++; i < len(line) && line[i] != ' ' && line[i] != '\t' {
				line[i] = '*'
				i++
			}
		default:
			line[i] = '*'
			i++
		}
	}
	return i
}

// word follows the words of a line, what stands between spaces and quotes, to find out what separates the fields in a format
// that has neither around a request: `$remote_addr|$request_uri|$status`.
type word struct {
	line    []byte
	seen    int  // all before it is looked at
	begun   bool // the word has a byte
	request bool // it begins with a path or a URL: it is the request and no more
	sign    byte // the first of `| , ; <` in it, or the ' that it begins with
}

// delimiter returns the byte that ends a value in the word of the byte before i, besides those that do so anywhere; 0 when
// there is none. i does not decrease from call to call.
func (w *word) delimiter(i int) byte {
	for ; w.seen < i; w.seen++ {
		switch c := w.line[w.seen]; c {
		case ' ', '\t', '"':
			w.begun, w.request, w.sign = false, false, 0
		default:
			if !w.begun && c == '\'' {
				w.sign = c
				continue
			}
			if !w.begun {
				w.begun, w.request = true, c == '/' || bytes.HasPrefix(w.line[w.seen:], []byte("http"))
			}
			if w.sign == 0 && !w.request && (c == '|' || c == ',' || c == ';' || c == '<') {
				w.sign = c
			}
		}
	}
	return w.sign
}
