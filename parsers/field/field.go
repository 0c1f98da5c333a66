// Package field turns the bytes of one logged value into one part of a record: numbers, times, request lines, lists of
// upstreams. All formats share it, so that `10.0.0.1:80, 10.0.0.2:80` means the same wherever it stands.
//
// To add a kind of value: an Action here and a case in Take.
package field

import (
	"bytes"
	"math"

	"github.com/gatemeter/gatemeter/parsers/stamp"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// Action is how a value is read. A value that is Absent is left out whatever the action.
type Action uint8

// The actions. Those that name no field of their own put the value into Op.Field.
const (
	Skip   Action = iota
	Text          // the bytes
	Number        // a whole number
	Octets        // a whole number of bytes; `-` is none of them, 0
	Span          // a length of time, in Op.Unit
	TimeCLF
	TimeISO
	TimeEpoch  // Unix time in seconds, milliseconds, microseconds or nanoseconds, told apart by magnitude
	TimeAny    // any of these three
	TimeLayout // by Op.Layout; one without a date adds to the time that is there
	TimeMillis // a fraction of a second, in milliseconds, added to the time that is there
	TimeMicros // the same in microseconds
	Request    // a request line: into Method, URL and HTTPVersion where there are none
	Protocol   // HTTP/1.1
	Query      // with or without its `?`
	HostPort   // into Domain
	VHost      // a virtual host: into Service and Domain where there are none
	TLS        // TLSv1.2
	SpanSum    // a list of lengths of time, one for each try, added up
	NumberLast // a list of numbers: the last
	TextLast   // a list: the last

	TimeLocal   // 06/Feb/2009:12:14:14.655, without a zone: UTC
	TimeGo      // as Go's Time.String has it
	TimeStart   // as TimeISO, in place of a time that is there: when the request came
	TimeDay     // a time of day, added to the date that is there
	SpanSpelled // a length of time with its unit: 4.529µs, 123ms
	Client      // an address and a port: into ClientAddress and ClientPort where there is none
	Peer        // an address alone: into ClientAddress where there is none
	Forwarded   // X-Forwarded-For: its client into ClientAddress, also where there is one
	Upstream    // an address, or a URL of which it is a part, into UpstreamAddress
	RouteKey    // API Gateway's `GET /pets`: into Route, and Method where there is none
	RouteName   // Envoy's route: into Route, but for Istio's `default`, which is all
	Cluster     // Envoy's cluster: into Service
	Trace       // a traceparent or b3 header, or an id as it stands: into TraceID
)

// IsList reports whether a's values are lists as nginx writes them: `a, b : c`.
func (a Action) IsList() bool { return a >= SpanSum && a <= TextLast }

// IsTime reports whether a sets the event time.
func (a Action) IsTime() bool {
	return a >= TimeCLF && a <= TimeLayout || a == TimeLocal || a == TimeGo
}

// Op is what becomes of a value.
type Op struct {
	Action Action
	Field  record.Field
	Unit   Unit
	Layout *stamp.Layout
	Tries  bool // the value has an entry for each upstream that was asked
}

// Unit is what a length of time is counted in.
type Unit uint8

// The units. The zero Unit takes whole nanoseconds only, so that seconds without a unit fail at their decimal point.
const (
	Nanoseconds Unit = iota
	Microseconds
	Milliseconds
	Seconds
)

func (u Unit) read(v []byte) (ns int64, ok bool) {
	switch u {
	case Seconds:
		return stamp.Seconds(v)
	case Milliseconds:
		return stamp.Millis(v)
	case Microseconds:
		return stamp.Micros(v)
	}
	ns, ok = stamp.Int(v)
	return ns, ok && ns >= 0
}

// Places returns the power of ten between u and a nanosecond.
func (u Unit) Places() int { return 3 * int(u) }

// Nanos returns how many nanoseconds u is.
func (u Unit) Nanos() int64 {
	return [...]int64{Nanoseconds: 1, Microseconds: 1e3, Milliseconds: 1e6, Seconds: 1e9}[u]
}

// Reader reads values. It holds the times seen last and is used by one goroutine.
type Reader struct{ times stamp.Cache }

// Absent reports whether v says that there is no value: nothing, `-`, or `""`, Apache's user without a name.
func Absent(v []byte) bool {
	return len(v) == 0 || len(v) == 1 && v[0] == '-' || len(v) == 2 && v[0] == '"' && v[1] == '"'
}

// Take does op's action on v, whose escapes are undone already: what it stores in r points into v. It returns None, or why v
// is no such value.
func (rd *Reader) Take(r *record.Record, op *Op, v []byte) record.Reason {
	if Absent(v) {
		if op.Action == Octets && len(v) == 1 {
			r.SetNumber(op.Field, 0)
		}
		return record.None
	}
	switch op.Action {
	case Text:
		*r.Text(op.Field) = v
	case Number, Octets:
		return number(r, op.Field, v)
	case Span:
		ns, ok := op.Unit.read(v)
		if !ok {
			return record.BadNumber
		}
		r.SetNumber(op.Field, ns)
	case TimeCLF:
		return setTime(r)(rd.times.CLF(v))
	case TimeISO:
		return setTime(r)(rd.times.ISO(v))
	case TimeEpoch:
		return setTime(r)(stamp.Epoch(v))
	case TimeAny:
		return setTime(r)(rd.anyTime(v))
	case TimeLayout, TimeMillis, TimeMicros:
		return partOfTime(r, op, v)
	case Request:
		SplitRequest(r, v)
	case Protocol:
		setProtocol(r, v)
	case Query:
		r.Query = bytes.TrimPrefix(v, []byte{'?'})
	case HostPort:
		r.Domain = Host(v)
	case VHost:
		if len(v) == 1 && v[0] == '_' { // nginx's customary name for a server without one
			break
		}
		if len(r.Service) == 0 {
			r.Service = v
		}
		if len(r.Domain) == 0 {
			r.Domain = Host(v)
		}
	case TLS:
		r.TLSVersion = tlsVersion(v)
	case SpanSum:
		return spanSum(r, op, v)
	case NumberLast:
		if op.Tries {
			CountTries(r, v)
		}
		if v = Last(v); !Absent(v) {
			return number(r, op.Field, v)
		}
	case TextLast:
		if op.Tries {
			CountTries(r, v)
		}
		if v = Last(v); !Absent(v) {
			*r.Text(op.Field) = v
		}
	default:
		return rd.takeText(r, op, v)
	}
	return record.None
}

// CLF makes v r's time when it is the same as the last one that TimeCLF read, and else returns false.
func (rd *Reader) CLF(r *record.Record, v []byte) bool {
	ns, ok := rd.times.SameCLF(v)
	if ok {
		r.TimeNanos = ns
	}
	return ok
}

// setTime returns a function so that a reader's two results can be handed on as they are; it is inlined.
func setTime(r *record.Record) func(ns int64, ok bool) record.Reason {
	return func(ns int64, ok bool) record.Reason {
		if !ok {
			return record.BadTime
		}
		r.TimeNanos += ns // a part of it may have come first
		return record.None
	}
}

func (rd *Reader) anyTime(v []byte) (ns int64, ok bool) {
	switch {
	case len(v) > 4 && v[4] == '-':
		return rd.times.ISO(v)
	case len(v) > 2 && v[2] == '/':
		return rd.times.CLF(v)
	case len(v) > 4 && v[0] == '[' && v[len(v)-1] == ']':
		return rd.times.CLF(v[1 : len(v)-1])
	}
	return stamp.Epoch(v)
}

// partOfTime reads a time that is written in several pieces: `[%{%F %T}t.%{msec_frac}t %{%z}t]`.
func partOfTime(r *record.Record, op *Op, v []byte) record.Reason {
	if op.Action == TimeLayout {
		ns, ok := op.Layout.Parse(v)
		if !ok {
			return record.BadTime
		}
		r.TimeNanos += ns
		return record.None
	}
	n, ok := stamp.Int(v)
	unit := int64(1e6)
	if op.Action == TimeMicros {
		unit = 1e3
	}
	if !ok || n < 0 || n*unit >= 1e9 {
		return record.BadTime
	}
	r.TimeNanos += n * unit
	return record.None
}

// Most returns what a number may be at most: sums of many must fit 64 bits.
func Most(f record.Field) int64 {
	if f.Class() != record.Count {
		return math.MaxInt64
	}
	switch f {
	case record.Status, record.UpstreamStatus:
		return 999
	case record.ClientPort:
		return 65535
	case record.Tries:
		return 1 << 20
	}
	return 1 << 50
}

// SetNumber stores n as f unless it is none that f can have.
func SetNumber(r *record.Record, f record.Field, n int64) record.Reason {
	if n < 0 || n > Most(f) {
		return record.BadNumber
	}
	r.SetNumber(f, n)
	return record.None
}

func number(r *record.Record, f record.Field, v []byte) record.Reason {
	n, ok := stamp.Int(v)
	if !ok {
		return record.BadNumber
	}
	return SetNumber(r, f, n)
}
