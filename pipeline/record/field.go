package record

// Field names one part of a Record by its Elastic Common Schema name, for configs: `fields:`, `filters:`, `rollups:`.
type Field uint8

// The fields. Text fields come first, then numbers, then times.
const (
	NoField Field = iota

	ClientAddress
	Method
	URL
	Path
	Query
	Domain
	Scheme
	HTTPVersion
	Referrer
	UserAgent
	User
	RequestID
	TraceID
	TLSVersion
	TLSCipher
	Service
	Route
	Consumer
	Stage
	Cache
	UpstreamAddress
	Flags
	Line

	Status
	UpstreamStatus
	Tries
	ClientPort
	RequestBytes
	RequestBodyBytes
	ResponseBytes
	ResponseBodyBytes
	Duration // nanoseconds
	UpstreamDuration
	GatewayDuration

	Time // Unix nanoseconds

	NumFields
)

// Class is what values a field has.
type Class uint8

// The classes.
const (
	Text   Class = iota
	Count        // a plain integer
	Nanos        // a length of time in nanoseconds
	Moment       // a point in time, Unix nanoseconds
)

var fieldNames = [NumFields]string{
	ClientAddress: "source.ip", Method: "http.request.method", URL: "url.original", Path: "url.path", Query: "url.query",
	Domain: "url.domain", Scheme: "url.scheme", HTTPVersion: "http.version", Referrer: "http.request.referrer",
	UserAgent: "user_agent.original", User: "user.name", RequestID: "http.request.id", TraceID: "trace.id",
	TLSVersion: "tls.version", TLSCipher: "tls.cipher", Service: "service.name", Route: "gateway.route",
	Consumer: "gateway.consumer", Stage: "gateway.stage", Cache: "gateway.cache",
	UpstreamAddress: "gateway.upstream.address", Flags: "gateway.flags", Line: "event.original",
	Status: "http.response.status_code", UpstreamStatus: "gateway.upstream.status_code", Tries: "gateway.upstream.tries",
	ClientPort:   "source.port",
	RequestBytes: "http.request.bytes", RequestBodyBytes: "http.request.body.bytes",
	ResponseBytes: "http.response.bytes", ResponseBodyBytes: "http.response.body.bytes",
	Duration: "event.duration", UpstreamDuration: "gateway.upstream.duration", GatewayDuration: "gateway.duration",
	Time: "@timestamp",
}

// String returns the field's name in the Elastic Common Schema.
func (f Field) String() string { return fieldNames[f] }

// Class returns what values f has.
func (f Field) Class() Class {
	switch {
	case f == Time:
		return Moment
	case f >= Duration:
		return Nanos
	case f >= Status:
		return Count
	}
	return Text
}

// Lookup returns the field called name, and whether there is one.
func Lookup(name string) (Field, bool) {
	for f := NoField + 1; f < NumFields; f++ {
		if fieldNames[f] == name {
			return f, true
		}
	}
	return NoField, false
}

// Names returns every field's name, in the order of the constants.
func Names() []string { return append([]string(nil), fieldNames[1:]...) }

// Text returns where r keeps the text field f, nil when f is not a text field.
func (r *Record) Text(f Field) *[]byte {
	switch f {
	case ClientAddress:
		return &r.ClientAddress
	case Method:
		return &r.Method
	case URL:
		return &r.URL
	case Path:
		return &r.Path
	case Query:
		return &r.Query
	case Domain:
		return &r.Domain
	case Scheme:
		return &r.Scheme
	case HTTPVersion:
		return &r.HTTPVersion
	case Referrer:
		return &r.Referrer
	case UserAgent:
		return &r.UserAgent
	case User:
		return &r.User
	case RequestID:
		return &r.RequestID
	case TraceID:
		return &r.TraceID
	case TLSVersion:
		return &r.TLSVersion
	case TLSCipher:
		return &r.TLSCipher
	case Service:
		return &r.Service
	case Route:
		return &r.Route
	case Consumer:
		return &r.Consumer
	case Stage:
		return &r.Stage
	case Cache:
		return &r.Cache
	case UpstreamAddress:
		return &r.UpstreamAddress
	case Flags:
		return &r.Flags
	case Line:
		return &r.Line
	}
	return nil
}

// Number returns the field f as an integer in the unit of its class, Absent where the record has none or f is text.
func (r *Record) Number(f Field) int64 {
	switch f {
	case Status:
		return int64(r.Status)
	case UpstreamStatus:
		return int64(r.UpstreamStatus)
	case Tries:
		return int64(r.Tries)
	case ClientPort:
		return int64(r.ClientPort)
	case RequestBytes:
		return r.RequestBytes
	case RequestBodyBytes:
		return r.RequestBodyBytes
	case ResponseBytes:
		return r.ResponseBytes
	case ResponseBodyBytes:
		return r.ResponseBodyBytes
	case Duration:
		return r.DurationNanos
	case UpstreamDuration:
		return r.UpstreamNanos
	case GatewayDuration:
		return r.GatewayNanos
	case Time:
		return r.TimeNanos
	}
	return Absent
}

// SetNumber stores n, in the unit of f's class, as the field f. It does nothing for a text field.
func (r *Record) SetNumber(f Field, n int64) {
	switch f {
	case Status:
		r.Status = int32(n)
	case UpstreamStatus:
		r.UpstreamStatus = int32(n)
	case Tries:
		r.Tries = int32(n)
	case ClientPort:
		r.ClientPort = int32(n)
	case RequestBytes:
		r.RequestBytes = n
	case RequestBodyBytes:
		r.RequestBodyBytes = n
	case ResponseBytes:
		r.ResponseBytes = n
	case ResponseBodyBytes:
		r.ResponseBodyBytes = n
	case Duration:
		r.DurationNanos = n
	case UpstreamDuration:
		r.UpstreamNanos = n
	case GatewayDuration:
		r.GatewayNanos = n
	case Time:
		r.TimeNanos = n
	}
}
