// Package ecs writes a record.Record as one JSON object in the Elastic Common Schema: what Elasticsearch stores and what
// `gatemeter explain` prints. The names are those of record.Field, nested: `http.request.method` is
// {"http":{"request":{"method":…}}}.
//
// To add a field: a line in appendRecord, in the object it belongs to, a line in the reference encoder of the tests, and a
// line in the mapping of sinks/elasticsearch (a test there compares the two).
//
// The result is always valid JSON and valid UTF-8 without a raw newline, whatever bytes a stranger put into the log.
package ecs

import (
	"bytes"
	"slices"
	"strconv"
	"unsafe"

	"github.com/gatemeter/gatemeter/pipeline/record"
)

// Version is the version of the Elastic Common Schema that documents name.
const Version = "8.17.0"

// Original says which objects carry the line itself as `event.original`.
type Original uint8

// The choices.
const (
	OriginalMalformed Original = iota // only those of lines that could not be read
	OriginalAlways
	OriginalNever
)

// Options are what an object holds besides the record. The zero value is what `explain` prints.
type Options struct {
	Original Original

	// Document adds what every stored document has: ecs.version, event.kind, event.category, event.type, event.outcome and
	// log.offset.
	Document bool

	Dataset string // event.dataset: the source's name; left out when empty
	Path    string // log.file.path; left out when empty
	Shard   string // gateway.shard: the label the record's metrics have; left out when empty
}

// Append appends r as one JSON object to dst, without a newline, and returns dst. Nothing of r is kept. It allocates only
// when dst is too small. A nil o is the zero Options.
//
// Of a malformed record it writes `@timestamp` (r.TimeNanos, which the caller has set to a time near it: a data stream
// refuses documents without one), the line and the error.
func Append(dst []byte, r *record.Record, o *Options) []byte {
	var w Writer
	if o != nil {
		w.Options = *o
	}
	return w.Append(dst, r)
}

// Writer is Append for many records with the same options. It is used by one goroutine.
type Writer struct {
	Options
	clock clock
}

// Append is the package's Append.
func (w *Writer) Append(dst []byte, r *record.Record) []byte {
	o := &w.Options
	dst = append(dst, `{"@timestamp":"`...)
	dst = w.clock.append(dst, r.TimeNanos)
	dst = append(dst, '"', ',')
	if o.Document {
		dst = append(dst, `"ecs":{"version":"`+Version+`"},`...)
	}
	if r.Reason.Malformed() {
		dst = appendError(dst, r)
	} else {
		dst = appendRecord(dst, r)
	}
	dst = appendEvent(dst, r, o)
	dst = appendGateway(dst, r, o)
	dst = appendLog(dst, r, o)
	dst[len(dst)-1] = '}' // over the last comma
	return dst
}

// Objects are written with a comma after each value. open notes where an object begins; shut writes its end over the last
// comma, or takes the object back when nothing was written into it.

func open(dst []byte, key string) ([]byte, int) {
	return append(dst, key...), len(dst)
}

func shut(dst []byte, start int) []byte {
	if dst[len(dst)-1] == '{' {
		return dst[:start]
	}
	dst[len(dst)-1] = '}'
	return append(dst, ',')
}

// text appends a string value unless it is empty. key is the key with its quotes, colon and the value's first quote.
func text(dst []byte, key string, value []byte) []byte {
	if len(value) == 0 {
		return dst
	}
	return appendText(append(dst, key...), value)
}

// appendText appends a value that is not empty, the quote behind it and a comma.
func appendText(dst, value []byte) []byte {
	dst = slices.Grow(dst, len(value)+2)
	n := len(dst)
	end := n + len(value)
	if b := dst[:end+2]; copyPlain(&b[n], &value[0], len(value)) == len(value) {
		b[end], b[end+1] = '"', ','
		return b
	}
	return append(appendEscaped(dst, value), '"', ',')
}

// number appends an integer value unless it is absent. key is the key with its quotes and colon.
func number(dst []byte, key string, value int64) []byte {
	if value < 0 {
		return dst
	}
	return append(appendNumber(append(dst, key...), value), ',')
}

func appendRecord(dst []byte, r *record.Record) []byte {
	dst, source := open(dst, `"source":{`)
	if ip := address(r.ClientAddress); isIP(ip) {
		dst = text(dst, `"ip":"`, ip)
	} else {
		dst = text(dst, `"address":"`, r.ClientAddress)
	}
	dst = number(dst, `"port":`, int64(r.ClientPort))
	dst = shut(dst, source)

	dst, http := open(dst, `"http":{`)
	dst, request := open(dst, `"request":{`)
	dst = text(dst, `"method":"`, r.Method)
	dst = text(dst, `"referrer":"`, r.Referrer)
	dst = text(dst, `"id":"`, r.RequestID)
	dst = number(dst, `"bytes":`, r.RequestBytes)
	dst, body := open(dst, `"body":{`)
	dst = number(dst, `"bytes":`, r.RequestBodyBytes)
	dst = shut(dst, body)
	dst = shut(dst, request)
	dst, response := open(dst, `"response":{`)
	dst = number(dst, `"status_code":`, int64(r.Status))
	dst = number(dst, `"bytes":`, r.ResponseBytes)
	dst, body = open(dst, `"body":{`)
	dst = number(dst, `"bytes":`, r.ResponseBodyBytes)
	dst = shut(dst, body)
	dst = shut(dst, response)
	dst = text(dst, `"version":"`, r.HTTPVersion)
	dst = shut(dst, http)

	dst, url := open(dst, `"url":{`)
	dst = text(dst, `"original":"`, r.URL)
	dst = text(dst, `"path":"`, r.Path)
	dst = text(dst, `"query":"`, r.Query)
	dst = text(dst, `"domain":"`, r.Domain)
	dst = text(dst, `"scheme":"`, r.Scheme)
	dst = shut(dst, url)

	dst = only(dst, `"user":{"name":"`, r.User)
	dst = only(dst, `"user_agent":{"original":"`, r.UserAgent)
	dst = only(dst, `"trace":{"id":"`, r.TraceID)
	dst, tls := open(dst, `"tls":{`)
	dst = text(dst, `"version":"`, r.TLSVersion)
	dst = text(dst, `"cipher":"`, r.TLSCipher)
	dst = shut(dst, tls)
	return only(dst, `"service":{"name":"`, r.Service)
}

// only appends an object with one string in it unless the string is empty.
func only(dst []byte, keys string, value []byte) []byte {
	if len(value) == 0 {
		return dst
	}
	dst = appendText(append(dst, keys...), value)
	dst[len(dst)-1] = '}'
	return append(dst, ',')
}

func appendError(dst []byte, r *record.Record) []byte {
	reason := r.Reason.String()
	dst = append(dst, `"error":{"code":"`...)
	dst = append(dst, reason...)
	dst = append(dst, `","message":"`...)
	dst = append(dst, reason...)
	if r.Column > 0 {
		dst = append(dst, " at column "...)
		dst = strconv.AppendInt(dst, int64(r.Column), 10)
	}
	return append(dst, `"},`...)
}

func appendEvent(dst []byte, r *record.Record, o *Options) []byte {
	malformed := r.Reason.Malformed()
	dst, event := open(dst, `"event":{`)
	switch {
	case !o.Document:
	case malformed:
		dst = append(dst, `"kind":"pipeline_error","category":["web"],"type":["access"],`...)
	case r.Status <= 0: // what came of it is not known
		dst = append(dst, `"kind":"event","category":["web"],"type":["access"],`...)
	case r.Status < 400:
		dst = append(dst, `"kind":"event","category":["web"],"type":["access"],"outcome":"success",`...)
	default:
		dst = append(dst, `"kind":"event","category":["web"],"type":["access"],"outcome":"failure",`...)
	}
	dst = label(dst, `"dataset":"`, o.Dataset)
	if !malformed {
		dst = number(dst, `"duration":`, r.DurationNanos)
	}
	if o.Original == OriginalAlways || o.Original == OriginalMalformed && malformed {
		dst = text(dst, `"original":"`, r.Line)
	}
	return shut(dst, event)
}

func appendGateway(dst []byte, r *record.Record, o *Options) []byte {
	dst, gateway := open(dst, `"gateway":{`)
	dst = label(dst, `"shard":"`, o.Shard)
	if r.Reason.Malformed() {
		return shut(dst, gateway)
	}
	dst = label(dst, `"kind":"`, r.Kind)
	dst = text(dst, `"route":"`, r.Route)
	dst = text(dst, `"consumer":"`, r.Consumer)
	dst = text(dst, `"stage":"`, r.Stage)
	dst = text(dst, `"cache":"`, r.Cache)
	dst = text(dst, `"flags":"`, r.Flags)
	dst = number(dst, `"duration":`, r.GatewayNanos)
	dst, upstream := open(dst, `"upstream":{`)
	dst = number(dst, `"duration":`, r.UpstreamNanos)
	dst = text(dst, `"address":"`, r.UpstreamAddress)
	dst = number(dst, `"status_code":`, int64(r.UpstreamStatus))
	dst = number(dst, `"tries":`, int64(r.Tries))
	dst = shut(dst, upstream)
	return shut(dst, gateway)
}

func appendLog(dst []byte, r *record.Record, o *Options) []byte {
	dst, log := open(dst, `"log":{`)
	if o.Document {
		dst = number(dst, `"offset":`, r.Offset)
	}
	dst = only(dst, `"file":{"path":"`, bytesOf(o.Path))
	return shut(dst, log)
}

// label is text for a string: a value that is the same for many records.
func label(dst []byte, key, value string) []byte { return text(dst, key, bytesOf(value)) }

// bytesOf returns s as bytes, which must only be read.
func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

// address returns a without the brackets and the zone an IPv6 address may be logged with: Elasticsearch's `ip` takes neither.
func address(a []byte) []byte {
	if n := len(a); n > 2 && a[0] == '[' && a[n-1] == ']' {
		a = a[1 : n-1]
	}
	if zone := bytes.IndexByte(a, '%'); zone > 0 && bytes.IndexByte(a[:zone], ':') >= 0 {
		a = a[:zone]
	}
	return a
}
