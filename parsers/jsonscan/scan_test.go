package jsonscan

import (
	"bytes"
	"encoding/json"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/gatemeter/gatemeter/pipeline/record"
)

// tree reads the value at hand as encoding/json's tokens would have it; of keys that repeat the first wins.
func tree(s *Scanner) any {
	switch s.Kind() {
	case Object:
		object := map[string]any{}
		for ok := s.Enter(); ok && s.Next(); {
			key := clean(s.Key())
			v := tree(s)
			if _, seen := object[key]; !seen {
				object[key] = v
			}
		}
		return object
	case Array:
		array := []any{}
		for ok := s.EnterArray(); ok && s.Element(); {
			array = append(array, tree(s))
		}
		return array
	case String:
		return clean(s.Text())
	case Number:
		return json.Number(s.Text())
	case Bool:
		return string(s.Text()) == "true"
	}
	s.Skip()
	return nil
}

// reference is tree by encoding/json.
func reference(d *json.Decoder) any {
	token, err := d.Token()
	if err != nil {
		panic(err) // the text is valid
	}
	switch v := token.(type) {
	case json.Delim:
		if v == '{' {
			object := map[string]any{}
			for d.More() {
				key, _ := d.Token()
				v := reference(d)
				if k := clean([]byte(key.(string))); object[k] == nil {
					if _, seen := object[k]; !seen {
						object[k] = v
					}
				}
			}
			_, _ = d.Token()
			return object
		}
		array := []any{}
		for d.More() {
			array = append(array, reference(d))
		}
		_, _ = d.Token()
		return array
	case string:
		return clean([]byte(v))
	}
	return token
}

// clean takes out what is no UTF-8: encoding/json writes U+FFFD for it, the scanner leaves it.
func clean(b []byte) string {
	return strings.ReplaceAll(string(bytes.ToValidUTF8(b, nil)), "\uFFFD", "")
}

// depthOf returns how deep valid JSON is nested.
func depthOf(line []byte) int {
	depth, deepest := 0, 0
	d := json.NewDecoder(bytes.NewReader(line))
	for {
		token, err := d.Token()
		if err != nil {
			return deepest
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
			deepest = max(deepest, depth)
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
	}
}

var seeds = []string{
	`{}`, ` { } `, `{"a":1}`, `{"a":{"b":[1,2,{"c":"d"}]},"e":null,"f":true,"g":false,"h":-0.1e+3}`,
	`{"a":"\u00e9\/\ud83d\ude00\\\"","a":"second"}`, `{"t":,"u":-,"s":000}`, `{"t":}`, `{"a":[]}`, `{"a":[[[]]],"b":{}}`,
	`{"a":"\x22"}`, `{"a":1,}`, `{"a"}`, `{a:1}`, `{"a":1} x`, `{"a":"`, `{"a":"\`, `{"a":tru`, `{"a":trux}`, `[1]`, `"s"`, ``,
	`{"a":01}`, `{"a":1.}`, `{"a":.1}`, `{"a":1e}`, `{"a":[1,]}`, `{"a":[,1]}`, `{"a":{"b":1}`, `{"a":[1}`, `{"a":"\ud83d\u0041"}`,
	"{\"a\":\"tab\there\",\"b\":\"\xff\xfe\"}", "\xEF\xBB\xBF{\"a\":1}", `{"started_at":1.7267838395395e+18}`, `{"long":"0123456789abcdef\"0123456789"}`,
}

func check(t *testing.T, line []byte) {
	t.Helper()
	s, skipper := &Scanner{}, &Scanner{}
	s.Start(line)
	got := map[string]any{}
	for s.Next() {
		key := clean(s.Key())
		v := tree(s)
		if _, seen := got[key]; !seen {
			got[key] = v
		}
	}
	reason, at := s.End()
	if at < 0 || at > len(line) {
		t.Fatalf("%q: failed at %d", line, at)
	}
	skipper.Start(line)
	for skipper.Next() {
	}
	if skipped, at2 := skipper.End(); skipped != reason || at2 != at {
		t.Errorf("%q: walked: %v at %d, skipped: %v at %d", line, reason, at, skipped, at2)
	}
	if skipper.lenient != s.lenient {
		t.Errorf("%q: lenient walked: %v, skipped: %v", line, s.lenient, skipper.lenient)
	}
	text := bytes.TrimPrefix(line, []byte("\xEF\xBB\xBF"))
	if json.Valid(text) && bytes.HasPrefix(bytes.TrimLeft(text, " \t\r\n"), []byte("{")) {
		if depthOf(text) > MaxDepth {
			if reason != record.TooDeep {
				t.Errorf("%q: %v", line, reason)
			}
			return
		}
		if reason != record.None {
			t.Fatalf("%q is valid; failed with %v at %d", line, reason, at)
		}
		d := json.NewDecoder(bytes.NewReader(text))
		d.UseNumber()
		if want := reference(d); !reflect.DeepEqual(want, any(got)) {
			t.Errorf("%q is read as\n%v, by encoding/json as\n%v", line, got, want)
		}
		return
	}
	control := func(r rune) bool { return r < ' ' }
	if reason == record.None && !s.lenient && !oddEscapes(line) && bytes.IndexFunc(line, control) < 0 {
		t.Errorf("%q is not valid and was read", line)
	}
}

var jsonEscape = regexp.MustCompile(`^\\\\(["\\\\/bfnrt]|u[0-9A-Fa-f]{4})`)

// oddEscapes reports whether line has a backslash that begins no escape of JSON's.
func oddEscapes(line []byte) bool {
	for i := 0; i < len(line); i++ {
		if line[i] == '\\' {
			if !jsonEscape.Match(line[i:]) {
				return true
			}
			i++
		}
	}
	return false
}

func TestAgainstEncodingJSON(t *testing.T) {
	for _, line := range seeds {
		check(t, []byte(line))
	}
	check(t, []byte(strings.Repeat(`{"a":`, MaxDepth)+"1"+strings.Repeat("}", MaxDepth)))
	check(t, []byte(strings.Repeat(`{"a":`, MaxDepth+1)+"1"+strings.Repeat("}", MaxDepth+1)))
	check(t, []byte(`{"a":`+strings.Repeat(`[`, MaxDepth-1)+strings.Repeat("]", MaxDepth-1)+`}`))
	check(t, []byte(`{"a":`+strings.Repeat(`[`, MaxDepth)+strings.Repeat("]", MaxDepth)+`}`))
}

func TestFailures(t *testing.T) {
	f := func(line string, reason record.Reason, at int) {
		t.Helper()
		s := &Scanner{}
		s.Start([]byte(line))
		for s.Next() {
		}
		if r, i := s.End(); r != reason || i != at {
			t.Errorf("%q: %v at %d, want %v at %d", line, r, i, reason, at)
		}
	}
	f(`{"a":1}`, record.None, 0)
	f(``, record.BadJSON, 0)
	f(`[1]`, record.BadJSON, 0)
	f(`{"a":1`, record.Truncated, 6)
	f(`{"a":"b`, record.Truncated, 7)
	f(`{"a":tr`, record.Truncated, 7)
	f(`{"a" 1}`, record.BadJSON, 5)
	f(`{"a":1 "b":2}`, record.BadJSON, 7)
	f(`{"a":1}}`, record.BadJSON, 7)
	f(`{"a":?}`, record.BadJSON, 5)
	f(strings.Repeat(`{"a":`, 100), record.TooDeep, MaxDepth*5)
	f(`{"a":`+strings.Repeat(`[`, 100), record.TooDeep, 4+MaxDepth)
}

func TestText(t *testing.T) {
	s := &Scanner{}
	f := func(value, want string) {
		t.Helper()
		s.Start([]byte(`{"a":` + value + `,"b":"after"}`))
		s.Next()
		if got := s.Text(); string(got) != want {
			t.Errorf("%s is %q, want %q", value, got, want)
		}
		if !s.Next() || string(s.Text()) != "after" || s.Next() {
			t.Errorf("%s: the next value is not read", value)
		}
		if reason, at := s.End(); reason != record.None {
			t.Errorf("%s: %v at %d", value, reason, at)
		}
	}
	f(`"x\/y"`, "x/y")
	f(`-1.5e3`, "-1.5e3")
	f(`true`, "true")
	f(`null`, "")
	f(``, "")
	f(`["first","second"]`, "first")
	f(`[{"a":1},"second"]`, "")
	f(`[]`, "")
	f(`{"a":{"b":1}}`, "")
}

func TestAllocatesNothing(t *testing.T) {
	line := []byte(`{"a":"x\/y","b":{"c":[1,2,{"d":null}]},"e":1.5}`)
	s := &Scanner{}
	if n := testing.AllocsPerRun(100, func() {
		s.Reset()
		s.Start(line)
		for s.Next() {
			s.Text()
		}
		s.End()
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzScanner(f *testing.F) {
	for _, line := range seeds {
		f.Add([]byte(line))
	}
	f.Fuzz(check)
}
