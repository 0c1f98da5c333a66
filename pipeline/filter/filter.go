// Package filter leaves records out of the metrics, of the records sent on, or of both, by conditions on their fields.
//
// Rules are compiled once into slices of tests; applying them to a record looks nothing up and allocates nothing.
package filter

import (
	"bytes"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/gobwas/glob"

	"github.com/gatemeter/gatemeter/pipeline/record"
)

// Rule leaves out of Drop the records for which every condition of When holds.
type Rule struct {
	When []Condition
	Drop record.Drop
}

// Condition is one condition on one field. All of its parts that are set have to hold; at least one must be.
type Condition struct {
	Field string // its name in the Elastic Common Schema

	OneOf   []string // the field is one of these; for numbers they are numbers
	Prefix  string
	Suffix  string
	Glob    string   // `*` and `?`; `*` also across slashes
	Matches string   // RE2
	CIDR    []string // the address lies in one of these
	Exists  *bool    // the record has the field, or has it not

	// Bounds of numbers; durations may be written `250ms`.
	AtLeast, MoreThan, AtMost, LessThan string

	Not bool // the whole condition must not hold
}

// Set is compiled rules. It is not changed by use: any number of goroutines may share it.
type Set struct{ rules []rule }

type rule struct {
	tests []test
	drop  record.Drop
}

type test struct {
	field record.Field
	text  bool
	not   bool

	oneOf    [][]byte
	numbers  []int64
	prefix   []byte
	suffix   []byte
	glob     *glob.Pattern
	matches  *regexp.Regexp
	networks []netip.Prefix
	exists   *bool
	low      int64
	high     int64
	bounded  bool
}

// Compile returns the set of rules. An error names the rule, counted from 1, and the field.
func Compile(rules []Rule) (*Set, error) {
	s := &Set{}
	for i, r := range rules {
		if len(r.When) == 0 || r.Drop == 0 {
			return nil, fmt.Errorf("filter %d: when and drop must both be given", i+1)
		}
		c := rule{drop: r.Drop}
		for j := range r.When {
			t, err := compile(&r.When[j])
			if err != nil {
				return nil, fmt.Errorf("filter %d: %s: %w", i+1, r.When[j].Field, err)
			}
			c.tests = append(c.tests, t)
		}
		s.rules = append(s.rules, c)
	}
	return s, nil
}

func compile(c *Condition) (test, error) {
	field, ok := record.Lookup(c.Field)
	if !ok {
		return test{}, fmt.Errorf("no such field")
	}
	t := test{field: field, text: field.Class() == record.Text, not: c.Not, exists: c.Exists, low: -1 << 63, high: 1<<63 - 1}
	texts := c.Prefix != "" || c.Suffix != "" || c.Glob != "" || c.Matches != "" || c.CIDR != nil
	t.bounded = c.AtLeast != "" || c.MoreThan != "" || c.AtMost != "" || c.LessThan != ""
	switch {
	case !texts && !t.bounded && c.OneOf == nil && c.Exists == nil:
		return t, fmt.Errorf("no condition")
	case t.text && t.bounded:
		return t, fmt.Errorf("a range needs a number, and this field is text")
	case !t.text && texts:
		return t, fmt.Errorf("prefix, suffix, glob, matches and cidr need text, and this field is a number")
	}
	var err error
	for _, v := range c.OneOf {
		if t.text {
			t.oneOf = append(t.oneOf, []byte(v))
			continue
		}
		n, err := number(field, v)
		if err != nil {
			return t, err
		}
		t.numbers = append(t.numbers, n)
	}
	t.prefix, t.suffix = []byte(c.Prefix), []byte(c.Suffix)
	if c.Glob != "" {
		if t.glob, err = glob.Compile(c.Glob); err != nil {
			return t, fmt.Errorf("glob %.200q: %w", c.Glob, err)
		}
	}
	if c.Matches != "" {
		if t.matches, err = regexp.Compile(c.Matches); err != nil {
			return t, fmt.Errorf("matches %.200q: %w", c.Matches, err)
		}
	}
	for _, n := range c.CIDR {
		p, err := netip.ParsePrefix(n)
		if err != nil {
			a, err := netip.ParseAddr(n)
			if err != nil {
				return t, fmt.Errorf("cidr %.200q is neither a network like 10.0.0.0/8 nor an address", n)
			}
			p = netip.PrefixFrom(a, a.BitLen())
		}
		t.networks = append(t.networks, p.Masked())
	}
	for _, b := range []struct {
		value string
		to    *int64
		add   int64
	}{{c.AtLeast, &t.low, 0}, {c.MoreThan, &t.low, 1}, {c.AtMost, &t.high, 0}, {c.LessThan, &t.high, -1}} {
		if b.value == "" {
			continue
		}
		n, err := number(field, b.value)
		if err != nil {
			return t, err
		}
		*b.to = n + b.add
	}
	if t.low > t.high {
		return t, fmt.Errorf("the range is empty")
	}
	return t, nil
}

// number reads v in the unit of field.
func number(field record.Field, v string) (int64, error) {
	if field.Class() == record.Nanos {
		if d, err := time.ParseDuration(v); err == nil {
			return int64(d), nil
		}
		return 0, fmt.Errorf("%.200q is not a duration like 250ms", v)
	}
	if field.Class() == record.Moment {
		if t, err := time.Parse(time.RFC3339Nano, v); err == nil {
			return t.UnixNano(), nil
		}
		return 0, fmt.Errorf("%.200q is not a time like 2026-11-21T00:00:00Z", v)
	}
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%.200q is not a whole number", v)
	}
	return n, nil
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
	if !t.text {
		n := r.Number(t.field)
		if has := n != record.Absent; t.exists != nil && has != *t.exists || t.exists == nil && !has {
			return false
		}
		return (t.numbers == nil || slices.Contains(t.numbers, n)) && (!t.bounded || n >= t.low && n <= t.high)
	}
	v := *r.Text(t.field)
	if t.exists != nil && (len(v) > 0) != *t.exists {
		return false
	}
	if t.oneOf != nil && !slices.ContainsFunc(t.oneOf, func(o []byte) bool { return bytes.Equal(o, v) }) {
		return false
	}
	if !bytes.HasPrefix(v, t.prefix) || !bytes.HasSuffix(v, t.suffix) {
		return false
	}
	if t.matches != nil && !t.matches.Match(v) {
		return false
	}
	if t.glob != nil && !t.glob.Match(unsafeString(v)) {
		return false
	}
	return t.networks == nil || t.inNetworks(v)
}

func (t *test) inNetworks(v []byte) bool {
	a, err := netip.ParseAddr(unsafeString(v))
	if err != nil {
		return false
	}
	a = a.Unmap().WithZone("")
	return slices.ContainsFunc(t.networks, func(p netip.Prefix) bool { return p.Contains(a) })
}
