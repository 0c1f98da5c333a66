package jsonlog

import (
	"bytes"
	"math/bits"
	"strings"

	"github.com/gatemeter/gatemeter/pipeline/record"
)

// schema says where a format keeps what. It is a table: it is never written.
type schema struct {
	name string // of the format
	kind string // of the gateway

	rows []row

	// fold compares keys without case and without `_`, `-` and `:`: for formats whose users, or versions, spell them as they like.
	fold bool
	// dotted takes a path's parts for keys of nested objects, one key with dots, or a mixture.
	dotted bool
	// wrappers are keys whose object is read as if its keys stood beside it; deep takes every object nobody knows for one.
	wrappers []string
	deep     bool
	// lists are paths of arrays of {"key": …, "value": {…}}, read as if they were objects.
	lists []string
	// text finds the object in a line of text around it.
	text bool

	// finish does what rows cannot say. It returns None, or why the line is no record of the format.
	finish func(p *Parser, r *record.Record) record.Reason

	signs []sign
}

// row says where the value at a path of keys, with dots between them, goes.
type row struct {
	path string
	to   record.Field
	as   form
}

// sign is a set of keys that only a format's lines have: all of them, separated by spaces, as paths. `path=text` asks for a
// value that begins with text.
type sign string

// form is how a value is written. The zero form is how the field is commonly written: digits for a number, a protocol as
// `HTTP/1.1`, a host with or without a port, a time as ISO 8601, CLF's or Unix time.
type form uint8

// The forms.
const (
	plain form = iota

	inNanos // lengths of time: a number, or a text with units, which are its own then
	inMicros
	inMillis
	inSeconds
	secondsList // the sum of a list as nginx writes it, one entry for each upstream tried

	last       // of a list
	forwarded  // X-Forwarded-For: its client
	address    // `10.0.0.1:443`, `[::1]:443`: fills the client's port too
	authority  // of a URL: `10.0.0.1:80` of `http://10.0.0.1:80/x`
	cluster    // Envoy's: `reviews` of `outbound|9080||reviews`
	routeKey   // `GET /pets/{id}` without its method
	methodCode // Gravitee's number of a method, or its name
	trace      // what carries a trace id: traceparent, X-Amzn-Trace-Id, b3, uber-trace-id …
	verdict    // of a cache: HIT-CLUSTER is a HIT; true and false
	secure     // yes or no: the scheme is https or http

	requestLine // method, URL and protocol, of which each fills what no other key does
	origin      // a URL, whose scheme and host do the same
	vhost       // a virtual host, which does the same for service and domain

	keep0 // for the schema's finish
	keep1
	keep2
	keep3
	forms

	kept = forms - requestLine
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
