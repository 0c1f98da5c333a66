package field

import (
	"bytes"

	"github.com/gatemeter/gatemeter/parsers/stamp"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// takeText is Take for the actions of gateways that write text of their own kind.
func (rd *Reader) takeText(r *record.Record, op *Op, v []byte) record.Reason {
	switch op.Action {
	case TimeLocal:
		return setTime(r)(rd.times.Local(v))
	case TimeGo:
		return setTime(r)(rd.times.Go(v))
	case TimeStart:
		ns, ok := rd.times.ISO(v)
		if !ok {
			return record.BadTime
		}
		r.TimeNanos = ns
	case TimeDay:
		ns, ok := stamp.Clock(v)
		if !ok {
			return record.BadTime
		}
		r.TimeNanos += ns
	case SpanSpelled:
		ns, ok := stamp.Spelled(v)
		if !ok {
			return record.BadNumber
		}
		r.SetNumber(op.Field, ns)
	case Client:
		client(r, v)
	case Peer:
		fill(&r.ClientAddress, v)
	case Forwarded:
		if a := Forwarder(v); len(a) > 0 {
			r.ClientAddress, r.ClientPort = a, record.Absent
		}
	case Upstream:
		if a := authority(v); string(a) != "/" { // Traefik's of a service without a server
			r.UpstreamAddress = a
		}
	case RouteKey:
		routeKey(r, v)
	case RouteName:
		if string(v) != "default" {
			r.Route = v
		}
	case Cluster:
		cluster(r, v)
	case Trace:
		r.TraceID = TraceID(v)
	}
	return record.None
}

// routeKey reads API Gateway's `GET /pets`, `ANY /pets/{proxy+}`, `$default`: the method, where there is none yet, and the route.
func routeKey(r *record.Record, v []byte) {
	i := bytes.IndexByte(v, ' ')
	if i < 0 {
		r.Route = v
		return
	}
	if len(r.Method) == 0 && string(v[:i]) != "ANY" {
		r.Method = v[:i:i]
	}
	r.Route = v[i+1:]
}

// cluster reads the name of Envoy's upstream cluster as the service. Istio's names have four parts,
// `outbound|8000|v1|httpbin.foo.svc.cluster.local`; the last is the host and may be empty.
func cluster(r *record.Record, v []byte) {
	if bytes.Count(v, []byte{'|'}) == 3 {
		v = v[bytes.LastIndexByte(v, '|')+1:]
	}
	if len(v) > 0 {
		r.Service = v
	}
}

// TraceID returns the id of the trace in a traceparent header (W3C) or a single b3 header; any other value is one as it stands.
func TraceID(v []byte) []byte {
	if len(v) == 55 && v[2] == '-' && v[35] == '-' && v[52] == '-' {
		return v[3:35:35]
	}
	if i := bytes.IndexByte(v, '-'); (i == 32 || i == 16) && len(v) > i+16 {
		return v[:i:i]
	}
	return v
}

// None reports whether v says that there is no value: it is Absent, or the -1 that stands for a number that is none.
func None(v []byte) bool { return Absent(v) || len(v) == 2 && v[0] == '-' && v[1] == '1' }

// Pass marks r's line as one that is no record and no fault: a header, or a line of a gateway's other log in the same stream.
func Pass(r *record.Record) {
	r.Fail(record.Blank, -1)
	r.Drop = record.DropMetrics | record.DropRecords
}
