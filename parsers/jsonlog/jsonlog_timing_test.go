package jsonlog

import (
	"testing"

	"github.com/gatemeter/gatemeter/pipeline/record"
)

// BenchmarkParse reads the first golden line of each format.
func BenchmarkParse(b *testing.B) {
	all := lines(b)
	for _, name := range Names() {
		b.Run(name, func(b *testing.B) {
			p, line := New(Compile(name)), []byte(all[name][0])
			b.SetBytes(int64(len(line)))
			b.ReportAllocs()
			var recs [1]record.Record
			for b.Loop() {
				p.Reset(nil)
				recs[0].Reset()
				recs[0].Line = line
				p.Parse(recs[:])
			}
		})
	}
}

// BenchmarkDetect tells the same lines apart.
func BenchmarkDetect(b *testing.B) {
	all := lines(b)
	d := NewDetector(NewSigns())
	for _, name := range Names() {
		b.Run(name, func(b *testing.B) {
			line := []byte(all[name][0])
			b.SetBytes(int64(len(line)))
			for b.Loop() {
				d.Detect(line)
			}
		})
	}
}
