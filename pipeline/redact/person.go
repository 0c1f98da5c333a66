package redact

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"

	"github.com/gatemeter/gatemeter/pipeline/address"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// HidesLines reports whether raw lines must not leave, because they hold addresses or users that are changed.
func (r *Redactor) HidesLines() bool {
	return r.addresses == "truncate" || r.addresses == "hash" || r.users == "drop" || r.users == "hash"
}

// Record changes addresses and users as asked for, and then takes rec.Line away. What it makes is appended to arena, which
// it returns: the record's fields point into it.
func (r *Redactor) Record(rec *record.Record, arena []byte) []byte {
	if !r.HidesLines() {
		return arena
	}
	rec.Line = nil
	switch r.users {
	case "drop":
		rec.User, rec.Consumer = nil, nil
	case "hash":
		arena = r.hash(&rec.User, arena)
		arena = r.hash(&rec.Consumer, arena)
	}
	switch r.addresses {
	case "truncate":
		arena = truncate(&rec.ClientAddress, arena)
	case "hash":
		arena = canonical(&rec.ClientAddress, arena)
		arena = r.hash(&rec.ClientAddress, arena)
	}
	return arena
}

// hash replaces a field by sixteen hex digits of its salted hash.
func (r *Redactor) hash(field *[]byte, arena []byte) []byte {
	if len(*field) == 0 {
		return arena
	}
	start := len(arena)
	arena = append(append(append(arena, r.salt...), 0), *field...)
	sum := sha256.Sum256(arena[start:])
	arena = hex.AppendEncode(arena[:start], sum[:8])
	*field = arena[start:len(arena):len(arena)]
	return arena
}

// canonical spells an address as all others of its kind are, so that one client has one hash.
func canonical(field *[]byte, arena []byte) []byte {
	if bytes.IndexByte(*field, ':') < 0 {
		return arena // IPv4 has one spelling
	}
	a, ok := address.Parse(*field)
	if !ok {
		return arena
	}
	start := len(arena)
	arena = a.AppendTo(arena)
	*field = arena[start:len(arena):len(arena)]
	return arena
}

// truncate clears the last byte of an IPv4 address, all but the first six of an IPv6 one, and what is no address whole.
func truncate(field *[]byte, arena []byte) []byte {
	a, ok := address.Parse(*field)
	*field = nil
	if !ok {
		return arena
	}
	bits := 48
	if a.Is4() {
		bits = 24
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return arena
	}
	start := len(arena)
	arena = p.Addr().AppendTo(arena)
	*field = arena[start:len(arena):len(arena)]
	return arena
}
