package jsonlog

import (
	"bytes"

	"github.com/gatemeter/gatemeter/parsers/field"
	"github.com/gatemeter/gatemeter/parsers/stamp"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// special reads the forms that are texts with something in or around them.
func special(r *record.Record, t *target, v []byte) record.Reason {
	switch t.as {
	case last:
		v = field.Last(v)
	case forwarded:
		v = field.Forwarder(v)
	case address:
		v, _ = splitPort(v)
	case authority:
		v = authorityOf(v)
	case cluster:
		v = v[bytes.LastIndexByte(v, '|')+1:]
	case routeKey:
		v = v[bytes.IndexByte(v, ' ')+1:]
	case methodCode:
		if n, ok := stamp.Int(v); ok {
			if v = nil; n >= 0 && int(n) < len(methods) {
				v = methods[n]
			}
		}
	case trace:
		v = traceID(v)
	case verdict:
		v = verdictOf(v)
	case secure:
		switch string(v) {
		case "true", "on", "1", "yes", "https", "HTTPS":
			v = word.https
		case "false", "off", "0", "no", "http", "HTTP":
			v = word.http
		default:
			return leftAside
		}
	}
	if field.Absent(v) {
		return leftAside
	}
	return text(r, t.to, v)
}

// word holds what is put in the place of a value. It is never written.
var word = struct{ http, https, hit, miss []byte }{[]byte("http"), []byte("https"), []byte("HIT"), []byte("MISS")}

// methods are those of Gravitee's numbers. They are never written.
var methods = [...][]byte{
	nil, []byte("CONNECT"), []byte("DELETE"), []byte("GET"), []byte("HEAD"), []byte("OPTIONS"), []byte("PATCH"), []byte("POST"),
	[]byte("PUT"), []byte("TRACE"),
}

// splitPort takes `:443` off an address. An IPv6 address with a port has brackets, which it loses.
func splitPort(v []byte) (host, port []byte) {
	i := bytes.LastIndexByte(v, ':')
	switch {
	case v[0] == '[':
		end := bytes.IndexByte(v, ']')
		if end < 0 {
			return v, nil
		}
		if i > end {
			port = v[i+1:]
		}
		return v[1:end:end], port
	case i < 0 || bytes.IndexByte(v, ':') != i:
		return v, nil
	}
	return v[:i:i], v[i+1:]
}

// authorityOf returns `10.0.0.1:80` of `http://10.0.0.1:80/x`, and what is no URL as it is.
func authorityOf(v []byte) []byte {
	i := field.SchemeEnd(v)
	if i < 0 {
		return v
	}
	v = v[i+3:]
	if end := bytes.IndexAny(v, "/?#"); end > 0 {
		v = v[:end:end]
	}
	return v[bytes.LastIndexByte(v, '@')+1:]
}

// traceID returns the trace's id of what carries one: `Root=ID;…` (X-Amzn-Trace-Id), `projects/P/traces/ID` and `ID/SPAN;o=1`
// (Google), `ID:SPAN:0:1` (Jaeger), and what field.TraceID knows.
func traceID(v []byte) []byte {
	if i := bytes.Index(v, []byte("/traces/")); i >= 0 {
		return v[i+len("/traces/"):]
	}
	if i := bytes.Index(v, []byte("Root=")); i >= 0 {
		v = v[i+len("Root="):]
		if end := bytes.IndexByte(v, ';'); end >= 0 {
			v = v[:end:end]
		}
		return v
	}
	if i := bytes.IndexAny(v, ":/"); i > 0 {
		return v[:i:i]
	}
	return field.TraceID(v)
}

// verdictOf returns what a cache did: the HIT of `HIT-CLUSTER` and `REMOTE_HIT`. A part of a hit is none.
func verdictOf(v []byte) []byte {
	switch string(v) {
	case "true":
		return word.hit
	case "false":
		return word.miss
	case "none", "NONE", "unknown", "N/A":
		return nil
	case "REMOTE_HIT", "TCP_HIT", "TCP_REMOTE_HIT":
		return word.hit
	case "TCP_MISS":
		return word.miss
	}
	for _, w := range [...][]byte{word.hit, word.miss} {
		if len(v) > len(w) && v[len(w)] == '-' && bytes.HasPrefix(v, w) {
			return w
		}
	}
	return v
}

// httpVersion returns `1.1` of `HTTP/1.1`, `2` of `HTTP/2.0`, `h2` and `2.0.0.0`; nil of what is none.
func httpVersion(v []byte) []byte {
	switch {
	case len(v) > 4 && string(v[1:4]) == "TTP" || len(v) > 4 && string(v[:4]) == "http":
		v = bytes.TrimPrefix(v[4:], []byte{'/'})
	case len(v) > 1 && v[0] == 'h':
		v = v[1:]
	}
	switch {
	case len(v) == 0 || v[0] < '0' || v[0] > '9':
		return nil
	case v[0] == '1' && len(v) > 2 && v[1] == '.', v[0] == '0' && len(v) > 2:
		return v[:3:3]
	}
	return v[:1:1]
}

// tlsVersions are by the digit behind `1.`; never written.
var tlsVersions = [...][]byte{[]byte("1.0"), []byte("1.1"), []byte("1.2"), []byte("1.3")}

// tlsVersion returns `1.2` of `TLSv1.2`, `TLS 1.2`, `tls12` and 771, nil of `none`; SSLv3 stays.
func tlsVersion(v []byte) []byte {
	if n, ok := stamp.Int(v); ok && n >= 769 && n <= 772 {
		return tlsVersions[n-769]
	}
	rest := v
	if len(v) > 3 && (string(v[:3]) == "TLS" || string(v[:3]) == "tls" || string(v[:3]) == "Tls") {
		rest = bytes.TrimLeft(v[3:], "vV _-")
	}
	switch {
	case isNone(v):
		return nil
	case len(rest) > 0 && rest[0] == '1' && rest[len(rest)-1] >= '0' && rest[len(rest)-1] <= '3' && len(rest) <= 3:
		if len(rest) == 1 {
			return tlsVersions[0]
		}
		return tlsVersions[rest[len(rest)-1]-'0']
	}
	return v
}

func isNone(v []byte) bool {
	switch string(v) {
	case "none", "NONE", "unknown", "N/A":
		return true
	}
	return false
}

// suites are TLS cipher suites by their number at IANA, those of Go's TLS stack. The table is never written.
var suites = [...]struct {
	number int64
	name   []byte
}{
	{0x1301, []byte("TLS_AES_128_GCM_SHA256")},
	{0x1302, []byte("TLS_AES_256_GCM_SHA384")},
	{0x1303, []byte("TLS_CHACHA20_POLY1305_SHA256")},
	{0xc02b, []byte("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256")},
	{0xc02c, []byte("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384")},
	{0xc02f, []byte("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256")},
	{0xc030, []byte("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384")},
	{0xcca8, []byte("TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256")},
	{0xcca9, []byte("TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256")},
	{0xc009, []byte("TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA")},
	{0xc00a, []byte("TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA")},
	{0xc013, []byte("TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA")},
	{0xc014, []byte("TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA")},
	{0x002f, []byte("TLS_RSA_WITH_AES_128_CBC_SHA")},
	{0x0035, []byte("TLS_RSA_WITH_AES_256_CBC_SHA")},
	{0x009c, []byte("TLS_RSA_WITH_AES_128_GCM_SHA256")},
	{0x009d, []byte("TLS_RSA_WITH_AES_256_GCM_SHA384")},
}

// cipherName returns the name of a cipher suite that is written as a number, and a name as it is.
func cipherName(v []byte) []byte {
	if isNone(v) {
		return nil
	}
	if n, ok := stamp.Int(v); ok {
		for i := range suites {
			if suites[i].number == n {
				return suites[i].name
			}
		}
	}
	return v
}
