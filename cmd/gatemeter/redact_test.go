package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/gatemeter/gatemeter/parsers"
	"github.com/gatemeter/gatemeter/pipeline/record"
	"github.com/gatemeter/gatemeter/pipeline/redact"
)

// fields is a record as text, without its line.
func fields(r *record.Record) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v %d\n", r.Reason, r.TimeNanos)
	for _, name := range record.Names() {
		f, _ := record.Lookup(name)
		switch {
		case f == record.Line || f == record.Time:
		case f.Class() == record.Text:
			fmt.Fprintf(&b, "%s %q\n", name, *r.Text(f))
		default:
			fmt.Fprintf(&b, "%s %d\n", name, r.Number(f))
		}
	}
	return b.String()
}

// TestMaskedLinesOfEachFormat: whatever the format, a line with a secret in its URL is read as before, but for the secret.
func TestMaskedLinesOfEachFormat(t *testing.T) {
	r, err := redact.New(redact.Config{Query: redact.DefaultNames()})
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for _, format := range parsers.Formats() {
		newParser, err := parsers.New(format.Spec(), parsers.Options{})
		if err != nil {
			t.Fatal(err)
		}
		p := newParser()
		read := func(line string) string {
			var recs [1]record.Record
			recs[0].Reset()
			recs[0].Line = []byte(line)
			p.Reset(nil)
			p.Parse(recs[:])
			return fields(&recs[0])
		}
		var sample [1]record.Record
		sample[0].Reset()
		sample[0].Line = []byte(format.Sample)
		p.Reset(nil)
		p.Parse(sample[:])
		url, path, query := string(sample[0].URL), string(sample[0].Path), string(sample[0].Query)
		inQuery := []string{"&token=s3cr3t", "&pass%77ord=s3cr3t&b=2", "&next=%2Fcb%3Ftoken%3Ds3cr3t%26b%3D1"}
		inPath := []string{";jsessionid=s3cr3t", "/token=s3cr3t/x"}
		behindPath := []string{"?token=s3cr3t", "?a=1;token=s3cr3t&b=2", "?a?pwd=s3cr3t#x", "&token=s3cr3t?a=1"}
		for _, place := range []struct {
			behind string
			added  []string
		}{{url, inQuery}, {query, inQuery}, {path, inPath}, {path, behindPath}, {strings.ReplaceAll(path, "/", `\/`), inPath}} {
			at := strings.Index(format.Sample, place.behind) + len(place.behind)
			if place.behind == "" || at < len(place.behind) || query != "" && &place.added[0] == &behindPath[0] {
				continue
			}
			for _, secret := range place.added {
				line := format.Sample[:at] + secret + format.Sample[at:]
				masked := []byte(line)
				r.Line(masked)
				want := strings.ReplaceAll(read(line), "s3cr3t", "******")
				if got := read(string(masked)); got != want || bytes.Contains(masked, []byte("s3cr3t")) {
					t.Errorf("%s: %s\nbecame %s\nwhich is read as\n%s\nwant\n%s", format.Name, line, masked, got, want)
				}
				tried++
			}
		}
	}
	if tried < 200 {
		t.Errorf("only %d lines tried", tried)
	}
}
