package live

import (
	"fmt"
	"time"

	"github.com/gatemeter/gatemeter/pipeline/point"
)

// RenderLine returns a window as one line of plain text.
func RenderLine(w *Window) []byte {
	f, span := &w.All, float64(w.End-w.Start)
	b := time.Unix(w.Start, 0).UTC().AppendFormat(nil, time.RFC3339)
	b = fmt.Appendf(b, "  %s req/s  2xx %s  3xx %s  4xx %s  5xx %s", rate(f.Requests, span), percent(f.Classes[2], f.Requests),
		percent(f.Classes[3], f.Requests), percent(f.Classes[4], f.Requests), percent(f.Classes[5], f.Requests))
	if f.P50 >= 0 || f.P95 >= 0 || f.P99 >= 0 {
		b = fmt.Appendf(b, "  p50 %s  p95 %s  p99 %s", seconds(f.P50), seconds(f.P95), seconds(f.P99))
	}
	b = fmt.Appendf(b, "  out %s/s  clients %s", volume(float64(f.ResponseBytes)/span), count(f.Clients))
	if w.Kind != point.OnTime {
		b = fmt.Appendf(b, "  (%v)", w.Kind)
	}
	return append(b, '\n')
}
