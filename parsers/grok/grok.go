// Package grok turns grok patterns, `%{IP:source.ip} %{WORD:http.request.method}`, into regular expressions for package regex. The
// library go-grok has the patterns; how they are put together is here, so that a line is read by one expression, without a map
// for each line.
package grok

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gatemeter/gatemeter/parsers/field"
	"github.com/gatemeter/gatemeter/parsers/program"
)

// Bounds of what a pattern may grow to.
const (
	maxDepth = 32
	maxBytes = 256 << 10
)

// Expand returns the regular expression that pattern stands for, and its groups' names by their number. Lines of pattern behind
// the first define patterns of the user's own, a name and what it stands for. `%{NAME:field}` and `%{NAME:field:type}` make a group;
// what is the type of a value, its place in the record says. Logstash's `[http][request][method]` is http.request.method.
func Expand(pattern string) (expression string, names []string, err error) {
	if len(pattern) > program.MaxFormat {
		return "", nil, fmt.Errorf("it is longer than %d bytes", program.MaxFormat)
	}
	pattern, definitions, _ := strings.Cut(strings.TrimSpace(pattern), "\n")
	e := expander{own: map[string]string{}, names: []string{""}}
	for line := range strings.SplitSeq(definitions, "\n") {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		name, definition, ok := strings.Cut(line, " ")
		if !ok {
			return "", nil, fmt.Errorf("%.200q defines nothing: a name and a pattern belong on the line", line)
		}
		e.own[name] = strings.TrimSpace(definition)
	}
	if err := e.expand(pattern, 0); err != nil {
		return "", nil, err
	}
	return e.out.String(), e.names, nil
}

type expander struct {
	own   map[string]string
	names []string // of the groups
	out   strings.Builder
}

func (e *expander) expand(pattern string, depth int) error {
	if depth > maxDepth {
		return errors.New("patterns stand inside each other too deep, or in a circle")
	}
	for pattern != "" {
		i := strings.Index(pattern, "%{")
		if i < 0 {
			i = len(pattern)
		}
		if err := e.plain(pattern[:i]); err != nil {
			return err
		}
		if pattern = pattern[i:]; pattern == "" {
			return nil
		}
		end := strings.IndexByte(pattern, '}')
		if end < 0 {
			return fmt.Errorf("%%{ is not closed by } before %.40q", pattern[2:])
		}
		parts := strings.SplitN(pattern[2:end], ":", 3)
		pattern = pattern[end+1:]
		definition, ok := e.definition(parts[0])
		if !ok {
			return fmt.Errorf("there is no pattern %.200q%s", parts[0], field.DidYouMean(parts[0], allNames()))
		}
		if len(parts) > 1 && parts[1] != "" {
			e.names = append(e.names, strings.ReplaceAll(strings.Trim(parts[1], "[]"), "][", "."))
			e.out.WriteByte('(')
		} else {
			e.out.WriteString("(?:")
		}
		if err := e.expand(definition, depth+1); err != nil {
			return err
		}
		e.out.WriteByte(')')
		if e.out.Len() > maxBytes {
			return fmt.Errorf("it grows beyond %d bytes", maxBytes)
		}
	}
	return nil
}

// plain writes a piece of an expression and keeps count of its groups.
func (e *expander) plain(s string) error {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && i+1 < len(s):
			e.out.WriteByte(c)
			i++
		case c == '[': // a class: parentheses in it are none
			end := classEnd(s, i)
			e.out.WriteString(s[i:end])
			i = end - 1
			continue
		case c == '(':
			name, rest, ok := named(s[i:])
			switch {
			case ok:
				e.names = append(e.names, name)
				e.out.WriteByte('(')
				i = len(s) - len(rest) - 1
				continue
			case strings.HasPrefix(s[i:], "(?>"): // atomic: RE2 does not try again anyhow
				e.out.WriteString("(?:")
				i += 2
				continue
			case !strings.HasPrefix(s[i:], "(?"):
				e.names = append(e.names, "")
			}
		}
		e.out.WriteByte(s[i])
	}
	return nil
}

// classEnd returns where the class that begins at i ends.
func classEnd(s string, i int) int {
	for j := i + 1; j < len(s); j++ {
		switch {
		case s[j] == '\\':
			j++
		case strings.HasPrefix(s[j:], "[:"):
			if n := strings.Index(s[j:], ":]"); n > 0 {
				j += n + 1
			}
		case s[j] == ']' && j > i+1 && (j > i+2 || s[i+1] != '^'):
			return j + 1
		}
	}
	return len(s)
}

// named takes `(?P<name>` or `(?<name>` off s.
func named(s string) (name, rest string, ok bool) {
	for _, open := range []string{"(?P<", "(?<"} {
		if rest, ok = strings.CutPrefix(s, open); ok && !strings.HasPrefix(rest, "=") && !strings.HasPrefix(rest, "!") {
			if name, rest, ok = strings.Cut(rest, ">"); ok {
				return strings.ReplaceAll(name, "__", "."), rest, true
			}
		}
	}
	return "", "", false
}
