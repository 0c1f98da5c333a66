package jsonscan

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
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

// byNext finds by Next what Extract finds, and none of what is in arrays but for e's last object.
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
			if first && s.Kind() == Object {
				values[2] = ""
			}
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

// checkExtract reads line, and again with so much behind its last member that follow reads on up to that.
func checkExtract(t *testing.T, line []byte, must bool) {
	t.Helper()
	checkTrails(t, line, must)
	if bytes.HasSuffix(line, []byte(`}`)) && len(line) > 2 {
		checkTrails(t, fmt.Appendf(nil, `%s,"x":"%040d"}`, line[:len(line)-1], 0), false)
	}
}

// checkTrails reads line on a new trail, on the same again and again until all of it is known, and on one that other lines have been on; with
// follow and without.
func checkTrails(t *testing.T, line []byte, must bool) {
	t.Helper()
	own, used, slow := NewTrail(testTree()), NewTrail(testTree()), NewTrail(testTree())
	for _, other := range append(extracted, seeds...) {
		s := &Scanner{}
		for range 3 {
			s.Extract([]byte(other), used, make([]Value, used.tree.Values()))
		}
	}
	want, ok := checkOnce(t, line, NewTrail(testTree()), false)
	if must && !ok {
		t.Errorf("%q is not read", line)
	}
	for n := range 4 {
		for name, trail := range map[string]*Trail{"its own": own, "its own, without follow": slow, "a used": used} {
			got, read := checkOnce(t, line, trail, trail == slow)
			if read != ok || ok && !slices.Equal(got[1:], want[1:]) {
				t.Errorf("%q is on %s trail, time %d, %v, %v, want %v, %v", line, name, n, got, read, want, ok)
			}
		}
	}
}

// checkOnce reads line, and by Next.
func checkOnce(t *testing.T, line []byte, trail *Trail, slowly bool) (values []Value, ok bool) {
	t.Helper()
	s := &Scanner{walk: walk{slowly: slowly}}
	values = make([]Value, trail.tree.Values())
	if !s.Extract(line, trail, values) {
		return nil, false
	}
	got := [7]string{}
	for id, v := range values[1:] {
		id++
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
	return values, true
}

var extracted = []string{
	`{}`, `{"a":1}`, `{ "a" : 1 , "b":{ "c": "2", "d" :[ ] } ,"e": [ { "f" : { } } , {"f": [1 ,2 ] } ] }`, `{"a":"x","a":"y"}`, `{"x":{"a":1},"a":{"a":2}}`, `{"b":{"c":"1","d":[{"c":2}],"c":3},"b":{"d":4}}`, `{"b":"c"}`, `{"b":["c"]}`,
	`{"e":[{"f":1},{"f":"2\/3"}]}`, `{"e":[{"f":1},{}]}`, `{"e":[{"f":1},7,[{"f":2}]]}`, `{"e":{"f":1}}`, `{"e":[],"a":-1.5e+3}`,
	`{"e":[{"f":1}],"e":[{"f":2}]}`, `{"e":[{"f":{}},{"f":"2"},{"x":1},{"f":[]}]}`, `{"e":[{},{},{"f":1}],"b":{"c":[],"d":{}},"a":{}}`,
	`{"e":[{"f":[1]},{"f":{"f":2}},[{"f":3}],{"e":[{"f":4}]}],"b":{"b":{"c":5},"c":6}}`, `{"a":{"a":[{"a":[1,"2",true,null,{"a":3}]}]},"b":{"c":"4"}}`,
	`{"a":12345678901234567,"b":{"c":0.5,"d":-0},"x":1e5,"y":1.25E-7,"z":1.7672256e+18}`, `{"x":123456789012345,"y":1234567890123456,"a":false,"z":null}`,
	`{"x":"` + strings.Repeat("long ", 30) + `","a":"` + strings.Repeat(`\/`, 60) + `","y":"` + strings.Repeat(`\\\\`, 20) + `\"","b":{"c":"` + strings.Repeat("x", 31) + `\""}}`,
	`{"a_key_longer_than_thirty_two_bytes_which_is_rare":1,"b":{"x":2,"c":3}}`,
	`{"x":1,"b":{"c":"1"},"b":{"c":"2"},"a":null,"a":3}`, `{"x":2,"e":[{"x":0,"f":{}},{"x":1,"f":2}]}`, `{"a":{},"e":[],"x":1}`, `{"b":{"c":[],"d":{}},"x":1}`,
	`{"1,` + strings.Repeat("x", 252) + `":1,"a":2}`, // a step of 257 bytes
	`{"e":[{"x":{"f":3},"f":{"f":4}}],"a":null,"b":{"c":true,"d":false}}`, `{"":"","a":"\"\\"}`,
}

func TestExtract(t *testing.T) {
	for _, line := range extracted {
		checkExtract(t, []byte(line), true)
	}
	for _, line := range seeds {
		checkExtract(t, []byte(line), false)
	}
	many := []byte(`{"x":1`)
	for n := range 3 * maxMisses {
		many = fmt.Appendf(many, `,"k%d":{"a":"%d"}`, n, n)
	}
	checkExtract(t, append(many, `,"a":1,"e":[{"f":1},{"f":2}],"b":{"c":"3"}}`...), true)
}

// TestExtractNothing: a tree may have no keys.
func TestExtractNothing(t *testing.T) {
	trail, s := NewTrail(NewTree(nil)), &Scanner{}
	for range 3 {
		if !s.Extract([]byte(`{"a":1,"b":{"c":[2]}}`), trail, make([]Value, trail.tree.Values())) {
			t.Error("the line is not read")
		}
	}
}

// TestExtractDepth: what Next takes for too deep is not read, be it empty or not.
func TestExtractDepth(t *testing.T) {
	for n := MaxDepth - 3; n < MaxDepth+3; n++ {
		for _, inner := range []string{"1", "[]", "{}", `[""]`, `{"a":1}`} {
			for _, format := range []string{`{"x":%s%s%s}`, `{"a":%s%s%s}`, `{"e":%s%s%s}`, `{"b":{"c":%s%s%s}}`} {
				line := fmt.Appendf(nil, format, strings.Repeat("[", n), inner, strings.Repeat("]", n))
				checkExtract(t, line, bytes.Count(line, []byte("["))+bytes.Count(line, []byte("{")) <= MaxDepth)
			}
		}
	}
}

// TestExtractKnown reads lines of which all is known but for one value.
func TestExtractKnown(t *testing.T) {
	for _, value := range []string{
		"1", "0", "00", "01", "007", "-0", "-01", "-", "", "+1", "1.", "1.0", "1.e5", ".5", "1e", "1e5", "1E+", "1e-", "1e-7", "1.7672256e+18", "1x", "12345678901234",
		"123456789012345", "1234567890123456", "12345678901234567", "0.123456789012345", "0.1234567890123456", "1e1234567890123456", "1e++1", "1,2", "1:2", "1 ", " 1",
		"true", "tru", "truE", "false", "fals", "falsE", "falsetrue", "null", "nul", "nulL", "[1]", "{}", "[]", `{"a":1}`, "]", "}",
		`""`, `"a"`, `"`, `"\"`, `"\""`, `"\\"`, `"\\""`, `"\\\""`, `"\u0061"`, `"\x61"`, `"\\u0061"`, `"` + strings.Repeat("x", 31) + `\""`, `"` + strings.Repeat("x", 31) + `\u0061"`,
		`"` + strings.Repeat("x", 30) + `\\"`, `"` + strings.Repeat("x", 31) + `\\"`, `"` + strings.Repeat("x", 31) + `"`, `"` + strings.Repeat("x", 32) + `"`, `"` + strings.Repeat("\\/", 31) + `"`,
	} {
		for _, known := range []string{"1", `"1"`, "null"} {
			for _, format := range []string{`{"a":%s,"b":{"c":1,"d":"%040d"}}`, `{"x":%s,"b":{"c":1,"d":"%040d"}}`, `{"x":[%s,2],"b":{"c":1,"d":"%040d"}}`} {
				for _, slowly := range []bool{false, true} {
					trail := NewTrail(testTree())
					for range 3 {
						checkOnce(t, fmt.Appendf(nil, format, known, 0), trail, slowly)
					}
					line := fmt.Appendf(nil, format, value, 0)
					want, ok := checkOnce(t, line, NewTrail(testTree()), false)
					got, gotOK := checkOnce(t, line, trail, slowly)
					if ok != gotOK || ok && !slices.Equal(got[1:], want[1:]) {
						t.Errorf("%s after %s: %v, %v, want %v, %v", line, known, got, gotOK, want, ok)
					}
				}
			}
		}
	}
}

func TestPlain(t *testing.T) {
	for n := range 20 {
		for i := range n {
			for c := range 256 {
				text := bytes.Repeat([]byte{'a'}, n)
				text[i] = byte(c)
				if got, want := Plain(text), !strings.ContainsRune("=%\"'", rune(c)); got != want {
					t.Fatalf("%q: %v", text, got)
				}
			}
		}
	}
}

func TestNatural(t *testing.T) {
	trail, values := NewTrail(testTree()), make([]Value, 7)
	f := func(value string) {
		t.Helper()
		s := &Scanner{}
		if !s.Extract([]byte(`{"x":"1234567890","a":`+value+`}`), trail, values) {
			t.Fatalf("%s is not read", value)
		}
		want, err := strconv.ParseUint(strings.Trim(value, `"`), 10, 60)
		n, ok := s.Natural(&values[1])
		if wantOK := err == nil && len(strings.Trim(value, `"`)) <= 16; ok != wantOK || ok && n != int64(want) {
			t.Errorf("%s is %d, %v", value, n, ok)
		}
	}
	for n := range 18 {
		f("1234567890123456789"[:n+1])
		f(`"` + "000987654321098765432"[:n] + `"`)
		f("9999999999999999999"[:n+1])
		for i := range n {
			for _, c := range `/:-. "`[:5] {
				f(`"` + strings.Repeat("7", i) + string(c) + strings.Repeat("5", n-i-1) + `"`)
			}
		}
	}
	for _, value := range []string{"0", "-1", "1.0", "1e3", "true", "null", "[1]", "{}", `"\/1"`} {
		f(value)
	}
}

// TestExtractShapes reads lines with members here and not there, in this order and that, twice, cut off and otherwise broken, all on one
// trail.
func TestExtractShapes(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	used, slow := NewTrail(testTree()), NewTrail(testTree())
	read := 0
	const broken = "\"\\{}[]:,01ux e-"
	for range 20_000 {
		line := shape(nil, random, 0)
		switch random.IntN(8) {
		case 0:
			line = line[:random.IntN(len(line)+1)]
		case 1:
			i := random.IntN(len(line))
			line[i] = broken[random.IntN(len(broken))]
		case 2:
			i := random.IntN(len(line))
			line = slices.Insert(line, i, broken[random.IntN(len(broken))])
		}
		want, ok := checkOnce(t, line, NewTrail(testTree()), false)
		for _, trail := range []*Trail{used, slow} {
			got, gotOK := checkOnce(t, line, trail, trail == slow)
			if ok != gotOK || ok && !slices.Equal(got[1:], want[1:]) {
				t.Fatalf("%s\nis %v, %v, want %v, %v", line, got, gotOK, want, ok)
			}
		}
		if ok {
			read++
		}
	}
	if read < 10_000 || used.n < maxSteps/2 {
		t.Errorf("%d lines were read, %d steps are known", read, used.n)
	}
}

// shape appends an object.
func shape(b []byte, random *rand.Rand, depth int) []byte {
	keys := []string{"a", "b", "e", "a long key that nobody wants", "x", "\\/", "c", "d", "f", "c"}
	spaced := func(c byte) {
		if b = append(b, c); random.IntN(12) == 0 {
			b = append(b, " \t \r\n"[random.IntN(5)])
		}
	}
	spaced('{')
	for n := range random.IntN(6) {
		if n > 0 {
			spaced(',')
		}
		b = fmt.Appendf(b, []string{`"%s":`, `"%s":`, `"%s":`, `"%s": `, `"%s" : `}[random.IntN(5)], keys[min(random.IntN(len(keys)), random.IntN(len(keys)))])
		if b = shapeValue(b, random, depth+1); random.IntN(12) == 0 {
			b = append(b, ' ')
		}
	}
	return append(b, '}')
}

func shapeValue(b []byte, random *rand.Rand, depth int) []byte {
	values := []string{
		`""`, `"text"`, `"a text that is a little longer than that"`, `"\/a\/b"`, `"a quote \" and a backslash \\"`, `"` + strings.Repeat(`\/x`, 20) + `"`,
		"0", "-1", "1767225600000", "0.25", "1.7672256e+18", "true", "false", "null", `"\u0061"`, "{}", "[]",
	}
	switch n := random.IntN(len(values) + 8); {
	case n < len(values):
		return append(b, values[n]...)
	case depth > 5:
		return append(b, '1')
	case n < len(values)+4:
		return shape(b, random, depth)
	}
	if b = append(b, '['); random.IntN(12) == 0 {
		b = append(b, ' ')
	}
	for n := range random.IntN(4) {
		if n > 0 {
			b = append(b, ',')
		}
		b = shapeValue(b, random, depth+1)
	}
	return append(b, ']')
}

// TestTrailIsBounded: keys that are all different are forgotten, and what comes then is known again.
func TestTrailIsBounded(t *testing.T) {
	s, trail := &Scanner{}, NewTrail(testTree())
	values := make([]Value, trail.tree.Values())
	extract := func(line string) {
		t.Helper()
		if !s.Extract([]byte(line), trail, values) {
			t.Fatalf("%s is not read", line)
		}
	}
	for n := range 2 * maxSteps {
		for range 3 {
			extract(fmt.Sprintf(`{"key%d":1}`, n))
		}
	}
	if trail.n != maxSteps {
		t.Errorf("%d steps", trail.n)
	}
	for n := 0; trail.n == maxSteps && n < 10*maxVain; n++ {
		extract(fmt.Sprintf(`{"other%d":1}`, n))
	}
	for range 3 {
		extract(`{"a":1,"b":{"c":2}}`)
	}
	if n := trail.n; n < 3 || n >= maxSteps {
		t.Errorf("%d steps after all were in use in vain", n)
	}
	for n := range 10 * maxOnce {
		extract(fmt.Sprintf(`{"once%d":1}`, n))
	}
	if trail.once > maxOnce {
		t.Errorf("%d are noted as seen once", trail.once)
	}
}

func TestExtractAllocatesNothing(t *testing.T) {
	trail := NewTrail(testTree())
	s, values := &Scanner{}, make([]Value, trail.tree.Values())
	line := []byte(`{"a":"x\/y","b":{"c":[1,2,{"d":null}]},"e":1.5}`)
	extract := func() {
		s.Reset()
		s.Extract(line, trail, values)
		s.TextOf(&values[1])
	}
	for range 3 { // until it is known
		extract()
	}
	if n := testing.AllocsPerRun(100, extract); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzExtract(f *testing.F) {
	for _, line := range append(seeds, extracted...) {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, line []byte) { checkExtract(t, line, false) })
}
