// Package squid knows the native access log of Squid.
//
// Source: Squid's documentation of logformat, `%ts.%03tu %6tr %>a %Ss/%03>Hs %<st %rm %ru %[un %Sh/%<a %mt`.
package squid

import (
	"bytes"

	"github.com/gatemeter/gatemeter/parsers/columns"
	"github.com/gatemeter/gatemeter/parsers/field"
	"github.com/gatemeter/gatemeter/parsers/stamp"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

const (
	result = 3
	server = 8
)

// New returns the layout. The time is that of the request's end, in seconds; its length in milliseconds.
func New() *columns.Layout {
	column := func(name string, action field.Action, f record.Field) columns.Column {
		return columns.Column{Name: name, Op: field.Op{Action: action, Field: f, Unit: field.Milliseconds}}
	}
	return &columns.Layout{
		Name: "squid", Kind: "squid", Separator: ' ', Padded: true, Least: 10,
		Columns: []columns.Column{
			column("time", field.TimeEpoch, record.Time), column("elapsed", field.Span, record.Duration),
			column("client", field.Text, record.ClientAddress), column("result/status", field.Skip, record.NoField),
			column("size", field.Number, record.ResponseBytes), column("method", field.Text, record.Method),
			column("url", field.Text, record.URL), column("user", field.Text, record.User),
			column("hierarchy/server", field.Skip, record.NoField), column("type", field.Skip, record.NoField),
		},
		Finish: finish,
	}
}

var hit, miss = []byte("HIT"), []byte("MISS") // never written

// finish reads the values of two parts: TCP_MISS/200 and DIRECT/192.0.2.1. A status of 000 is as logged; what is neither hit nor
// miss (TCP_DENIED, TCP_TUNNEL) is the cache's verdict as it stands.
func finish(r *record.Record, values [][]byte) (record.Reason, int) {
	verdict, status, ok := bytes.Cut(values[result], []byte{'/'})
	n, isNumber := stamp.Int(status)
	if !ok || !isNumber {
		return record.BadNumber, result
	}
	switch {
	case bytes.Contains(verdict, hit):
		r.Cache = hit
	case bytes.Contains(verdict, miss):
		r.Cache = miss
	default:
		r.Cache = verdict
	}
	if _, address, ok := bytes.Cut(values[server], []byte{'/'}); ok && !field.Absent(address) {
		r.UpstreamAddress = address
	}
	return field.SetNumber(r, record.Status, n), result
}
