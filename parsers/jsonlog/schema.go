package jsonlog

import "github.com/gatemeter/gatemeter/pipeline/record"

// schema says where a format keeps what. It is a table: it is never written.
type schema struct {
	name string // of the format
	kind string // of the gateway

	rows []row

	// fold compares keys without case and without `_`, `-` and `:`: for formats whose users, or versions, spell them as they like.
	fold bool
	// dotted takes a path's parts for keys of nested objects, one key with dots, or a mixture.
	dotted bool
	// wrappers are keys whose object is read as if its keys stood beside it; deep takes every object nobody knows for one.
	wrappers []string
	deep     bool
	// lists are paths of arrays of {"key": …, "value": {…}}, read as if they were objects.
	lists []string
	// text finds the object in a line of text around it.
	text bool

	// finish does what rows cannot say. It returns None, or why the line is no record of the format.
	finish func(p *Parser, r *record.Record) record.Reason

	signs []sign
}

// row says where the value at a path of keys, with dots between them, goes.
type row struct {
	path string
	to   record.Field
	as   form
}

// sign is a set of keys that only a format's lines have: all of them, separated by spaces, as paths. `path=text` asks for a
// value that begins with text.
type sign string

// form is how a value is written. The zero form is how the field is commonly written: digits for a number, a protocol as
// `HTTP/1.1`, a host with or without a port, a time as ISO 8601, CLF's or Unix time.
type form uint8

// The forms.
const (
	plain form = iota

	inNanos // lengths of time: a number, or a text with units, which are its own then
	inMicros
	inMillis
	inSeconds
	secondsList // the sum of a list as nginx writes it, one entry for each upstream tried

	last       // of such a list
	forwarded  // X-Forwarded-For: its client
	address    // `10.0.0.1:443`, `[::1]:443`: fills the client's port too
	authority  // of a URL: `10.0.0.1:80` of `http://10.0.0.1:80/x`
	cluster    // Envoy's: `reviews` of `outbound|9080||reviews`
	routeKey   // `GET /pets/{id}` without its method
	methodCode // Gravitee's number of a method, or its name
	trace      // what carries a trace id: traceparent, X-Amzn-Trace-Id, b3, uber-trace-id …
	verdict    // of a cache: HIT-CLUSTER is a HIT; true and false
	secure     // yes or no: the scheme is https or http

	requestLine // method, URL and protocol, of which each fills what no other key does
	origin      // a URL, whose scheme and host do the same
	vhost       // a virtual host, which does the same for service and domain

	keep0 // for the schema's finish
	keep1
	forms

	kept = forms - requestLine
)
