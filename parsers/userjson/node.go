package userjson

import (
	"bytes"
	"strings"

	"github.com/gatemeter/gatemeter/parsers/field"
)

// target is where a value goes.
type target struct {
	field.Op
	rank uint8
}

// node is a place in a tree of keys. `http.request.method` is found whether its parts are nested objects, one key with dots,
// or a mixture.
type node struct {
	children map[string]*node
	target   *target
}

// add puts a target at a path of keys with dots between them. One that is there and ranks lower stays.
func (n *node) add(path string, t target) {
	for part := range strings.SplitSeq(path, ".") {
		child := n.children[part]
		if child == nil {
			child = &node{}
			if n.children == nil {
				n.children = map[string]*node{}
			}
			n.children[part] = child
		}
		n = child
	}
	if n.target == nil || t.rank <= n.target.rank {
		n.target = &t
	}
}

// find returns the node of key, nil when there is none.
func (n *node) find(key []byte) *node {
	if child := n.children[string(key)]; child != nil {
		return child
	}
	for n != nil {
		dot := bytes.IndexByte(key, '.')
		if dot < 0 {
			return n.children[string(key)]
		}
		n, key = n.children[string(key[:dot])], key[dot+1:]
	}
	return nil
}
