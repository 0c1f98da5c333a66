package statsd

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/gatemeter/gatemeter/internal/strict/grammar"
)

// line is one line, read.
type line struct {
	name  string // with its tags as they were written: a.b|#shard:web1
	gauge bool
	sign  bool    // the value has one
	count int64   // of a counter
	value float64 // of a gauge
}

// parseLine reads `name:value|c` or `name:value|g`, with tags behind it in DogStatsD's dialect. name is nodes of
// [A-Za-z0-9_-]+ joined by dots. A counter's value is an integer and not 0, a gauge's a decimal fraction in its shortest form.
func parseLine(text string, dog bool) (line, error) {
	name, rest, ok := strings.Cut(text, ":")
	if !ok || !grammar.IsPath(name) {
		return line{}, fmt.Errorf("name %.100q: %.200q", name, text)
	}
	value, kind, _ := strings.Cut(rest, "|")
	kind, tags, tagged := strings.Cut(kind, "|#")
	if tagged != dog || tagged && !grammar.IsTags(tags, ",", ":") {
		return line{}, fmt.Errorf("tags %.100q: %.200q", tags, text)
	}
	if tagged {
		name += "|#" + tags
	}
	l := line{name: name, sign: strings.HasPrefix(value, "-")}
	var err error
	switch kind {
	case "c":
		l.count, err = strconv.ParseInt(value, 10, 64)
		if err != nil || l.count == 0 || !grammar.IsInteger(value) {
			return line{}, fmt.Errorf("counter's value %.50q: %.200q", value, text)
		}
	case "g":
		l.gauge = true
		l.value, err = strconv.ParseFloat(value, 64)
		if err != nil || !grammar.IsDecimal(value) {
			return line{}, fmt.Errorf("gauge's value %.50q: %.200q", value, text)
		}
	default:
		return line{}, fmt.Errorf("type %.50q: %.200q", kind, text)
	}
	return l, nil
}
