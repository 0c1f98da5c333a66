// Package route turns request paths into routes: names of few values, `/orders/{id}` for `/orders/4711`.
//
// A configured pattern wins; else each segment that looks like an identifier becomes `{id}`. The rules are in docs/routes.md,
// for users and for whoever counts again by other means; the tests hold this package against a slow reading of them.
package route

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

const (
	maxSegments = 12  // what is deeper becomes one {rest}
	maxRoute    = 200 // bytes; a longer route is cut
	maxPatterns = 1000

	invalid = "_invalid" // the route of what is no path
)

// Templater makes routes. The zero value has no patterns. It is not changed by use: any number of goroutines may share it.
type Templater struct {
	root *node // of the patterns; nil when there are none
}

// node is a place in the tree of patterns.
type node struct {
	literal  []edge // ordered by name
	variable *node
	rest     string // the pattern that takes all from here on
	pattern  string // the pattern that ends here
}

type edge struct {
	name string
	to   *node
}

// New returns a Templater that knows patterns: paths in which a segment `{name}` stands for any one segment, and `{name...}`
// or `*` at the end for any rest. Where several fit, the one with a literal in the earlier segment wins.
func New(patterns []string) (*Templater, error) {
	if len(patterns) > maxPatterns {
		return nil, fmt.Errorf("%d patterns: at most %d can be had", len(patterns), maxPatterns)
	}
	t := &Templater{}
	for _, p := range patterns {
		if !strings.HasPrefix(p, "/") {
			return nil, fmt.Errorf("route pattern %.200q does not begin with /", p)
		}
		if strings.ContainsAny(p, "?# ") || len(p) > maxRoute {
			return nil, fmt.Errorf("route pattern %.200q is longer than %d bytes or has a query, a fragment or a space", p, maxRoute)
		}
		if t.root == nil {
			t.root = &node{}
		}
		if err := t.root.add(p); err != nil {
			return nil, err
		}
	}
	return t, nil
}

func (n *node) add(pattern string) error {
	segments := strings.Split(pattern[1:], "/")
	for i, s := range segments {
		isVariable := strings.HasPrefix(s, "{") && strings.HasSuffix(s, "}")
		switch {
		case s == "*" || isVariable && strings.HasSuffix(s, "...}"):
			if i != len(segments)-1 {
				return fmt.Errorf("route pattern %.200q: %s can only be the last segment", pattern, s)
			}
			n.rest = pattern
			return nil
		case isVariable:
			if n.variable == nil {
				n.variable = &node{}
			}
			n = n.variable
		case strings.ContainsAny(s, "{}"):
			return fmt.Errorf("route pattern %.200q: a variable is a whole segment, %q is not", pattern, s)
		default:
			at, found := slices.BinarySearchFunc(n.literal, s, func(e edge, s string) int { return strings.Compare(e.name, s) })
			if !found {
				n.literal = slices.Insert(n.literal, at, edge{s, &node{}})
			}
			n = n.literal[at].to
		}
	}
	n.pattern = pattern
	return nil
}

// match returns the pattern that fits path, which begins with a slash or is empty, or "".
func (n *node) match(path []byte) string {
	if len(path) == 0 {
		return n.pattern
	}
	segment, after := cut(path[1:])
	lo, hi := 0, len(n.literal)
	for lo < hi {
		mid := (lo + hi) / 2
		if n.literal[mid].name < string(segment) {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo < len(n.literal) && n.literal[lo].name == string(segment) {
		if p := n.literal[lo].to.match(after); p != "" {
			return p
		}
	}
	if n.variable != nil && len(segment) > 0 {
		if p := n.variable.match(after); p != "" {
			return p
		}
	}
	return n.rest
}

// cut splits p before its first slash.
func cut(p []byte) (segment, after []byte) {
	if i := bytes.IndexByte(p, '/'); i >= 0 {
		return p[:i], p[i:]
	}
	return p, nil
}

// Append appends the route of path to dst. path is what was asked for: a query is left out, of a whole URL its path is taken.
func (t *Templater) Append(dst, path []byte) []byte {
	if len(path) == 0 || path[0] != '/' {
		if path = ofURL(path); path == nil {
			return append(dst, invalid...)
		}
	}
	if t.root != nil {
		if i := bytes.IndexAny(path, "?#"); i >= 0 {
			path = path[:i]
		}
		if p := t.root.match(path); p != "" {
			return append(dst, p...)
		}
	}
	if len(path) >= minShort && len(path) <= maxShort {
		if route, ok := appendShort(dst, path); ok {
			return route
		}
	}
	return appendLong(dst, path)
}

// appendLong is Append for any path that begins with a slash, without patterns.
func appendLong(dst, path []byte) []byte {
	start := len(dst)
	copied := 0                             // so much of path is in dst, as it is or as {id}
	for i, segments := 0, 0; ; segments++ { // path[i] is a segment's slash
		if i == len(path) || path[i] != '/' { // a query begins, or a fragment
			dst = append(dst, path[copied:i]...)
			break
		}
		if segments == maxSegments {
			dst = append(append(dst, path[copied:i]...), "/{rest}"...)
			break
		}
		i++
		var s seen
		begin := i
		for run := 0; i < len(path); i++ {
			class := classes[path[i]]
			if class == classEnd {
				break
			}
			s.all |= class
			if class == digit {
				run++
				s.digits = max(s.digits, run)
			} else {
				run = 0
			}
		}
		if s.digits == 0 && s.all&other == 0 {
			continue // a name
		}
		n := s.id(path[begin:i])
		if n == 0 {
			continue
		}
		dst = append(append(dst, path[copied:begin]...), "{id}"...)
		copied = begin + n
	}
	return dst[:min(len(dst), start+maxRoute)]
}

// ofURL returns the path of `http://host/path` and "/" for an empty one, nil for what is no path.
func ofURL(target []byte) []byte {
	if len(target) == 0 {
		return []byte("/")
	}
	i := bytes.Index(target[:min(len(target), 16)], []byte("://"))
	if i < 0 {
		return nil
	}
	target = target[i+3:]
	if i = bytes.IndexByte(target, '/'); i < 0 {
		return []byte("/")
	}
	return target[i:]
}

// What a byte of a segment can be.
const (
	digit = 1 << iota
	hexLetter
	letter // other than hexLetter
	mark   // _ -
	other
	classEnd // / ? #: the segment's end
)

var classes = makeClasses()

func makeClasses() (t [256]uint8) {
	for i := range t {
		c := byte(i)
		switch {
		case '0' <= c && c <= '9':
			t[i] = digit
		case 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F':
			t[i] = hexLetter
		case 'g' <= c && c <= 'z' || 'G' <= c && c <= 'Z':
			t[i] = letter
		case c == '_' || c == '-':
			t[i] = mark
		case c == '/' || c == '?' || c == '#':
			t[i] = classEnd
		default:
			t[i] = other
		}
	}
	return t
}

// seen is what the bytes of a segment are.
type seen struct {
	all    uint8 // their classes
	digits int   // the longest run of digits
}

// look adds what s is made of.
func (n *seen) look(s []byte) {
	run := 0
	for _, c := range s {
		class := classes[c]
		n.all |= class
		if class == digit {
			run++
			n.digits = max(n.digits, run)
		} else {
			run = 0
		}
	}
}

// id returns how much of segment, of which n is seen, becomes `{id}`: nothing, all but a file's extension, or all.
func (n *seen) id(segment []byte) int {
	if n.all&other == 0 {
		if n.isID(segment) {
			return len(segment)
		}
		return 0
	}
	if bytes.IndexByte(segment, '@') >= 0 { // an address: nothing of it stays
		return len(segment)
	}
	if x := extension(segment); x > 0 {
		segment = segment[:len(segment)-x]
		*n = seen{}
		n.look(segment)
	}
	if n.isID(segment) {
		return len(segment)
	}
	return 0
}

// isID reports whether s, of which n is seen, looks like an identifier rather than a name; see docs/routes.md.
func (n *seen) isID(s []byte) bool {
	switch {
	case n.digits == 0:
		return false
	case n.all == digit, n.digits >= 5:
		return true
	case n.all == digit|hexLetter:
		return len(s) >= 8
	case n.all&other == 0 && len(s) >= 20: // UUIDs, ULIDs, tokens
		return true
	}
	return isDate(s)
}

// extension returns how long the file's extension at the end of a segment is, with its dot: a letter and up to four letters
// or digits more.
func extension(s []byte) int {
	for n := 1; n <= 6 && n < len(s); n++ {
		switch c := s[len(s)-n]; {
		case c == '.':
			if n > 1 && classes[s[len(s)-n+1]]&(hexLetter|letter) != 0 {
				return n
			}
			return 0
		case classes[c]&(digit|hexLetter|letter) == 0:
			return 0
		}
	}
	return 0
}

// isDate reports whether s is like 2026-11-21.
func isDate(s []byte) bool {
	if len(s) != 10 || s[4] != '-' || s[7] != '-' {
		return false
	}
	for i, c := range s {
		if i != 4 && i != 7 && classes[c] != digit {
			return false
		}
	}
	return true
}
