package field

import (
	"bytes"
	"encoding/binary"
	"math/bits"

	"github.com/gatemeter/gatemeter/pipeline/record"
)

// SplitRequest takes a request line apart: the method is all up to the first space, the protocol what follows the last one if
// it begins `HTTP/`, and the target all between, spaces included. What has no space, TLS bytes for example, is all target. A
// field that has a value already keeps it.
func SplitRequest(r *record.Record, request []byte) {
	if method, target, version := usual(request); version > 0 && request[method+1] != '-' {
		fill(&r.Method, request[:method:method])
		fill(&r.URL, request[method+1:target:target])
		if len(r.HTTPVersion) == 0 {
			r.HTTPVersion = request[target+len(" HTTP/"):][:version:version]
		}
		return
	}
	i := bytes.IndexByte(request, ' ')
	if i < 0 {
		fill(&r.URL, request)
		return
	}
	fill(&r.Method, request[:i:i])
	target := request[i+1:]
	if j := len(target) - len(" HTTP/1.1"); j >= 0 && (string(target[j:]) == " HTTP/1.1" || string(target[j:]) == " HTTP/2.0") {
		fill(&r.HTTPVersion, httpVersion(target[j+1:]))
		target = target[:j:j]
	} else if j := bytes.LastIndexByte(target, ' '); j >= 0 && isProtocol(target[j+1:]) {
		fill(&r.HTTPVersion, httpVersion(target[j+1:]))
		target = target[:j:j]
	} else if j > 0 && string(target[j+1:]) == "-" {
		target = target[:j:j] // ELB's protocol of a request it did not understand
	}
	if len(target) > 1 && target[0] == '-' && len(bytes.Trim(target, "- ")) == 0 {
		return // "- - ", WSO2's second line of a request, and "- - - ", what ELB and Envoy write of a TCP connection
	}
	fill(&r.URL, target)
}

// usual looks at a request line by words, as one is nearly always: a method of up to seven letters and ` HTTP/1.1` or ` HTTP/2.0`.
// It returns where method and target end, and how much of the protocol its version is, 0 when the line is another one.
func usual(request []byte) (method, target, version int) {
	const each = 0x0101010101010101
	target = len(request) - len(" HTTP/1.1")
	if target < 0 || request[target] != ' ' {
		return 0, 0, 0
	}
	switch binary.LittleEndian.Uint64(request[target+1:]) {
	case 'H' | 'T'<<8 | 'T'<<16 | 'P'<<24 | '/'<<32 | '1'<<40 | '.'<<48 | '1'<<56:
		version = len("1.1")
	case 'H' | 'T'<<8 | 'T'<<16 | 'P'<<24 | '/'<<32 | '2'<<40 | '.'<<48 | '0'<<56:
		version = len("2")
	}
	x := binary.LittleEndian.Uint64(request) ^ ' '*each
	if method = bits.TrailingZeros64((x-each)&^x&(0x80*each)) / 8; method == 8 || method >= target {
		return 0, 0, 0
	}
	return method, target, version
}

// fill stores v where nothing is yet.
func fill(to *[]byte, v []byte) {
	if len(*to) == 0 && !Absent(v) {
		*to = v
	}
}

func isProtocol(b []byte) bool { return len(b) > 5 && string(b[:5]) == "HTTP/" }

// Finish fills what follows from other fields where nothing else has: Path, Query, Scheme and Domain from URL, or URL from
// Path, and the gateway's own share from the two durations. arena is where a URL made of two parts goes; it is returned.
func Finish(r *record.Record, arena []byte) []byte {
	share(r)
	if len(r.URL) == 0 {
		return joinURL(r, arena)
	}
	path := r.URL
	if path[0] != '/' {
		if string(r.Method) == "CONNECT" { // its target is a host, and nothing else
			if len(r.Domain) == 0 {
				r.Domain = Host(path)
			}
			return arena
		}
		if i := SchemeEnd(path); i > 0 {
			path = splitAuthority(r, path, i)
		}
	}
	if i := bytes.IndexByte(path, '?'); i >= 0 {
		if len(r.Query) == 0 {
			r.Query = path[i+1:]
		}
		path = path[:i:i]
	}
	if len(r.Path) == 0 {
		r.Path = path
	}
	return arena
}

// FinishPath is Finish for a record in whose URL there is no question mark.
func FinishPath(r *record.Record, arena []byte) []byte {
	if len(r.URL) == 0 || r.URL[0] != '/' {
		return Finish(r, arena)
	}
	share(r)
	if len(r.Path) == 0 {
		r.Path = r.URL
	}
	return arena
}

// share fills the gateway's own share.
func share(r *record.Record) {
	if r.GatewayNanos < 0 && r.DurationNanos >= 0 && r.UpstreamNanos >= 0 {
		r.GatewayNanos = max(0, r.DurationNanos-r.UpstreamNanos)
	}
}

// Origin fills Scheme and Domain from an absolute URL where there are none.
func Origin(r *record.Record, url []byte) {
	if i := SchemeEnd(url); i > 0 {
		splitAuthority(r, url, i)
	}
}

// SchemeEnd returns where in the first 16 bytes of v `://` begins, -1 where it does not. It is a loop: where the compiler's profile has a call
// of bytes.Index put in line, what is searched for is allocated each time.
func SchemeEnd(v []byte) int {
	for i := range max(0, min(len(v), 16)-2) {
		if v[i] == ':' && v[i+1] == '/' && v[i+2] == '/' {
			return i
		}
	}
	return -1
}

// splitAuthority takes scheme and host off url, whose `://` is at i, and returns what follows.
func splitAuthority(r *record.Record, url []byte, i int) []byte {
	rest := url[i+3:]
	if len(r.Scheme) == 0 {
		r.Scheme = url[:i:i]
	}
	end := bytes.IndexAny(rest, "/?")
	if end < 0 {
		end = len(rest)
	}
	if len(r.Domain) == 0 {
		r.Domain = Host(rest[bytes.LastIndexByte(rest[:end], '@')+1 : end : end])
	}
	return rest[end:]
}

func joinURL(r *record.Record, arena []byte) []byte {
	if len(r.Query) == 0 || len(r.Path) == 0 {
		r.URL = r.Path
		return arena
	}
	start := len(arena)
	arena = append(append(append(arena, r.Path...), '?'), r.Query...)
	r.URL = arena[start:len(arena):len(arena)]
	return arena
}

// setProtocol reads a protocol: `HTTP/1.1`, `h2`, `2.0` are versions, `https` is a scheme, and what is neither is left aside.
func setProtocol(r *record.Record, v []byte) {
	if version := httpVersion(v); len(version) > 0 && version[0]-'0' <= 9 {
		r.HTTPVersion = version
		return
	}
	if string(v) == "http" || string(v) == "https" {
		fill(&r.Scheme, v)
	}
}

// httpVersion returns `1.1` of `HTTP/1.1`, `2` of `HTTP/2.0` and of `h2`.
func httpVersion(v []byte) []byte {
	if isProtocol(v) {
		v = v[5:]
	} else if len(v) == 2 && v[0] == 'h' {
		return v[1:]
	}
	if len(v) == 3 && v[1] == '.' && v[2] == '0' && v[0] > '1' {
		return v[:1:1]
	}
	return v
}

// Host returns h without its port; an IPv6 address loses its brackets too.
func Host(h []byte) []byte {
	if len(h) > 0 && h[0] == '[' {
		if i := bytes.IndexByte(h, ']'); i > 0 {
			return h[1:i:i]
		}
	}
	if i := bytes.IndexByte(h, ':'); i >= 0 && bytes.IndexByte(h[i+1:], ':') < 0 {
		return h[:i:i]
	}
	return h
}

var tls10 = []byte("1.0") // never written

// tlsVersion returns `1.2` of `TLSv1.2`, `1.0` of `TLSv1`; SSLv3 stays.
func tlsVersion(v []byte) []byte {
	if len(v) < 5 || string(v[:4]) != "TLSv" {
		return v
	}
	if len(v) == 5 && v[4] == '1' {
		return tls10
	}
	return v[4:]
}
