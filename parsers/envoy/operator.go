package envoy

import (
	"fmt"
	"strings"

	"github.com/gatemeter/gatemeter/parsers/field"
	"github.com/gatemeter/gatemeter/parsers/program"
	"github.com/gatemeter/gatemeter/parsers/stamp"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// operator is `%REQ(X-ENVOY-ORIGINAL-PATH?:PATH):20%` taken apart.
type operator struct {
	text     string // as written, without the per cent signs
	name     string
	argument string
}

// parseOperator splits s, which follows a `%`, behind the operator.
func parseOperator(s string) (o operator, rest string, err error) {
	i := 0
	for i < len(s) && (s[i] >= 'A' && s[i] <= 'Z' || s[i] >= '0' && s[i] <= '9' || s[i] == '_') {
		i++
	}
	o.name = s[:i]
	if i == 0 {
		return o, "", fmt.Errorf("a %% stands without an operator before %.40q; a per cent sign of its own is %%%%", s)
	}
	if i < len(s) && s[i] == '(' {
		// A time's format has per cent signs of its own: the argument ends where `)%` or `):20%` stands.
		end := -1
		for j := i + 1; j < len(s); j++ {
			if s[j] == ')' && closes(s[j+1:]) {
				end = j
				break
			}
		}
		if end < 0 {
			return o, "", fmt.Errorf("%%%.200s( is not closed by )%%", o.name)
		}
		o.argument = s[i+1 : end]
		i = end + 1
	}
	n := strings.IndexByte(s[i:], '%')
	if n < 0 || !closes(s[i:i+n+1]) {
		return o, "", fmt.Errorf("%%%.200s is not closed by a %%", o.name)
	}
	o.text = s[:i+n]
	return o, s[i+n+1:], nil
}

// closes reports whether s begins with `%` or `:20%`.
func closes(s string) bool {
	if strings.HasPrefix(s, ":") {
		s = strings.TrimLeft(s[1:], "0123456789")
	}
	return strings.HasPrefix(s, "%")
}

// op returns what is done with the operator's value. What gatemeter has no use for is read and left aside.
func (o *operator) op() (program.Op, error) {
	of := func(action field.Action, f record.Field) (program.Op, error) {
		return program.Op{Op: field.Op{Action: action, Field: f, Unit: field.Milliseconds}}, nil
	}
	switch o.name {
	case "START_TIME", "START_TIME_LOCAL":
		return o.time()
	case "REQ", "REQ_WITHOUT_QUERY", "RESP", "PATH":
		return o.header()
	case "PROTOCOL":
		return of(field.Protocol, record.HTTPVersion)
	case "RESPONSE_CODE":
		return of(field.Number, record.Status)
	case "RESPONSE_FLAGS", "RESPONSE_FLAGS_LONG":
		return of(field.Text, record.Flags)
	case "UPSTREAM_REQUEST_ATTEMPT_COUNT":
		return of(field.Number, record.Tries)
	case "BYTES_RECEIVED":
		return of(field.Number, record.RequestBodyBytes)
	case "BYTES_SENT":
		return of(field.Number, record.ResponseBodyBytes)
	case "DURATION":
		return of(field.Span, record.Duration)
	case "COMMON_DURATION":
		if rest, ok := strings.CutPrefix(o.argument, "DS_RX_BEG:DS_TX_END"); ok {
			op, err := of(field.Span, record.Duration)
			switch strings.TrimPrefix(rest, ":") {
			case "us":
				op.Unit = field.Microseconds
			case "ns":
				op.Unit = field.Nanoseconds
			}
			return op, err
		}
	case "UPSTREAM_HOST", "UPSTREAM_REMOTE_ADDRESS":
		return of(field.Upstream, record.UpstreamAddress)
	case "UPSTREAM_CLUSTER", "UPSTREAM_CLUSTER_RAW":
		return of(field.Cluster, record.Service)
	case "ROUTE_NAME":
		return of(field.RouteName, record.Route)
	case "DOWNSTREAM_REMOTE_ADDRESS", "DOWNSTREAM_DIRECT_REMOTE_ADDRESS":
		return of(field.Client, record.ClientAddress)
	case "DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT", "DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT":
		return of(field.Peer, record.ClientAddress)
	case "DOWNSTREAM_REMOTE_PORT", "DOWNSTREAM_DIRECT_REMOTE_PORT":
		return of(field.Number, record.ClientPort)
	case "DOWNSTREAM_TLS_VERSION":
		return of(field.TLS, record.TLSVersion)
	case "DOWNSTREAM_TLS_CIPHER":
		return of(field.Text, record.TLSCipher)
	case "TRACE_ID":
		return of(field.Trace, record.TraceID)
	case "STREAM_ID":
		return of(field.Text, record.RequestID)
	}
	return program.Op{}, nil
}

// header is op for request and response headers: `X?Y` is X, or Y where there is no X.
func (o *operator) header() (program.Op, error) {
	name, other, _ := strings.Cut(strings.ToLower(o.argument), "?")
	of := func(action field.Action, f record.Field) (program.Op, error) {
		return program.Op{Op: field.Op{Action: action, Field: f, Unit: field.Milliseconds}}, nil
	}
	if o.name == "RESP" {
		if name == "x-envoy-upstream-service-time" {
			return of(field.Span, record.UpstreamDuration)
		}
		if name == "x-envoy-attempt-count" { // of the answer: that of the request a client may have written
			return of(field.Number, record.Tries)
		}
		return program.Op{}, nil
	}
	if o.name == "PATH" || name == ":path" || other == ":path" {
		if o.name == "REQ_WITHOUT_QUERY" {
			return of(field.Text, record.Path)
		}
		return of(field.Text, record.URL)
	}
	switch name {
	case ":method":
		return of(field.Text, record.Method)
	case ":authority", "host":
		return of(field.HostPort, record.Domain)
	case ":scheme", "x-forwarded-proto":
		return of(field.Text, record.Scheme)
	case "x-forwarded-for":
		op, err := of(field.Forwarded, record.ClientAddress)
		return op, err
	case "user-agent":
		op, err := of(field.Text, record.UserAgent)
		op.Wide = true
		return op, err
	case "referer":
		op, err := of(field.Text, record.Referrer)
		op.Wide = true
		return op, err
	case "x-request-id":
		return of(field.Text, record.RequestID)
	case "traceparent", "x-b3-traceid", "b3", "x-amzn-trace-id", "x-cloud-trace-context":
		return of(field.Trace, record.TraceID)
	}
	return program.Op{}, nil
}

// time is op for START_TIME with or without a format.
func (o *operator) time() (program.Op, error) {
	const iso, local = len("2000-10-10T13:55:36.123Z"), len("10/Oct/2000:13:55:36 -0700")
	switch f := o.argument; {
	case f == "":
		return program.Op{Op: field.Op{Action: field.TimeISO, Field: record.Time}, Length: iso}, nil
	case f == "%s", f == "%s.%3f", f == "%s.%6f", f == "%s.%9f", f == "%s%3f", f == "%s%6f", f == "%s%9f":
		return program.Op{Op: field.Op{Action: field.TimeEpoch, Field: record.Time}}, nil
	case f == "%d/%b/%Y:%H:%M:%S %z":
		return program.Op{Op: field.Op{Action: field.TimeCLF, Field: record.Time}, Length: local}, nil
	case strings.HasPrefix(f, "%Y-%m-%dT%H:%M:%S") || strings.HasPrefix(f, "%FT%T") || strings.HasPrefix(f, "%F %T") || strings.HasPrefix(f, "%Y-%m-%d %H:%M:%S"):
		return program.Op{Op: field.Op{Action: field.TimeISO, Field: record.Time}}, nil
	}
	layout, err := stamp.NewLayout(o.argument)
	if err != nil {
		return program.Op{}, fmt.Errorf("%%%.200s%%: %w", o.text, err)
	}
	if !layout.Dated() {
		return program.Op{}, fmt.Errorf("%%%.200s%% does not say which day it is", o.text)
	}
	return program.Op{Op: field.Op{Action: field.TimeLayout, Field: record.Time, Layout: layout}, Length: layout.Len()}, nil
}
