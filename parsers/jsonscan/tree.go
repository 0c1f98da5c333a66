package jsonscan

import "math/bits"

// Tree is the keys that Extract looks for. It is not changed by use.
type Tree struct {
	root     branch
	n        int // IDs
	branches int
	fold     Fold
	closed   bool
}

// Fold makes fold spell keys before they are looked for.
func (t *Tree) Fold(fold Fold) { t.fold = fold }

// Close makes Extract give up where a key that is not in the tree has an object for its value.
func (t *Tree) Close() { t.closed = true }

// Fold spells a key of a line as those of a tree are spelled. It writes to buf, or returns a part of key. ok is false for a key
// with which Extract is to give up.
type Fold func(buf *[MaxFolded]byte, key []byte) (folded []byte, ok bool)

// MaxFolded is the bytes of a key that is folded, at most.
const MaxFolded = 64

// Key is a key that is wanted: its value, or those of keys in the object that is its value.
type Key struct {
	Name string
	ID   int   // 1 to MaxID: where in Extract's values. Keys of one object may share one: the first of them counts
	Keys []Key // wanted in the object
	Last bool  // the value is an array: Keys are wanted of the last object in it
}

// NewTree returns the tree of an object's keys. It panics when an ID is out of range: trees are written by programmers.
func NewTree(keys []Key) *Tree {
	t := &Tree{n: 1, branches: 1}
	t.fill(&t.root, keys)
	return t
}

// MaxID is the largest ID of a key.
const MaxID = 63

// Values returns how many values Extract needs to have room for. The first is nobody's.
func (t *Tree) Values() int { return t.n }

// branch is a container in which keys are wanted.
type branch struct {
	parent *branch // the one around, nil at the root
	number int     // of all branches
	level  int     // how many containers are around it

	leaves []leaf  // the first is none
	table  []uint8 // of them, by the hash of their name, or behind that; at least three in four are 0. Its length is 1<<(64-shift)
	shift  int
	ids    uint64 // a bit for each

	elements *branch // of an array: the objects in it. It has no leaves
	array    int     // of an array: its ID
}

type leaf struct {
	name string
	id   int
	in   *branch // nil: the value is of interest, not what is in it
}

func (t *Tree) fill(b *branch, keys []Key) {
	b.leaves = make([]leaf, 1, len(keys)+1)
	b.shift = 64 - bits.Len(uint(4*len(keys)|1)) // 63 where no key is wanted
	b.table = make([]uint8, 1<<(64-b.shift))
	for i := range keys {
		k := &keys[i]
		if k.ID < 1 || k.ID > MaxID || k.Name == "" || b.find([]byte(k.Name)) != nil {
			panic("BUG: key " + k.Name)
		}
		slot := b.slot([]byte(k.Name))
		for b.table[slot] != 0 {
			slot = (slot + 1) & (len(b.table) - 1)
		}
		b.table[slot] = uint8(len(b.leaves))
		l := leaf{name: k.Name, id: k.ID}
		b.ids |= 1 << k.ID
		t.n = max(t.n, k.ID+1)
		if k.Keys != nil {
			in := t.branch(b)
			l.in = in
			if k.Last {
				in.elements, in.array = t.branch(in), k.ID
				in = in.elements
			}
			t.fill(in, k.Keys)
		}
		b.leaves = append(b.leaves, l)
	}
}

// branch returns a new branch in parent.
func (t *Tree) branch(parent *branch) *branch {
	t.branches++
	return &branch{parent: parent, number: t.branches, level: parent.level + 1}
}

// slot is where the search for a name begins: the keys of one object differ in their length and four of their bytes, mostly. The product's
// high bits depend on all of these (Fibonacci hashing).
func (b *branch) slot(name []byte) int {
	size := len(name)
	h := uint64(size) | uint64(name[0])<<8 | uint64(name[size-1])<<16 | uint64(name[size/2])<<24 | uint64(name[size/4])<<32
	return int(h * 0x9E3779B97F4A7C15 >> (b.shift & 63))
}

// find returns what is wanted of key, nil when nothing is.
func (b *branch) find(key []byte) *leaf {
	if len(key) == 0 {
		return nil
	}
	for slot := b.slot(key); ; slot = (slot + 1) & (len(b.table) - 1) {
		l := &b.leaves[b.table[slot]]
		if l.id == 0 {
			return nil
		}
		if l.name == string(key) {
			return l
		}
	}
}
