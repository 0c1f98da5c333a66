package verify

import (
	"bytes"
	"slices"
	"strings"
	"time"

	"github.com/gatemeter/gatemeter/pipeline/batch"
	"github.com/gatemeter/gatemeter/pipeline/filter"
	"github.com/gatemeter/gatemeter/pipeline/record"
	"github.com/gatemeter/gatemeter/pipeline/redact"
	"github.com/gatemeter/gatemeter/pipeline/route"
)

// parser is what reads a line; see pipeline.Parser.
type parser interface {
	Parse(recs []record.Record)
	Reset(partition *batch.Partition)
}

// event is what counting needs of a record, in values of its own.
type event struct {
	time     int64 // Unix nanoseconds
	status   int
	latency  [3]int64 // nanoseconds; -1: none. By latencies
	sizes    [2]int64 // bytes; -1: none. By sizes
	client   string
	consumer string
	cache    string
	values   map[string]string // dimension → value
}

// The metrics of event.latency and event.sizes.
var (
	latencies = [...]string{"latency", "upstream_latency", "gateway_latency"}
	sizes     = [...]string{"request_bytes", "response_bytes"}
)

// outcome is what a line comes to.
type outcome struct {
	reason   record.Reason // None: the event counts, if it is not too late; Filtered and Future too are decided here
	event    event
	document bool // it is to be in Elasticsearch
	moves    bool // its time moves the watermark
	time     int64
}

// judge says what lines come to. It belongs to one goroutine.
type judge struct {
	parser    parser
	redact    *redact.Redactor
	filter    *filter.Set
	routes    *route.Templater
	service   string // of records that name none
	partition *batch.Partition
	maxFuture time.Duration
	now       time.Time
	recs      [1]record.Record
}

// line says what one line comes to.
func (j *judge) line(l line) outcome {
	switch {
	case l.text == nil:
		return outcome{reason: record.Oversize}
	case len(bytes.TrimSpace(l.text)) == 0:
		return outcome{reason: record.Blank}
	}
	text := slices.Clone(l.text)
	if j.redact != nil {
		j.redact.Line(text)
	}
	r := &j.recs[0]
	j.parse(text, l.offset)
	if r.Reason != record.None {
		return outcome{reason: r.Reason, document: true}
	}
	if len(r.Service) == 0 {
		r.Service = []byte(j.service)
	}
	if r.GatewayNanos < 0 && r.DurationNanos >= 0 && r.UpstreamNanos >= 0 {
		r.GatewayNanos = max(0, r.DurationNanos-r.UpstreamNanos)
	}
	if j.redact != nil {
		j.redact.Record(r, nil)
	}
	if target := r.Path; len(r.Route) == 0 {
		if len(target) == 0 {
			target = r.URL
		}
		if len(target) > 0 {
			r.Route = j.routes.Append(nil, target)
		}
	}
	if j.filter != nil {
		j.filter.Apply(r)
	}
	o := outcome{document: r.Drop&record.DropRecords == 0, time: r.TimeNanos}
	future := r.TimeNanos > j.now.Add(j.maxFuture).UnixNano()
	o.moves = !future
	switch {
	case r.Drop&record.DropMetrics != 0:
		o.reason = record.Filtered
	case future:
		o.reason = record.Future
	default:
		o.event = eventOf(r)
	}
	return o
}

// parse reads text into j.recs. A parser that panics reads nothing.
func (j *judge) parse(text []byte, offset int64) {
	r := &j.recs[0]
	begin := func() {
		r.Reset()
		r.Line, r.Offset = text, offset
	}
	defer func() {
		if recover() != nil { // the engine has said so
			begin()
			r.Fail(record.Unexpected, 0)
		}
	}()
	begin()
	if bytes.HasPrefix(text, []byte("#Fields:")) { // the source tells the engine's parsers of it
		j.partition.Headers.Add(offset, text)
	}
	j.parser.Reset(j.partition)
	j.parser.Parse(j.recs[:])
}

// eventOf copies what counts of r.
func eventOf(r *record.Record) event {
	e := event{
		time: r.TimeNanos, status: int(r.Status), latency: [3]int64{r.DurationNanos, r.UpstreamNanos, r.GatewayNanos},
		sizes: [2]int64{r.RequestBytes, r.ResponseBytes}, client: string(r.ClientAddress), consumer: string(r.Consumer), cache: string(r.Cache),
	}
	if e.sizes[0] < 0 {
		e.sizes[0] = r.RequestBodyBytes
	}
	if e.sizes[1] < 0 {
		e.sizes[1] = r.ResponseBodyBytes
	}
	text := func(b []byte) string {
		if len(b) == 0 {
			return "_none"
		}
		return string(b)
	}
	method := text(r.Method)
	if method != "_none" && !slices.Contains(methods, method) {
		method = "_other"
	}
	e.values = map[string]string{
		"service": text(r.Service), "route": text(r.Route), "method": method, "consumer": text(r.Consumer), "stage": text(r.Stage),
		"domain": text(r.Domain), "kind": r.Kind, "status_class": classOf(int(r.Status)), "cache": text(r.Cache),
	}
	for name, v := range e.values {
		e.values[name] = v[:min(len(v), maxValue)]
	}
	return e
}

// maxValue is the longest value of a dimension, in bytes, that is told apart.
const maxValue = 512

// methods is IANA's registry of HTTP methods, and QUERY.
var methods = strings.Fields(`GET POST PUT DELETE HEAD OPTIONS PATCH ACL BASELINE-CONTROL BIND CHECKIN CHECKOUT CONNECT COPY LABEL LINK
	LOCK MERGE MKACTIVITY MKCALENDAR MKCOL MKREDIRECTREF MKWORKSPACE MOVE ORDERPATCH PRI PROPFIND PROPPATCH QUERY REBIND REPORT
	SEARCH TRACE UNBIND UNCHECKOUT UNLINK UNLOCK UPDATE UPDATEREDIRECTREF VERSION-CONTROL`)

// classOf returns 1xx to 5xx, _none for what is no HTTP status.
func classOf(status int) string {
	if status < 100 || status > 599 {
		return "_none"
	}
	return string(rune('0'+status/100)) + "xx"
}
