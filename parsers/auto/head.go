package auto

import (
	"bytes"

	"github.com/gatemeter/gatemeter/parsers/field"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

var dash = []byte(" - ") // never written

// head reads what stands before the time, h with the space before `[`: `client ident user `, with a virtual host or a list of
// addresses before it in some formats. It returns the virtual host as written.
func (p *Parser) head(r *record.Record, h []byte) (vhost []byte) {
	if len(h) > 6 && h[0] == '-' && h[1] == ' ' && !bytes.HasPrefix(h[1:], dash) {
		h = h[2:] // WSO2
	}
	var front, user []byte
	if i := bytes.Index(h, dash); i >= 0 { // the user after it may have spaces
		front, user = bytes.TrimRight(h[:i], " "), bytes.TrimRight(h[i+len(dash):], " ")
		if len(user) == 0 { // it was the user
			if j := bytes.LastIndexByte(front, ' '); j >= 0 {
				front = front[:j]
			}
		}
	} else {
		front, user = cutLast(bytes.TrimRight(h, " "))
		front, _ = cutLast(front) // the ident
	}
	p.reader.Take(r, &opUser, p.text(user))
	if bytes.IndexByte(front, ' ') < 0 {
		if len(front) > 0 && (len(front) > 1 || front[0] != '-') {
			r.ClientAddress = front
		}
		return nil
	}
	return p.addresses(r, front)
}

// cutLast splits h before its last word.
func cutLast(h []byte) (before, last []byte) {
	i := bytes.LastIndexByte(h, ' ')
	if i < 0 {
		return nil, h
	}
	return bytes.TrimRight(h[:i:i], " "), h[i+1:]
}

// maxAddresses bounds how many addresses of a list are looked at.
const maxAddresses = 32

// addresses reads `vhost client`, `a, b, c` (a forwarded-for list) and mixtures. Of a list the client is the first that is
// public, else the first.
func (p *Parser) addresses(r *record.Record, front []byte) (vhost []byte) {
	if i := bytes.IndexByte(front, ' '); i > 0 && front[i-1] != ',' && front[0] != '"' {
		vhost, front = front[:i:i], front[i+1:]
		p.reader.Take(r, &opVHost, withoutPort(vhost))
	}
	for n := 0; len(front) > 0 && n < maxAddresses; n++ {
		i := bytes.IndexByte(front, ' ')
		if i < 0 {
			i = len(front)
		}
		if a := bytes.Trim(front[:i:i], `",`); len(a) > 0 {
			if field.Public(a) {
				r.ClientAddress = a
				break
			}
			if r.ClientAddress == nil {
				r.ClientAddress = a
			}
		}
		front = front[min(i+1, len(front)):]
	}
	return vhost
}

// withoutPort takes `:443` off host.
func withoutPort(host []byte) []byte {
	i := bytes.LastIndexByte(host, ':')
	if i <= 0 || len(host)-i > len(":65535") {
		return host
	}
	for _, c := range host[i+1:] {
		if c < '0' || c > '9' {
			return host
		}
	}
	return host[:i:i]
}
