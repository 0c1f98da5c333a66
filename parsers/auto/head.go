package auto

import (
	"bytes"

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
			if isPublic(a) {
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

// isPublic reports whether a is an address of the public internet: not private, loopback, link-local or shared (RFC 1918, 4193,
// 6598).
func isPublic(a []byte) bool {
	if bytes.IndexByte(a, ':') >= 0 {
		a = bytes.Trim(a, "[]")
		switch {
		case len(a) < 3 || string(a) == "::1" || a[0]|0x20 == 'f' && (a[1]|0x20 == 'c' || a[1]|0x20 == 'd' || a[1]|0x20 == 'e'):
			return false
		}
		return a[0] == ':' || isHex(a[0])
	}
	var octets [4]int
	n := 0
	for i, c := range a {
		switch {
		case '0' <= c && c <= '9':
			if octets[n] = octets[n]*10 + int(c-'0'); octets[n] > 255 {
				return false
			}
		case c != '.' || n == 3 || i == 0 || a[i-1] == '.':
			return false
		default:
			n++
		}
	}
	if n != 3 || a[len(a)-1] == '.' {
		return false
	}
	switch o := octets; o[0] {
	case 0, 10, 127:
		return false
	case 100:
		return o[1]&0xC0 != 64
	case 169:
		return o[1] != 254
	case 172:
		return o[1]&0xF0 != 16
	case 192:
		return o[1] != 168
	}
	return true
}

func isHex(c byte) bool { return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f' }
