package w3c

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/gatemeter/gatemeter/parsers/field"
	"github.com/gatemeter/gatemeter/pipeline/batch"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// a log whose columns change in it, twice
var changing = []string{
	"#Software: x",
	"#Fields: date time c-ip cs-method cs-uri-stem sc-status X-Tenant",
	"2025-10-10 11:55:36 203.0.113.7 GET /a 200 acme",
	"2025-10-10 11:55:36 203.0.113.8 GET /b 200 -",
	"#Fields: date time cs-uri-stem c-ip sc-status",
	"2025-10-10 11:55:37 /c 203.0.113.9 404",
	"#Fields: nothing that says a time",
	"2025-10-10 11:55:38 10.0.0.7 GET /d - 443 - 203.0.113.10 curl/8 - 200 0 0 43",
}

var wanted = map[string]string{ // by line
	changing[2]: "203.0.113.7 /a 200 acme w3c", changing[3]: "203.0.113.8 /b 200  w3c", changing[5]: "203.0.113.9 /c 404  w3c",
	changing[7]: "203.0.113.10 /d 200  iis",
}

func said(h *Headed, r *record.Record) string {
	if r.Reason != record.None {
		return r.Reason.String()
	}
	return fmt.Sprintf("%s %s %d %s %s", r.ClientAddress, r.Path, r.Status, r.Service, h.Format())
}

var tenant = map[string]field.Op{"X-Tenant": {Action: field.Text, Field: record.Service}}

// TestHeadersChange gives lines to parsers of two workers in any order: each is read by the header before it in the log.
func TestHeadersChange(t *testing.T) {
	partition := &batch.Partition{}
	offsets := map[string]int64{}
	offset := int64(1000)
	for _, line := range changing {
		if strings.HasPrefix(line, "#Fields:") {
			partition.Headers.Add(offset, []byte(line))
		}
		offsets[line] = offset
		offset += int64(len(line)) + 1
	}
	workers := []*Headed{NewHeaded(tenant), NewHeaded(tenant)}
	random := rand.New(rand.NewPCG(7, 8))
	for range 500 {
		line := changing[random.IntN(len(changing))]
		h := workers[random.IntN(2)]
		if random.IntN(3) == 0 {
			h.Reset(partition)
		} else if h.partition == nil {
			h.Reset(partition)
		}
		recs := make([]record.Record, 1)
		recs[0].Reset()
		recs[0].Line, recs[0].Offset = []byte(line), offsets[line]
		h.Parse(recs)
		want := wanted[line]
		if want == "" {
			want = "blank"
		}
		if got := said(h, &recs[0]); got != want {
			t.Fatalf("%s: %s, want %s", line, got, want)
		}
	}
}
