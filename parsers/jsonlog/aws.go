package jsonlog

import (
	"bytes"

	"github.com/gatemeter/gatemeter/pipeline/record"
)

// awsAPIGateway is the access log of Amazon API Gateway (REST, HTTP and WebSocket APIs) where its format is JSON. The keys are
// the users': these are the names of the console's templates, of the $context variables, and others in use, in any case, with
// `_` or `-`, beside each other or in objects of any name. Values are nearly always strings, `-` is none.
// Source: the developer guide's pages on access logging and on $context variables. Latencies are milliseconds, the time is
// when the request came in. An API key is a secret and is not read; its id is.
var awsAPIGateway = &schema{
	name: "aws_apigw_json", kind: "aws_apigw", fold: true, dotted: true, deep: true, wrappers: []string{"context"},
	rows: []row{
		{"requestTimeEpoch", record.Time, plain},
		{"requestTime", record.Time, plain},
		{"@timestamp", record.Time, plain},
		{"timestamp", record.Time, plain},
		{"time", record.Time, plain},
		{"requestId", record.RequestID, plain},
		{"extendedRequestId", record.RequestID, plain},
		{"identity.sourceIp", record.ClientAddress, plain},
		{"sourceIp", record.ClientAddress, plain},
		{"identity.ip", record.ClientAddress, plain},
		{"ip", record.ClientAddress, plain},
		{"clientIp", record.ClientAddress, plain},
		{"sourceIpAddress", record.ClientAddress, plain},
		{"remoteAddr", record.ClientAddress, plain},
		{"httpMethod", record.Method, plain},
		{"requestMethod", record.Method, plain},
		{"method", record.Method, plain},
		{"path", record.URL, plain},
		{"requestPath", record.URL, plain},
		{"uri", record.URL, plain},
		{"resourcePath", record.Route, routeKey},
		{"routeKey", record.Route, routeKey},
		{"routeKey", record.NoField, keep0},
		{"route", record.Route, routeKey},
		{"resource", record.Route, routeKey},
		{"protocol", record.HTTPVersion, plain},
		{"status", record.Status, plain},
		{"statusCode", record.Status, plain},
		{"responseStatus", record.Status, plain},
		{"responseLength", record.ResponseBodyBytes, plain},
		{"responseSize", record.ResponseBodyBytes, plain},
		{"responseLatency", record.Duration, inMillis},
		{"latency", record.Duration, inMillis},
		{"responseTime", record.Duration, inMillis},
		{"integration.latency", record.UpstreamDuration, inMillis},
		{"integrationLatency", record.UpstreamDuration, inMillis},
		{"integration.integrationLatency", record.UpstreamDuration, inMillis},
		{"integration.status", record.UpstreamStatus, plain},
		{"integrationStatus", record.UpstreamStatus, plain},
		{"integration.integrationStatus", record.UpstreamStatus, plain},
		{"domainName", record.Domain, plain},
		{"host", record.Domain, plain},
		{"apiName", record.Service, plain},
		{"apiId", record.Service, plain},
		{"stage", record.Stage, plain},
		{"identity.userAgent", record.UserAgent, plain},
		{"userAgent", record.UserAgent, plain},
		{"identity.user", record.User, plain},
		{"user", record.User, plain},
		{"identity.caller", record.User, plain},
		{"caller", record.User, plain},
		{"identity.apiKeyId", record.Consumer, plain},
		{"apiKeyId", record.Consumer, plain},
		{"authorizer.principalId", record.Consumer, plain},
		{"principalId", record.Consumer, plain},
		{"authorizerPrincipalId", record.Consumer, plain},
		{"authorizer.claims.sub", record.Consumer, plain},
		{"identity.user", record.Consumer, plain},
		{"user", record.Consumer, plain},
		{"identity.caller", record.Consumer, plain},
		{"caller", record.Consumer, plain},
		{"xrayTraceId", record.TraceID, trace},
		{"traceId", record.TraceID, trace},
		{"tls.version", record.TLSVersion, plain},
		{"tlsVersion", record.TLSVersion, plain},
		{"tls.cipherSuite", record.TLSCipher, plain},
		{"cipherSuite", record.TLSCipher, plain},
		// Objects with a status or latency that is not the request's.
		{"authorize", record.NoField, plain},
		{"authenticate", record.NoField, plain},
		{"waf", record.NoField, plain},
		{"error", record.NoField, plain},
	},
	finish: func(p *Parser, r *record.Record) record.Reason {
		if method, _, ok := bytes.Cut(p.keep(keep0), []byte{' '}); ok && len(r.Method) == 0 && string(method) != "ANY" {
			r.Method = method
		}
		return record.None
	},
	signs: []sign{
		"routeKey requestId", "resourcePath requestId", "extendedRequestId", "integrationLatency", "responseLatency httpMethod",
		"requestTimeEpoch requestId", "responseLength requestId", "connectionId eventType", "requestId ip httpMethod", "request_id route_key",
		"api_id integration_latency", "identity.sourceIp", "requestTime domainName", "context.requestTimeEpoch", "context.requestId", "api.apiId http", "request.extendedRequestId",
		"http.routeKey",
	},
}
