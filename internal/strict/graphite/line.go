package graphite

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/gatemeter/gatemeter/internal/strict/grammar"
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
	if !grammar.IsDecimal(p.value) {
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
	if !grammar.IsPath(path) {
		return fmt.Errorf("path %.100q", path)
	}
	if tagged && !grammar.IsTags(tags, ";", "=") {
		return fmt.Errorf("tags %.100q", tags)
	}
	return nil
}
