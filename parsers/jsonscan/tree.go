package jsonscan

// Tree is the keys that Extract looks for. It is not changed by use.
type Tree struct {
	root     branch
	n        int // IDs
	branches int
}

// Key is a key that is wanted: its value, or those of keys in the object that is its value.
type Key struct {
	Name string
	ID   int   // 1 to 63: where in Extract's values. Keys of one object may share one: the first of them counts
	Keys []Key // wanted in the object
	Last bool  // the value is an array: Keys are wanted of the last object in it
}

// NewTree returns the tree of an object's keys. It panics when an ID is out of range: trees are written by programmers.
func NewTree(keys []Key) *Tree {
	t := &Tree{n: 1, branches: 1}
	t.fill(&t.root, keys)
	return t
}

// Values returns how many values Extract needs to have room for. The first is nobody's.
func (t *Tree) Values() int { return t.n }

// branch is a container in which keys are wanted. It has a hash table of them in which no two share a slot. A key's hash is a sum of
// its length and of its first and last byte, times factors that were found by trying.
type branch struct {
	parent *branch // the one around, nil at the root
	number int     // of all branches
	level  int     // how many containers are around it

	first, last uint
	mask        uint
	leaves      []leaf
	ids         uint64 // a bit for each

	elements *branch // of an array: the objects in it. It has no leaves
	array    int     // of an array: its ID
}

type leaf struct {
	name string // empty: a free slot
	id   int
	in   *branch // nil: the value is of interest, not what is in it
}

func (t *Tree) fill(b *branch, keys []Key) {
	for factor := uint(0); !b.place(keys); factor++ {
		b.first, b.last, b.mask = factor%16+1, factor/16%16+1, 16<<(factor/256)-1
	}
	for i := range keys {
		k := &keys[i]
		if k.ID < 1 || k.ID > 63 {
			panic("BUG: ID of key " + k.Name)
		}
		t.n = max(t.n, k.ID+1)
		if k.Keys == nil {
			continue
		}
		in := t.branch(b)
		b.leaves[b.hash(k.Name)].in = in
		if k.Last {
			in.elements, in.array = t.branch(in), k.ID
			in = in.elements
		}
		t.fill(in, k.Keys)
	}
}

// branch returns a new branch in parent.
func (t *Tree) branch(parent *branch) *branch {
	t.branches++
	return &branch{parent: parent, number: t.branches, level: parent.level + 1}
}

// place puts keys into free slots and reports whether there was one for each.
func (b *branch) place(keys []Key) bool {
	b.leaves, b.ids = make([]leaf, b.mask+1), 0
	for i := range keys {
		l := &b.leaves[b.hash(keys[i].Name)]
		if l.name != "" {
			return false
		}
		l.name, l.id = keys[i].Name, keys[i].ID
		b.ids |= 1 << l.id
	}
	return true
}

func (b *branch) hash(name string) uint {
	return (uint(len(name)) + uint(name[0])*b.first + uint(name[len(name)-1])*b.last) & b.mask
}

// find returns what is wanted of key, nil when nothing is.
func (b *branch) find(key []byte) *leaf {
	if len(key) == 0 {
		return nil
	}
	l := &b.leaves[(uint(len(key))+uint(key[0])*b.first+uint(key[len(key)-1])*b.last)&b.mask]
	if l.name != string(key) {
		return nil
	}
	return l
}
