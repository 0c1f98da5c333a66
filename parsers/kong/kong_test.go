package kong

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/pipeline/record"
)

var update = flag.Bool("update", false, "write the golden files anew")

// one parses a single line.
func one(p *Parser, line string) *record.Record {
	var recs [1]record.Record
	recs[0].Reset()
	recs[0].Line = []byte(line)
	p.Reset(nil)
	p.Parse(recs[:])
	return &recs[0]
}

// flat returns a record as text, a field a line.
func flat(r *record.Record) string {
	var b strings.Builder
	if r.Reason != record.None {
		return fmt.Sprintf("  error %v at column %d\n", r.Reason, r.Column)
	}
	fmt.Fprintf(&b, "  kind %s\n  @timestamp %s\n", r.Kind, time.Unix(0, r.TimeNanos).UTC().Format(time.RFC3339Nano))
	for f := record.NoField + 1; f < record.NumFields; f++ {
		switch {
		case f == record.Time || f == record.Line:
		case f.Class() == record.Text:
			if v := *r.Text(f); len(v) > 0 {
				fmt.Fprintf(&b, "  %v %q\n", f, v)
			}
		case r.Number(f) != record.Absent:
			fmt.Fprintf(&b, "  %v %d\n", f, r.Number(f))
		}
	}
	return b.String()
}

// lines returns those of testdata, by file.
func lines(t testing.TB) map[string][]string {
	t.Helper()
	names, err := filepath.Glob("testdata/*.log")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	all := map[string][]string{}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	}
	return all
}

func TestGolden(t *testing.T) {
	p := New()
	for name, text := range lines(t) {
		var out bytes.Buffer
		for _, line := range text {
			fmt.Fprintf(&out, "%s\n%s\n", line, flat(one(p, line)))
		}
		golden := strings.TrimSuffix(name, ".log") + ".golden"
		if *update {
			if err := os.WriteFile(golden, out.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if got := out.String(); got != string(want) {
			t.Errorf("%s is read as (run with -update to accept):\n%s\nwant:\n%s", name, got, want)
		}
	}
}

func TestNoTime(t *testing.T) {
	f := func(line string) {
		t.Helper()
		if r := one(New(), line); r.Reason != record.NoTime {
			t.Errorf("%s: %v, want no_time", line, r.Reason)
		}
	}
	f(`{}`)
	f(`{"request":{"method":"GET"}}`)
	f(`{"started_at":null}`)
	f(`{"started_at":}`)
	f(`{"started_at":{}}`)
	f(`{"request":{"started_at":1726783839538}}`)
}

// TestCutAnywhere cuts a line after each of its bytes: what UDP and a full disk do. The whole line alone is a record.
func TestCutAnywhere(t *testing.T) {
	p := New()
	for _, line := range lines(t)["testdata/http.log"] {
		for i := 1; i < len(line); i++ {
			if r := one(p, line[:i]); r.Reason != record.Truncated || int(r.Column) != i+1 {
				t.Fatalf("%q: %v at column %d, want truncated at %d", line[:i], r.Reason, r.Column, i+1)
			}
		}
	}
}

// TestMemberOrder turns a record's members around: Kong writes them in the order of a hash table.
func TestMemberOrder(t *testing.T) {
	members := []string{
		`"started_at":1726783839538`, `"latencies":{"request":5,"proxy":3}`, `"correlation_id":"c"`, `"upstream_status":"200"`,
		`"request":{"url":"http://a.example/x?y","id":"i"}`, `"service":{"id":"1","name":"s"}`,
	}
	p := New()
	want := flat(one(p, "{"+strings.Join(members, ",")+"}"))
	for range members {
		members = append(members[1:], members[0])
		if got := flat(one(p, "{"+strings.Join(members, ",")+"}")); got != want {
			t.Errorf("%v is read as\n%swant\n%s", members, got, want)
		}
	}
}

// TestHostile reads lines as long as a source lets through, made to be expensive.
func TestHostile(t *testing.T) {
	const size = 64 << 10
	f := func(head, repeated, tail string, want record.Reason) {
		t.Helper()
		line := head + strings.Repeat(repeated, (size-len(head)-len(tail))/len(repeated)) + tail
		p := New()
		if r := one(p, line); r.Reason != want {
			t.Errorf("%.40q…: %v at column %d, want %v", line, r.Reason, r.Column, want)
		}
		if n := cap(*p.scan.Arena()); n > 4*size {
			t.Errorf("%.40q…: the arena has %d bytes", line, n)
		}
	}
	f(`{"started_at":1726783839538,"a":`, `[`, ``, record.TooDeep)
	f(`{"started_at":1726783839538,"a":`, `{"a":`, ``, record.TooDeep)
	f(`{"started_at":1726783839538,"a":"`, `\"`, `"}`, record.None)
	f(`{"started_at":1726783839538,"client_ip":"`, `\u0041`, `"}`, record.None)
	f(`{"started_at":1726783839538`, `,"client_ip":"\/"`, `}`, record.None)
	f(`{"started_at":1726783839538,"tries":[{}`, `,{"ip":"\/","port":1}`, `]}`, record.None)
	f(`{"started_at":1726783839538,"trace_id":{"a":"b"`, `,"\/":"\/"`, `}}`, record.None)
	f(`{"started_at":1726783839538,"response":{"size":1`, `0`, `}}`, record.BadNumber)
	f(`{"started_at":`, `1`, `}`, record.BadTime)
	f(`{"started_at":1726783839538`, ` `, `}`, record.None)
	f(`{"started_at":1726783839538,"`, `\\`, `":1}`, record.None)
}

// TestAllocatesNothing reads a batch of all lines, good and bad.
func TestAllocatesNothing(t *testing.T) {
	var recs []record.Record
	for _, text := range lines(t) {
		for _, line := range text {
			recs = append(recs, record.Record{Line: []byte(line)})
		}
	}
	p := New()
	p.Bare(usual, func(string) bool { return false })
	parse := func() {
		for _, parse := range []func([]record.Record){p.Parse, p.ParseBare} {
			p.Reset(nil)
			for i := range recs {
				line := recs[i].Line
				recs[i].Reset()
				recs[i].Line = line
			}
			parse(recs)
		}
	}
	for range 12 { // until the lines' keys are known
		parse()
	}
	if n := testing.AllocsPerRun(10, parse); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestBatchKeepsText parses many lines before looking at any: what escapes were undone in must not move or be used again.
func TestBatchKeepsText(t *testing.T) {
	p := New()
	recs := make([]record.Record, 64)
	for i := range recs {
		recs[i].Reset()
		recs[i].Line = fmt.Appendf(nil, `{"started_at":1726783839538,"request":{"uri":"\/%d"},"tries":[{"ip":"10.0.0.%d","port":80}]}`, i, i)
	}
	p.Reset(nil)
	p.Parse(recs)
	for i := range recs {
		if got, want := fmt.Sprintf("%s %s", recs[i].URL, recs[i].UpstreamAddress), fmt.Sprintf("/%d 10.0.0.%d:80", i, i); got != want {
			t.Errorf("record %d has %s, want %s", i, got, want)
		}
	}
}
