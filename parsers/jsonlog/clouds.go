package jsonlog

import (
	"github.com/gatemeter/gatemeter/parsers/jsonscan"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// gcpLoadBalancer is a LogEntry with an httpRequest: of Google's load balancers, Cloud Run and App Engine. Source: the reference
// of LogEntry and HttpRequest. Counts are strings, latency is seconds with their unit, fields with their default are absent.
// The time is when the request came in.
var gcpLoadBalancer = &schema{
	name: "gcp_lb", kind: "gcp",
	rows: []row{
		{"timestamp", record.Time, plain},
		{"receiveTimestamp", record.Time, plain},
		{"httpRequest.requestMethod", record.Method, plain},
		{"httpRequest.requestUrl", record.URL, plain},
		{"httpRequest.requestSize", record.RequestBytes, plain},
		{"httpRequest.status", record.Status, plain},
		{"httpRequest.responseSize", record.ResponseBytes, plain},
		{"httpRequest.userAgent", record.UserAgent, plain},
		{"httpRequest.remoteIp", record.ClientAddress, address},
		{"httpRequest.serverIp", record.UpstreamAddress, plain},
		{"httpRequest.referer", record.Referrer, plain},
		{"httpRequest.latency", record.Duration, inSeconds},
		{"httpRequest.protocol", record.HTTPVersion, plain},
		{"httpRequest.cacheHit", record.NoField, keep0},
		{"httpRequest.cacheLookup", record.NoField, keep1},
		{"resource.labels.backend_service_name", record.Service, plain},
		{"resource.labels.backend_target_name", record.Service, plain},
		{"resource.labels.service_name", record.Service, plain}, // Cloud Run
		{"resource.labels.module_id", record.Service, plain},    // App Engine
		{"resource.labels.url_map_name", record.Service, plain},
		{"resource.labels.matched_url_path_rule", record.Route, plain},
		{"trace", record.TraceID, trace},
	},
	finish: func(p *Parser, r *record.Record) record.Reason {
		switch {
		case string(p.keep(keep0)) == "true":
			r.Cache = word.hit
		case string(p.keep(keep1)) == "true":
			r.Cache = word.miss
		}
		if string(r.Route) == "UNMATCHED" {
			r.Route = nil
		}
		return record.None
	},
	signs: []sign{"httpRequest.requestUrl", "httpRequest.requestMethod"},
}

// gcpEndpoints is the log of the Extensible Service Proxy: Google's Cloud Endpoints and API Gateway. Source: the reference of
// Endpoints' logs. Sizes are of bodies. The time is when the request came in. The API key is a secret and is not read.
var gcpEndpoints = &schema{
	name: "gcp_endpoints", kind: "gcp", wrappers: []string{"jsonPayload"},
	rows: []row{
		{"timestamp", record.Time, plain},
		{"receiveTimestamp", record.Time, plain},
		{"http_method", record.Method, plain},
		{"url", record.URL, plain},
		{"http_response_code", record.Status, plain},
		{"http_status_code", record.Status, plain},
		{"request_size_in_bytes", record.RequestBodyBytes, plain},
		{"response_size_in_bytes", record.ResponseBodyBytes, plain},
		{"request_latency_in_ms", record.Duration, inMillis},
		{"backend_request_latency_in_ms", record.UpstreamDuration, inMillis},
		{"client_ip", record.ClientAddress, plain},
		{"api_name", record.Service, plain},
		{"api_method", record.Route, plain},
		{"api_operation", record.Route, plain},
		{"trace", record.TraceID, trace},
		{"trace_id", record.TraceID, trace},
	},
	signs: []sign{"jsonPayload.api_name jsonPayload.http_method", "jsonPayload.api_method", "jsonPayload.request_latency_in_ms"},
}

// cloudflare is Cloudflare's Logpush data set http_requests. Source: the data set's reference, and Elastic's test lines. Times
// are ISO 8601, or Unix time in nanoseconds or seconds, as the job says; the duration is the difference of the two.
// ZoneName is the service.
var cloudflare = &schema{
	name: "cloudflare", kind: "cloudflare",
	rows: []row{
		{"EdgeStartTimestamp", record.Time, plain},
		{"EdgeEndTimestamp", record.NoField, keep0},
		{"ClientIP", record.ClientAddress, plain},
		{"ClientSrcPort", record.ClientPort, plain},
		{"ClientRequestMethod", record.Method, plain},
		{"ClientRequestURI", record.URL, plain},
		{"ClientRequestPath", record.URL, plain},
		{"ClientRequestHost", record.Domain, plain},
		{"ClientRequestScheme", record.Scheme, plain},
		{"ClientRequestProtocol", record.HTTPVersion, plain},
		{"ClientRequestReferer", record.Referrer, plain},
		{"ClientRequestUserAgent", record.UserAgent, plain},
		{"ClientRequestBytes", record.RequestBytes, plain},
		{"EdgeResponseStatus", record.Status, plain},
		{"EdgeResponseBytes", record.ResponseBytes, plain},
		{"EdgeResponseBodyBytes", record.ResponseBodyBytes, plain},
		{"OriginIP", record.UpstreamAddress, plain},
		{"OriginResponseStatus", record.UpstreamStatus, plain},
		{"OriginResponseDurationMs", record.UpstreamDuration, inMillis},
		{"OriginResponseTime", record.UpstreamDuration, inNanos},
		{"CacheCacheStatus", record.Cache, verdict},
		{"RayID", record.RequestID, plain},
		{"ClientSSLProtocol", record.TLSVersion, plain},
		{"ClientSSLCipher", record.TLSCipher, plain},
		{"ZoneName", record.Service, plain},
	},
	finish: func(p *Parser, r *record.Record) record.Reason {
		if r.UpstreamNanos == 0 && r.UpstreamStatus < 0 { // answered at the edge
			r.UpstreamNanos = record.Absent
		}
		if v := p.keep(keep0); len(v) > 0 && r.TimeNanos != 0 {
			start := r.TimeNanos
			if end, ok := p.time(r, v, jsonscan.String); ok && end >= start {
				r.DurationNanos = end - start
			}
		}
		return record.None
	},
	signs: []sign{"RayID EdgeResponseStatus", "EdgeStartTimestamp", "ClientRequestHost EdgeResponseStatus"},
}

// fastly is JSON that Fastly's log format strings make, by the names of its documentation's examples. Source: the pages on
// custom log formats and on logging endpoints. time_elapsed is microseconds, time_start the event time.
var fastly = &schema{
	name: "fastly_json", kind: "fastly",
	rows: []row{
		{"time_start", record.Time, plain},
		{"timestamp", record.Time, plain},
		{"time", record.Time, plain},
		{"start_time", record.Time, plain},
		{"time_end", record.Time, plain},
		{"time_elapsed", record.Duration, inMicros},
		{"elapsed_usec", record.Duration, inMicros},
		{"time_elapsed_msec", record.Duration, inMillis},
		{"client_ip", record.ClientAddress, plain},
		{"request_method", record.Method, plain},
		{"method", record.Method, plain},
		{"request", record.NoField, keep0},
		{"url", record.URL, plain},
		{"request_uri", record.URL, plain},
		{"host", record.Domain, plain},
		{"request_host", record.Domain, plain},
		{"protocol", record.HTTPVersion, plain},
		{"request_protocol", record.HTTPVersion, plain},
		{"is_tls", record.Scheme, secure},
		{"tls_client_protocol", record.TLSVersion, plain},
		{"tls_client_cipher", record.TLSCipher, plain},
		{"request_referer", record.Referrer, plain},
		{"request_user_agent", record.UserAgent, plain},
		{"status", record.Status, plain},
		{"response_status", record.Status, plain},
		{"req_body_size", record.RequestBodyBytes, plain},
		{"resp_body_size", record.ResponseBodyBytes, plain},
		{"response_body_size", record.ResponseBodyBytes, plain},
		{"bytes_written", record.ResponseBytes, plain},
		{"cache_status", record.Cache, verdict},
		{"fastly_info_state", record.Cache, verdict},
		{"response_state", record.Cache, verdict},
		{"origin_host", record.UpstreamAddress, plain},
		{"backend_name", record.UpstreamAddress, plain},
		{"service_name", record.Service, plain},
		{"service_id", record.Service, plain},
		{"request_id", record.RequestID, plain},
		{"trace_id", record.TraceID, trace},
	},
	finish: func(p *Parser, r *record.Record) record.Reason {
		if v := p.keep(keep0); len(r.Method) == 0 { // %{req.request}V is the method alone
			r.Method = v
		}
		return record.None
	},
	signs: []sign{
		"time_elapsed cache_status", "time_elapsed client_ip", "fastly_info_state", "fastly_server", "fastly_is_edge", "fastly_is_shield",
		"is_tls request_user_agent",
	},
}
