package parsers

import (
	"testing"

	"github.com/gatemeter/gatemeter/pipeline/record"
)

// BenchmarkParse reads the sample of each format, and the same lines by auto.
func BenchmarkParse(b *testing.B) {
	f := func(name, format, line string) {
		b.Run(name, func(b *testing.B) {
			newParser, err := New(format, Options{})
			if err != nil {
				b.Fatal(err)
			}
			p := newParser()
			recs := [1]record.Record{}
			b.SetBytes(int64(len(line)))
			b.ReportAllocs()
			text := []byte(line)
			for n := 0; b.Loop(); n++ {
				if n%1024 == 0 {
					p.Reset(nil)
				}
				recs[0].Reset()
				recs[0].Line = text
				p.Parse(recs[:])
			}
			if recs[0].Reason != record.None {
				b.Fatal(recs[0].Reason)
			}
		})
	}
	for _, format := range Formats() {
		f(format.Name, format.Spec(), format.Sample)
		f("auto/"+format.Name, "auto", format.Sample)
	}
}
