package jsonlog

import (
	"bytes"
	"strings"

	"github.com/gatemeter/gatemeter/parsers/jsonscan"
)

// Detector tells the formats of this package apart by the keys of a line. It is used by one goroutine.
type Detector struct {
	signs *Signs
	scan  jsonscan.Scanner
	have  marks // of the line at hand
}

// Signs are what the formats are told apart by. They are shared by detectors and not changed by use.
type Signs struct {
	tree  *Format
	marks [][]mark // of each node of the tree, by id
	sets  []signSet
}

// mark is a bit that a key sets whose value begins with prefix.
type mark struct {
	prefix string
	bit    uint
}

// signSet is one way to tell a format.
type signSet struct {
	format int // in the order of Names
	all    marks
}

type marks [4]uint64

func (m *marks) set(bit uint) { m[bit/64] |= 1 << (bit % 64) }

func (m *marks) has(all *marks) bool {
	for i := range m {
		if m[i]&all[i] != all[i] {
			return false
		}
	}
	return true
}

// NewSigns compiles the signs of all formats.
func NewSigns() *Signs {
	s := &Signs{tree: &Format{schema: &schema{name: "signs", dotted: true}, root: &node{}, nodes: 1}}
	bits := uint(0)
	known := map[string]uint{}
	for i, format := range schemas {
		for _, text := range format.signs {
			set := signSet{format: i}
			for part := range strings.SplitSeq(string(text), " ") {
				bit, ok := known[part]
				if !ok {
					bit = bits
					bits++
					known[part] = bit
					path, prefix, _ := strings.Cut(part, "=")
					n := s.tree.at(path)
					for int(n.id) >= len(s.marks) {
						s.marks = append(s.marks, nil)
					}
					s.marks[n.id] = append(s.marks[n.id], mark{prefix, bit})
				}
				set.all.set(bit)
			}
			s.sets = append(s.sets, set)
		}
	}
	if bits > uint(len(marks{})*64) {
		panic("BUG: more signs than bits")
	}
	return s
}

// NewDetector returns a detector.
func NewDetector(s *Signs) *Detector { return &Detector{signs: s} }

// Detect returns which of Names line, a JSON object or an array of one, has the signs of, -1 when it has those of none. A line
// that breaks off is told by what it has.
func (d *Detector) Detect(line []byte) int {
	d.have = marks{}
	d.scan.Reset()
	if object := bytes.TrimLeft(line, " \t"); len(object) > 1 && object[0] == '[' {
		line = object[1:]
	}
	d.scan.Start(line)
	d.object(d.signs.tree.root)
	for i := range d.signs.sets {
		if s := &d.signs.sets[i]; d.have.has(&s.all) {
			return s.format
		}
	}
	return -1
}

func (d *Detector) object(at *node) {
	for d.scan.Next() {
		n := d.signs.tree.find(at, d.scan.Key())
		if n == nil {
			continue
		}
		switch {
		case n.children > 0 && d.scan.Enter():
			d.object(n)
		case n.children > 0 && d.scan.EnterArray():
			for i := 0; d.scan.Element(); i++ {
				if i == 0 && d.scan.Enter() {
					d.object(n)
				}
			}
		}
		if int(n.id) >= len(d.signs.marks) || len(d.signs.marks[n.id]) == 0 {
			continue
		}
		value, read := []byte(nil), false
		for _, m := range d.signs.marks[n.id] {
			if m.prefix != "" && !read {
				value, read = d.scan.Text(), true
			}
			if len(m.prefix) <= len(value) && string(value[:len(m.prefix)]) == m.prefix {
				d.have.set(m.bit)
			}
		}
	}
}
