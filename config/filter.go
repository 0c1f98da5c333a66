package config

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/gatemeter/gatemeter/pipeline/filter"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// filters reads the list of filters. Field names have dots, and a condition is one of many shapes: it is read from the YAML
// nodes, not from viper.
func (l *loader) filters(p *[]Filter, n *yaml.Node, path []string) {
	if n == nil || n.Tag == "!!null" {
		return
	}
	if n.Kind != yaml.SequenceNode {
		l.fail(n, path, fmt.Sprintf("is %s, and should be a list of {when: …, drop: […]}", describe(n)))
		return
	}
	for i, item := range n.Content {
		below := append(slices.Clone(path), fmt.Sprint(i+1))
		if item.Kind != yaml.MappingNode {
			l.fail(item, below, fmt.Sprintf("is %s, and should be {when: …, drop: […]}", describe(item)))
			continue
		}
		for k := 0; k < len(item.Content); k += 2 {
			if name := item.Content[k].Value; name != "when" && name != "drop" {
				l.fail(item.Content[k], append(below, name), "unknown key"+suggestion(name, []string{"when", "drop"}))
			}
		}
		f := Filter{}
		if drop := child(item, "drop"); drop != nil {
			f.Drop, _ = l.list(drop, append(below, "drop"))
		}
		rule := filter.Rule{Drop: l.drop(item, f.Drop, below)}
		when := child(item, "when")
		if when == nil || when.Kind != yaml.MappingNode || len(when.Content) == 0 {
			l.fail(item, append(below, "when"), "the conditions are missing")
			continue
		}
		for k := 0; k+1 < len(when.Content); k += 2 {
			field, node := when.Content[k].Value, when.Content[k+1]
			at := append(slices.Clone(below), "when", field)
			if _, ok := record.Lookup(field); !ok {
				l.fail(when.Content[k], at, "no such field"+suggestion(field, record.Names()))
				continue
			}
			if c, ok := l.condition(field, node, at); ok {
				if _, err := filter.Compile([]filter.Rule{{When: []filter.Condition{c}, Drop: record.DropMetrics}}); err != nil {
					l.fail(node, at, strings.TrimPrefix(err.Error(), "filter 1: "+field+": "))
					continue
				}
				rule.When = append(rule.When, c)
			}
		}
		f.Rule, f.when = rule, when
		*p = append(*p, f)
	}
}

// drop returns what the names stand for.
func (l *loader) drop(n *yaml.Node, names []string, path []string) (d record.Drop) {
	path = append(slices.Clone(path), "drop")
	if len(names) == 0 {
		l.fail(n, path, "is missing: metrics, records, or both")
	}
	for _, name := range names {
		switch name {
		case "metrics":
			d |= record.DropMetrics
		case "records":
			d |= record.DropRecords
		default:
			l.fail(n, path, quote(name)+" is unknown"+suggestion(name, []string{"metrics", "records"}))
		}
	}
	return d
}

// operators are what a condition can be made of.
var operators = []string{"equal", "one_of", "prefix", "suffix", "glob", "matches", "cidr", "gte", "gt", "lte", "lt", "exists", "not"}

func (l *loader) condition(field string, n *yaml.Node, path []string) (c filter.Condition, ok bool) {
	c.Field = field
	switch n.Kind {
	case yaml.ScalarNode:
		c.OneOf = []string{n.Value}
		return c, true
	case yaml.SequenceNode:
		c.OneOf, ok = l.list(n, path)
		return c, ok
	}
	ok = true
	for i := 0; i+1 < len(n.Content); i += 2 {
		op, v := n.Content[i].Value, n.Content[i+1]
		below := append(slices.Clone(path), op)
		if v.Kind != yaml.ScalarNode && op != "one_of" && op != "cidr" && op != "not" {
			if !slices.Contains(operators, op) {
				l.fail(n.Content[i], below, "unknown condition"+suggestion(op, operators))
			} else {
				l.fail(v, below, fmt.Sprintf("is %s, and should be a plain value", describe(v)))
			}
			ok = false
			continue
		}
		switch op {
		case "equal":
			c.OneOf = []string{v.Value}
		case "one_of":
			c.OneOf, ok = l.list(v, below)
		case "prefix":
			c.Prefix = v.Value
		case "suffix":
			c.Suffix = v.Value
		case "glob":
			c.Glob = v.Value
		case "matches":
			c.Matches = v.Value
		case "cidr":
			c.CIDR, ok = l.list(v, below)
		case "gte":
			c.AtLeast = v.Value
		case "gt":
			c.MoreThan = v.Value
		case "lte":
			c.AtMost = v.Value
		case "lt":
			c.LessThan = v.Value
		case "exists":
			exists := v.Value == "true"
			if !exists && v.Value != "false" {
				l.fail(v, below, quote(v.Value)+" is neither true nor false")
				ok = false
			}
			c.Exists = &exists
		case "not":
			if len(n.Content) > 2 {
				l.fail(v, below, "not stands alone: put the other conditions inside it, or into another field's")
				return c, false
			}
			c, ok = l.condition(field, v, below)
			c.Not = !c.Not
		default:
			l.fail(n.Content[i], below, "unknown condition"+suggestion(op, operators))
			ok = false
		}
	}
	return c, ok
}
