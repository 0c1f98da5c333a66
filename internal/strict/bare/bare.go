// Package bare holds a parser's reading of a line whose secrets have not been masked against what pipeline.BareParser promises: the
// record has what it would have if the line had been masked. It is for tests.
package bare

import (
	"testing"

	"github.com/gatemeter/gatemeter/pipeline/record"
)

// Wanted returns the texts that have to be right of a record, which read masked is want, where those in fields are asked for: without a
// route, what one is made of too.
func Wanted(fields record.FieldSet, want *record.Record) record.FieldSet {
	if fields.Has(record.Route) && len(want.Route) == 0 {
		fields |= record.Fields(record.Path)
		if len(want.Path) == 0 {
			fields |= record.Fields(record.URL)
		}
	}
	return fields
}

// Check fails the test unless got, which was read of line bare, has what was asked for of want, which was read of it masked.
func Check(t testing.TB, line, masked string, fields record.FieldSet, got, want *record.Record) {
	t.Helper()
	if want.Reason != record.None || got.Kind != want.Kind {
		t.Fatalf("%s\nread bare is %s; masked\n%s\nit is %s: %v", line, got.Kind, masked, want.Kind, want.Reason)
	}
	fields = Wanted(fields, want)
	for f := record.NoField + 1; f < record.NumFields; f++ {
		if text := f.Class() == record.Text; text && fields.Has(f) && string(*got.Text(f)) != string(*want.Text(f)) {
			t.Fatalf("%s\nread bare has the %v %q; masked\n%s\nit has %q", line, f, *got.Text(f), masked, *want.Text(f))
		} else if !text && got.Number(f) != want.Number(f) {
			t.Fatalf("%s\nread bare has the %v %d; masked\n%s\nit has %d", line, f, got.Number(f), masked, want.Number(f))
		}
	}
}
