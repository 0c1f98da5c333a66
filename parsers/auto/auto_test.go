package auto

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/gatemeter/gatemeter/pipeline/record"
)

func parser(t testing.TB) *Parser {
	t.Helper()
	f, err := Compile()
	if err != nil {
		t.Fatal(err)
	}
	return New(f)
}

func read(p *Parser, line []byte) *record.Record {
	recs := make([]record.Record, 1)
	recs[0].Reset()
	recs[0].Line = line
	p.Reset(nil)
	p.Parse(recs)
	return &recs[0]
}

const clf = `1.2.3.4 - - [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.1" 200 7`

// TestCutAnywhere: a line that was cut short is never read with the referrer or the agent that is left of it.
func TestCutAnywhere(t *testing.T) {
	p := parser(t)
	line := []byte(clf + ` "https://example.com/" "curl/8" "203.0.113.195"`)
	for n := 1; n < len(line); n++ {
		r := read(p, line[:n])
		whole := n >= len(clf)
		if !whole && r.Reason == record.None {
			t.Errorf("%q is read", line[:n])
		}
		if r.Reason == record.None && (len(r.Referrer) > 0 && string(r.Referrer) != "https://example.com/" || len(r.UserAgent) > 0 && string(r.UserAgent) != "curl/8") {
			t.Errorf("%q: referrer %q, agent %q", line[:n], r.Referrer, r.UserAgent)
		}
		if r.Reason != record.None && p.Format() != "" {
			t.Errorf("%q failed, and is of the format %s", line[:n], p.Format())
		}
	}
}

// TestHostileLinesAreReadInLinearTime reads lines on which a search that began anew at each byte would not end while anyone
// waits.
// TestSelfLogs: what a gateway says about itself is passed over, and what only looks like it is not.
func TestSelfLogs(t *testing.T) {
	p := parser(t)
	f := func(line string, passed bool) {
		t.Helper()
		r := read(p, []byte(line))
		if got := r.Reason == record.Blank && r.Drop != 0; got != passed {
			t.Errorf("%q: %v, passed over: %v, want %v", line, r.Reason, got, passed)
		}
	}
	f(`2025-10-10T11:55:36Z INF Starting provider`, true)
	f("2025/10/10 11:55:36.043\tINFO\tserver running", true)
	f(`2025/10/10 11:55:36 KRAKEND INFO: Listening on port: 8080`, true)
	const balancer = `2015-05-13T23:39:43.945958Z %s 192.168.131.39:2817 10.0.0.1:80 0.000073 0.001048 0.000057 200 200 0 29 "GET http://www.example.com:80/ HTTP/1.1" "curl/7.38.0" - -`
	for _, name := range []string{"shop", "info", "ERROR"} {
		line := fmt.Sprintf(balancer, name)
		if r := read(p, []byte(line)); r.Reason != record.None || string(r.Service) != name {
			t.Errorf("%q: %v, service %q", line, r.Reason, r.Service)
		}
	}
	f(`{"level":"info","time":"2025-10-10T11:55:36Z","msg":"listening"}`, true)
	f(`{"level":"info","time":"2025-10-10T11:55:36Z","msg":"10.0.0.1 - - [10/Oct/2025:13:55:36 +0000] \"GET / HTTP/1.1\" 200 5"}`, false)
}

func TestHostileLinesAreReadInLinearTime(t *testing.T) {
	const size = 1 << 20
	p := parser(t)
	for _, piece := range []string{" ", `"`, `\`, `\"`, "[", "]", `" "`, " - ", ", ", " : ", "a=", ` a="`, " [1/2/3", "[10/Oct/2000:13:55:36 -0700] ", `{"`, `{"a":`, "[", `"started_at":`, " 0.001"} {
		for _, head := range []string{"", "{", "a - ", clf, clf + ` "-" "-"`, clf + ` "-" "-" 0.001`, clf + ` "-" "-" 1 0.001 [] [] `} {
			read(p, append([]byte(head), bytes.Repeat([]byte(piece), size/len(piece))...))
		}
	}
}

func FuzzAuto(f *testing.F) {
	f.Add([]byte(clf))
	f.Add([]byte("v.example:443 " + clf + ` "-" "a\"b" rt=0.1 ua="1.2.3.4:5, 2.3.4.5:6" cs=HIT`))
	f.Add([]byte(clf + ` "-" "-" 1 0.001 [s] [] 1.2.3.4:5, - : - 1, 2 0.1, - 200, - id`))
	f.Add([]byte(`[::1] - "" [10/Oct/2000:13:55:36 -0700] h "GET / HTTP/1.1" 200 7`))
	f.Add([]byte(`{"started_at":1,"request":{"method":"GET"}}`))
	p, fresh := parser(f), parser(f)
	f.Fuzz(func(t *testing.T, line []byte) {
		if len(line) == 0 {
			return
		}
		kept := bytes.Clone(line)
		r := read(p, line)
		format := p.Format()
		if (r.Reason == record.None) != (format != "") || int(r.Column) > len(line)+1 || r.Column < 0 {
			t.Fatalf("%q: %v at column %d, format %q", line, r.Reason, r.Column, format)
		}
		again := read(fresh, line)
		if again.Reason != r.Reason || again.TimeNanos != r.TimeNanos || !bytes.Equal(again.URL, r.URL) || fresh.Format() != format {
			t.Fatalf("%q is read differently after other lines", line)
		}
		if !bytes.Equal(line, kept) {
			t.Fatal("the line was changed")
		}
	})
}
