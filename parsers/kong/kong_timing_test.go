package kong

import (
	"testing"

	"github.com/gatemeter/gatemeter/pipeline/record"
)

func BenchmarkParse(b *testing.B) {
	line := []byte(lines(b)["testdata/http.log"][0])
	p := New()
	recs := make([]record.Record, 1)
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for b.Loop() {
		recs[0].Reset()
		recs[0].Line = line
		p.Reset(nil)
		p.Parse(recs)
	}
}
