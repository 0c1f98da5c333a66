package regex_test

import (
	"strings"
	"testing"

	"github.com/gatemeter/gatemeter/parsers/field"
	"github.com/gatemeter/gatemeter/parsers/grok"
	"github.com/gatemeter/gatemeter/parsers/regex"
	"github.com/gatemeter/gatemeter/parsers/userjson"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

const combined = `203.0.113.7 - alice [10/Oct/2025:13:55:36 +0200] "GET /v1/orders/42?full=1 HTTP/1.1" 200 2326 "https://shop.example/cart" "curl/8.14.1"`

// TestParse reads lines by an expression and by a pattern, without allocating, and fails others.
func TestParse(t *testing.T) {
	f := func(expression string, names []string) {
		t.Helper()
		e, err := regex.Compile("own", expression, names, map[string]field.Op{}, userjson.WellKnown())
		if err != nil {
			t.Fatal(err)
		}
		p := regex.New(e)
		recs := make([]record.Record, 3)
		lines := [][]byte{[]byte(combined), []byte(combined[:60]), []byte(combined[:60] + strings.Repeat(" GET /", 1000))}
		parse := func() {
			p.Reset(nil)
			for i := range recs {
				recs[i].Reset()
				recs[i].Line = lines[i]
			}
			p.Parse(recs)
		}
		parse()
		if r := &recs[0]; r.Reason != record.None || string(*r.Text(record.User)) != "alice" || r.TimeNanos != 1760097336e9 || r.Number(record.Status) != 200 {
			t.Errorf("%.100q: %v at column %d, user %q, time %d, status %d", expression, r.Reason, r.Column, *r.Text(record.User), r.TimeNanos, r.Number(record.Status))
		}
		for i := range recs[1:] {
			if r := &recs[1+i]; r.Reason != record.Unexpected || r.Column != 1 {
				t.Errorf("%.100q on %.100q: %v at column %d", expression, r.Line, r.Reason, r.Column)
			}
		}
		if n := testing.AllocsPerRun(10, parse); n != 0 {
			t.Errorf("%.100q: %v allocations", expression, n)
		}
	}
	f(`^(?P<remote_addr>\S+) \S+ (?P<remote_user>\S+) \[(?P<time_local>[^\]]+)\] "(?P<request>[^"]*)" (?P<status>\d+)`, nil)
	expression, names, err := grok.Expand("%{IPORHOST:source.address} %{HTTPDUSER} %{HTTPDUSER:user.name} \\[%{HTTPDATE:[@timestamp]}\\] \"%{DATA}\" %{INT:http.response.status_code}")
	if err != nil {
		t.Fatal(err)
	}
	f(expression, names)
}
