package field

import (
	"bytes"

	"github.com/gatemeter/gatemeter/pipeline/record"
)

// SplitPort takes `:443` off an address. An IPv6 address may stand in brackets, and where it does not, what follows its last
// colon is the port: the formats that write addresses with ports always write one. port is nil when there is none.
func SplitPort(a []byte) (host, port []byte) {
	if len(a) > 0 && a[0] == '[' {
		i := bytes.IndexByte(a, ']')
		if i < 0 {
			return a, nil
		}
		host, a = a[1:i:i], a[i+1:]
		if len(a) > 1 && a[0] == ':' {
			return host, a[1:]
		}
		return host, nil
	}
	i := bytes.LastIndexByte(a, ':')
	if i < 0 || len(a)-i > len(":65535") {
		return a, nil
	}
	for _, c := range a[i+1:] {
		if c < '0' || c > '9' {
			return a, nil
		}
	}
	return a[:i:i], a[i+1:]
}

// client reads an address with a port into ClientAddress and ClientPort, unless there is an address already. `-`, before the
// colon, is none.
func client(r *record.Record, v []byte) {
	if len(r.ClientAddress) > 0 {
		return
	}
	host, port := SplitPort(v)
	if !Absent(host) {
		r.ClientAddress = host
	}
	if len(port) > 0 {
		_ = number(r, record.ClientPort, port) // one that is none is left aside
	}
}

// maxAddresses bounds how many addresses of a list are looked at.
const maxAddresses = 32

// Forwarder returns the client of a list as X-Forwarded-For has it: the first that is public, else the first, nil when there is
// none. Commas and spaces separate them, quotes are left aside.
func Forwarder(list []byte) []byte {
	var first []byte
	for n := 0; len(list) > 0 && n < maxAddresses; n++ {
		i := bytes.IndexAny(list, ", ")
		if i < 0 {
			i = len(list)
		}
		if a := bytes.Trim(list[:i:i], `"`); len(a) > 0 && !Absent(a) {
			if Public(a) {
				return a
			}
			if first == nil {
				first = a
			}
		}
		list = list[min(i+1, len(list)):]
	}
	return first
}

// Public reports whether a is an address of the public internet: not private, loopback, link-local or shared (RFC 1918, 4193,
// 6598).
func Public(a []byte) bool {
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

// authority returns the host and port of a URL; what has no scheme is one already.
func authority(v []byte) []byte {
	if i := SchemeEnd(v); i >= 0 {
		v = v[i+3:]
		if j := bytes.IndexByte(v, '/'); j > 0 {
			v = v[:j:j]
		}
	}
	return v
}
