package jsonlog

import (
	"bytes"

	"github.com/gatemeter/gatemeter/parsers/field"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// apisix is what APISIX's loggers write (http-logger, file-logger, kafka-logger …): the entry they have by themselves, with
// milliseconds, or one by a log_format, whose keys are the users': nginx's names are taken for what nginx means by them.
// Source: apisix/utils/log-util.lua and the plugins' pages.
var apisix = &schema{
	name: "apisix", kind: "apisix",
	rows: []row{
		{"start_time", record.Time, plain},
		{"@timestamp", record.Time, plain},
		{"msec", record.Time, plain},
		{"time_iso8601", record.Time, plain},
		{"time_local", record.Time, plain},
		{"timestamp", record.Time, plain},
		{"client_ip", record.ClientAddress, plain},
		{"remote_addr", record.ClientAddress, plain},
		{"latency", record.Duration, inMillis},
		{"request_time", record.Duration, inSeconds},
		{"upstream_latency", record.UpstreamDuration, inMillis},
		{"upstream_response_time", record.UpstreamDuration, secondsList},
		{"apisix_latency", record.GatewayDuration, inMillis},
		{"upstream", record.UpstreamAddress, last},
		{"upstream_addr", record.UpstreamAddress, last},
		{"upstream_status", record.UpstreamStatus, last},
		{"service_name", record.Service, plain},
		{"service_id", record.Service, plain},
		{"route_name", record.Route, plain},
		{"route_id", record.Route, plain},
		{"consumer.username", record.Consumer, plain},
		{"consumer.username", record.User, plain},
		{"consumer_name", record.Consumer, plain},
		{"consumer_name", record.User, plain},
		{"request.method", record.Method, plain},
		{"request_method", record.Method, plain},
		{"method", record.Method, plain},
		{"request.uri", record.URL, plain},
		{"request_uri", record.URL, plain},
		{"uri", record.URL, plain},
		{"request.url", record.NoField, origin},
		{"request", record.NoField, requestLine},
		{"request.size", record.RequestBytes, plain},
		{"request_length", record.RequestBytes, plain},
		{"request.headers.host", record.Domain, plain},
		{"http_host", record.Domain, plain},
		{"host", record.Domain, plain},
		{"request.headers.user-agent", record.UserAgent, plain},
		{"http_user_agent", record.UserAgent, plain},
		{"request.headers.referer", record.Referrer, plain},
		{"http_referer", record.Referrer, plain},
		{"request.headers.x-request-id", record.RequestID, plain},
		{"request_id", record.RequestID, plain},
		{"request.headers.traceparent", record.TraceID, trace},
		{"request.headers.b3", record.TraceID, trace},
		{"request.headers.x-b3-traceid", record.TraceID, plain},
		{"opentelemetry_trace_id", record.TraceID, plain},
		{"zipkin_trace_id", record.TraceID, plain},
		{"response.status", record.Status, plain},
		{"status", record.Status, plain},
		{"response.size", record.ResponseBytes, plain},
		{"bytes_sent", record.ResponseBytes, plain},
		{"body_bytes_sent", record.ResponseBodyBytes, plain},
		{"response.headers.apisix-cache-status", record.Cache, verdict},
		{"server_protocol", record.HTTPVersion, plain},
		{"scheme", record.Scheme, plain},
		{"ssl_protocol", record.TLSVersion, plain},
		{"ssl_cipher", record.TLSCipher, plain},
	},
	finish: func(_ *Parser, r *record.Record) record.Reason {
		if len(r.Route) == 0 && bytes.EqualFold(r.Service, r.Domain) { // no route matched; what the client asked for is no service
			r.Service = nil
		}
		return record.None
	},
	signs: []sign{"apisix_latency", "route_id service_id", "route_id start_time", "route_id @timestamp", "route_id client_ip"},
}

// nginxJSON is an nginx log_format with escape=json whose keys are the variables' names, or those of ingress-nginx's example.
// Source: ngx_http_log_module and ngx_http_upstream_module. Lengths of time are seconds, the time is the request's end.
var nginxJSON = &schema{
	name: "nginx_json", kind: "nginx",
	rows: []row{
		{"msec", record.Time, plain},
		{"time_iso8601", record.Time, plain},
		{"time_local", record.Time, plain},
		{"@timestamp", record.Time, plain},
		{"timestamp", record.Time, plain},
		{"time", record.Time, plain},
		{"ts", record.Time, plain},
		{"remote_addr", record.ClientAddress, plain},
		{"x_forwarded_for", record.ClientAddress, forwarded},
		{"remote_port", record.ClientPort, plain},
		{"remote_user", record.User, plain},
		{"request", record.NoField, requestLine},
		{"request_method", record.Method, plain},
		{"method", record.Method, plain},
		{"request_uri", record.URL, plain},
		{"uri", record.Path, plain},
		{"document_uri", record.Path, plain},
		{"path", record.Path, plain},
		{"args", record.Query, plain},
		{"query_string", record.Query, plain},
		{"request_query", record.Query, plain},
		{"server_protocol", record.HTTPVersion, plain},
		{"request_proto", record.HTTPVersion, plain},
		{"scheme", record.Scheme, plain},
		{"http_host", record.Domain, plain},
		{"host", record.Domain, plain},
		{"vhost", record.Domain, plain},
		{"server_name", record.NoField, vhost},
		{"proxy_upstream_name", record.Service, plain},
		{"status", record.Status, plain},
		{"body_bytes_sent", record.ResponseBodyBytes, plain},
		{"bytes_sent", record.ResponseBytes, plain},
		{"request_length", record.RequestBytes, plain},
		{"content_length", record.RequestBodyBytes, plain},
		{"request_time", record.Duration, inSeconds},
		{"upstream_response_time", record.UpstreamDuration, secondsList},
		{"upstream_status", record.UpstreamStatus, last},
		{"upstream_addr", record.UpstreamAddress, last},
		{"upstream_cache_status", record.Cache, plain},
		{"http_referer", record.Referrer, plain},
		{"http_referrer", record.Referrer, plain},
		{"http_user_agent", record.UserAgent, plain},
		{"request_id", record.RequestID, plain},
		{"req_id", record.RequestID, plain},
		{"http_traceparent", record.TraceID, trace},
		{"opentelemetry_trace_id", record.TraceID, plain},
		{"otel_trace_id", record.TraceID, plain},
		{"http_x_amzn_trace_id", record.TraceID, trace},
		{"http_x_b3_traceid", record.TraceID, plain},
		{"ssl_protocol", record.TLSVersion, plain},
		{"ssl_cipher", record.TLSCipher, plain},
	},
	signs: []sign{
		"remote_addr body_bytes_sent", "remote_addr request_time", "remote_addr time_iso8601", "remote_addr time_local", "remote_addr msec",
		"time_iso8601 request_method", "time_local request", "time_iso8601 request", "msec request_method", "body_bytes_sent request_time",
	},
}

// tykPump is a record of Tyk Pump: the whole one that stdout, SQS and others write, in its wrapper or without, the one of
// kafka and the one of elasticsearch. Source: tyk-pump, analytics/analytics.go and pumps/*.go. Lengths of time are
// milliseconds, the time is the request's end. The key of the API is a secret and is not read.
var tykPump = &schema{
	name: "tyk_pump", kind: "tyk", text: true, wrappers: []string{"tyk-analytics-record"},
	rows: []row{
		{"timestamp", record.Time, plain},
		{"@timestamp", record.Time, plain},
		{"method", record.Method, plain},
		{"http_method", record.Method, plain},
		{"host", record.Domain, plain},
		{"original_path", record.URL, plain},
		{"raw_path", record.URL, plain},
		{"request_uri_full", record.URL, plain},
		{"path", record.URL, plain},
		{"request_uri", record.URL, plain},
		{"path", record.NoField, keep0},
		{"track_path", record.NoField, keep1},
		{"response_code", record.Status, plain},
		{"content_length", record.RequestBodyBytes, plain},
		{"user_agent", record.UserAgent, plain},
		{"ip_address", record.ClientAddress, plain},
		{"request_time", record.Duration, inMillis},
		{"request_time_ms", record.Duration, inMillis},
		{"latency.total", record.Duration, inMillis},
		{"latency.upstream", record.UpstreamDuration, inMillis},
		{"latency.gateway", record.GatewayDuration, inMillis},
		{"api_name", record.Service, plain},
		{"api_id", record.Service, plain},
		{"alias", record.User, plain},
		{"alias", record.Consumer, plain},
		{"oauth_id", record.Consumer, plain},
	},
	finish: func(p *Parser, r *record.Record) record.Reason {
		if r.Status >= 400 && r.UpstreamNanos == 0 { // no upstream answered; before Tyk 5 no time of an error was taken at all
			r.UpstreamNanos = record.Absent
			if r.DurationNanos == 0 {
				r.DurationNanos, r.GatewayNanos = record.Absent, record.Absent
			}
		}
		if string(p.keep(keep1)) == "true" { // the path is that of the endpoint's definition
			r.Route = p.keep(keep0)
		}
		return record.None
	},
	signs: []sign{"tyk-analytics-record", "api_id response_code", "api_id request_time_ms", "api_id raw_path", "raw_path response_code"},
}

// tykAccess is Tyk's access log with TYK_LOGFORMAT=json. Source: tyk, internal/httputil/accesslog/record.go. Lengths of time are
// milliseconds, the time is the request's end. Its api_key is obfuscated or hashed.
var tykAccess = &schema{
	name: "tyk_access_json", kind: "tyk",
	rows: []row{
		{"time", record.Time, plain},
		{"method", record.Method, plain},
		{"original_path", record.URL, plain},
		{"path", record.URL, plain},
		{"protocol", record.HTTPVersion, plain},
		{"host", record.Domain, plain},
		{"status", record.Status, plain},
		{"client_ip", record.ClientAddress, plain},
		{"remote_addr", record.ClientAddress, address},
		{"latency_total", record.Duration, inMillis},
		{"upstream_latency", record.UpstreamDuration, inMillis},
		{"latency_gateway", record.GatewayDuration, inMillis},
		{"upstream_addr", record.UpstreamAddress, authority},
		{"upstream_address", record.UpstreamAddress, authority}, // 5.8
		{"upstream_status", record.UpstreamStatus, plain},
		{"response_flag", record.Flags, plain},
		{"api_name", record.Service, plain},
		{"api_id", record.Service, plain},
		{"api_key", record.Consumer, plain},
		{"trace_id", record.TraceID, trace},
		{"user_agent", record.UserAgent, plain},
		{"prefix", record.NoField, keep0},
		{"level", record.NoField, keep1},
	},
	finish: func(p *Parser, r *record.Record) record.Reason {
		switch {
		case string(p.keep(keep0)) == "access-log":
		case len(p.keep(keep1)) > 0:
			field.Pass(r) // Tyk's log of itself
		default:
			return record.UnknownFormat
		}
		if len(bytes.Trim(r.Consumer, "0")) == 0 { // of an API without keys
			r.Consumer = nil
		}
		return record.None
	},
	signs: []sign{"prefix=access-log"},
}

// gravitee is a line of Gravitee's metrics: of the file, TCP and HTTP reporters for API definitions of version 2 and 4, or as
// the Elasticsearch reporter indexes them, which writes a method as a number. Source: the freemarker templates of
// gravitee-reporter-common and its documentation. Lengths of time are milliseconds, the time is the request's start.
var gravitee = &schema{
	name: "gravitee", kind: "gravitee", fold: true,
	rows: []row{
		{"timestamp", record.Time, plain},
		{"@timestamp", record.Time, plain},
		{"request_id", record.RequestID, plain},
		{"_id", record.RequestID, plain},
		{"transaction_id", record.RequestID, plain},
		{"transaction", record.RequestID, plain},
		{"http_method", record.Method, methodCode},
		{"method", record.Method, methodCode},
		{"uri", record.URL, plain},
		{"mapped_path", record.Route, plain},
		{"host", record.Domain, plain},
		{"status", record.Status, plain},
		{"remote_address", record.ClientAddress, plain},
		{"user_agent", record.UserAgent, plain},
		{"request_content_length", record.RequestBodyBytes, plain},
		{"response_content_length", record.ResponseBodyBytes, plain},
		{"gateway_response_time_ms", record.Duration, inMillis},
		{"proxy_response_time_ms", record.Duration, inMillis},
		{"response_time", record.Duration, inMillis},
		{"endpoint_response_time_ms", record.UpstreamDuration, inMillis},
		{"api_response_time_ms", record.UpstreamDuration, inMillis},
		{"api_response_time", record.UpstreamDuration, inMillis},
		{"gateway_latency_ms", record.GatewayDuration, inMillis},
		{"proxy_latency_ms", record.GatewayDuration, inMillis},
		{"proxy_latency", record.GatewayDuration, inMillis},
		{"endpoint", record.UpstreamAddress, authority},
		{"api_name", record.Service, plain},
		{"api_id", record.Service, plain},
		{"api", record.Service, plain},
		{"application_id", record.Consumer, plain},
		{"application", record.Consumer, plain},
		{"user", record.User, plain},
		{"trace_id", record.TraceID, trace},
	},
	signs: []sign{
		"apiId requestId transactionId", "api-id request-id transaction-id", "gatewayResponseTimeMs", "gateway-response-time-ms", "proxyResponseTimeMs",
		"proxy-latency response-time", "api-response-time response-time", "transaction gateway remote-address",
	},
}

// krakend is the JSON that KrakenD's access log is made to write: the variables of access_log_format under their own names, or
// those of the logger for Gin. Source: krakend.io/docs/enterprise/logging. The time is the request's end.
var krakend = &schema{
	name: "krakend_json", kind: "krakend", fold: true,
	rows: []row{
		{"@timestamp", record.Time, plain},
		{"time", record.Time, plain},
		{"timestamp", record.Time, plain},
		{"client_ip", record.ClientAddress, plain},
		{"remote_ip", record.ClientAddress, plain},
		{"method", record.Method, plain},
		{"path", record.URL, plain},
		{"request_uri", record.URL, plain},
		{"uri", record.URL, plain},
		{"endpoint", record.Route, plain},
		{"host", record.Domain, plain},
		{"proto", record.HTTPVersion, plain},
		{"protocol", record.HTTPVersion, plain},
		{"status_code", record.Status, plain},
		{"status", record.Status, plain},
		{"latency_ms", record.Duration, inMillis},
		{"latency", record.Duration, inNanos},
		{"body_size", record.ResponseBodyBytes, plain},
		{"response_size", record.ResponseBodyBytes, plain},
		{"user_agent", record.UserAgent, plain},
		{"referer", record.Referrer, plain},
		{"trace_id", record.TraceID, trace},
		{"request_id", record.RequestID, plain},
		{"user", record.User, plain},
	},
	signs: []sign{"module=KRAKEND statusCode", "module=KRAKEND status_code", "prefix=[KRAKEND] statusCode", "statusCode clientIP"},
}
