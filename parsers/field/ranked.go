package field

// Ranked is what is done with a value that has a name, and how much that name counts among those for the same field: the lowest
// rank does, and of one rank the first in the line.
type Ranked struct {
	Op
	Rank uint8
}

// Ranks. Formats that have names of their own rank them between.
const (
	ByConfig uint8 = 1   // a name in the config's fields:
	ByHabit  uint8 = 200 // a name in common use: a value that is not what it says is left aside
	Never    uint8 = 255 // nothing has filled the field
)
