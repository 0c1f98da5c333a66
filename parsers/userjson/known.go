package userjson

import "github.com/gatemeter/gatemeter/parsers/field"

// Known is what is done with a value whose name says what it is, and its rank among names for the same: the lowest counts.
type Known struct {
	field.Op
	Rank uint8
}

// WellKnown returns the names that need no mapping in any format that gives values names: those of the Elastic Common Schema,
// nginx's variables and some in common use.
func WellKnown() map[string]Known {
	names := map[string]Known{}
	var walk func(n *node, path string)
	walk = func(n *node, path string) {
		if n.target != nil {
			names[path] = Known{n.target.Op, n.target.rank}
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

// ByHabit reports whether k is a name in common use only: a value that is not what it says is left aside.
func (k Known) ByHabit() bool { return k.Rank == byHabit }
