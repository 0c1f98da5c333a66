package pairs

import (
	"bytes"

	"github.com/gatemeter/gatemeter/parsers/field"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

func to(action field.Action, f record.Field) field.Ranked {
	return field.Ranked{Op: field.Op{Action: action, Field: f}, Rank: byName}
}

func millis(f record.Field) field.Ranked {
	return field.Ranked{Op: field.Op{Action: field.Span, Field: f, Unit: field.Milliseconds}, Rank: byName}
}

func seconds(f record.Field) field.Ranked {
	return field.Ranked{Op: field.Op{Action: field.SpanSum, Field: f, Unit: field.Seconds}, Rank: byName}
}

func micros(f record.Field) field.Ranked {
	return field.Ranked{Op: field.Op{Action: field.Span, Field: f, Unit: field.Microseconds}, Rank: bySecond}
}

// second makes t the second choice for its field.
func second(t field.Ranked) field.Ranked {
	t.Rank = bySecond
	return t
}

// TykAccess returns the mapping of Tyk Gateway's access log as text, from 5.8 on: logrus' logfmt, in milliseconds, written when the
// request has ended. Tyk's other log lines come in the same stream; `prefix=access-log` tells these from them.
//
// Source: Tyk's documentation of access logs and accesslog/record.go for the names.
func TykAccess() *Mapping {
	return &Mapping{
		Name: "tyk_access", Kind: "tyk", Syntax: Logfmt, Select: "prefix", Selected: "access-log", selection: []byte("prefix=access-log"),
		Keys: map[string]field.Ranked{
			"time": to(field.TimeISO, record.Time), "status": to(field.Number, record.Status),
			"method": to(field.Text, record.Method), "original_path": to(field.Text, record.URL),
			"path": second(to(field.Text, record.URL)), "api_key": to(field.Text, record.Consumer),
			"protocol": to(field.Protocol, record.HTTPVersion), "host": to(field.HostPort, record.Domain),
			"client_ip": to(field.Text, record.ClientAddress), "remote_addr": second(to(field.Client, record.ClientAddress)),
			"user_agent": to(field.Text, record.UserAgent), "trace_id": to(field.Trace, record.TraceID),
			"api_name": to(field.Text, record.Service), "api_id": second(to(field.Text, record.Service)),
			"latency_total": millis(record.Duration), "upstream_latency": millis(record.UpstreamDuration),
			"latency_gateway": millis(record.GatewayDuration), "upstream_addr": to(field.Upstream, record.UpstreamAddress),
			"upstream_status": to(field.Number, record.UpstreamStatus), "response_flag": to(field.Text, record.Flags),
		},
		Finish: noKey,
	}
}

// noKey takes away the consumer that Tyk names where there was no key.
func noKey(r *record.Record) {
	if len(bytes.Trim(r.Consumer, "0")) == 0 {
		r.Consumer = nil
	}
}

// TykPump returns the mapping of Tyk Pump's syslog: a Go map printed with %s. The time is the request's end.
//
// Source: tyk-pump's pumps/syslog.go for the keys.
func TykPump() *Mapping {
	return &Mapping{
		Name: "tyk_pump_syslog", Kind: "tyk", Syntax: GoMap,
		Order: []string{
			"alias", "api_id", "api_key", "api_name", "api_version", "content_length", "host", "ip_address", "method", "oauth_id",
			"org_id", "path", "raw_path", "raw_request", "raw_response", "request_time_ms", "response_code", "timestamp", "user_agent",
		},
		Keys: map[string]field.Ranked{
			"timestamp": to(field.TimeGo, record.Time), "response_code": to(field.Number, record.Status),
			"method": to(field.Text, record.Method), "path": second(to(field.Text, record.URL)), "raw_path": to(field.Text, record.URL),
			"host": to(field.HostPort, record.Domain), "ip_address": to(field.Text, record.ClientAddress),
			"user_agent": to(field.Text, record.UserAgent), "api_name": to(field.Text, record.Service),
			"api_id": second(to(field.Text, record.Service)), "alias": to(field.Text, record.Consumer),
			"oauth_id": second(to(field.Text, record.Consumer)), "request_time_ms": millis(record.Duration),
			"content_length": to(field.Number, record.RequestBodyBytes),
		},
	}
}

// NewLTSV returns the mapping of Labeled Tab-separated Values, by the labels that ltsv.org recommends. Their `host` is the client.
func NewLTSV(known map[string]field.Ranked) *Mapping {
	m := &Mapping{Name: "ltsv", Kind: "ltsv", Syntax: LTSV, Least: 2, Keys: known}
	for key, target := range map[string]field.Ranked{
		"time": to(field.TimeAny, record.Time), "host": to(field.Text, record.ClientAddress),
		"forwardedfor": second(to(field.Forwarded, record.ClientAddress)), "user": to(field.Text, record.User),
		"req": to(field.Request, record.NoField), "method": to(field.Text, record.Method), "uri": to(field.Text, record.URL),
		"protocol": to(field.Protocol, record.HTTPVersion), "status": to(field.Number, record.Status),
		"size": to(field.Octets, record.ResponseBodyBytes), "reqsize": to(field.Octets, record.RequestBytes),
		"referer": to(field.Text, record.Referrer), "ua": to(field.Text, record.UserAgent), "vhost": to(field.VHost, record.NoField),
		"reqtime": seconds(record.Duration), "reqtime_microsec": micros(record.Duration), "apptime": seconds(record.UpstreamDuration),
		"cache": to(field.Text, record.Cache), "server": to(field.VHost, record.NoField), "reqid": to(field.Text, record.RequestID),
	} {
		m.Keys[key] = target
	}
	return m
}

// NewLogfmt returns the mapping of logfmt by names in common use. Lengths of time have their unit in the value (`duration=1.2ms`)
// or in the name (`duration_ms=1`).
func NewLogfmt(known map[string]field.Ranked) *Mapping {
	m := &Mapping{Name: "logfmt", Kind: "logfmt", Syntax: Logfmt, Least: 2, Keys: known}
	habit := func(t field.Ranked) field.Ranked {
		t.Rank = field.ByHabit
		return t
	}
	for _, name := range []string{"duration", "elapsed", "took", "latency", "response_time"} {
		m.Keys[name] = habit(to(field.SpanSpelled, record.Duration))
		m.Keys[name+"_ms"] = habit(millis(record.Duration))
		m.Keys[name+"_us"] = habit(micros(record.Duration))
		m.Keys[name+"_s"] = habit(seconds(record.Duration))
		m.Keys[name+"_seconds"] = habit(seconds(record.Duration))
	}
	for key, target := range map[string]field.Ranked{
		"remote_addr": to(field.Client, record.ClientAddress), "upstream_addr": to(field.Upstream, record.UpstreamAddress),
		"trace_id": to(field.Trace, record.TraceID), "traceparent": to(field.Trace, record.TraceID),
	} {
		m.Keys[key] = target
	}
	for key, target := range map[string]field.Ranked{
		"service": to(field.Text, record.Service), "route": to(field.Text, record.Route), "bytes": to(field.Octets, record.ResponseBodyBytes),
		"size": to(field.Octets, record.ResponseBodyBytes), "remote": to(field.Client, record.ClientAddress),
		"fwd": to(field.Forwarded, record.ClientAddress), "uri": to(field.Text, record.URL), "code": to(field.Number, record.Status),
		"host": to(field.HostPort, record.Domain), "user": to(field.Text, record.User), "proto": to(field.Protocol, record.HTTPVersion),
		"request_id": to(field.Text, record.RequestID), "agent": to(field.Text, record.UserAgent),
		"ip": to(field.Text, record.ClientAddress), "addr": to(field.Client, record.ClientAddress),
	} {
		m.Keys[key] = habit(target)
	}
	return m
}
