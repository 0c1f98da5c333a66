package jsonlog

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/gatemeter/gatemeter/pipeline/ecs"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// TestReadsOwnDocuments reads back what the pipeline's encoder writes of any record.
func TestReadsOwnDocuments(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	p := New(Compile("ecs"))
	for range 2000 {
		var want record.Record
		want.Reset()
		want.TimeNanos = 1_700_000_000_000_000_000 + rnd.Int64N(1e18)
		for f := record.NoField + 1; f < record.NumFields; f++ {
			if f == record.Line || f == record.Time || rnd.IntN(3) == 0 {
				continue
			}
			switch f.Class() {
			case record.Text:
				*want.Text(f) = fmt.Appendf(nil, "%d\"\\\n\u00e9 of %v", rnd.IntN(1000), f)
			default:
				want.SetNumber(f, 1+rnd.Int64N(900))
			}
		}
		want.ClientAddress = []byte([...]string{"203.0.113.7", "2001:db8::7", "unix:"}[rnd.IntN(3)])
		want.Method = []byte("GET")
		want.HTTPVersion = []byte([...]string{"1.1", "2"}[rnd.IntN(2)])
		want.TLSVersion = []byte("1.3")
		want.Domain = []byte("shop.example")
		want.URL, want.Path, want.Query = []byte("/a?b=c"), []byte("/a"), []byte("b=c")
		if want.GatewayNanos < 0 { // the reader would make it of the others
			want.UpstreamNanos = record.Absent
		}
		got := one(p, string(ecs.Append(nil, &want, &ecs.Options{Document: true})))
		want.Kind = "ecs"
		if a, b := flat(got), flat(&want); a != b {
			t.Fatalf("read back as\n%swant\n%s%s", a, b, got.Line)
		}
	}
}
