package nginx

import (
	"errors"
	"fmt"
	"strings"
)

const space = " \t\r\n"

// directive takes the parts of a log_format directive together, or of its quoted parts alone. Any other string is returned as
// it is.
func directive(s, escaping string) (format, escape string, err error) {
	rest := strings.TrimSpace(s)
	if after, ok := strings.CutPrefix(rest, "log_format"); ok && after != "" && strings.ContainsRune(space, rune(after[0])) {
		if rest = skipWord(after); rest == "" {
			return "", "", errors.New("log_format has a name and no format")
		}
	} else if !strings.HasPrefix(rest, "'") {
		return s, escaping, nil
	}
	rest = strings.TrimRight(rest, space+";")
	if e, ok := strings.CutPrefix(rest, "escape="); ok {
		rest = skipWord(e)
		e = strings.TrimRight(e[:len(e)-len(rest)], space)
		if escaping != "" && escaping != e {
			return "", "", fmt.Errorf("log_format says escape=%.200s, the config escape: %.200s", e, escaping)
		}
		escaping = e
	}
	var b strings.Builder
	for rest != "" {
		if rest[0] != '\'' && rest[0] != '"' {
			after := skipWord(rest)
			b.WriteString(strings.TrimRight(rest[:len(rest)-len(after)], space))
			rest = after
			continue
		}
		after, ok := unquote(&b, rest)
		if !ok {
			return "", "", fmt.Errorf("log_format: the quote before %.40q is not closed", rest[1:])
		}
		rest = strings.TrimLeft(after, space)
	}
	return b.String(), escaping, nil
}

// skipWord returns what follows s's first word and the white space around it.
func skipWord(s string) string {
	s = strings.TrimLeft(s, space)
	i := strings.IndexAny(s, space)
	if i < 0 {
		return ""
	}
	return strings.TrimLeft(s[i:], space)
}

// unquote appends the quoted string that s begins with to b, read as nginx's config parser does, and returns what follows.
func unquote(b *strings.Builder, s string) (rest string, ok bool) {
	for i := 1; i < len(s); i++ {
		c := s[i]
		if c == s[0] {
			return s[i+1:], true
		}
		if c == '\\' && i+1 < len(s) {
			switch s[i+1] {
			case '"', '\'', '\\':
				i, c = i+1, s[i+1]
			case 't':
				i, c = i+1, '\t'
			case 'r':
				i, c = i+1, '\r'
			case 'n':
				i, c = i+1, '\n'
			}
		}
		b.WriteByte(c)
	}
	return "", false
}
