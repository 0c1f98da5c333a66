package columns

import (
	"strings"
	"testing"

	"github.com/gatemeter/gatemeter/parsers/field"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// layout has four columns: a time, a method, a user agent and a status.
func layout(separator byte, quoting Quoting, padded bool) *Layout {
	return &Layout{
		Name: "x", Kind: "x", Separator: separator, Quoting: quoting, Padded: padded, Least: 3,
		Columns: []Column{
			{Name: "time", Op: field.Op{Action: field.TimeEpoch, Field: record.Time}},
			{Name: "method", Op: field.Op{Action: field.Text, Field: record.Method}},
			{Name: "agent", Op: field.Op{Action: field.Text, Field: record.UserAgent}},
			{Name: "status", Op: field.Op{Action: field.Number, Field: record.Status}},
		},
	}
}

func TestSplit(t *testing.T) {
	f := func(l *Layout, line, method, agent string, status int32, reason record.Reason) {
		t.Helper()
		recs := make([]record.Record, 1)
		recs[0].Reset()
		recs[0].Line = []byte(line)
		p := NewParser(l)
		p.Reset(nil)
		p.Parse(recs)
		r := &recs[0]
		if r.Reason != reason || reason == record.None && (string(r.Method) != method || string(r.UserAgent) != agent || r.Status != status) {
			t.Errorf("%q: %q, %q, %d, %v at column %d", line, r.Method, r.UserAgent, r.Status, r.Reason, r.Column)
		}
	}
	bare, quoted, padded, doubled := layout(' ', Bare, false), layout(' ', Quoted, false), layout(' ', Bare, true), layout(',', Doubled, false)
	f(bare, "7 GET a 200", "GET", "a", 200, record.None)
	f(bare, "7 GET a 200 more columns", "GET", "a", 200, record.None)
	f(bare, "7 GET a", "GET", "a", record.Absent, record.None)
	f(bare, "7 - - -1", "", "", record.Absent, record.None)
	f(bare, `7 GET "a b" 200`, "", "", 0, record.BadNumber)
	f(bare, "7 GET", "", "", 0, record.Truncated)
	f(bare, "7  GET a", "", "GET", record.Absent, record.BadNumber)
	f(bare, "x GET a 200", "", "", 0, record.BadTime)
	f(bare, "- GET a 200", "", "", 0, record.NoTime)
	f(quoted, `7 GET "a b" 200`, "GET", "a b", 200, record.None)
	f(quoted, `7 "GET" "" 200`, "GET", "", 200, record.None)
	f(quoted, `7 GET "a"b" 200`, "GET", `a"b`, 200, record.None)
	f(quoted, `7 GET "a b`, "", "", 0, record.Truncated)
	f(quoted, `7 GET a"b 200`, "GET", `a"b`, 200, record.None)
	f(quoted, `7 GET "a"`, "GET", "a", record.Absent, record.None)
	f(padded, "  7   GET     a 200  ", "GET", "a", 200, record.None)
	f(padded, "  7   GET   ", "", "", 0, record.Truncated)
	f(doubled, `7,GET,"a, ""b""",200`, "GET", `a, "b"`, 200, record.None)
	f(doubled, `7,GET,"""",200`, "GET", `"`, 200, record.None)
	f(doubled, `7,GET,"a""`, "", "", 0, record.Truncated)
	f(doubled, `7,GET,,`, "GET", "", record.Absent, record.None)
}

func TestMap(t *testing.T) {
	l := layout(' ', Bare, false)
	if err := l.Map(map[string]field.Op{"agent": {Action: field.Text, Field: record.Method}}); err != nil {
		t.Fatal(err)
	}
	if l.Columns[1].Action != field.Skip || l.Columns[2].Field != record.Method {
		t.Errorf("a mapped column does not take the place of the one that filled its field: %+v", l.Columns)
	}
	if err := l.Map(map[string]field.Op{"agen": {}}); err == nil || !strings.Contains(err.Error(), `did you mean "agent"`) {
		t.Errorf("an unknown column: %v", err)
	}
}

// FuzzSplit splits lines with each quoting: the values stand in the line in order, apart from each other.
func FuzzSplit(f *testing.F) {
	f.Add(`7 GET "a b" 200`)
	f.Add(`7,GET,"a, ""b""",200`)
	f.Add(`  7   GET     a 200  `)
	f.Fuzz(func(t *testing.T, line string) {
		for _, l := range []*Layout{layout(' ', Bare, false), layout(' ', Quoted, false), layout(' ', Bare, true), layout(',', Doubled, false)} {
			p := NewParser(l)
			r := &record.Record{Line: []byte(line)}
			n := p.split(r, l)
			end := 0
			for i := range max(n, 0) {
				if p.starts[i] < end || p.starts[i]+len(p.values[i]) > len(line) || line[p.starts[i]:p.starts[i]+len(p.values[i])] != string(p.values[i]) {
					t.Fatalf("%q: value %d is %q at %d", line, i, p.values[i], p.starts[i])
				}
				end = p.starts[i] + len(p.values[i])
			}
		}
	})
}
