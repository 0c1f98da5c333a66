// Package w3c reads the W3C's extended log format, whose `#Fields:` line names the columns: Microsoft IIS' and CloudFront's logs,
// and any other whose line the config repeats.
//
// Sources: W3C's working draft WD-logfile for the form; Microsoft's and Amazon's documentation for their fields and units.
//
// A `#` line is no record. What a line is read as depends on nothing but the line and the config: several workers read a file's
// batches in any order. So a log without its `#Fields:` in the config is read by the shape of its lines (shape.go).
package w3c

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/gatemeter/gatemeter/parsers/columns"
	"github.com/gatemeter/gatemeter/parsers/escape"
	"github.com/gatemeter/gatemeter/parsers/field"
	"github.com/gatemeter/gatemeter/parsers/program"
	"github.com/gatemeter/gatemeter/parsers/stamp"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// CloudFront is the `#Fields:` line of CloudFront's standard logs. In past years it ended earlier; what it may be longer by is
// left aside.
const CloudFront = "#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) " +
	"cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id x-host-header cs-protocol cs-bytes time-taken " +
	"x-forwarded-for ssl-protocol ssl-cipher x-edge-response-result-type cs-protocol-version fle-status fle-encrypted-fields " +
	"c-port time-to-first-byte x-edge-detailed-result-type sc-content-type sc-content-len sc-range-start sc-range-end"

// leastCloudFront is how many columns CloudFront's logs had until 2014.
const leastCloudFront = 18

// NewCloudFront returns the layout of CloudFront's standard logs: tabs between values, seconds, percent signs.
func NewCloudFront() *columns.Layout {
	l, err := Compile(CloudFront, nil)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	l.Name, l.Kind, l.Separator, l.Least = "aws_cloudfront", "aws_cloudfront", '\t', leastCloudFront
	return l
}

// Compile makes a layout of a `#Fields:` line. Values are separated by tabs where the line has some, else by spaces. fields gives
// columns a place in the record, by name.
func Compile(line string, fields map[string]field.Op) (*columns.Layout, error) {
	if len(line) > program.MaxFormat {
		return nil, fmt.Errorf("#Fields is longer than %d bytes", program.MaxFormat)
	}
	names := strings.Fields(strings.TrimPrefix(strings.TrimSpace(line), "#Fields:"))
	if len(names) == 0 || len(names) > columns.Max {
		return nil, fmt.Errorf("#Fields has %d names: 1 to %d are possible", len(names), columns.Max)
	}
	cloudFront := strings.Contains(line, "x-edge-")
	l := &columns.Layout{Name: "w3c", Kind: "w3c", Separator: ' ', Header: "#", Least: len(names)}
	if strings.Contains(strings.TrimSpace(line), "\t") || cloudFront {
		l.Separator = '\t'
	}
	taken, stem, verdict := -1, -1, -1
	for i, name := range names {
		op, kind := meaning(strings.ToLower(name), cloudFront)
		switch strings.ToLower(name) {
		case "time-taken":
			taken = i
		case "cs-uri-stem":
			stem = i
		case "x-edge-result-type":
			verdict = i
		}
		l.Columns = append(l.Columns, columns.Column{Name: name, Op: op, Escape: kind})
	}
	if err := once(l); err != nil {
		return nil, err
	}
	if err := l.Map(fields); err != nil {
		return nil, err
	}
	if _, mapped := fields["time-taken"]; mapped {
		taken = -1
	}
	if err := l.Timed(); err != nil {
		return nil, err
	}
	l.Finish = func(r *record.Record, values [][]byte) (record.Reason, int) {
		if stem >= 0 && len(r.URL) == 0 {
			r.URL = r.Path // as it is logged; the query stands apart
		}
		if verdict >= 0 && bytes.HasSuffix(r.Cache, hit) { // RefreshHit, OriginShieldHit
			r.Cache = r.Cache[len(r.Cache)-len(hit):]
		}
		if taken >= 0 && taken < len(values) {
			return spent(r, values[taken]), taken
		}
		return record.None, 0
	}
	return l, nil
}

var hit = []byte("Hit") // never written

// spent reads time-taken: whole milliseconds, as IIS has it, or seconds with a point, as CloudFront and the draft have it.
func spent(r *record.Record, v []byte) record.Reason {
	if field.None(v) {
		return record.None
	}
	read := stamp.Millis
	for _, c := range v {
		if c == '.' {
			read = stamp.Seconds
		}
	}
	ns, ok := read(v)
	if !ok {
		return record.BadNumber
	}
	r.DurationNanos = ns
	return record.None
}

// day is how a log writes a date; without one no line has a time. It is never written.
var day = func() *stamp.Layout {
	l, err := stamp.NewLayout("%F")
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return l
}()

// meaning returns what is done with a column, by its name in small letters, and how its values are escaped.
func meaning(name string, cloudFront bool) (field.Op, escape.Kind) {
	op := func(action field.Action, f record.Field) (field.Op, escape.Kind) {
		return field.Op{Action: action, Field: f}, escape.None
	}
	escaped := escape.Plus
	if cloudFront {
		escaped = escape.Percent
	}
	switch name {
	case "date":
		return field.Op{Action: field.TimeLayout, Field: record.Time, Layout: day}, escape.None
	case "time":
		return op(field.TimeDay, record.Time)
	case "timestamp": // CloudFront's real-time log
		return op(field.TimeEpoch, record.Time)
	case "cs-method":
		return op(field.Text, record.Method)
	case "cs-uri-stem":
		return op(field.Text, record.Path)
	case "cs-uri-query":
		return op(field.Query, record.Query)
	case "cs-uri":
		return op(field.Text, record.URL)
	case "c-ip", "c-dns":
		return op(field.Text, record.ClientAddress)
	case "c-port":
		return op(field.Number, record.ClientPort)
	case "cs-username":
		return op(field.Text, record.User)
	case "cs-version", "cs-protocol-version":
		return op(field.Protocol, record.HTTPVersion)
	case "cs(user-agent)":
		return field.Op{Action: field.Text, Field: record.UserAgent}, escaped
	case "cs(referer)", "cs(referrer)":
		return op(field.Text, record.Referrer)
	case "cs-host":
		return op(field.HostPort, record.Domain)
	case "cs(host)":
		if cloudFront { // the distribution's own
			return op(field.Text, record.Service)
		}
		return op(field.HostPort, record.Domain)
	case "x-host-header":
		return op(field.HostPort, record.Domain)
	case "s-sitename":
		return op(field.Text, record.Service)
	case "cs-protocol":
		return op(field.Text, record.Scheme)
	case "sc-status":
		return op(field.Number, record.Status)
	case "sc-bytes":
		return op(field.Number, record.ResponseBytes)
	case "cs-bytes":
		return op(field.Number, record.RequestBytes)
	case "x-edge-request-id":
		return op(field.Text, record.RequestID)
	case "x-edge-result-type":
		return op(field.Text, record.Cache)
	case "x-forwarded-for":
		if !cloudFront { // a column that an IIS behind a load balancer was given
			return op(field.Forwarded, record.ClientAddress)
		}
	case "ssl-protocol":
		return op(field.TLS, record.TLSVersion)
	case "ssl-cipher":
		return op(field.Text, record.TLSCipher)
	}
	return field.Op{}, escape.None
}

// once refuses a column that stands twice.
func once(l *columns.Layout) error {
	seen := map[string]bool{}
	for i := range l.Columns {
		if name := l.Columns[i].Name; seen[name] {
			return fmt.Errorf("#Fields names %.200q twice", name)
		}
		seen[l.Columns[i].Name] = true
	}
	return nil
}
