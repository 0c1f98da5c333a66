// Package dotted makes the names under which points go to Graphite and StatsD, and writes their numbers. The names:
//
//	{prefix}.{shard}.{rollup}.{dimension values…}.{metric}.{stat}           plain
//	{prefix}.{rollup}.{metric}.{stat} with the tags shard and one a dimension    tagged
//
// Only [A-Za-z0-9_-] of a value or a shard's label gets into a name: no log line can add a node, a tag or a line.
package dotted

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gatemeter/gatemeter/pipeline/point"
)

// Tags is how a protocol writes the tags of a series. The zero value: there are none, the name holds the values as nodes.
type Tags struct {
	First string // before the first tag: `;`, `|#`
	Next  string // before each other
	Is    string // between a tag's name and its value
}

// Names makes names. It keeps what points of one series have in common, so the points of a pane should come in their order.
// It belongs to one goroutine.
type Names struct {
	prefix string // with its last dot
	tags   Tags

	shard  []byte        // cleaned
	series *point.Series // that head and tail are of
	head   []byte        // of the name, up to the metric
	tail   []byte        // the tags
}

// New returns Names that begin with prefix, which CheckPrefix must have passed.
func New(prefix string, tags Tags) *Names {
	if prefix != "" {
		prefix += "."
	}
	return &Names{prefix: prefix, tags: tags}
}

// Pane prepares for the points of p. It must be called for each pane, as the same series may be in panes of several shards.
func (n *Names) Pane(p *point.Pane) {
	n.shard = point.AppendClean(n.shard[:0], p.Shard)
	n.series = nil
}

// Append appends p's name, without tags.
func (n *Names) Append(dst []byte, p *point.Point) []byte {
	if p.Series != n.series {
		n.use(p.Series)
	}
	dst = append(dst, n.head...)
	dst = append(dst, p.Metric...)
	dst = append(dst, '.')
	return append(dst, p.Stat...)
}

// Tags returns the tags of the series whose name was appended last: nothing, or all of them with First before them. The
// bytes are valid until the next call of a method.
func (n *Names) Tags() []byte { return n.tail }

func (n *Names) use(s *point.Series) {
	n.series = s
	n.head = append(n.head[:0], n.prefix...)
	n.tail = n.tail[:0]
	if n.tags == (Tags{}) {
		n.head = append(n.head, n.shard...)
		n.head = append(n.head, '.')
		n.head = append(n.head, s.Path...)
		n.head = append(n.head, '.')
		return
	}
	n.head = append(n.head, s.Rollup...)
	n.head = append(n.head, '.')
	n.tail = append(n.tail, n.tags.First...)
	n.tail = append(n.tail, "shard"...)
	n.tail = append(n.tail, n.tags.Is...)
	n.tail = append(n.tail, n.shard...)
	for i, name := range s.Dimensions {
		n.tail = append(n.tail, n.tags.Next...)
		n.tail = append(n.tail, name...)
		n.tail = append(n.tail, n.tags.Is...)
		n.tail = point.AppendClean(n.tail, s.Values[i])
	}
}

// maxPrefix is the longest prefix, in bytes.
const maxPrefix = 200

// CheckPrefix says what is wrong with a prefix that a user set. An empty one is fine: names then begin with the shard.
func CheckPrefix(prefix string) error {
	if prefix == "" {
		return nil
	}
	if len(prefix) > maxPrefix {
		return fmt.Errorf("prefix: %d bytes are too many, at most %d", len(prefix), maxPrefix)
	}
	var clean []byte
	for node := range strings.SplitSeq(prefix, ".") {
		if node == "" {
			return errors.New("prefix: must not begin or end with a dot nor have two in a row")
		}
		if clean = point.AppendClean(clean[:0], node); string(clean) != node {
			return fmt.Errorf("prefix: %q has bytes other than letters, digits, `_`, `-` and dots", prefix)
		}
	}
	return nil
}
