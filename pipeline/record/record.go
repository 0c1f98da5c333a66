package record

// Absent is the value of a number the line does not carry.
const Absent = -1

// Record is one request as a gateway logged it. It is flat and reused for line after line: call Reset before filling it.
//
// Ownership: every byte slice points into the batch the line came from or into the parser's arena, and is valid until the
// worker is done with that batch. Whoever keeps one longer copies it. A nil or empty slice means that the line does not
// carry the field (the parsers turn `-` into nil); numbers that are not there are Absent.
//
// A Record is used by one goroutine.
type Record struct {
	Line   []byte // the line as it stood, without its end (\n or \r\n); nil of a record whose line nobody stores, see pipeline.RecordSinkSettings
	Offset int64  // of the line in its partition
	Part   int32  // of the message at Offset, counted from 0, where a message has several records

	TimeNanos    int64 // event time, Unix nanoseconds; valid when Reason is None
	ArrivalNanos int64 // when the line arrived, as kept with it, Unix nanoseconds; 0 when that is not known: in a file

	Reason Reason // None: counted so far. A malformed reason: nothing but Line, Offset and Column need be right
	Column int32  // 1-based byte in Line at which reading failed; 0 when unknown
	Drop   Drop   // set by the filters

	Kind string // the gateway: nginx, apache, kong …; a constant, not bytes of the line

	ClientAddress   []byte // source.address, and source.ip where it is one
	Method          []byte // as logged
	URL             []byte // url.original: the request target as logged
	Path            []byte // url.path: URL up to `?`
	Query           []byte // url.query: after `?`, without it
	Domain          []byte // url.domain: the host asked for, without port
	Scheme          []byte
	HTTPVersion     []byte // 1.0, 1.1, 2, 3
	Referrer        []byte
	UserAgent       []byte
	User            []byte
	RequestID       []byte
	TraceID         []byte
	TLSVersion      []byte // 1.2, 1.3
	TLSCipher       []byte
	Service         []byte // service.name: what the gateway proxied to, or the virtual host; see DESIGN "Values"
	Route           []byte // the gateway's own route name, else the template (filled by the pipeline when empty)
	Consumer        []byte // gateway.consumer: who called, by the gateway's own authentication
	Stage           []byte
	Cache           []byte // the gateway's cache verdict as logged: HIT, MISS …
	UpstreamAddress []byte // the last upstream tried
	Flags           []byte // gateway.flags: how the gateway says that the request ended, where it was not as usual: UF, sD--

	Status         int32 // Absent for none; 0 is as logged (`000`)
	UpstreamStatus int32 // the last upstream's
	Tries          int32 // how often an upstream was asked: 1 and the retries; 0 where the gateway says that none was
	ClientPort     int32

	RequestBytes      int64 // with line and headers
	RequestBodyBytes  int64
	ResponseBytes     int64 // with headers
	ResponseBodyBytes int64

	DurationNanos int64 // whole request
	UpstreamNanos int64 // upstream's share: the sum over tries
	GatewayNanos  int64 // the gateway's own share
}

// Drop says what a record is left out of.
type Drop uint8

// The places a filter can keep a record out of.
const (
	DropMetrics Drop = 1 << iota
	DropRecords
)

// empty is a Record with nothing in it. It is never written.
var empty = Record{
	Status: Absent, UpstreamStatus: Absent, Tries: Absent, ClientPort: Absent,
	RequestBytes: Absent, RequestBodyBytes: Absent, ResponseBytes: Absent, ResponseBodyBytes: Absent,
	DurationNanos: Absent, UpstreamNanos: Absent, GatewayNanos: Absent,
}

// Reset empties r.
func (r *Record) Reset() { *r = empty }

// Clear is Reset, but keeps the line and what is known of it besides its bytes, to read it in another way.
func (r *Record) Clear() {
	line, offset, part, arrival := r.Line, r.Offset, r.Part, r.ArrivalNanos
	*r = empty
	r.Line, r.Offset, r.Part, r.ArrivalNanos = line, offset, part, arrival
}

// TimeFromArrival makes the event time that of the line's arrival, and reports whether that is known. Parsers call it for a record
// that has no time of its own.
func (r *Record) TimeFromArrival() bool {
	r.TimeNanos = r.ArrivalNanos
	return r.ArrivalNanos != 0
}

// Fail marks r as malformed for reason at the 0-based byte i of its line.
func (r *Record) Fail(reason Reason, i int) {
	r.Reason = reason
	r.Column = int32(min(i, 1<<30)) + 1
}
