package nginx

import (
	"strings"

	"github.com/gatemeter/gatemeter/parsers/field"
	"github.com/gatemeter/gatemeter/parsers/program"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// known returns what is done with a variable. Those not listed are read and left aside.
func known(name string) program.Op {
	op := program.Op{Op: meaning(name)}
	switch {
	case name == "time_local":
		op.Length = len("10/Oct/2000:13:55:36 -0700")
	case name == "time_iso8601":
		op.Length = len("2000-10-10T13:55:36-07:00")
	case strings.HasPrefix(name, "upstream_") || strings.HasSuffix(name, "_x_forwarded_for"):
		op.List()
	}
	return op
}

// Meaning returns what is done with the value of a variable, for formats that write each under its name; ok is false for
// those that are left aside.
func Meaning(name string) (op field.Op, ok bool) {
	op = meaning(name)
	return op, op.Action != field.Skip
}

func meaning(name string) field.Op {
	switch name {
	case "time_local":
		return field.Op{Action: field.TimeCLF, Field: record.Time}
	case "time_iso8601":
		return field.Op{Action: field.TimeISO, Field: record.Time}
	case "msec":
		return field.Op{Action: field.TimeEpoch, Field: record.Time}

	case "request":
		return field.Op{Action: field.Request}
	case "request_method":
		return text(record.Method)
	case "request_uri":
		return text(record.URL)
	case "uri", "document_uri":
		return text(record.Path)
	case "args", "query_string":
		return field.Op{Action: field.Query, Field: record.Query}
	case "server_protocol":
		return field.Op{Action: field.Protocol, Field: record.HTTPVersion}

	case "status":
		return number(record.Status)
	case "body_bytes_sent":
		return number(record.ResponseBodyBytes)
	case "bytes_sent":
		return number(record.ResponseBytes)
	case "request_length":
		return number(record.RequestBytes)
	case "content_length":
		return number(record.RequestBodyBytes)
	case "bytes_received": // of a stream
		return number(record.RequestBytes)
	case "session_time":
		return field.Op{Action: field.Span, Field: record.Duration, Unit: field.Seconds}
	case "request_time":
		return field.Op{Action: field.Span, Field: record.Duration, Unit: field.Seconds}

	case "remote_addr":
		return text(record.ClientAddress)
	case "remote_port":
		return number(record.ClientPort)
	case "remote_user":
		return text(record.User)
	case "http_referer":
		return text(record.Referrer)
	case "http_user_agent":
		return text(record.UserAgent)
	case "host", "http_host":
		return field.Op{Action: field.HostPort, Field: record.Domain}
	case "server_name":
		return field.Op{Action: field.VHost}
	case "scheme":
		return text(record.Scheme)
	case "request_id", "req_id", "kong_request_id":
		return text(record.RequestID)
	case "otel_trace_id", "opentelemetry_trace_id":
		return text(record.TraceID)
	case "ssl_protocol":
		return field.Op{Action: field.TLS, Field: record.TLSVersion}
	case "ssl_cipher":
		return text(record.TLSCipher)

	case "upstream_response_time":
		return field.Op{Action: field.SpanSum, Field: record.UpstreamDuration, Unit: field.Seconds, Tries: true}
	case "upstream_status":
		return field.Op{Action: field.NumberLast, Field: record.UpstreamStatus, Tries: true}
	case "upstream_addr":
		return field.Op{Action: field.TextLast, Field: record.UpstreamAddress, Tries: true}
	case "upstream_cache_status":
		return text(record.Cache)
	case "proxy_upstream_name": // ingress-nginx: namespace-service-port
		return text(record.Service)
	}
	return field.Op{Action: field.Skip}
}

func text(f record.Field) field.Op { return field.Op{Action: field.Text, Field: f} }

func number(f record.Field) field.Op { return field.Op{Action: field.Number, Field: f} }
