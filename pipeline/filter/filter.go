// Package filter leaves records out of the metrics, of the records sent on, or of both, by conditions on their fields.
//
// Rules are compiled once into slices of tests (compile.go), the cheap ones first; applying them to a record looks nothing up
// and allocates nothing.
package filter

import (
	"bytes"
	"net/netip"
	"regexp"
	"slices"
	"unsafe"

	"github.com/gobwas/glob"

	"github.com/gatemeter/gatemeter/pipeline/address"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// Rule leaves out of Drop the records for which every condition of When holds.
type Rule struct {
	When []Condition
	Drop record.Drop
}

// Condition is one condition on one field. All of its parts that are set have to hold; at least one must be. A record that
// has no such field fulfils none of them but Exists == false.
type Condition struct {
	Field string // its name in the Elastic Common Schema

	OneOf   []string // the field is one of these; for numbers they are numbers
	Prefix  string
	Suffix  string
	Glob    string   // `*`, `?`, `[a-z]`, `{a,b}`; `*` also across slashes
	Matches string   // RE2, anywhere in the field
	CIDR    []string // the address lies in one of these
	Exists  *bool    // the record has the field, or has it not

	// Bounds of numbers; of durations written `250ms`, of times 2026-11-21T00:00:00Z.
	AtLeast, MoreThan, AtMost, LessThan string

	Not bool // the whole condition must not hold
}

// Set is compiled rules. It is not changed by use: any number of goroutines may share it.
type Set struct{ rules []rule }

type rule struct {
	tests []test
	drop  record.Drop
}

// test is a compiled Condition. What is nil or empty is not asked for.
type test struct {
	field   record.Field
	text    bool
	not     bool
	missing bool // it holds when the record has no such field

	oneOf    [][]byte // sorted
	prefix   []byte
	suffix   []byte
	glob     *glob.Pattern
	matches  *regexp.Regexp
	networks []netip.Prefix

	numbers   []int64 // sorted
	low, high int64
}

// Apply sets r.Drop by the rules that hold for r.
func (s *Set) Apply(r *record.Record) {
	for i := range s.rules {
		if rule := &s.rules[i]; r.Drop&rule.drop != rule.drop && rule.holds(r) {
			r.Drop |= rule.drop
		}
	}
}

func (c *rule) holds(r *record.Record) bool {
	for i := range c.tests {
		if t := &c.tests[i]; t.holds(r) == t.not {
			return false
		}
	}
	return true
}

func (t *test) holds(r *record.Record) bool {
	if t.text {
		return t.holdsText(*r.Text(t.field))
	}
	n := r.Number(t.field)
	if n == record.Absent || t.missing {
		return n == record.Absent && t.missing
	}
	if n < t.low || n > t.high {
		return false
	}
	if t.numbers == nil {
		return true
	}
	_, found := slices.BinarySearch(t.numbers, n)
	return found
}

func (t *test) holdsText(v []byte) bool {
	if len(v) == 0 || t.missing {
		return len(v) == 0 && t.missing
	}
	if t.oneOf != nil {
		if _, found := slices.BinarySearchFunc(t.oneOf, v, bytes.Compare); !found {
			return false
		}
	}
	if !bytes.HasPrefix(v, t.prefix) || !bytes.HasSuffix(v, t.suffix) {
		return false
	}
	if t.networks != nil && !t.inNetworks(v) {
		return false
	}
	// A glob keeps nothing of the text, which does not change before it returns.
	if t.glob != nil && !t.glob.Match(unsafe.String(unsafe.SliceData(v), len(v))) {
		return false
	}
	return t.matches == nil || t.matches.Match(v)
}

func (t *test) inNetworks(v []byte) bool {
	a, ok := address.Parse(host(v))
	if !ok {
		return false
	}
	for _, n := range t.networks {
		if n.Contains(a) {
			return true
		}
	}
	return false
}

// host returns an address without the port and the brackets that an upstream's has: 10.0.0.1:8080, [::1]:8080.
func host(v []byte) []byte {
	colon := bytes.LastIndexByte(v, ':')
	switch {
	case v[0] == '[' && bytes.IndexByte(v, ']') > 0:
		return v[1:bytes.IndexByte(v, ']')]
	case colon > 0 && bytes.IndexByte(v, ':') == colon:
		return v[:colon]
	}
	return v
}
