package escape

// Other ways to escape. They differ in their first byte, which is no backslash.
const (
	Hash    Kind = iota + C + 1 // HAProxy's: #XX for `"`, `#`, `{`, `|`, `}` and what is not printable
	Plus                        // W3C extended logs': a space is a +
	Percent                     // CloudFront's: %XX
)

// Mark returns the byte that escapes of kind begin with: what has none has no escapes.
func Mark(kind Kind) byte {
	switch kind {
	case Hash:
		return '#'
	case Plus:
		return '+'
	case Percent:
		return '%'
	}
	return '\\'
}

// AppendMarked is Append for Hash, Plus and Percent. What is no escape stays as it is. The result is never longer than v.
func AppendMarked(dst, v []byte, kind Kind) []byte {
	mark := Mark(kind)
	for i := 0; i < len(v); i++ {
		c := v[i]
		switch {
		case c != mark:
		case kind == Plus:
			c = ' '
		case kind == Percent && i+4 < len(v) && v[i+1] == '2' && v[i+2] == '5' && digit(v[i+3])|digit(v[i+4]) < 16:
			c = digit(v[i+3])<<4 | digit(v[i+4])
			i += 4
		case i+2 < len(v) && digit(v[i+1])|digit(v[i+2]) < 16:
			c = digit(v[i+1])<<4 | digit(v[i+2])
			i += 2
		}
		dst = append(dst, c)
	}
	return dst
}
