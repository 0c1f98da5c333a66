// Package aws knows the logs of Amazon's gateways that are lines of text: Application, Classic and Network Load Balancers,
// CloudFront, and API Gateway with the format strings that its users write.
//
// Sources: the user guides of the services, on their access logs, for fields, units and which time is which; lines of ALB itself
// for how it writes a quote inside a quoted value (\x22).
package aws

import (
	"bytes"

	"github.com/gatemeter/gatemeter/parsers/columns"
	"github.com/gatemeter/gatemeter/parsers/escape"
	"github.com/gatemeter/gatemeter/parsers/field"
	"github.com/gatemeter/gatemeter/parsers/stamp"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

func text(name string, f record.Field) columns.Column {
	return columns.Column{Name: name, Op: field.Op{Action: field.Text, Field: f}}
}

func number(name string, f record.Field) columns.Column {
	return columns.Column{Name: name, Op: field.Op{Action: field.Number, Field: f}}
}

func of(name string, action field.Action, f record.Field) columns.Column {
	return columns.Column{Name: name, Op: field.Op{Action: action, Field: f}, Escape: escape.Hex}
}

func skip(name string) columns.Column { return columns.Column{Name: name} }

// Columns of the ALB's log that its Finish looks at.
const (
	albName = 2
	albSpan = 5 // the first of three
	albGoal = 16
	clbSpan = 4
)

// ALB returns the layout of Application Load Balancers: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/.
// Its time is that of the request's arrival where the line has it; lines of before 2018 have that of the answer alone.
func ALB() *columns.Layout {
	agent := text("user_agent", record.UserAgent)
	agent.Escape = escape.Hex
	return &columns.Layout{
		Name: "aws_alb", Kind: "aws_alb", Separator: ' ', Quoting: columns.Quoted, Least: 18,
		Columns: []columns.Column{
			skip("type"), of("time", field.TimeISO, record.Time), skip("elb"), of("client:port", field.Client, record.ClientAddress),
			of("target:port", field.Upstream, record.UpstreamAddress),
			skip("request_processing_time"), skip("target_processing_time"), skip("response_processing_time"),
			number("elb_status_code", record.Status), number("target_status_code", record.UpstreamStatus),
			number("received_bytes", record.RequestBytes), number("sent_bytes", record.ResponseBytes),
			of("request", field.Request, record.NoField), agent, text("ssl_cipher", record.TLSCipher),
			of("ssl_protocol", field.TLS, record.TLSVersion), skip("target_group_arn"), text("trace_id", record.TraceID),
			skip("domain_name"), skip("chosen_cert_arn"), skip("matched_rule_priority"),
			of("request_creation_time", field.TimeStart, record.Time), skip("actions_executed"), skip("redirect_url"), skip("error_reason"),
			skip("target:port_list"), skip("target_status_code_list"), skip("classification"), skip("classification_reason"),
			skip("conn_trace_id"),
		},
		Finish: func(r *record.Record, values [][]byte) (record.Reason, int) {
			service(r, values[albGoal])
			if len(r.Service) == 0 {
				loadBalancer(r, values[albName])
			}
			return spans(r, values, albSpan)
		},
	}
}

// CLB returns the layout of Classic Load Balancers. Lines of before 2014 end behind the request. The time is that of the
// request's arrival, sizes are without headers.
func CLB() *columns.Layout {
	agent := text("user_agent", record.UserAgent)
	agent.Escape = escape.Hex
	return &columns.Layout{
		Name: "aws_clb", Kind: "aws_clb", Separator: ' ', Quoting: columns.Quoted, Least: 12,
		Columns: []columns.Column{
			of("time", field.TimeISO, record.Time), text("elb", record.Service), of("client:port", field.Client, record.ClientAddress),
			of("backend:port", field.Upstream, record.UpstreamAddress),
			skip("request_processing_time"), skip("backend_processing_time"), skip("response_processing_time"),
			number("elb_status_code", record.Status), number("backend_status_code", record.UpstreamStatus),
			number("received_bytes", record.RequestBodyBytes), number("sent_bytes", record.ResponseBodyBytes),
			of("request", field.Request, record.NoField), agent, text("ssl_cipher", record.TLSCipher),
			of("ssl_protocol", field.TLS, record.TLSVersion),
		},
		Finish: func(r *record.Record, values [][]byte) (record.Reason, int) { return spans(r, values, clbSpan) },
	}
}

// NLB returns the layout of the TLS log of Network Load Balancers: a line for each connection, written at its end.
func NLB() *columns.Layout {
	span := of("connection_time", field.Span, record.Duration)
	span.Unit = field.Milliseconds
	return &columns.Layout{
		Name: "aws_nlb", Kind: "aws_nlb", Separator: ' ', Least: 17,
		Columns: []columns.Column{
			skip("type"), skip("version"), of("time", field.TimeISO, record.Time), skip("elb"), skip("listener"),
			of("client:port", field.Client, record.ClientAddress), of("destination:port", field.Upstream, record.UpstreamAddress),
			span, skip("tls_handshake_time"), number("received_bytes", record.RequestBytes), number("sent_bytes", record.ResponseBytes),
			skip("incoming_tls_alert"), skip("chosen_cert_arn"), skip("chosen_cert_serial"), text("tls_cipher", record.TLSCipher),
			skip("tls_protocol_version"), skip("tls_named_group"), text("domain_name", record.Domain), skip("alpn_fe_protocol"),
			skip("alpn_be_protocol"), skip("alpn_client_preference_list"), skip("tls_connection_creation_time"),
		},
		Finish: func(r *record.Record, values [][]byte) (record.Reason, int) {
			loadBalancer(r, values[3])
			for i := range tlsNames {
				if string(values[15]) == tlsNames[i] {
					r.TLSVersion = tlsVersions[i]
				}
			}
			return record.None, 0
		},
	}
}

// How NLB calls the versions of TLS. They are never written.
var (
	tlsNames    = [...]string{"tlsv1", "tlsv10", "tlsv11", "tlsv12", "tlsv13"}
	tlsVersions = [...][]byte{[]byte("1.0"), []byte("1.0"), []byte("1.1"), []byte("1.2"), []byte("1.3")}
)

// spans reads the three processing times from `first` on, decimal seconds: until the request was sent on, until the answer began, until it was
// sent. -1 in any means that it never came to that, and there is no duration.
func spans(r *record.Record, values [][]byte, first int) (record.Reason, int) {
	total := int64(0)
	for i, v := range values[first : first+3] {
		if field.None(v) {
			total = record.Absent
			continue
		}
		ns, ok := stamp.Seconds(v)
		if !ok {
			return record.BadNumber, first + i
		}
		if i == 1 {
			r.UpstreamNanos = ns
		}
		if total >= 0 {
			total += ns
		}
	}
	r.DurationNanos = total
	return record.None, 0
}

var targetGroup = []byte("targetgroup/") // never written

// service takes the target group's name out of its ARN, …:targetgroup/orders/73e2d6bc24d8a067.
func service(r *record.Record, arn []byte) {
	i := bytes.Index(arn, targetGroup)
	if i < 0 {
		return
	}
	name := arn[i+len(targetGroup):]
	if j := bytes.IndexByte(name, '/'); j >= 0 {
		name = name[:j:j]
	}
	r.Service = name
}

// loadBalancer takes the name out of app/NAME/id.
func loadBalancer(r *record.Record, v []byte) {
	if i := bytes.IndexByte(v, '/'); i >= 0 {
		v = v[i+1:]
		if j := bytes.IndexByte(v, '/'); j >= 0 {
			v = v[:j:j]
		}
	}
	r.Service = v
}
