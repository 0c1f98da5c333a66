package envelope

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth bounds how deep what is looked at may nest.
const maxDepth = 300

// space returns where, from i on, p has something else than white space.
func space(p []byte, i int) int {
	for i < len(p) && (p[i] == ' ' || p[i] == '\n' || p[i] == '\r' || p[i] == '\t') {
		i++
	}
	return i
}

// blank is space within a line.
func blank(p []byte, i int) int {
	for i < len(p) && (p[i] == ' ' || p[i] == '\r' || p[i] == '\t') {
		i++
	}
	return i
}

// skipValue returns where the JSON value that begins at p[i] ends. Values are not checked for more than that: brackets that
// close, texts that end on their line. When there is no end, it returns len(p), or where what is there cannot be JSON.
func skipValue(p []byte, i int) (end int, ok bool) {
	depth := 0
	for i < len(p) {
		switch c := p[i]; c {
		case '{', '[':
			if depth++; depth > maxDepth {
				return i, false
			}
			i++
		case '}', ']':
			if depth--; depth < 0 {
				return i, false
			}
			i++
			if depth == 0 {
				return i, true
			}
		case '"':
			if i, ok = skipText(p, i); !ok {
				return i, false
			}
			if depth == 0 {
				return i, true
			}
		case ' ', '\n', '\r', '\t', ':', ',':
			if depth == 0 {
				return i, false
			}
			i++
		default:
			start := i
			for i < len(p) && plain(p[i]) {
				i++
			}
			if i == start {
				return i, false
			}
			if depth == 0 {
				return i, true
			}
		}
	}
	return len(p), false
}

// plain reports whether c may stand in a number, or in true, false and null.
func plain(c byte) bool {
	return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '+' || c == '.' || c == 'E'
}

// skipText returns where the text that begins with the quote p[i] ends.
func skipText(p []byte, i int) (end int, ok bool) {
	for i++; i < len(p); i++ {
		switch c := p[i]; {
		case c == '"':
			return i + 1, true
		case c == '\\':
			i++
		case c == '\n':
			return i, false
		}
	}
	return len(p), false
}

// eachMember calls f with each member of the object o: its name without quotes, as it stands, and its value. It ends where o is
// broken.
func eachMember(o []byte, f func(key, value []byte)) {
	i := space(o, 1)
	for i < len(o) && o[i] == '"' {
		end, ok := skipText(o, i)
		if !ok {
			return
		}
		key := o[i+1 : end-1]
		i = space(o, end)
		if i >= len(o) || o[i] != ':' {
			return
		}
		i = space(o, i+1)
		if end, ok = skipValue(o, i); !ok {
			return
		}
		f(key, o[i:end:end])
		i = space(o, end)
		if i >= len(o) || o[i] != ',' {
			return
		}
		i = space(o, i+1)
	}
}

// member returns the value of a member of the object o, the first of that name, nil when there is none.
func member(o []byte, name string) (value []byte) {
	if len(o) == 0 || o[0] != '{' {
		return nil
	}
	eachMember(o, func(k, v []byte) {
		if value == nil && string(k) == name {
			value = v
		}
	})
	return value
}

// eachElement calls f with each element of the array a, and reports whether it is whole.
func eachElement(a []byte, f func(element []byte)) bool {
	i := space(a, 1)
	if i < len(a) && a[i] == ']' {
		return true
	}
	for i < len(a) {
		end, ok := skipValue(a, i)
		if !ok {
			return false
		}
		f(a[i:end:end])
		i = space(a, end)
		if i >= len(a) {
			return false
		}
		switch a[i] {
		case ']':
			return true
		case ',':
			i = space(a, i+1)
		default:
			return false
		}
	}
	return false
}

// text returns what a JSON text says, valid until the next call, and whether v is one.
func (s *Splitter) text(v []byte) ([]byte, bool) {
	if len(v) < 2 || v[0] != '"' {
		return nil, false
	}
	v = v[1 : len(v)-1]
	if bytes.IndexByte(v, '\\') < 0 {
		return v, true
	}
	dst := s.scratch[:0]
	for {
		i := bytes.IndexByte(v, '\\')
		if i < 0 || i+1 >= len(v) {
			break
		}
		dst = append(dst, v[:i]...)
		c := v[i+1]
		v = v[i+2:]
		switch c {
		case 'n':
			dst = append(dst, '\n')
		case 't':
			dst = append(dst, '\t')
		case 'r':
			dst = append(dst, '\r')
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case '"', '\\', '/':
			dst = append(dst, c)
		case 'u':
			r, ok := unhex(v)
			if !ok {
				return nil, false
			}
			v = v[4:]
			if utf16.IsSurrogate(r) {
				low := rune(utf8.RuneError)
				if len(v) >= 6 && v[0] == '\\' && v[1] == 'u' {
					if l, ok := unhex(v[2:]); ok {
						low = l
					}
				}
				if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
					v = v[6:]
				}
			}
			dst = utf8.AppendRune(dst, r)
		default:
			return nil, false
		}
	}
	dst = append(dst, v...)
	s.scratch = dst
	return dst, true
}

// unhex reads four hex digits.
func unhex(v []byte) (r rune, ok bool) {
	if len(v) < 4 {
		return 0, false
	}
	for _, c := range v[:4] {
		switch {
		case '0' <= c && c <= '9':
			r = r<<4 | rune(c-'0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return r, true
}
