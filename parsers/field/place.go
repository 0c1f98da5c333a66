package field

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gatemeter/gatemeter/pipeline/record"
)

// units are how a config writes them, behind a field's name and a colon.
var units = [...]string{Nanoseconds: "ns", Microseconds: "us", Milliseconds: "ms", Seconds: "s"}

// ParsePlace returns the op for a field as a config's `fields:` names it: `service.name`, and for lengths of time a unit too,
// `event.duration:ms`; without one they are nanoseconds.
func ParsePlace(place string) (Op, error) {
	name, unit, hasUnit := strings.Cut(place, ":")
	f, ok := record.Lookup(name)
	if !ok {
		return Op{}, fmt.Errorf("there is no field %.200q%s", name, DidYouMean(name, record.Names()))
	}
	if f == record.Line {
		return Op{}, fmt.Errorf("%s is the line as it stands and cannot be another value", name)
	}
	op := opOf(f)
	if !hasUnit {
		return op, nil
	}
	u := slices.Index(units[:], unit)
	switch {
	case f.Class() != record.Nanos:
		return Op{}, fmt.Errorf("%.200q: %s is not a length of time and has no unit", place, name)
	case u < 0:
		return Op{}, fmt.Errorf("%.200q: the units are ns, us, ms and s", place)
	}
	op.Unit = Unit(u)
	return op, nil
}

// opOf returns how a field is read when all that is known is which one it is.
func opOf(f record.Field) Op {
	switch f.Class() {
	case record.Count:
		return Op{Action: NumberLast, Field: f}
	case record.Nanos:
		return Op{Action: SpanSum, Field: f}
	case record.Moment:
		return Op{Action: TimeAny, Field: f}
	}
	switch f {
	case record.Query:
		return Op{Action: Query, Field: f}
	case record.Domain:
		return Op{Action: HostPort, Field: f}
	case record.HTTPVersion:
		return Op{Action: Protocol, Field: f}
	case record.TLSVersion:
		return Op{Action: TLS, Field: f}
	case record.UpstreamAddress:
		return Op{Action: TextLast, Field: f}
	}
	return Op{Action: Text, Field: f}
}

// DidYouMean returns `; did you mean "x"?` when one of names is near name, else "".
func DidYouMean(name string, names []string) string {
	best, distance := "", len(name)/3+2
	for _, n := range names {
		if d := edits(name, n, distance); d < distance {
			best, distance = n, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// edits returns how many bytes must be put in, taken out or changed to make b of a, or limit when that is reached.
func edits(a, b string, limit int) int {
	if len(a) > 64 || len(b) > 64 {
		return limit
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return min(row[len(b)], limit)
}
