package jsonlog

import (
	"bytes"

	"github.com/gatemeter/gatemeter/parsers/field"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// traefik is Traefik's access log with `format: json`. Source: pkg/middlewares/accesslog/{logdata,logger}.go, versions 1 to 3.
// Lengths of time are nanoseconds. `time` is when the line was written.
var traefik = &schema{
	name: "traefik_json", kind: "traefik",
	rows: []row{
		{"StartUTC", record.Time, plain},
		{"StartLocal", record.Time, plain},
		{"time", record.Time, plain},
		{"ClientHost", record.ClientAddress, forwarded}, // the whole X-Forwarded-For where there is one,
		{"ClientAddr", record.ClientAddress, address},
		{"ClientPort", record.ClientPort, plain},
		{"ClientUsername", record.User, plain},
		{"RequestHost", record.Domain, plain},
		{"RequestAddr", record.Domain, plain},
		{"RequestMethod", record.Method, plain},
		{"RequestPath", record.URL, plain},
		{"RequestProtocol", record.HTTPVersion, plain},
		{"RequestScheme", record.Scheme, plain},
		{"RequestLine", record.NoField, requestLine},
		{"RequestContentSize", record.RequestBodyBytes, plain},
		{"DownstreamContentSize", record.ResponseBodyBytes, plain},
		{"DownstreamStatus", record.Status, plain},
		{"OriginStatus", record.UpstreamStatus, plain},
		{"RetryAttempts", record.Tries, plain},
		{"Duration", record.Duration, inNanos},
		{"OriginDuration", record.UpstreamDuration, inNanos},
		{"Overhead", record.GatewayDuration, inNanos},
		{"RouterName", record.Route, plain},
		{"FrontendName", record.Route, plain},
		{"ServiceName", record.Service, plain},
		{"BackendName", record.Service, plain},
		{"ServiceAddr", record.UpstreamAddress, plain},
		{"ServiceURL", record.UpstreamAddress, authority},
		{"ServiceURL.Host", record.UpstreamAddress, plain},
		{"BackendAddr", record.UpstreamAddress, plain},
		{"BackendURL", record.UpstreamAddress, authority},
		{"BackendURL.Host", record.UpstreamAddress, plain},
		{"TLSVersion", record.TLSVersion, plain},
		{"TLSCipher", record.TLSCipher, plain},
		{"TraceId", record.TraceID, plain},
		{"trace_id", record.TraceID, plain},
		{"request_Traceparent", record.TraceID, trace},
		{"request_X-B3-Traceid", record.TraceID, plain},
		{"request_Uber-Trace-Id", record.TraceID, trace},
		{"request_X-Request-Id", record.RequestID, plain},
		{"request_User-Agent", record.UserAgent, plain},
		{"request_Referer", record.Referrer, plain},
	},
	finish: func(_ *Parser, r *record.Record) record.Reason {
		if r.Status < 0 && len(r.Method) == 0 && r.DurationNanos < 0 {
			field.Pass(r) // Traefik's log of itself
		}
		if r.UpstreamStatus < 0 && r.UpstreamNanos == 0 { // answered by Traefik itself
			r.UpstreamNanos, r.Tries = record.Absent, record.Absent
		}
		if r.Tries >= 0 {
			r.Tries++ // the first is no retry
		}
		return record.None
	},
	signs: []sign{"StartUTC", "DownstreamStatus", "ClientHost RequestPath"},
}

// envoyRows are names that Envoy's users give to what its operators write, its documentation's, Istio's, Contour's and Envoy
// Gateway's among them. Lengths of time are milliseconds, sizes are of bodies.
var envoyRows = []row{
	{"start_time", record.Time, plain},
	{"@timestamp", record.Time, plain},
	{"timestamp", record.Time, plain},
	{"request_start_time", record.Time, plain},
	{"time", record.Time, plain},
	{"ts", record.Time, plain},
	{"x_forwarded_for", record.ClientAddress, forwarded},
	{"downstream_remote_address", record.ClientAddress, address},
	{"downstream_remote_address_without_port", record.ClientAddress, plain},
	{"downstream_direct_remote_address", record.ClientAddress, address},
	{"client_ip", record.ClientAddress, address},
	{"remote_address", record.ClientAddress, address},
	{"remote_addr", record.ClientAddress, address},
	{"source_address", record.ClientAddress, address},
	{"method", record.Method, plain},
	{"request_method", record.Method, plain},
	{"x_envoy_original_path", record.URL, plain},
	{"x_envoy_origin_path", record.URL, plain},
	{"original_path", record.URL, plain},
	{"path", record.URL, plain},
	{"request_path", record.URL, plain},
	{"uri", record.URL, plain},
	{"url", record.URL, plain},
	{"protocol", record.HTTPVersion, plain},
	{"scheme", record.Scheme, plain},
	{"response_code", record.Status, plain},
	{"status", record.Status, plain},
	{"status_code", record.Status, plain},
	{"response_flags", record.Flags, plain},
	{"response_flags_long", record.Flags, plain},
	{"upstream_request_attempt_count", record.Tries, plain},
	{"attempt_count", record.Tries, plain},
	{"bytes_received", record.RequestBodyBytes, plain},
	{"bytes_sent", record.ResponseBodyBytes, plain},
	{"bytes_in", record.RequestBodyBytes, plain},
	{"bytes_out", record.ResponseBodyBytes, plain},
	{"duration", record.Duration, inMillis},
	{"duration_ms", record.Duration, inMillis},
	{"total_duration", record.Duration, inMillis},
	{"upstream_service_time", record.UpstreamDuration, inMillis},
	{"x_envoy_upstream_service_time", record.UpstreamDuration, inMillis},
	{"user_agent", record.UserAgent, plain},
	{"referer", record.Referrer, plain},
	{"referrer", record.Referrer, plain},
	{"request_id", record.RequestID, plain},
	{"x_request_id", record.RequestID, plain},
	{"authority", record.Domain, plain},
	{"host", record.Domain, plain},
	{"requested_server_name", record.Domain, plain},
	{"upstream_host", record.UpstreamAddress, authority},
	{"upstream_remote_address", record.UpstreamAddress, authority},
	{"upstream_cluster", record.Service, cluster},
	{"upstream_cluster_raw", record.Service, cluster},
	{"route_name", record.Route, plain},
	{"downstream_tls_version", record.TLSVersion, plain},
	{"tls_version", record.TLSVersion, plain},
	{"downstream_tls_cipher", record.TLSCipher, plain},
	{"tls_cipher", record.TLSCipher, plain},
	{"traceparent", record.TraceID, trace},
	{"trace_id", record.TraceID, plain},
	{"x_b3_traceid", record.TraceID, plain},
	{"b3", record.TraceID, trace},
	{"uber_trace_id", record.TraceID, trace},
	{"x_amzn_trace_id", record.TraceID, trace},
	{"x_cloud_trace_context", record.TraceID, trace},
}

// envoy is Envoy's access log as json_format (all values are strings, `-` is none) or typed_json_format writes it.
// Source: docs/root/configuration/observability/access_log/usage.rst.
var envoy = &schema{
	name: "envoy_json", kind: "envoy", fold: true, rows: envoyRows,
	signs: []sign{
		"response_flags response_code", "response_flags bytes_received", "upstream_cluster response_code", "upstream_host bytes_received",
		"x-envoy-upstream-service-time", "x_envoy_upstream_service_time", "downstream_remote_address", "responseFlags responseCode",
		"upstreamCluster responseCode", "responseFlags bytesReceived",
	},
}

// istio is the JSON of Istio's proxies, which is Envoy's with Istio's names for clusters and routes.
// Source: istio.io, tasks/observability/logs/access-log.
var istio = &schema{
	name: "istio_json", kind: "istio", fold: true, rows: envoyRows,
	finish: func(_ *Parser, r *record.Record) record.Reason {
		if string(r.Route) == "default" { // the name of nearly every route, which says nothing
			r.Route = nil
		}
		if len(r.Service) == 0 { // of `inbound|8080||`: this proxy's own workload, by the name it is called
			r.Service = r.Domain
		}
		return record.None
	},
	signs: []sign{
		"upstream_cluster=outbound|", "upstream_cluster=inbound|", "upstream_cluster=PassthroughCluster",
		"upstream_cluster=BlackHoleCluster", "upstream_cluster=InboundPassthroughCluster",
		"upstream_transport_failure_reason requested_server_name upstream_service_time",
	},
}

// caddy is Caddy's access log. Source: modules/caddyhttp/{server,marshalers}.go. The time is when the request had been
// answered, duration is seconds unless the encoder says otherwise, sizes are of bodies.
var caddy = &schema{
	name: "caddy", kind: "caddy",
	rows: []row{
		{"ts", record.Time, plain},
		{"request.client_ip", record.ClientAddress, plain},
		{"request.remote_ip", record.ClientAddress, plain},
		{"request.remote_addr", record.ClientAddress, address},
		{"request.remote_port", record.ClientPort, plain},
		{"request.proto", record.HTTPVersion, plain},
		{"request.method", record.Method, plain},
		{"request.host", record.Domain, plain},
		{"request.uri", record.URL, plain},
		{"request.headers.User-Agent", record.UserAgent, plain},
		{"request.headers.Referer", record.Referrer, plain},
		{"request.headers.X-Request-Id", record.RequestID, plain},
		{"request.headers.Traceparent", record.TraceID, trace},
		{"request.tls.version", record.TLSVersion, plain},
		{"request.tls.cipher_suite", record.TLSCipher, plain},
		{"traceID", record.TraceID, plain},
		{"bytes_read", record.RequestBodyBytes, plain},
		{"user_id", record.User, plain},
		{"duration", record.Duration, inSeconds},
		{"size", record.ResponseBodyBytes, plain},
		{"status", record.Status, plain},
		{"logger", record.NoField, keep0},
	},
	finish: func(p *Parser, r *record.Record) record.Reason {
		if logger := p.keep(keep0); len(logger) > 0 && !bytes.HasPrefix(logger, []byte("http.log.access")) {
			field.Pass(r) // Caddy's log of itself
		}
		if len(r.TLSVersion) > 0 {
			r.Scheme = word.https
		}
		return record.None
	},
	signs: []sign{"logger=http.log.access", "request resp_headers", "request.remote_ip request.uri", "request.remote_addr request.uri bytes_read"},
}
