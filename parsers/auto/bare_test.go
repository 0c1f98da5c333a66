package auto

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/gatemeter/gatemeter/pipeline/record"
	"github.com/gatemeter/gatemeter/pipeline/redact"
)

// TestBare reads the lines of all formats bare: those of Kong can be, and are what they are when they are masked.
func TestBare(t *testing.T) {
	names, err := filepath.Glob("../testdata/*.log")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	f, err := Compile()
	if err != nil {
		t.Fatal(err)
	}
	redactor, err := redact.New(redact.Config{Query: redact.DefaultNames()})
	if err != nil {
		t.Fatal(err)
	}
	p := New(f)
	fields := record.Fields(record.ClientAddress, record.Consumer, record.Cache, record.Service, record.Route, record.Method)
	if !p.Bare(fields, redactor.MasksMember) || p.Bare(fields, func(name string) bool { return name == "consumer" }) {
		t.Fatal("Bare does not say what Kong's parser says")
	}
	p = New(f)
	p.Bare(fields, redactor.MasksMember)
	bare := 0
	for _, name := range append(names, "../kong/testdata/http.log") {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(text) {
			line = bytes.TrimRight(line, "\r\n")
			if len(line) == 0 {
				continue
			}
			var recs, masked [1]record.Record
			recs[0].Reset()
			recs[0].Line = line
			p.Reset(nil)
			if p.ParseBare(recs[:]); recs[0].Reason != record.None {
				continue
			}
			bare++
			masked[0].Reset()
			masked[0].Line = bytes.Clone(line)
			redactor.Line(masked[0].Line)
			q := New(f)
			q.Parse(masked[:])
			got, want := &recs[0], &masked[0]
			if want.Reason != record.None || q.Format() != "kong" || p.Format() != "kong" || got.Kind != want.Kind || got.TimeNanos != want.TimeNanos || got.Status != want.Status {
				t.Errorf("%s\nis %+v, masked %s %+v", line, got, q.Format(), want)
			}
			for f := record.NoField + 1; f < record.NumFields; f++ {
				if fields.Has(f) && !bytes.Equal(*got.Text(f), *want.Text(f)) {
					t.Errorf("%s\nhas the %v %q, masked %q", line, f, *got.Text(f), *want.Text(f))
				}
			}
		}
	}
	if bare < 3 {
		t.Errorf("%d lines are read bare", bare)
	}
}
