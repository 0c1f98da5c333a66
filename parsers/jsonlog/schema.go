package jsonlog

import (
	"strings"

	"github.com/gatemeter/gatemeter/parsers/field"
	"github.com/gatemeter/gatemeter/parsers/nginx"
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
	// batch is the key of an object with nothing but an array in it, whose only member is the record.
	batch string
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
	millisList // the same as lists, one entry for each upstream tried: their sum
	secondsList

	last       // of a list
	first      // of a list: X-Forwarded-For
	address    // `10.0.0.1:443`, `[::1]:443`: fills the client's port too
	authority  // of a URL: `10.0.0.1:80` of `http://10.0.0.1:80/x`
	cluster    // Envoy's: `reviews` of `outbound|9080||reviews`
	routeKey   // `GET /pets/{id}` without its method
	methodCode // Gravitee's number of a method, or its name
	cipher     // the number of a TLS cipher suite, or its name
	trace      // what carries a trace id: traceparent, X-Amzn-Trace-Id, b3, uber-trace-id …
	verdict    // of a cache: HIT-CLUSTER is a HIT; true and false
	secure     // yes or no: the scheme is https or http
	requestLine
	origin   // a URL, of which scheme and host are taken
	variable // the value of the nginx variable that the path names

	keep0 // nothing is filled: the finish takes them
	keep1
	keep2
	keep3
)

const keeps = 4

// node is a place in the tree of keys.
type node struct {
	id       uint16 // of the schema's nodes, for noting which have come
	targets  []target
	table    []entry // of children, open addressing; its length is a power of two
	children int
	list     bool
}

type entry struct {
	key  string
	node *node
}

// target is what becomes of a node's value.
type target struct {
	to   record.Field
	as   form
	op   field.Op // of forms that the package field reads
	rank uint8    // the lower the better
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
		n.targets = append(n.targets, newTarget(r, uint8(i)))
	}
	for _, path := range s.lists {
		f.at(path).list = true
	}
	for _, key := range s.wrappers {
		f.put(f.root, f.spelled(key), &node{id: f.next(), table: f.root.table, children: f.root.children})
	}
	// Wrappers share the children of the root, which the last put may have moved.
	for _, key := range s.wrappers {
		w := f.root.child([]byte(f.spelled(key)))
		w.table, w.children = f.root.table, f.root.children
	}
	return f
}

func newTarget(r row, rank uint8) target {
	t := target{to: r.to, as: r.as, rank: rank}
	switch r.as {
	case variable:
		op, ok := nginx.Meaning(r.path)
		if !ok {
			panic("BUG: nginx has no variable $" + r.path)
		}
		if op.Action == field.TimeISO || op.Action == field.TimeCLF {
			op.Action = field.TimeAny // some write other times under this name
		}
		t.op, t.to = op, op.Field
	case millisList:
		t.op = field.Op{Action: field.SpanSum, Field: r.to, Unit: field.Milliseconds}
	case secondsList:
		t.op = field.Op{Action: field.SpanSum, Field: r.to, Unit: field.Seconds}
	}
	return t
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
	return string(fold(buf[:0], []byte(key)))
}

// maxKey bounds the keys that are looked up folded: longer ones are unknown.
const maxKey = 64

// fold appends key without case, `_`, `-`, `:` and spaces.
func fold(dst, key []byte) []byte {
	for _, c := range key {
		switch {
		case 'A' <= c && c <= 'Z':
			c |= 0x20
		case c == '_' || c == '-' || c == ':' || c == ' ':
			continue
		}
		dst = append(dst, c)
	}
	return dst
}

// put makes child the child of n under key, in a table four times as large as its children are many.
func (f *Format) put(n *node, key string, child *node) {
	n.children++
	old := n.table
	if n.children*4 > len(old) {
		n.table = make([]entry, max(8, len(old)*2))
		for _, e := range old {
			if e.node != nil {
				n.insert(e)
			}
		}
	}
	n.insert(entry{key, child})
}

func (n *node) insert(e entry) {
	i := slot([]byte(e.key)) & (len(n.table) - 1)
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
	for i := slot(key) & (len(n.table) - 1); ; i = (i + 1) & (len(n.table) - 1) {
		switch e := &n.table[i]; {
		case e.node == nil:
			return nil
		case e.key == string(key):
			return e.node
		}
	}
}

// slot is where a key's search begins: the keys of one format differ in their length and a few of their bytes.
func slot(key []byte) int {
	n := len(key)
	return n*7 + int(key[0])*31 + int(key[n-1])*17 + int(key[n/2])*5
}
