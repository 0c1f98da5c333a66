package graphite

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// point is one value of one series.
type point struct {
	name  string
	time  int64
	value string
}

// maxLine is the longest line, in bytes: twisted's LineReceiver, which carbon is made of, takes no longer ones.
const maxLine = 16384

// parseLine reads a line without its newline:
//
//	name " " value " " timestamp
//
// name is nodes of [A-Za-z0-9_-]+ joined by dots, then any number of `;tag=value`, each of the same bytes, no tag twice.
// value is an integer or a decimal fraction in its shortest form, so that equal values are equal strings. timestamp is Unix
// seconds.
func parseLine(line []byte) (point, error) {
	if len(line) > maxLine {
		return point{}, fmt.Errorf("a line of %d bytes", len(line))
	}
	name, rest, _ := bytes.Cut(line, []byte(" "))
	value, stamp, ok := bytes.Cut(rest, []byte(" "))
	if !ok {
		return point{}, fmt.Errorf("not three fields: %.200q", line)
	}
	p := point{name: string(name), value: string(value)}
	if err := checkName(p.name); err != nil {
		return point{}, fmt.Errorf("%w: %.200q", err, line)
	}
	if !isDecimal(p.value) {
		return point{}, fmt.Errorf("value %.50q: %.200q", value, line)
	}
	var err error
	if p.time, err = parseTime(string(stamp)); err != nil {
		return point{}, fmt.Errorf("%w: %.200q", err, line)
	}
	return p, nil
}

func parseTime(s string) (int64, error) {
	t, err := strconv.ParseInt(s, 10, 64)
	if err != nil || strconv.FormatInt(t, 10) != s || t < 0 || t > 1<<33 {
		return 0, fmt.Errorf("timestamp %.50q", s)
	}
	return t, nil
}

func checkName(name string) error {
	path, tags, tagged := strings.Cut(name, ";")
	for node := range strings.SplitSeq(path, ".") {
		if !isClean(node) {
			return fmt.Errorf("node %.50q", node)
		}
	}
	if !tagged {
		return nil
	}
	seen := map[string]bool{}
	for pair := range strings.SplitSeq(tags, ";") {
		tag, value, ok := strings.Cut(pair, "=")
		if !ok || !isClean(tag) || !isClean(value) || seen[tag] {
			return fmt.Errorf("tag %.50q", pair)
		}
		seen[tag] = true
	}
	return nil
}

// isClean reports whether s is one or more of [A-Za-z0-9_-].
func isClean(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '-') {
			return false
		}
	}
	return s != ""
}

// isDecimal reports whether s is -?(0|[1-9][0-9]*)(\.[0-9]*[1-9])? and not -0.
func isDecimal(s string) bool {
	if s == "-0" {
		return false
	}
	whole, fraction, dot := strings.Cut(strings.TrimPrefix(s, "-"), ".")
	if !isDigits(whole) || len(whole) > 1 && whole[0] == '0' {
		return false
	}
	return !dot || isDigits(fraction) && fraction[len(fraction)-1] != '0'
}

func isDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}
