// Package point holds what metric sinks get: panes, which are lists of points.
//
// A pane of ten thousand series has a quarter of a million points, and several panes are in memory at a time. So it keeps a number of eight
// bytes for each (two, where sinks have had part of some counter before), without pointers, and series and names once a row. A Reader makes
// points of them one by one; a Builder makes panes.
//
// It is a leaf: it imports nothing of this module.
package point

// PaneKind says why a pane left.
type PaneKind uint8

// The kinds, in Beam's words.
const (
	OnTime PaneKind = iota // the watermark passed the window's end
	Late                   // a late record changed the window, or a restart sends it again
	Early                  // nothing comes: the window as it stands
)

// String returns the kind's name as metrics print it.
func (k PaneKind) String() string { return [...]string{"on_time", "late", "early"}[k] }

// Series is one combination of a rollup's dimension values.
type Series struct {
	Rollup     string   // its name in the config: route, service, all
	Dimensions []string // their names in order: service, route, method
	Values     []string // their values in the same order, as logged: any bytes. Missing values are "_none", folded ones "_other"

	// Path is Rollup and Values joined by dots, each cleaned by Clean: no two series of a pane have the same.
	Path string
}

// Kind is how a value goes to a sink that cannot be told a value again.
type Kind uint8

// The kinds.
const (
	Counter Kind = iota // adds up: Count, and Change since it was last sent
	Gauge               // the newest holds: Value
)

// Name is what a point is of: `requests` `2xx`. Few names are shared by all points.
type Name struct {
	Metric string // requests, latency …: constants of package pipeline
	Stat   string // count, 2xx, p99 …
	Kind   Kind
}

// Point is one stat of one metric of one series.
type Point struct {
	Series *Series
	*Name
	Count  int64   // a Counter's full value
	Change int64   // a Counter's full value less what discarding sinks have of it; may be 0
	Value  float64 // a Gauge's value: seconds for latencies, a number for distinct
}

// maxNode is the longest a cleaned value may be, in bytes; file systems stop at 255 and carbon adds `.wsp`.
const maxNode = 200

// AppendClean appends v to dst as one node of a dotted name: only [A-Za-z0-9_-] stays, any other byte becomes `_`, an
// empty value is `_`, and what is longer than 200 bytes is cut. So no value can add a node, a tag or a line.
func AppendClean(dst []byte, v string) []byte {
	if v == "" {
		return append(dst, '_')
	}
	for i := 0; i < len(v) && i < maxNode; i++ {
		c := v[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '-' {
			dst = append(dst, c)
		} else {
			dst = append(dst, '_')
		}
	}
	return dst
}
