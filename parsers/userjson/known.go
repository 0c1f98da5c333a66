package userjson

import "github.com/gatemeter/gatemeter/parsers/field"

// WellKnown returns the names that need no mapping in any format that gives values names: those of the Elastic Common Schema,
// nginx's variables and some in common use.
func WellKnown() map[string]field.Ranked {
	names := map[string]field.Ranked{}
	var walk func(n *node, path string)
	walk = func(n *node, path string) {
		if n.target != nil {
			rank := n.target.rank
			if rank == byHabit {
				rank = field.ByHabit
			}
			names[path] = field.Ranked{Op: n.target.Op, Rank: rank}
		}
		for name, child := range n.children {
			if path != "" {
				name = path + "." + name
			}
			walk(child, name)
		}
	}
	walk(wellKnown(), "")
	return names
}
