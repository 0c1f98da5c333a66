package jsonlog

import "github.com/gatemeter/gatemeter/pipeline/record"

// ecsDocument is a document of the Elastic Common Schema: what gatemeter itself, Elastic's agents and the ECS loggers write, with
// nested objects, dotted keys, or a mixture. event.duration is nanoseconds.
var ecsDocument = &schema{
	name: "ecs", kind: "ecs", dotted: true,
	rows: []row{
		{"@timestamp", record.Time, plain},
		{"event.start", record.Time, plain},
		{"source.ip", record.ClientAddress, plain},
		{"source.address", record.ClientAddress, plain},
		{"client.ip", record.ClientAddress, plain},
		{"client.address", record.ClientAddress, plain},
		{"source.port", record.ClientPort, plain},
		{"client.port", record.ClientPort, plain},
		{"http.request.method", record.Method, plain},
		{"http.request.id", record.RequestID, plain},
		{"http.request.referrer", record.Referrer, plain},
		{"http.request.bytes", record.RequestBytes, plain},
		{"http.request.body.bytes", record.RequestBodyBytes, plain},
		{"http.response.status_code", record.Status, plain},
		{"http.response.bytes", record.ResponseBytes, plain},
		{"http.response.body.bytes", record.ResponseBodyBytes, plain},
		{"http.version", record.HTTPVersion, plain},
		{"url.original", record.URL, plain},
		{"url.full", record.NoField, origin},
		{"url.path", record.Path, plain},
		{"url.query", record.Query, plain},
		{"url.domain", record.Domain, plain},
		{"url.scheme", record.Scheme, plain},
		{"user.name", record.User, plain},
		{"user.id", record.User, plain},
		{"user_agent.original", record.UserAgent, plain},
		{"event.duration", record.Duration, inNanos},
		{"trace.id", record.TraceID, plain},
		{"tls.version", record.TLSVersion, plain},
		{"tls.cipher", record.TLSCipher, plain},
		{"service.name", record.Service, plain},
		{"gateway.route", record.Route, plain},
		{"gateway.consumer", record.Consumer, plain},
		{"gateway.stage", record.Stage, plain},
		{"gateway.cache", record.Cache, plain},
		{"gateway.duration", record.GatewayDuration, inNanos},
		{"gateway.upstream.duration", record.UpstreamDuration, inNanos},
		{"gateway.upstream.address", record.UpstreamAddress, plain},
		{"gateway.upstream.status_code", record.UpstreamStatus, plain},
		{"destination.address", record.UpstreamAddress, plain},
		{"destination.ip", record.UpstreamAddress, plain},
	},
	finish: httpOnly,
	signs: []sign{
		"http.request.method", "http.response.status_code", "url.original @timestamp", "url.path @timestamp",
	},
}

// httpOnly refuses what is the log of something else.
func httpOnly(_ *Parser, r *record.Record) record.Reason {
	if len(r.Method) == 0 && len(r.URL) == 0 && len(r.Path) == 0 && r.Status < 0 {
		return record.UnknownFormat
	}
	return record.None
}

// otel is a log record of OpenTelemetry with the semantic conventions for HTTP, those before 1.21 too: as the collector's OTLP
// JSON has it (one record a line), or flattened, with attributes as an object. Times are nanoseconds or ISO 8601, the
// duration is seconds.
var otel = &schema{
	name: "otel", kind: "otel", fold: true, dotted: true,
	wrappers: []string{"resourceLogs", "scopeLogs", "logRecords", "attributes", "resource", "body"},
	lists:    []string{"attributes"},
	rows: []row{
		{"timeUnixNano", record.Time, plain},
		{"@timestamp", record.Time, plain},
		{"timestamp", record.Time, plain},
		{"time", record.Time, plain},
		{"observedTimeUnixNano", record.Time, plain},
		{"observedTimestamp", record.Time, plain},
		{"client.address", record.ClientAddress, plain},
		{"http.client_ip", record.ClientAddress, plain},
		{"network.peer.address", record.ClientAddress, plain},
		{"net.sock.peer.addr", record.ClientAddress, plain},
		{"client.port", record.ClientPort, plain},
		{"network.peer.port", record.ClientPort, plain},
		{"http.request.method", record.Method, plain},
		{"http.method", record.Method, plain},
		{"http.target", record.URL, plain},
		{"url.full", record.URL, plain},
		{"http.url", record.URL, plain},
		{"url.path", record.Path, plain},
		{"url.query", record.Query, plain},
		{"url.scheme", record.Scheme, plain},
		{"http.scheme", record.Scheme, plain},
		{"server.address", record.Domain, plain},
		{"url.domain", record.Domain, plain},
		{"http.host", record.Domain, plain},
		{"net.host.name", record.Domain, plain},
		{"http.server_name", record.Domain, plain},
		{"http.route", record.Route, plain},
		{"http.response.status_code", record.Status, plain},
		{"http.status_code", record.Status, plain},
		{"http.request.size", record.RequestBytes, plain},
		{"http.request.body.size", record.RequestBodyBytes, plain},
		{"http.request_content_length", record.RequestBodyBytes, plain},
		{"http.response.size", record.ResponseBytes, plain},
		{"http.response.body.size", record.ResponseBodyBytes, plain},
		{"http.response_content_length", record.ResponseBodyBytes, plain},
		{"network.protocol.version", record.HTTPVersion, plain},
		{"http.flavor", record.HTTPVersion, plain},
		{"user_agent.original", record.UserAgent, plain},
		{"http.user_agent", record.UserAgent, plain},
		{"http.request.header.referer", record.Referrer, plain},
		{"http.request.header.x-request-id", record.RequestID, plain},
		{"http.server.request.duration", record.Duration, inSeconds},
		{"http.client.request.duration", record.UpstreamDuration, inSeconds},
		{"duration_ms", record.Duration, inMillis},
		{"event.duration", record.Duration, inNanos},
		{"enduser.id", record.User, plain},
		{"user.id", record.User, plain},
		{"user.name", record.User, plain},
		{"service.name", record.Service, plain},
		{"tls.protocol.version", record.TLSVersion, plain},
		{"tls.cipher", record.TLSCipher, plain},
		{"traceId", record.TraceID, trace},
	},
	finish: httpOnly,
	signs: []sign{
		"resourceLogs", "attributes.http.request.method", "attributes.http.response.status_code", "attributes.http.method", "attributes.http.status_code",
		"Attributes.http.request.method", "Attributes.http.response.status_code", "Attributes.http.method", "timeUnixNano attributes",
		"http.method http.status_code", "http.route http.response.status_code",
	},
}
