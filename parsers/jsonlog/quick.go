package jsonlog

import (
	"bytes"

	"github.com/gatemeter/gatemeter/parsers/jsonscan"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// quick is what a Parser reads lines with in one go, see jsonscan.Extract.
type quick struct {
	trail  *jsonscan.Trail // nil: it cannot
	values [jsonscan.MaxID + 1]jsonscan.Value
	order  []uint8 // IDs, as their values came in the line before
	found  []uint8 // IDs of values at hand, as they come in the line
}

// newQuick returns what finds the nodes that are wanted. Nothing is found in formats whose lines are mostly more than keys and values in
// objects.
func newQuick(f *Format, wanted func(*node) bool) quick {
	s := f.schema
	if s.text || len(s.lists) > 0 || len(s.wrappers) > 0 && !s.deep {
		return quick{}
	}
	q := quick{}
	u := &unusual{wanted: wanted, rest: map[string]bool{}, names: map[string]bool{}}
	tree := jsonscan.NewTree(q.keys(f.root, u))
	if s.fold || s.dotted || len(u.rest) > 0 {
		tree.Fold(func(buf *[jsonscan.MaxFolded]byte, key []byte) (folded []byte, ok bool) {
			if folded, ok = key, true; s.fold {
				folded, ok = quickFold(buf, key)
			}
			if !ok || u.rest[string(folded)] {
				return nil, false
			}
			dot := bytes.IndexByte(folded, '.')
			return folded, !s.dotted || dot < 0 || !u.names[string(folded[:dot])]
		})
	}
	if s.deep {
		tree.Close()
	}
	q.trail = jsonscan.NewTrail(tree)
	q.found = make([]uint8, 0, len(q.order))
	return q
}

// unusual is keys with which a line is read key by key.
type unusual struct {
	wanted func(*node) bool
	rest   map[string]bool // too many for a tree; wrappers
	names  map[string]bool // all there are: with a dot behind it, one may be a path
}

// keys returns the keys of n that are wanted, or have such in them.
func (q *quick) keys(n *node, u *unusual) (keys []jsonscan.Key) {
	for i := range n.table {
		e := &n.table[i]
		if e.node == nil {
			continue
		}
		u.names[e.key] = true
		if e.node.wrapper {
			u.rest[e.key] = true
			continue
		}
		in := q.keys(e.node, u)
		switch {
		case len(in) == 0 && (len(e.node.targets) == 0 || !u.wanted(e.node)):
		case e.node.id > jsonscan.MaxID:
			u.rest[e.key] = true
		default:
			keys = append(keys, jsonscan.Key{Name: e.key, ID: int(e.node.id), Keys: in})
			q.order = append(q.order, uint8(e.node.id))
		}
	}
	return keys
}

// quickFold is fold. A key with a blank or colon, behind which a secret's name could begin, is left to be read otherwise. Envoy's
// `:authority` has one before its name.
func quickFold(buf *[jsonscan.MaxFolded]byte, key []byte) (folded []byte, ok bool) {
	if len(key) > maxKey {
		return nil, true
	}
	for i, c := range key {
		if c == ' ' || c == ':' && i > 0 {
			return nil, false
		}
	}
	return fold(buf, key), true
}

// sort finds which values there are, in their order.
func (q *quick) sort() {
	q.found = q.found[:0]
	sorted := true
	for _, id := range q.order {
		if q.values[id].Kind == jsonscan.Nothing {
			continue
		}
		k := len(q.found)
		q.found = append(q.found, id)
		for ; k > 0 && q.values[q.found[k-1]].Start > q.values[id].Start; k-- {
			q.found[k] = q.found[k-1]
			sorted = false
		}
		q.found[k] = id
	}
	if sorted {
		return
	}
	n := len(q.order) // those that are not there go behind those that are
	for k := n - 1; k >= 0; k-- {
		if id := q.order[k]; q.values[id].Kind == jsonscan.Nothing {
			n--
			q.order[n] = id
		}
	}
	copy(q.order, q.found)
}

// readQuick reads r.Line with q, or fails it. It returns false when it has to be read key by key, bare also for each line that fails.
func (p *Parser) readQuick(r *record.Record, q *quick, bare bool) bool {
	p.begin()
	line, before := Object(r.Line)
	if !p.scan.Extract(line, q.trail, q.values[:]) {
		return false
	}
	q.sort()
	for _, id := range q.found {
		n, v := p.format.byID[id], &q.values[id]
		where := int(v.Start)
		var text []byte
		switch v.Kind {
		case jsonscan.Object:
			continue
		case jsonscan.Array:
			if bare || n.children > 0 {
				return false
			}
			p.scan.Visit(v)
			text = p.scan.Text()
		case jsonscan.String:
			where-- // the quote
			if text = p.scan.TextOf(v); bare && !jsonscan.Plain(text) && !p.bare.spares(n, text) {
				return false
			}
		default:
			text = p.scan.TextOf(v)
		}
		if len(n.targets) > 0 {
			p.take(r, n, text, v.Kind, where)
		}
	}
	if reason, at := p.scan.Failure(); reason != record.None {
		r.Fail(reason, at+before)
		return !bare
	}
	return p.complete(r, before) || !bare
}
