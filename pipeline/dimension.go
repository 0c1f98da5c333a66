package pipeline

import (
	"encoding/binary"
	"slices"

	"github.com/gatemeter/gatemeter/pipeline/record"
)

// Dimension is what a rollup groups records by.
type Dimension uint8

// The dimensions.
const (
	Service Dimension = iota
	Route
	Method
	Consumer
	Stage
	Domain
	Kind
	StatusClass
	Cache
	numDimensions
)

var dimensionNames = [numDimensions]string{
	Service: "service", Route: "route", Method: "method", Consumer: "consumer", Stage: "stage", Domain: "domain",
	Kind: "kind", StatusClass: "status_class", Cache: "cache",
}

// String returns the dimension's name as configs and tags spell it.
func (d Dimension) String() string { return dimensionNames[d] }

// DimensionNames returns the names of all dimensions.
func DimensionNames() []string { return dimensionNames[:] }

// LookupDimension returns the dimension called name, and whether there is one.
func LookupDimension(name string) (Dimension, bool) {
	i := slices.Index(dimensionNames[:], name)
	return Dimension(max(i, 0)), i >= 0
}

// Values with a meaning of their own.
const (
	noValue    = "_none"  // the record has no such value
	otherValue = "_other" // past max_series, and methods that are none
)

// maxValue is the longest dimension value, in bytes, that is told apart; the rest is cut.
const maxValue = 512

// appendValue appends r's value of d to key, behind its length so that no two lists of values give the same key.
func appendValue(key []byte, d Dimension, r *record.Record) []byte {
	var v []byte
	switch d {
	case Service:
		v = r.Service
	case Route:
		v = r.Route
	case Method:
		return appendKeyPart(key, method(r.Method))
	case Consumer:
		v = r.Consumer
	case Stage:
		v = r.Stage
	case Domain:
		v = r.Domain
	case Kind:
		return appendKeyPart(key, r.Kind)
	case StatusClass:
		return appendKeyPart(key, statusClasses[classOf(r.Status)])
	case Cache:
		v = r.Cache
	}
	if len(v) == 0 {
		return appendKeyPart(key, noValue)
	}
	return appendKeyPart(key, v)
}

func appendKeyPart[T string | []byte](key []byte, v T) []byte {
	v = v[:min(len(v), maxValue)]
	key = binary.LittleEndian.AppendUint16(key, uint16(len(v)))
	return append(key, v...)
}

// keyParts splits what appendKeyPart put together into its values.
func keyParts(key string) []string {
	var parts []string
	for len(key) >= 2 {
		n := int(key[0]) | int(key[1])<<8
		parts = append(parts, key[2:2+n])
		key = key[2+n:]
	}
	return parts
}

// method returns m when it is a method of the IANA registry, so that garbage in a request line makes no series.
func method(m []byte) string {
	switch string(m) {
	case "GET":
		return "GET"
	case "POST":
		return "POST"
	case "PUT":
		return "PUT"
	case "DELETE":
		return "DELETE"
	case "HEAD":
		return "HEAD"
	case "OPTIONS":
		return "OPTIONS"
	case "PATCH":
		return "PATCH"
	case "":
		return noValue
	}
	for _, known := range rareMethods {
		if string(m) == known {
			return known
		}
	}
	return otherValue
}

// rareMethods is the rest of IANA's registry of HTTP methods (RFC 9110, section 16.1) and QUERY.
var rareMethods = [...]string{
	"ACL", "BASELINE-CONTROL", "BIND", "CHECKIN", "CHECKOUT", "CONNECT", "COPY", "LABEL", "LINK", "LOCK", "MERGE",
	"MKACTIVITY", "MKCALENDAR", "MKCOL", "MKREDIRECTREF", "MKWORKSPACE", "MOVE", "ORDERPATCH", "PRI", "PROPFIND", "PROPPATCH",
	"QUERY", "REBIND", "REPORT", "SEARCH", "TRACE", "UNBIND", "UNCHECKOUT", "UNLINK", "UNLOCK", "UPDATE",
	"UPDATEREDIRECTREF", "VERSION-CONTROL",
}

var statusClasses = [...]string{noValue, "1xx", "2xx", "3xx", "4xx", "5xx"}

// classOf returns the index of a status in statusClasses: 1 to 5, 0 for what is no HTTP status.
func classOf(status int32) int {
	if status < 100 || status > 599 {
		return 0
	}
	return int(status) / 100
}
