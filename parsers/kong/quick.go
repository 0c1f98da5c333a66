package kong

import (
	"math"

	"github.com/gatemeter/gatemeter/parsers/field"
	"github.com/gatemeter/gatemeter/parsers/jsonscan"
	"github.com/gatemeter/gatemeter/parsers/stamp"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// The values of a record.
const (
	_ = iota
	vStartedAt
	vClientIP
	vRequest
	vRequestID
	vMethod
	vURI
	vURL
	vRequestSize
	vRequestHeaders
	vUserAgent
	vReferer
	vHost
	vTLS
	vTLSVersion
	vTLSCipher
	vResponse
	vStatus
	vResponseSize
	vResponseHeaders
	vCache
	vLatencies
	vDuration
	vProxy
	vGateway
	vTries
	vTryIP
	vTryPort
	vUpstreamStatus
	vService
	vServiceName
	vServiceHost
	vServiceID
	vRoute
	vRouteName
	vRouteID
	vConsumer
	vUsername
	vCustomID
	vConsumerID
	vSession
	vTraceID
	vCorrelationID
	numValues
)

// tree is where they stand.
var tree = jsonscan.NewTree(keys) // never written

// keys is what object and the functions it calls read, in one table. It is never written.
var keys = []jsonscan.Key{
	{Name: "started_at", ID: vStartedAt},
	{Name: "client_ip", ID: vClientIP},
	{Name: "request", ID: vRequest, Keys: []jsonscan.Key{
		{Name: "id", ID: vRequestID},
		{Name: "method", ID: vMethod},
		{Name: "uri", ID: vURI},
		{Name: "url", ID: vURL},
		{Name: "size", ID: vRequestSize},
		{Name: "headers", ID: vRequestHeaders, Keys: []jsonscan.Key{
			{Name: "user-agent", ID: vUserAgent}, {Name: "referer", ID: vReferer}, {Name: "host", ID: vHost},
		}},
		{Name: "tls", ID: vTLS, Keys: []jsonscan.Key{{Name: "version", ID: vTLSVersion}, {Name: "cipher", ID: vTLSCipher}}},
	}},
	{Name: "response", ID: vResponse, Keys: []jsonscan.Key{
		{Name: "status", ID: vStatus},
		{Name: "size", ID: vResponseSize},
		{Name: "headers", ID: vResponseHeaders, Keys: []jsonscan.Key{{Name: "x-cache-status", ID: vCache}}},
	}},
	{Name: "latencies", ID: vLatencies, Keys: []jsonscan.Key{
		{Name: "request", ID: vDuration}, {Name: "session", ID: vDuration}, {Name: "proxy", ID: vProxy}, {Name: "kong", ID: vGateway},
	}},
	{Name: "tries", ID: vTries, Last: true, Keys: []jsonscan.Key{{Name: "ip", ID: vTryIP}, {Name: "port", ID: vTryPort}}},
	{Name: "upstream_status", ID: vUpstreamStatus},
	{Name: "service", ID: vService, Keys: []jsonscan.Key{
		{Name: "name", ID: vServiceName}, {Name: "host", ID: vServiceHost}, {Name: "id", ID: vServiceID},
	}},
	{Name: "route", ID: vRoute, Keys: []jsonscan.Key{{Name: "name", ID: vRouteName}, {Name: "id", ID: vRouteID}}},
	{Name: "consumer", ID: vConsumer, Keys: []jsonscan.Key{
		{Name: "username", ID: vUsername}, {Name: "custom_id", ID: vCustomID}, {Name: "id", ID: vConsumerID},
	}},
	{Name: "session", ID: vSession},
	{Name: "trace_id", ID: vTraceID},
	{Name: "correlation_id", ID: vCorrelationID},
}

// quick reads r.Line when it is as Kong writes an HTTP request, and returns request.url. It is what
// thorough does, in half the time. ok is false for all else: then thorough reads the line, and says what is wrong with it.
func (p *Parser) quick(r *record.Record) (url []byte, ok bool) {
	v := &p.values
	if !p.scan.Extract(r.Line, p.trail, v[:]) || v[vSession].Kind != jsonscan.Nothing {
		return nil, false
	}
	if !p.numbers(r) {
		return nil, false
	}
	r.ClientAddress, r.RequestID, r.Method, r.URL = p.textOf(vClientIP), p.textOf(vRequestID), p.textOf(vMethod), p.textOf(vURI)
	r.UserAgent, r.Referrer, r.TLSCipher, r.Cache = p.textOf(vUserAgent), p.textOf(vReferer), p.textOf(vTLSCipher), p.textOf(vCache)
	if p.reader.Take(r, &domain, p.textOf(vHost)) != record.None || p.reader.Take(r, &tlsVersion, p.textOf(vTLSVersion)) != record.None ||
		p.reader.Take(r, &upstreamStatus, p.textOf(vUpstreamStatus)) != record.None {
		return nil, false
	}
	r.Service = either(p.textOf(vServiceName), p.textOf(vServiceHost), p.textOf(vServiceID))
	r.Route = either(p.textOf(vRouteName), p.textOf(vRouteID), nil)
	name, custom := p.textOf(vUsername), p.textOf(vCustomID)
	r.User, r.Consumer = either(name, custom, nil), either(name, custom, p.textOf(vConsumerID))
	if port := &v[vTryPort]; port.Kind <= jsonscan.Number {
		p.upstream(r, p.textOf(vTryIP), p.scan.TextOf(port))
		if tries := &v[vTries]; tries.Kind == jsonscan.Array {
			tried(r, tries.End)
		}
	} else {
		p.scan.Visit(&v[vTries])
		p.scan.EnterArray()
		tried(r, p.tries(r))
	}
	if v[vTraceID].Kind == jsonscan.Object {
		p.scan.Visit(&v[vTraceID])
		p.traceID(r)
	} else {
		r.TraceID = p.textOf(vTraceID)
	}
	if len(r.RequestID) == 0 {
		r.RequestID = p.textOf(vCorrelationID)
	}
	return p.textOf(vURL), true
}

// numbers reads the numbers and the time. Those in strings may have other bytes than these of numbers; then they are absent.
func (p *Parser) numbers(r *record.Record) bool {
	ok := p.numberOf(r, vStatus, record.Status, asIs) && p.numberOf(r, vResponseSize, record.ResponseBytes, asIs) &&
		p.numberOf(r, vRequestSize, record.RequestBytes, asIs) && p.numberOf(r, vDuration, record.Duration, field.Milliseconds) &&
		p.numberOf(r, vProxy, record.UpstreamDuration, field.Milliseconds) && p.numberOf(r, vGateway, record.GatewayDuration, field.Milliseconds)
	at := &p.values[vStartedAt]
	if !ok || at.Kind == jsonscan.Nothing {
		return ok
	}
	if at.Kind != jsonscan.Number {
		return false
	}
	if n, ok := p.scan.Natural(at); ok && n < most {
		r.TimeNanos = n * field.Milliseconds.Nanos()
	} else if r.TimeNanos, ok = stamp.Decimal(p.scan.TextOf(at), field.Milliseconds.Places()); !ok {
		return false
	}
	return stamp.InRange(r.TimeNanos)
}

const (
	asIs = field.Nanoseconds       // the unit of what is counted
	most = math.MaxInt64 / 1000000 // of milliseconds
)

// textOf is the text of a value, nil when it is no string.
func (p *Parser) textOf(id int) []byte {
	v := &p.values[id]
	switch v.Kind {
	case jsonscan.String:
		return p.scan.TextOf(v)
	case jsonscan.Array:
		p.scan.Visit(v)
		return p.scan.Text()
	}
	return nil
}

// numberOf is number for a value in a unit up to milliseconds.
func (p *Parser) numberOf(r *record.Record, id int, f record.Field, unit field.Unit) bool {
	v := &p.values[id]
	if n, ok := p.scan.Natural(v); ok && n < most {
		return field.SetNumber(r, f, n*unit.Nanos()) == record.None
	}
	if v.Kind != jsonscan.Number && v.Kind != jsonscan.String {
		return true
	}
	n, ok := stamp.Decimal(p.scan.TextOf(v), unit.Places())
	switch {
	case ok && n < 0, !ok && v.Kind == jsonscan.String:
		return true
	}
	return ok && field.SetNumber(r, f, n) == record.None
}
