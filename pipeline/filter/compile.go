package filter

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/gobwas/glob"

	"github.com/gatemeter/gatemeter/pipeline/record"
)

// Bounds of what is compiled: each record is held against all of it.
const (
	maxRules   = 1000
	maxValues  = 100_000 // of one list; they are searched, not gone through
	maxNets    = 1000    // these are gone through
	maxPattern = 1000    // bytes of a glob or an expression
)

// Compile returns the set of rules. An error names the rule, counted from 1, and the field.
func Compile(rules []Rule) (*Set, error) {
	if len(rules) > maxRules {
		return nil, fmt.Errorf("%d filters: at most %d can be had", len(rules), maxRules)
	}
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
		slices.SortStableFunc(c.tests, func(a, b test) int { return a.cost() - b.cost() })
		s.rules = append(s.rules, c)
	}
	return s, nil
}

// cost orders tests by the time they take.
func (t *test) cost() int {
	switch {
	case t.matches != nil:
		return 3
	case t.glob != nil:
		return 2
	case t.networks != nil:
		return 1
	}
	return 0
}

func compile(c *Condition) (test, error) {
	field, ok := record.Lookup(c.Field)
	if !ok {
		return test{}, errors.New("no such field")
	}
	t := test{field: field, text: field.Class() == record.Text, not: c.Not, low: math.MinInt64, high: math.MaxInt64}
	texts := c.Prefix != "" || c.Suffix != "" || c.Glob != "" || c.Matches != "" || c.CIDR != nil
	bounds := c.AtLeast != "" || c.MoreThan != "" || c.AtMost != "" || c.LessThan != ""
	values := c.OneOf != nil || texts || bounds
	switch {
	case !values && c.Exists == nil:
		return t, errors.New("no condition")
	case c.Exists != nil && !*c.Exists && values:
		return t, errors.New("exists: false allows no other condition beside it")
	case t.text && bounds:
		return t, errors.New("a range needs a number, and this field is text")
	case !t.text && texts:
		return t, errors.New("prefix, suffix, glob, matches and cidr need text, and this field is a number")
	case c.CIDR != nil && field != record.ClientAddress && field != record.UpstreamAddress:
		return t, fmt.Errorf("cidr needs an address: %s or %s", record.ClientAddress, record.UpstreamAddress)
	}
	t.missing = c.Exists != nil && !*c.Exists
	t.prefix, t.suffix = []byte(c.Prefix), []byte(c.Suffix)
	return t, errors.Join(t.values(c.OneOf), t.patterns(c), t.cidr(c.CIDR), t.bounds(c))
}

// values compiles OneOf.
func (t *test) values(list []string) error {
	if list != nil && len(list) == 0 || len(list) > maxValues {
		return fmt.Errorf("a list of %d values: 1 to %d can be had", len(list), maxValues)
	}
	for _, v := range list {
		switch {
		case t.text && v == "":
			return errors.New("an empty value: write exists: false for records without the field")
		case t.text:
			t.oneOf = append(t.oneOf, []byte(v))
		default:
			n, err := number(t.field, v)
			if err != nil {
				return err
			}
			t.numbers = append(t.numbers, n)
		}
	}
	slices.SortFunc(t.oneOf, bytes.Compare)
	slices.Sort(t.numbers)
	return nil
}

func (t *test) patterns(c *Condition) (err error) {
	if len(c.Glob) > maxPattern || len(c.Matches) > maxPattern {
		return fmt.Errorf("a pattern is longer than %d bytes", maxPattern)
	}
	if c.Glob != "" {
		if t.glob, err = glob.Compile(c.Glob); err != nil {
			return fmt.Errorf("glob %.200q: %w", c.Glob, err)
		}
	}
	if c.Matches != "" {
		if t.matches, err = regexp.Compile(c.Matches); err != nil {
			return fmt.Errorf("matches %.200q: %w", c.Matches, err)
		}
	}
	return nil
}

func (t *test) cidr(list []string) error {
	if list != nil && len(list) == 0 || len(list) > maxNets {
		return fmt.Errorf("cidr: a list of %d networks: 1 to %d can be had", len(list), maxNets)
	}
	for _, n := range list {
		p, err := netip.ParsePrefix(n)
		if err != nil {
			a, err := netip.ParseAddr(n)
			if err != nil || a.Zone() != "" {
				return fmt.Errorf("cidr %.200q is neither a network like 10.0.0.0/8 nor an address", n)
			}
			p = netip.PrefixFrom(a, a.BitLen())
		}
		if p.Addr().Is4In6() && p.Bits() >= 96 { // addresses are compared in their IPv4 form
			p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
		}
		t.networks = append(t.networks, p.Masked())
	}
	return nil
}

func (t *test) bounds(c *Condition) error {
	for _, b := range []struct {
		value string
		above bool
		open  bool
	}{{c.AtLeast, true, false}, {c.MoreThan, true, true}, {c.AtMost, false, false}, {c.LessThan, false, true}} {
		if b.value == "" {
			continue
		}
		n, err := number(t.field, b.value)
		switch {
		case err != nil:
			return err
		case b.above && b.open && n == math.MaxInt64, !b.above && b.open && n == math.MinInt64:
			return fmt.Errorf("%.200q leaves nothing", b.value)
		case b.above && b.open:
			t.low = max(t.low, n+1)
		case b.above:
			t.low = max(t.low, n)
		case b.open:
			t.high = min(t.high, n-1)
		default:
			t.high = min(t.high, n)
		}
	}
	if t.low > t.high {
		return errors.New("the range is empty")
	}
	return nil
}

// number reads v in the unit of field.
func number(field record.Field, v string) (int64, error) {
	switch field.Class() {
	case record.Nanos:
		d, err := time.ParseDuration(v)
		if err != nil || d < 0 {
			return 0, fmt.Errorf("%.200q is not a duration like 250ms", v)
		}
		return int64(d), nil
	case record.Moment:
		t, err := time.Parse(time.RFC3339Nano, v)
		if err != nil {
			return 0, fmt.Errorf("%.200q is not a time like 2026-11-21T00:00:00Z", v)
		}
		return t.UnixNano(), nil
	}
	n, err := strconv.ParseInt(v, 10, 64)
	switch {
	case err != nil && (field == record.Status || field == record.UpstreamStatus) && len(v) == 3 && (v[1:] == "xx" || v[1:] == "XX"):
		return 0, fmt.Errorf("%.200q is not a whole number: a class of codes is {gte: %c00, lt: %c00}", v, v[0], v[0]+1)
	case err != nil || n < 0:
		return 0, fmt.Errorf("%.200q is not a whole number", v)
	}
	return n, nil
}
