package jsonlog

import (
	"bytes"
	"math/bits"
	"strings"

	"github.com/gatemeter/gatemeter/pipeline/record"
)

// node is a place in the tree of keys.
type node struct {
	id       uint16 // of the schema's nodes, for noting which have come
	targets  []target
	table    []entry // of children, open addressing; its length is 1<<(64-shift)
	shift    uint8
	children int
	wrapper  bool // its children are the root's
	list     bool // its value may be an array of attributes
}

type entry struct {
	key  string
	node *node
}

// target is what becomes of a node's value.
type target struct {
	to   record.Field
	as   form
	rank uint8 // the lower the better
}

// maxNodes bounds how many nodes a tree has.
const maxNodes = 256

const absentRank = 255

// Format is a compiled format. It is shared by parsers and not changed by use.
type Format struct {
	schema *schema
	root   *node
	nodes  int
	byID   []*node
}

// Compile returns the format called name, nil when this package has none.
func Compile(name string) *Format {
	for _, s := range schemas {
		if s.name == name {
			return compile(s)
		}
	}
	return nil
}

func compile(s *schema) *Format {
	f := &Format{schema: s, nodes: 1}
	f.root = &node{}
	f.byID = []*node{f.root}
	for i, r := range s.rows {
		if i >= absentRank {
			panic("BUG: too many rows in " + s.name)
		}
		n := f.at(r.path)
		n.targets = append(n.targets, target{to: r.to, as: r.as, rank: uint8(i)})
	}
	for _, path := range s.lists {
		f.at(path).list = true
	}
	for _, key := range s.wrappers {
		f.at(key).wrapper = true
	}
	for _, key := range s.wrappers { // now that the root has all its children
		w := f.at(key)
		w.table, w.shift, w.children = f.root.table, f.root.shift, f.root.children
	}
	return f
}

// at returns the node at path, which it makes when there is none.
func (f *Format) at(path string) *node {
	n := f.root
	for part := range strings.SplitSeq(path, ".") {
		key := f.spelled(part)
		child := n.child([]byte(key))
		if child == nil {
			child = &node{id: f.next()}
			f.byID = append(f.byID, child)
			f.put(n, key, child)
		}
		n = child
	}
	return n
}

func (f *Format) next() uint16 {
	if f.nodes == maxNodes {
		panic("BUG: too many keys in " + f.schema.name)
	}
	f.nodes++
	return uint16(f.nodes - 1)
}

// spelled returns a key as the table holds it.
func (f *Format) spelled(key string) string {
	if !f.schema.fold {
		return key
	}
	var buf [maxKey]byte
	return string(fold(&buf, []byte(key)))
}

// maxKey bounds the keys that are looked up folded: longer ones are unknown.
const maxKey = 64

// fold writes key, of no more than maxKey bytes, into buf without case, `_`, `-`, `:` and spaces.
func fold(buf *[maxKey]byte, key []byte) []byte {
	n := 0
	for _, c := range key {
		if c-'A' <= 'Z'-'A' {
			c |= 0x20
		} else if c == '_' || c == '-' || c == ':' || c == ' ' {
			continue
		}
		buf[n%maxKey] = c
		n++
	}
	return buf[:n]
}

// put makes child the child of n under key, in a table four times as large as its children are many.
func (f *Format) put(n *node, key string, child *node) {
	n.children++
	old := n.table
	if n.children*4 > len(old) {
		n.table = make([]entry, max(8, len(old)*2))
		n.shift = uint8(64 - bits.TrailingZeros(uint(len(n.table))))
		for _, e := range old {
			if e.node != nil {
				n.insert(e)
			}
		}
	}
	n.insert(entry{key, child})
}

func (n *node) insert(e entry) {
	i := n.slot([]byte(e.key))
	for n.table[i].node != nil {
		i = (i + 1) & (len(n.table) - 1)
	}
	n.table[i] = e
}

// child returns the child under key, nil when there is none.
func (n *node) child(key []byte) *node {
	if n.children == 0 || len(key) == 0 {
		return nil
	}
	for i := n.slot(key); ; i = (i + 1) & (len(n.table) - 1) {
		switch e := &n.table[i]; {
		case e.node == nil:
			return nil
		case e.key == string(key):
			return e.node
		}
	}
}

// slot is where a key's search begins: the keys of one format differ in their length and four of their bytes. The product's high
// bits depend on all of these (Fibonacci hashing).
func (n *node) slot(key []byte) int {
	size := uint64(len(key))
	h := size | uint64(key[0])<<8 | uint64(key[size-1])<<16 | uint64(key[size/2])<<24 | uint64(key[size/4])<<32
	return int(h * 0x9E3779B97F4A7C15 >> n.shift)
}

// find returns the node of a key, spelled as the table spells it, of the object at, nil when there is none.
func (f *Format) find(at *node, key []byte) *node {
	if n := at.child(key); n != nil || !f.schema.dotted {
		return n
	}
	for at != nil {
		dot := bytes.IndexByte(key, '.')
		if dot < 0 {
			return at.child(key)
		}
		at, key = at.child(key[:dot]), key[dot+1:]
	}
	return nil
}
