package verify

import (
	"math"
	"slices"
	"strings"
	"time"

	"github.com/gatemeter/gatemeter/config"
)

// rollup is a named list of dimensions.
type rollup struct {
	name       string
	dimensions []string
}

// family is rollups of which each has all the dimensions of the one before it: past max_series they fold together.
type family struct {
	rollups []rollup // coarsest first
}

// families puts rollups together as docs/decisions/0005-max-series.md says: each, by the number of its dimensions and then by
// name, into the first family whose coarsest rollup so far has all its dimensions.
func families(c *config.Metrics) []family {
	var all []rollup
	for name, dimensions := range c.Rollups {
		all = append(all, rollup{name, dimensions})
	}
	slices.SortFunc(all, func(a, b rollup) int {
		if d := len(b.dimensions) - len(a.dimensions); d != 0 {
			return d
		}
		return strings.Compare(a.name, b.name)
	})
	var found []family
next:
	for _, r := range all {
		for i := range found {
			coarsest := found[i].rollups[0]
			if len(found[i].rollups) < maxFamily && !slices.ContainsFunc(r.dimensions, func(d string) bool { return !slices.Contains(coarsest.dimensions, d) }) {
				found[i].rollups = slices.Insert(found[i].rollups, 0, r)
				continue next
			}
		}
		found = append(found, family{[]rollup{r}})
	}
	return found
}

// maxFamily is how many rollups one has at most.
const maxFamily = 8

// window is what counted in one window, by the path of the series below the shard: service.orders.
type window map[string]*series

// counter counts events into windows.
type counter struct {
	families  []family
	width     int64 // seconds
	lateness  time.Duration
	amend     time.Duration
	maxSeries int
	windows   map[int64]window // by start, Unix seconds
}

func newCounter(c *config.Metrics) *counter {
	return &counter{
		families: families(c), width: int64(c.Window / time.Second), lateness: c.Lateness, amend: c.Amend, maxSeries: c.MaxSeries,
		windows: map[int64]window{},
	}
}

// clock is the event time of one log: what is late depends on nothing else.
type clock struct {
	watermark int64 // Unix nanoseconds
	admitted  map[int64]map[string]map[string]bool
}

func newClock() *clock {
	return &clock{watermark: math.MinInt64, admitted: map[int64]map[string]map[string]bool{}}
}

// start returns the start of the window of an event time.
func (c *counter) start(nanos int64) int64 {
	seconds := time.Unix(0, nanos).Unix() // rounded down
	start := seconds / c.width * c.width
	if start > seconds {
		start -= c.width
	}
	return start
}

// over returns the watermark from which on a window changes no more, Unix nanoseconds.
func (c *counter) over(start int64) int64 {
	return time.Unix(start+c.width, 0).Add(c.amend).UnixNano()
}

// move takes a record's time into its log's clock.
func (c *counter) move(k *clock, nanos int64) {
	k.watermark = max(k.watermark, nanos-int64(c.lateness))
}

// count counts an event of a log, unless it comes too late.
func (c *counter) count(k *clock, e *event) (late bool) {
	start := c.start(e.time)
	if c.over(start) <= k.watermark {
		return true
	}
	w := c.windows[start]
	if w == nil {
		w = window{}
		c.windows[start] = w
	}
	for i := range c.families {
		for path := range c.paths(k, start, &c.families[i], e) {
			s := w[path]
			if s == nil {
				s = newSeries()
				w[path] = s
			}
			s.add(e)
		}
	}
	return false
}

// paths yields the path of the event's series in each rollup of f. The first series of a window and log get in, as many as
// max_series says; past that a new one counts as _other: in that rollup, in what it has beyond the coarser one, and in the
// finer ones.
func (c *counter) paths(k *clock, start int64, f *family, e *event) func(func(string) bool) {
	values := map[string]string{}
	var known []string // dimensions of the rollups so far
	folded := false
	return func(yield func(string) bool) {
		for _, r := range f.rollups {
			before := len(known)
			for _, d := range r.dimensions {
				if !slices.Contains(known, d) {
					known = append(known, d)
				}
			}
			key := ""
			for _, d := range known {
				key += e.values[d] + "\x00\x00"
			}
			if !folded && len(r.dimensions) > 0 && !c.admit(k, start, r.name, key) {
				folded = true
			}
			for _, d := range known[before:] {
				values[d] = e.values[d]
				if folded {
					values[d] = "_other"
				}
			}
			path := r.name
			for _, d := range r.dimensions {
				path += "." + clean(values[d])
			}
			if !yield(path) {
				return
			}
		}
	}
}

// admit reports whether there is room for a series of a rollup in a window of a log.
func (c *counter) admit(k *clock, start int64, rollup, key string) bool {
	rollups := k.admitted[start]
	if rollups == nil {
		rollups = map[string]map[string]bool{}
		k.admitted[start] = rollups
	}
	keys := rollups[rollup]
	if keys == nil {
		keys = map[string]bool{}
		rollups[rollup] = keys
	}
	if !keys[key] && len(keys) >= c.maxSeries {
		return false
	}
	keys[key] = true
	return true
}

// forget drops what a clock knows of windows that change no more.
func (c *counter) forget(k *clock) {
	for start := range k.admitted {
		if c.over(start) <= k.watermark {
			delete(k.admitted, start)
		}
	}
}

// clean makes a value one node of a dotted name.
func clean(value string) string {
	if value == "" {
		return "_"
	}
	b := []byte(value[:min(len(value), 200)])
	for i, c := range b {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '_', c == '-':
		default:
			b[i] = '_'
		}
	}
	return string(b)
}
