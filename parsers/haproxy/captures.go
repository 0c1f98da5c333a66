package haproxy

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/gatemeter/gatemeter/parsers/field"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// maxCaptures bounds how many headers of a group are looked at.
const maxCaptures = 32

// NewCaptures returns the places of a config's fields, by names of the form `request.1` and `response.1`, counted from 1 in the
// order of the configuration's `capture` lines.
func NewCaptures(fields map[string]field.Op) (*Captures, error) {
	c := &Captures{}
	for name, op := range fields {
		group, number, _ := strings.Cut(name, ".")
		i, err := strconv.Atoi(number)
		if err != nil || i < 1 || i > maxCaptures || group != "request" && group != "response" {
			return nil, fmt.Errorf("fields: %.200q is no captured header: they are request.1 to request.%d and response.1 to response.%d", name, maxCaptures, maxCaptures)
		}
		if group == "request" {
			c.request = append(c.request, capture{i - 1, op})
		} else {
			c.response = append(c.response, capture{i - 1, op})
		}
	}
	return c, nil
}

// captured reads a group of captured headers, `1wt.eu||curl`. A value that is not what its place asks for is left aside: clients
// write it.
func (p *Parser) captured(r *record.Record, group int, v []byte) {
	captures := p.captures.request
	if group > 0 {
		captures = p.captures.response
	}
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
			p.reader.Take(r, &captures[i].op, p.plain(value[:len(value):len(value)]))
		}
	}
}
