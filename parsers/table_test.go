package parsers

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/gatemeter/gatemeter/bench/loggen"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

func parse(t *testing.T, p Parser, line string) record.Record {
	t.Helper()
	recs := make([]record.Record, 1)
	recs[0].Reset()
	recs[0].Line = []byte(line)
	p.Reset(nil)
	p.Parse(recs)
	return recs[0]
}

func parser(t *testing.T, spec string, o Options) Parser {
	t.Helper()
	n, err := New(spec, o)
	if err != nil {
		t.Fatal(err)
	}
	return n()
}

// TestSamples: every format reads its own sample, and so does auto, alike.
func TestSamples(t *testing.T) {
	for _, f := range Formats() {
		if f.Sample == "" {
			continue
		}
		own := parse(t, parser(t, f.Name, Options{}), f.Sample)
		if own.Reason != record.None || own.Status != 200 || string(own.Path) != "/orders/4711" || string(own.ClientAddress) != "203.0.113.7" {
			t.Errorf("%s reads its sample as %v at column %d: status %d, path %q", f.Name, own.Reason, own.Column, own.Status, own.Path)
		}
		found := parse(t, parser(t, "auto", Options{}), f.Sample)
		if found.Reason != record.None || found.TimeNanos != own.TimeNanos || string(found.URL) != string(own.URL) || found.DurationNanos != own.DurationNanos {
			t.Errorf("auto reads the sample of %s as %v", f.Name, found.Reason)
		}
	}
}

// TestAutoDependsOnNothingButTheLine: whatever was read before, a line is read the same.
func TestAutoDependsOnNothingButTheLine(t *testing.T) {
	var lines []string
	for _, name := range loggen.FormatNames() {
		f, err := loggen.ParseFormat(name)
		if err != nil {
			t.Fatal(err)
		}
		g := loggen.New(loggen.Options{Format: f, Seed: 1, Malformed: 0.1})
		for range 100 {
			lines = append(lines, strings.TrimSuffix(string(g.Append(nil)), "\n"))
		}
	}
	for _, f := range Formats() {
		if f.Sample != "" {
			lines = append(lines, f.Sample)
		}
	}
	fresh := func(line string) string { return text(parse(t, parser(t, "auto", Options{}), line)) }
	used := parser(t, "auto", Options{})
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		line := lines[r.IntN(len(lines))]
		if line == "" {
			continue
		}
		if got, want := text(parse(t, used, line)), fresh(line); got != want {
			t.Fatalf("%s\nis read as %s\nby a fresh auto as %s", line, got, want)
		}
	}
}

// text is what tells two readings of a line apart.
func text(r record.Record) string {
	var b strings.Builder
	fmt.Fprint(&b, r.Reason)
	for f := record.NoField + 1; f < record.NumFields; f++ {
		if f.Class() == record.Text {
			fmt.Fprintf(&b, " %q", *r.Text(f))
		} else {
			fmt.Fprintf(&b, " %d", r.Number(f))
		}
	}
	return b.String()
}

func TestNewErrors(t *testing.T) {
	f := func(spec string, o Options, want string) {
		t.Helper()
		if _, err := New(spec, o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("New(%q): %v, want an error with %q", spec, err, want)
		}
	}
	f("combind", Options{}, "combined")
	f("zzz", Options{}, "nor is it a format string")
	f("$remote_addr$status", Options{}, "separates")
	f("$remote_addr ${status", Options{}, "}")
	f("$remote_addr $status", Options{}, "time")
	f("%h %Z", Options{}, "%Z")
	f("combined", Options{Fields: map[string]string{"x": "no.such.field"}}, "no.such.field")
	f("combined", Options{Escape: "xml"}, "xml")
}

func TestAutoAllocatesNothing(t *testing.T) {
	p := parser(t, "auto", Options{})
	recs := make([]record.Record, 1)
	for _, f := range Formats() {
		line := []byte(f.Sample)
		if len(line) == 0 {
			continue
		}
		if n := testing.AllocsPerRun(100, func() {
			recs[0].Reset()
			recs[0].Line = line
			p.Reset(nil)
			p.Parse(recs)
		}); n != 0 {
			t.Errorf("%s: %v allocations", f.Name, n)
		}
	}
}
