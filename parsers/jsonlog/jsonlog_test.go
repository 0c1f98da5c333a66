package jsonlog

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/pipeline/record"
)

// flat returns a record as text: `field value` for each, in the order of the fields.
func flat(r *record.Record) string {
	if r.Reason != record.None {
		return fmt.Sprintf("error %v at column %d\n", r.Reason, r.Column)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "kind %s\n@timestamp %s\n", r.Kind, time.Unix(0, r.TimeNanos).UTC().Format(time.RFC3339Nano))
	for _, name := range record.Names() {
		f, _ := record.Lookup(name)
		switch {
		case f == record.Time || f == record.Line:
		case f.Class() == record.Text:
			if v := *r.Text(f); len(v) > 0 {
				fmt.Fprintf(&b, "%s %q\n", name, v)
			}
		case r.Number(f) != record.Absent:
			fmt.Fprintf(&b, "%s %d\n", name, r.Number(f))
		}
	}
	return b.String()
}

// one parses a single line.
func one(p *Parser, line string) *record.Record {
	var recs [1]record.Record
	recs[0].Reset()
	recs[0].Line = []byte(line)
	p.Reset(nil)
	p.Parse(recs[:])
	return &recs[0]
}

func TestX(t *testing.T) {
	for _, n := range Names() {
		Compile(n)
	}
	NewSigns()
}
