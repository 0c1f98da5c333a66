package jsonscan

import (
	"fmt"
	"testing"

	"github.com/gatemeter/gatemeter/pipeline/record"
)

// tree of `a`, `b.c`, `b.d` and `e`, of whose last object `f`.
func testTree() *Tree {
	return NewTree([]Key{
		{Name: "a", ID: 1},
		{Name: "b", ID: 2, Keys: []Key{{Name: "c", ID: 3}, {Name: "d", ID: 4}}},
		{Name: "e", ID: 5, Last: true, Keys: []Key{{Name: "f", ID: 6}}},
	})
}

// byNext finds by Next what Extract finds, and none of what is in arrays but for e's.
func byNext(s *Scanner) (values [7]string) {
	had := map[int]bool{}
	take := func(id int) {
		if had[id] {
			return
		}
		had[id] = true
		kind := s.Kind()
		if values[id] = fmt.Sprint(kind); kind == String || kind == Number || kind == Bool {
			values[id] = fmt.Sprintf("%v %s", kind, s.Text())
		}
	}
	for s.Next() {
		switch string(s.Key()) {
		case "a":
			take(1)
		case "b":
			first := !had[2]
			take(2)
			for ok := first && s.Enter(); ok && s.Next(); {
				switch string(s.Key()) {
				case "c":
					take(3)
				case "d":
					take(4)
				}
			}
		case "e":
			first := !had[5]
			take(5)
			for ok := first && s.EnterArray(); ok && s.Element(); {
				if !s.Enter() {
					continue
				}
				had[6], values[6] = false, ""
				for s.Next() {
					if string(s.Key()) == "f" {
						take(6)
					}
				}
			}
		}
	}
	return values
}

func checkExtract(t *testing.T, line []byte, must bool) {
	t.Helper()
	tree := testTree()
	s, values := &Scanner{}, make([]Value, tree.Values())
	s.Start(line)
	if !s.Extract(tree, values) {
		if must {
			t.Errorf("%q is not read", line)
		}
		return
	}
	got := [7]string{}
	for id, v := range values {
		switch {
		case v == Value{}:
		case v.Kind == String || v.Kind == Number || v.Kind == Bool:
			got[id] = fmt.Sprintf("%v %s", v.Kind, s.TextOf(&v))
		default:
			got[id] = fmt.Sprint(v.Kind)
			s.Visit(&v)
			if s.Kind() != v.Kind {
				t.Errorf("%q: value %d is not where it is said to be", line, id)
			}
		}
	}
	s.Start(line)
	want := byNext(s)
	if reason, at := s.End(); reason != record.None {
		t.Fatalf("%q was read; by Next: %v at %d", line, reason, at)
	}
	for id := range want {
		if want[id] == fmt.Sprint(Nothing) {
			want[id] = ""
		}
	}
	if got != want {
		t.Errorf("%q\nis read as %q\nby Next    %q", line, got, want)
	}
}

var extracted = []string{
	`{}`, `{"a":1}`, `{"a":"x","a":"y"}`, `{"x":{"a":1},"a":{"a":2}}`, `{"b":{"c":"1","d":[{"c":2}],"c":3},"b":{"d":4}}`, `{"b":"c"}`, `{"b":["c"]}`,
	`{"e":[{"f":1},{"f":"2\/3"}]}`, `{"e":[{"f":1},{}]}`, `{"e":[{"f":1},7,[{"f":2}]]}`, `{"e":{"f":1}}`, `{"e":[],"a":-1.5e+3}`,
	`{"e":[{"f":1}],"e":[{"f":2}]}`, `{"e":[{"x":{"f":3},"f":{"f":4}}],"a":null,"b":{"c":true,"d":false}}`, `{"":"","a":"\"\\"}`,
}

func TestExtract(t *testing.T) {
	for _, line := range extracted {
		checkExtract(t, []byte(line), true)
	}
	for _, line := range seeds {
		checkExtract(t, []byte(line), false)
	}
}

func TestExtractAllocatesNothing(t *testing.T) {
	tree := testTree()
	s, values := &Scanner{}, make([]Value, tree.Values())
	line := []byte(`{"a":"x\/y","b":{"c":[1,2,{"d":null}]},"e":1.5}`)
	if n := testing.AllocsPerRun(100, func() {
		s.Reset()
		s.Start(line)
		s.Extract(tree, values)
		s.TextOf(&values[1])
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzExtract(f *testing.F) {
	for _, line := range append(seeds, extracted...) {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, line []byte) { checkExtract(t, line, false) })
}
