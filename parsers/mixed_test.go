package parsers

import (
	"math/rand/v2"
	"testing"

	"github.com/gatemeter/gatemeter/pipeline/record"
)

// TestMixed reads samples of all formats from one stream, in any order, with a logger's header before some: each is found for what
// it is, whatever came before.
func TestMixed(t *testing.T) {
	newParser, err := New("auto", Options{})
	if err != nil {
		t.Fatal(err)
	}
	p := newParser()
	random := rand.New(rand.NewPCG(3, 4))
	headers := []string{"", "", "<190>Nov 21 04:00:00 web1 gw[7]: ", "2025-10-10T11:55:36.043958123Z stdout F ", "<134>1 2026-02-06T12:14:14.655Z lb1 gw 7 - - "}
	all := Formats()
	for range 20 * len(all) {
		f := &all[random.IntN(len(all))]
		if f.Sign == "" {
			continue
		}
		header := headers[random.IntN(len(headers))]
		r := one(p, header+f.Sample)
		if r.Reason != record.None || p.Format() != f.Name {
			t.Errorf("%s behind %q is read as %q, %v at column %d", f.Name, header, p.Format(), r.Reason, r.Column)
		}
		cut := f.Sample[:1+random.IntN(len(f.Sample))]
		if r = one(p, cut); r.Reason.Malformed() && p.Format() != "" {
			t.Errorf("%q: %v, and of the format %s", cut, r.Reason, p.Format())
		}
	}
}
