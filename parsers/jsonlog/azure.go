package jsonlog

import (
	"bytes"

	"github.com/gatemeter/gatemeter/parsers/field"
	"github.com/gatemeter/gatemeter/parsers/jsonscan"
	"github.com/gatemeter/gatemeter/parsers/stamp"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// The logs of Azure come as diagnostic settings send them to event hubs and storage: an envelope with the time and, in
// `properties`, the rest. An event hub has them in {"records": […]}. Log Analytics has PascalCase names and no `properties`.

// azureAPIM is the GatewayLogs of Azure API Management. Source: the gateway log schema reference. Lengths of time are
// milliseconds, the time is when the request came in. The duration has in it what was spent with the client, which is known,
// so the gateway's own share is without.
var azureAPIM = &schema{
	name: "azure_apim", kind: "azure_apim", fold: true, wrappers: []string{"properties", "records"},
	rows: []row{
		{"time", record.Time, plain},
		{"TimeGenerated", record.Time, plain},
		{"callerIpAddress", record.ClientAddress, address},
		{"method", record.Method, plain},
		{"url", record.URL, plain},
		{"clientProtocol", record.HTTPVersion, plain},
		{"clientTlsVersion", record.TLSVersion, plain},
		{"responseCode", record.Status, plain},
		{"responseSize", record.ResponseBytes, plain},
		{"requestSize", record.RequestBytes, plain},
		{"durationMs", record.Duration, inMillis},
		{"totalTime", record.Duration, inMillis},
		{"backendTime", record.UpstreamDuration, inMillis},
		{"clientTime", record.NoField, keep0},
		{"backendUrl", record.UpstreamAddress, authority},
		{"backendResponseCode", record.UpstreamStatus, plain},
		{"cache", record.Cache, verdict},
		{"apiId", record.Service, plain},
		{"operationId", record.Route, plain},
		{"apimSubscriptionId", record.Consumer, plain},
		{"userId", record.Consumer, plain},
		{"userId", record.User, plain},
		{"correlationId", record.RequestID, plain},
	},
	finish: func(p *Parser, r *record.Record) record.Reason {
		client, ok := stamp.Decimal(p.keep(keep0), field.Milliseconds.Places())
		if ok && client >= 0 && r.DurationNanos >= 0 { // the rest is neither the client's nor the backend's
			r.GatewayNanos = max(0, r.DurationNanos-client-max(0, r.UpstreamNanos))
		}
		if r.UpstreamNanos == 0 && r.UpstreamStatus < 0 && len(r.UpstreamAddress) == 0 { // no backend was asked
			r.UpstreamNanos = record.Absent
		}
		return record.None
	},
	signs: []sign{"category=GatewayLogs", "operationName=Microsoft.ApiManagement", "ApiId OperationName BackendTime", "records.category=GatewayLogs"},
}

// azureAppGW is the access log of Azure Application Gateway. Source: its page on diagnostic logs, and Elastic's test lines.
// Version 1 writes timeTaken as whole milliseconds, version 2 as seconds. Sizes count headers. The time is the request's end.
var azureAppGW = &schema{
	name: "azure_appgw", kind: "azure_appgw", fold: true, wrappers: []string{"properties", "records"},
	rows: []row{
		{"timeStamp", record.Time, plain}, // time and timestamp are spelled the same
		{"time", record.Time, plain},
		{"TimeGenerated", record.Time, plain},
		{"clientIP", record.ClientAddress, plain},
		{"clientPort", record.ClientPort, plain},
		{"httpMethod", record.Method, plain},
		{"originalRequestUriWithArgs", record.URL, plain},
		{"requestUri", record.URL, plain},
		{"requestQuery", record.Query, plain},
		{"userAgent", record.UserAgent, plain},
		{"httpStatus", record.Status, plain},
		{"httpVersion", record.HTTPVersion, plain},
		{"receivedBytes", record.RequestBytes, plain},
		{"sentBytes", record.ResponseBytes, plain},
		{"timeTaken", record.NoField, keep0},
		{"instanceId", record.NoField, keep1},
		{"originalHost", record.Domain, plain},
		{"host", record.Domain, plain},
		{"sslEnabled", record.Scheme, secure},
		{"sslProtocol", record.TLSVersion, plain},
		{"sslCipher", record.TLSCipher, plain},
		{"serverRouted", record.UpstreamAddress, authority},
		{"serverStatus", record.UpstreamStatus, plain},
		{"serverResponseLatency", record.UpstreamDuration, inSeconds},
		{"backendPoolName", record.Service, plain},
		{"ruleName", record.Route, plain},
		{"transactionId", record.RequestID, plain},
	},
	finish: func(p *Parser, r *record.Record) record.Reason {
		v := p.keep(keep0)
		if len(v) == 0 {
			return record.None
		}
		unit := target{to: record.Duration, as: inSeconds}
		if bytes.HasPrefix(p.keep(keep1), []byte("ApplicationGatewayRole")) && bytes.IndexByte(v, '.') < 0 { // version 1
			unit.as = inMillis
		}
		if reason := span(r, &unit, v, jsonscan.String); reason != record.None && reason != leftAside {
			return reason
		}
		return record.None
	},
	signs: []sign{
		"category=ApplicationGatewayAccessLog", "operationName=ApplicationGatewayAccess", "records.category=ApplicationGatewayAccessLog",
		"properties.clientIP properties.httpStatus properties.timeTaken", "ClientIp HttpStatus TimeTaken",
	},
}

// azureFrontDoor is the access log of Azure Front Door, classic and Standard/Premium. Source: its pages on monitoring, and
// Elastic's test lines. All values are strings; timeTaken is seconds. The time is when the request came in.
var azureFrontDoor = &schema{
	name: "azure_frontdoor", kind: "azure_frontdoor", fold: true, wrappers: []string{"properties", "records"},
	rows: []row{
		{"time", record.Time, plain},
		{"TimeGenerated", record.Time, plain},
		{"clientIp", record.ClientAddress, plain},
		{"socketIp", record.ClientAddress, plain},
		{"clientPort", record.ClientPort, plain},
		{"httpMethod", record.Method, plain},
		{"requestUri", record.URL, plain},
		{"hostName", record.Domain, plain},
		{"httpStatusCode", record.Status, plain},
		{"httpVersion", record.HTTPVersion, plain},
		{"requestProtocol", record.Scheme, secure},
		{"requestBytes", record.RequestBytes, plain},
		{"responseBytes", record.ResponseBytes, plain},
		{"timeTaken", record.Duration, inSeconds},
		{"backendHostname", record.UpstreamAddress, plain},
		{"originName", record.UpstreamAddress, plain},
		{"originUrl", record.UpstreamAddress, authority},
		{"cacheStatus", record.Cache, verdict},
		{"routingRuleName", record.Route, plain},
		{"endpoint", record.Service, plain},
		{"securityProtocol", record.TLSVersion, plain},
		{"securityCipher", record.TLSCipher, plain},
		{"trackingReference", record.RequestID, plain},
		{"referer", record.Referrer, plain},
		{"userAgent", record.UserAgent, plain},
	},
	signs: []sign{
		"category=FrontdoorAccessLog", "category=FrontDoorAccessLog", "operationName=Microsoft.Network/FrontDoor/AccessLog",
		"operationName=Microsoft.Cdn/Profiles/AccessLog", "records.category=FrontDoorAccessLog", "records.category=FrontdoorAccessLog",
		"properties.trackingReference properties.httpStatusCode",
	},
}
