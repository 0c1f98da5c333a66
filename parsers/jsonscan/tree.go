package jsonscan

// Tree is the keys that Extract looks for. It is not changed by use.
type Tree struct {
	root branch
	n    int // IDs
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
	t := &Tree{}
	t.root.fill(keys, &t.n)
	return t
}

// Values returns how many values Extract needs to have room for.
func (t *Tree) Values() int { return t.n }

// branch is the keys wanted of one object, in a hash table in which no two share a slot. A key's hash is a sum of its length and
// of its first and last byte, times factors that were found by trying.
type branch struct {
	first, last uint
	mask        uint
	leaves      []leaf
	ids         uint64 // a bit for each
	array       int    // ID of the array whose last object this is of
}

type leaf struct {
	name string // empty: a free slot
	id   int
	in   *branch // nil: the value is of interest, not what is in it
	last bool    // in is of the objects of an array
}

func (b *branch) fill(keys []Key, n *int) {
	for size := uint(16); ; size *= 2 {
		for factor := range uint(256) {
			if *b = (branch{first: factor%16 + 1, last: factor/16 + 1, mask: size - 1, leaves: make([]leaf, size)}); b.place(keys) {
				for i := range keys {
					k := &keys[i]
					if k.ID < 1 || k.ID > 63 {
						panic("BUG: ID of key " + k.Name)
					}
					*n = max(*n, k.ID+1)
					if k.Keys != nil {
						in := &branch{}
						in.fill(k.Keys, n)
						in.array = k.ID
						l := &b.leaves[b.hash(k.Name)]
						l.in, l.last = in, k.Last
					}
				}
				return
			}
		}
	}
}

// place puts keys into free slots and reports whether there was one for each.
func (b *branch) place(keys []Key) bool {
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
