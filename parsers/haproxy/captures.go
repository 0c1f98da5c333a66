package haproxy

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/gatemeter/gatemeter/parsers/escape"
	"github.com/gatemeter/gatemeter/parsers/field"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// maxCaptures bounds how many headers of a group are looked at.
const maxCaptures = 32

// NewCaptures returns the places of a config's fields, by names of the form `request.1` and `response.1`, counted from 1 in the
// order of the configuration's `capture` lines.
func NewCaptures(fields map[string]field.Op) (*Captures, error) {
	c := &Captures{}
	for _, name := range slices.Sorted(maps.Keys(fields)) { // two may have one place: always the same counts then
		if !c.add(name, fields[name]) {
			return nil, fmt.Errorf("fields: %.200q is no captured header: they are request.1 to request.%d and response.1 to response.%d", name, maxCaptures, maxCaptures)
		}
	}
	return c, nil
}

// add adds the place of the captured header name, and returns false when it is no name of one.
func (c *Captures) add(name string, op field.Op) bool {
	group, number, _ := strings.Cut(name, ".")
	i, err := strconv.Atoi(number)
	if err != nil || i < 1 || i > maxCaptures {
		return false
	}
	switch group {
	case "request":
		c.request = append(c.request, capture{i - 1, op})
	case "response":
		c.response = append(c.response, capture{i - 1, op})
	default:
		return false
	}
	return true
}

// values is what both parsers need to read values.
type values struct {
	reader field.Reader
	arena  []byte // unescaped text, valid until Reset
}

// plain returns v with its escapes undone.
func (vs *values) plain(v []byte) []byte {
	if bytes.IndexByte(v, '#') < 0 {
		return v
	}
	start := len(vs.arena)
	vs.arena = escape.AppendMarked(vs.arena, v, escape.Hash)
	return vs.arena[start:len(vs.arena):len(vs.arena)]
}

// captured reads a group of captured headers, `1wt.eu||curl`. A value that is not what its place asks for is left aside: clients
// write it.
func (vs *values) captured(r *record.Record, captures []capture, v []byte) {
	for i := range captures {
		value, rest, more := bytes.Cut(v, []byte{'|'})
		for n := captures[i].i; n > 0; n-- {
			if !more {
				value = nil
				break
			}
			value, rest, more = bytes.Cut(rest, []byte{'|'})
		}
		if len(value) > 0 {
			vs.reader.Take(r, &captures[i].op, vs.plain(value[:len(value):len(value)]))
		}
	}
}

// listed is captured for the list of CLF, `"1wt.eu" "" "curl"`, quoted or not.
func (vs *values) listed(r *record.Record, captures []capture, v []byte, quoted bool) {
	for i := 0; len(v) > 0 && i < maxCaptures; i++ {
		var value []byte
		if quoted {
			value, v, _ = bytes.Cut(v[1:], []byte{'"'})
			v = bytes.TrimPrefix(v, []byte{' '})
		} else {
			value, v, _ = bytes.Cut(v, []byte{' '})
		}
		for k := range captures {
			if captures[k].i == i && len(value) > 0 {
				vs.reader.Take(r, &captures[k].op, vs.plain(value[:len(value):len(value)]))
			}
		}
	}
}
