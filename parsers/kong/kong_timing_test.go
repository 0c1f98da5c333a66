package kong

import (
	"testing"

	"github.com/gatemeter/gatemeter/pipeline/record"
)

func BenchmarkParse(b *testing.B) {
	benchmark(b, (*Parser).Parse)
}

// BenchmarkParseBare is of the fields that metrics are made of, from a line that is not masked.
func BenchmarkParseBare(b *testing.B) {
	benchmark(b, (*Parser).ParseBare)
}

func benchmark(b *testing.B, parse func(*Parser, []record.Record)) {
	line := []byte(lines(b)["testdata/http.log"][0])
	p := New()
	p.Bare(usual, func(string) bool { return false })
	recs := make([]record.Record, 1)
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for b.Loop() {
		recs[0].Reset()
		recs[0].Line = line
		p.Reset(nil)
		parse(p, recs)
	}
}
