package haproxy

import (
	"bytes"

	"github.com/gatemeter/gatemeter/parsers/field"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// connect is how a line begins that HAProxy writes of each connection where neither httplog nor tcplog is on:
//
//	Connect from 10.0.1.2:40780 to 10.0.0.1:5000 (main/HTTP)
//
// It is never written to.
var connect = []byte("Connect from ")

// connected reads such a line from the client on. It says no time, so it is a record only where it is known when it arrived.
func (p *Parser) connected(r *record.Record, c *cursor) record.Reason {
	client := c.word()
	if start := c.at; string(c.word()) != "to" || len(client) == 0 {
		c.at = start
		return record.Unexpected
	}
	c.word() // where it came in
	start := c.at
	name, _, ok := bytes.Cut(c.word(), []byte{'/'})
	switch {
	case len(name) == 0:
		return record.Truncated
	case name[0] != '(' || !ok:
		c.at = start
		return record.Unexpected
	}
	p.reader.Take(r, &opClient, client)
	if name = name[1:len(name):len(name)]; !field.Absent(name) {
		r.Service = name
	}
	if !r.TimeFromArrival() {
		c.at = -1
		return record.NoTime
	}
	return record.None
}
