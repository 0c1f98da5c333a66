package kong

import (
	"bytes"

	"github.com/gatemeter/gatemeter/parsers/field"
	"github.com/gatemeter/gatemeter/parsers/jsonscan"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// Reading a line whose secrets have not been masked, as if they had been.
//
// What Extract takes is JSON in which no character is written by its number. Masking such a line leaves alone
// where strings, objects and arrays begin and end, and changes two things: in a string, what follows an equals sign or a colon
// of that string; and what belongs to a member with a secret's name, or to the member `value` of a pair. So a string is
// what it would be if masked, when no key on the way to it has such a name and no sign is in it. A key that is masked has a sign in it, and
// is none of those that are looked for, before or after. Whatever else a line is, it is left to be masked.

// bare is what a Parser knows about bare lines.
type bare struct {
	fields record.FieldSet
	texts  []text // wanted that are one value each
}

// text is a field that is one value.
type text struct {
	field record.Field
	id    int
}

// single is the fields that are one value. It is never written.
var single = []text{
	{record.ClientAddress, vClientIP},
	{record.Method, vMethod},
	{record.UserAgent, vUserAgent},
	{record.Referrer, vReferer},
	{record.TLSCipher, vTLSCipher},
	{record.Cache, vCache},
}

// ofURL is the fields that come from the URLs. It is never written.
var ofURL = record.Fields(record.URL, record.Path, record.Query, record.Scheme, record.Domain)

// notBare is the fields that ParseBare does not read.
var notBare = record.Fields(record.Line)

// Bare prepares for ParseBare, see pipeline.BareParser.
func (p *Parser) Bare(fields record.FieldSet, masks func(member string) bool) bool {
	if fields.Any(notBare) || anyMasked(keys, masks) {
		return false
	}
	p.bare = bare{fields: fields}
	for _, t := range single {
		if fields.Has(t.field) {
			p.bare.texts = append(p.bare.texts, t)
		}
	}
	return true
}

// anyMasked reports whether a key that is looked for has a name that is masked. `session` has one; lines with it are of streams, and
// are not read bare.
func anyMasked(keys []jsonscan.Key, masks func(member string) bool) bool {
	for i := range keys {
		if k := &keys[i]; k.Name != "session" && masks(k.Name) || anyMasked(k.Keys, masks) {
			return true
		}
	}
	return false
}

// ParseBare reads lines in which secrets have not been masked, and fails those that have to be.
func (p *Parser) ParseBare(recs []record.Record) {
	for i := range recs {
		if r := &recs[i]; !p.ReadBare(r) {
			r.Fail(record.Unexpected, -1)
		}
	}
}

// ReadBare is ParseBare for one record. It returns false when the line has to be masked.
func (p *Parser) ReadBare(r *record.Record) (ok bool) {
	v, fields := &p.values, p.bare.fields
	if !p.scan.Extract(r.Line, p.trail, v[:]) || v[vSession].Kind != jsonscan.Nothing || !p.numbers(r) || r.TimeNanos == 0 {
		return false
	}
	if d := &v[vDuration]; d.Kind == jsonscan.String || d.Kind == jsonscan.Number && r.Line[d.Start-3] != 't' { // "request":
		return false
	}
	status, ok := p.plain(vUpstreamStatus)
	if !ok || p.reader.Take(r, &upstreamStatus, status) != record.None {
		return false
	}
	if v[vTries].Kind == jsonscan.Array {
		if v[vTryPort].Kind > jsonscan.Number {
			return false
		}
		tried(r, v[vTries].End)
	}
	for i := range p.bare.texts {
		t := &p.bare.texts[i]
		if *r.Text(t.field), ok = p.plain(t.id); !ok {
			return false
		}
	}
	if fields.Has(record.Service) {
		if r.Service, ok = p.firstPlain(vServiceName, vServiceHost, vServiceID); !ok {
			return false
		}
	}
	if fields.Has(record.Route) {
		if r.Route, ok = p.firstPlain(vRouteName, vRouteID); !ok {
			return false
		}
	}
	if fields.Has(record.Consumer) {
		if r.Consumer, ok = p.firstPlain(vUsername, vCustomID, vConsumerID); !ok {
			return false
		}
	}
	if fields.Has(record.User) {
		if r.User, ok = p.firstPlain(vUsername, vCustomID); !ok {
			return false
		}
	}
	if !p.bareIDs(r) {
		return false
	}
	if (fields.Any(ofURL) || fields.Has(record.Route) && len(r.Route) == 0) && !p.bareURL(r) {
		return false
	}
	r.Kind = "kong"
	arena := p.scan.Arena()
	*arena = field.Finish(r, *arena)
	return true
}

// bareIDs reads what only records have, in the ways it is mostly written.
func (p *Parser) bareIDs(r *record.Record) (ok bool) {
	v, fields := &p.values, p.bare.fields
	if fields.Has(record.RequestID) {
		if r.RequestID, ok = p.firstPlain(vRequestID, vCorrelationID); !ok {
			return false
		}
	}
	if fields.Has(record.TraceID) {
		if r.TraceID, ok = p.plain(vTraceID); !ok || v[vTraceID].Kind == jsonscan.Object {
			return false
		}
	}
	if fields.Has(record.TLSVersion) {
		version, ok := p.plain(vTLSVersion)
		if !ok || p.reader.Take(r, &tlsVersion, version) != record.None {
			return false
		}
	}
	if fields.Has(record.UpstreamAddress) {
		ip, ok := p.plain(vTryIP)
		if !ok || v[vTryPort].Kind > jsonscan.Number {
			return false
		}
		p.upstream(r, ip, p.scan.TextOf(&v[vTryPort]))
	}
	return true
}

// bareURL reads what comes from the URLs. Behind a question mark there often is a sign, and seldom anything that is wanted.
func (p *Parser) bareURL(r *record.Record) bool {
	fields := p.bare.fields
	uri, ok := p.bareText(vURI)
	if !ok {
		return false
	}
	upTo := len(uri)
	if i := bytes.IndexByte(uri, '?'); i > 0 && uri[0] == '/' && !fields.Any(record.Fields(record.URL, record.Query)) {
		upTo = i // the path
	}
	if !jsonscan.Plain(uri[:upTo]) {
		return false
	}
	r.URL = uri
	if fields.Has(record.Domain) {
		host, ok := p.plain(vHost)
		if !ok {
			return false
		}
		p.reader.Take(r, &domain, host)
	}
	if len(uri) == 0 || fields.Any(record.Fields(record.Domain, record.Scheme)) {
		url, ok := p.bareText(vURL)
		if !ok {
			return false
		}
		if i := bytes.IndexByte(url, '?'); i > farthestScheme && len(uri) > 0 {
			url = url[:i] // scheme and host are before it
		}
		if !jsonscan.Plain(url) {
			return false
		}
		field.Origin(r, url)
		if len(uri) == 0 {
			r.URL = url
		}
	}
	return true
}

// farthestScheme is the bytes of a URL that Origin looks for the end of a scheme in, and more.
const farthestScheme = 20

// firstPlain returns the first text of values that is not empty. ok is false when one up to it is not plain.
func (p *Parser) firstPlain(ids ...int) (v []byte, ok bool) {
	for _, id := range ids {
		if v, ok = p.plain(id); !ok || len(v) > 0 {
			return v, ok
		}
	}
	return nil, true
}

// plain returns the text of a value, nil when it is no string. ok is false when masking might change it.
func (p *Parser) plain(id int) (v []byte, ok bool) {
	value := &p.values[id]
	if value.Kind == jsonscan.Nothing {
		return nil, true
	}
	v, ok = p.bareText(id)
	return v, ok && jsonscan.Plain(v)
}

// bareText is textOf, but for lists.
func (p *Parser) bareText(id int) (v []byte, ok bool) {
	value := &p.values[id]
	if value.Kind == jsonscan.String {
		return p.scan.TextOf(value), true
	}
	return nil, value.Kind != jsonscan.Array
}
