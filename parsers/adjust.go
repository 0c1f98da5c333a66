package parsers

import (
	"fmt"

	"github.com/gatemeter/gatemeter/parsers/docker"
	"github.com/gatemeter/gatemeter/parsers/stamp"
	"github.com/gatemeter/gatemeter/parsers/syslog"
	"github.com/gatemeter/gatemeter/pipeline/batch"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// adjusted puts around parsers what o asks of their times, nothing when it asks nothing.
func adjusted(newParser func() Parser, o Options) (func() Parser, error) {
	want := Either
	switch o.Time {
	case "":
	case "start":
		want = Start
	case "end":
		want = End
	default:
		return nil, fmt.Errorf("time: %.200q is neither start nor end", o.Time)
	}
	if want == Either && o.Location == nil {
		return newParser, nil
	}
	return func() Parser {
		return &timed{Parser: newParser(), want: want, zone: stamp.NewZone(o.Location), local: o.Location != nil}
	}, nil
}

// timed changes the times of what a parser reads. It is used by one goroutine.
type timed struct {
	Parser
	want  When
	zone  *stamp.Zone
	local bool

	format string // of the last line
	has    When   // its times' moment
}

// zoneless are the formats that write no zone. It is never written.
var zoneless = map[string]bool{"haproxy": true, "krakend": true, "iis": true, "w3c": true}

// holdsZoneless are the formats of which some lines are of such a format: of haproxy_clf, connections that failed. It is never written.
var holdsZoneless = map[string]bool{"auto": true, "haproxy_clf": true}

// Parse reads each record's Line. Which format a line is may change with each, so they are read one by one.
func (t *timed) Parse(recs []record.Record) {
	for i := range recs {
		r := &recs[i]
		arrival := r.ArrivalNanos
		r.ArrivalNanos = 0 // a line's own time may be the very same: producers of Kafka give it to their messages
		t.Parser.Parse(recs[i : i+1])
		if r.ArrivalNanos = arrival; r.Reason == record.NoTime && arrival != 0 {
			r.Clear()
			t.Parser.Parse(recs[i : i+1])
			continue // the time is neither start nor end, and of no zone
		}
		if r.Reason != record.None {
			continue
		}
		if format := t.Format(); format != t.format {
			t.format, t.has = format, momentOf(format, r.Kind)
		}
		if t.local && zoneless[t.format] {
			r.TimeNanos = t.zone.Instant(r.TimeNanos)
		}
		switch {
		case r.DurationNanos <= 0:
		case t.has == Start && t.want == End:
			r.TimeNanos += r.DurationNanos
		case t.has == End && t.want == Start:
			r.TimeNanos -= r.DurationNanos
		}
	}
}

// momentOf returns which moment a format's times are. Format strings have no row in the table: the gateway they are of says it.
func momentOf(format, kind string) When {
	for i := range formats {
		if formats[i].Name == format && formats[i].Time != Either {
			return formats[i].Time
		}
	}
	switch kind {
	case "nginx":
		return End
	case "apache", "envoy", "aws_apigw", "haproxy":
		return Start
	}
	return Either
}

// behindHeader puts around parsers what takes a syslog header off each line.
func behindHeader(newParser func() Parser) func() Parser {
	return func() Parser { return &headed{newParser()} }
}

// headed reads lines behind a syslog header. One without is read as it is.
type headed struct{ Parser }

// Reset is called before each batch.
func (h *headed) Reset(partition *batch.Partition) { h.Parser.Reset(partition) }

// Parse reads each record's Line.
func (h *headed) Parse(recs []record.Record) {
	for i := range recs {
		r := &recs[i]
		line := r.Line
		n := syslog.Header(line)
		if n >= len(line) {
			r.Fail(record.Truncated, len(line))
			continue
		}
		r.Line = line[n:]
		h.Parser.Parse(recs[i : i+1])
		r.Line = line
		if r.Reason != record.None && r.Column > 0 {
			r.Column += int32(n)
		}
	}
}

// insideDocker puts around parsers what takes lines out of Docker's or Filebeat's JSON.
func insideDocker(newParser func() Parser) func() Parser {
	return func() Parser { return &wrapped{Parser: newParser()} }
}

// wrapped reads lines inside an object of a log shipper's. One that is none is read as it is.
type wrapped struct {
	Parser
	docker docker.Unwrapper
}

// Reset is called before each batch.
func (w *wrapped) Reset(partition *batch.Partition) {
	w.docker.Reset()
	w.Parser.Reset(partition)
}

// Parse reads each record's Line.
func (w *wrapped) Parse(recs []record.Record) {
	for i := range recs {
		r := &recs[i]
		line := r.Line
		inner, ok := w.docker.Line(line)
		if ok {
			r.Line = inner
		}
		w.Parser.Parse(recs[i : i+1])
		if r.Line = line; ok {
			r.Column = 0 // that of a text that is not the line
		}
	}
}
