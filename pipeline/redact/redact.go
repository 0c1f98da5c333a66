// Package redact keeps secrets and, when asked, persons out of everything that leaves: metrics, records, dead letters, logs.
//
// Secrets are masked in the raw line before it is parsed, in place and byte for byte, so that whatever is later cut out of
// the line agrees. Addresses and users are changed in the record; the raw line then does not leave at all.
package redact

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"unsafe"

	"github.com/gatemeter/gatemeter/pipeline/record"
)

// Config says what to redact.
type Config struct {
	Query     []string // names of query parameters and JSON members whose values are masked, in any case
	Addresses string   // keep, truncate (IPv4 to /24, IPv6 to /48) or hash
	Users     string   // keep, drop or hash
	Salt      []byte   // of the hashes: whoever has it can try names
}

// DefaultNames are the names that are masked unless the config says otherwise.
func DefaultNames() []string {
	return []string{
		"token", "access_token", "id_token", "refresh_token", "auth_token", "password", "passwd", "pwd", "secret", "client_secret",
		"api_key", "apikey", "api-key", "x-api-key", "auth", "authorization", "signature", "sig", "session", "sessionid", "session_id",
		"jwt", "x-amz-signature", "x-amz-security-token",
	}
}

// Redactor redacts. It is not changed by use: any number of goroutines may share it.
type Redactor struct {
	names     [maxName + 1][][]byte // lower case, by length
	any       bool
	addresses string
	users     string
	salt      []byte
}

// maxName is the longest name that can be masked, in bytes.
const maxName = 40

// New returns a Redactor for c.
func New(c Config) (*Redactor, error) {
	r := &Redactor{addresses: c.Addresses, users: c.Users, salt: c.Salt}
	for _, n := range c.Query {
		if n == "" || len(n) > maxName {
			return nil, fmt.Errorf("redact %.200q: a name has 1 to %d bytes", n, maxName)
		}
		r.names[len(n)] = append(r.names[len(n)], []byte(strings.ToLower(n)))
		r.any = true
	}
	if !slices.Contains([]string{"", "keep", "truncate", "hash"}, c.Addresses) {
		return nil, fmt.Errorf("redact addresses %.200q: keep, truncate and hash are known", c.Addresses)
	}
	if !slices.Contains([]string{"", "keep", "drop", "hash"}, c.Users) {
		return nil, fmt.Errorf("redact users %.200q: keep, drop and hash are known", c.Users)
	}
	return r, nil
}

// HidesLines reports whether raw lines must not leave, because they hold addresses or users that are changed.
func (r *Redactor) HidesLines() bool {
	return r.addresses == "truncate" || r.addresses == "hash" || r.users == "drop" || r.users == "hash"
}

// Line masks the values of secrets in a raw line with `*`, in place. A line without `?` that is no JSON costs one search for
// it. In any line `name=value` after `?`, `&` or `;` is a parameter; in a line of JSON `"name":"value"` is one too.
func (r *Redactor) Line(line []byte) {
	if !r.any || len(line) == 0 {
		return
	}
	json := line[0] == '{' || line[0] == '['
	start := 0
	if !json {
		if start = bytes.IndexByte(line, '?'); start < 0 {
			return
		}
	}
	for i := start; i < len(line); {
		n := bytes.IndexByte(line[i:], '=')
		if n < 0 {
			break
		}
		i += n
		if from := nameStart(line, i); from >= 0 && r.secret(line[from:i]) {
			i = maskParameter(line, i+1)
			continue
		}
		i++
	}
	if json {
		r.members(line)
	}
}

// nameStart returns where the parameter name that ends before i begins, -1 when it does not follow `?`, `&` or `;`.
func nameStart(line []byte, i int) int {
	for j := i - 1; j >= 0 && i-j <= 3*maxName; j-- {
		switch line[j] {
		case '?', '&', ';':
			return j + 1
		case ' ', '"', '/':
			return -1
		case '6': // JSON may write & as \u0026
			if j >= 5 && string(line[j-5:j+1]) == `\u0026` {
				return j + 1
			}
		}
	}
	return -1
}

// secret reports whether name, which may be percent-encoded, is to be masked.
func (r *Redactor) secret(name []byte) bool {
	var b [maxName]byte
	n := 0
	for i := 0; i < len(name); i++ {
		c := name[i]
		if c == '%' && i+2 < len(name) {
			if hi, lo := unhex(name[i+1]), unhex(name[i+2]); hi >= 0 && lo >= 0 {
				c = byte(hi<<4 | lo)
				i += 2
			}
		}
		if n == maxName {
			return false
		}
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		b[n] = c
		n++
	}
	for _, k := range r.names[n] {
		if string(k) == string(b[:n]) {
			return true
		}
	}
	return false
}

func unhex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// maskParameter masks a value that begins at i and returns where it ends: at what can follow a parameter in a log.
func maskParameter(line []byte, i int) int {
	for ; i < len(line); i++ {
		switch line[i] {
		case '&', ';', ' ', '"', '#', '\t', '<', '>':
			return i
		case '\\': // an escape: \x22 and \" end the value, \u0026 is the next parameter
			return i
		}
		line[i] = '*'
	}
	return i
}

// members masks the string values of secret members of a JSON line.
func (r *Redactor) members(line []byte) {
	for i := 0; i < len(line); {
		n := bytes.IndexByte(line[i:], '"')
		if n < 0 {
			return
		}
		from := i + n + 1
		to := stringEnd(line, from)
		i = to + 1
		if to >= len(line) || !r.secret(line[from:to]) {
			continue
		}
		v := skipSpace(line, to+1)
		if v >= len(line) || line[v] != ':' {
			continue
		}
		v = skipSpace(line, v+1)
		inList := v < len(line) && line[v] == '['
		if inList {
			v = skipSpace(line, v+1)
		}
		for v < len(line) && line[v] == '"' {
			end := stringEnd(line, v+1)
			for j := v + 1; j < end; j++ {
				line[j] = '*'
			}
			i = min(end+1, len(line))
			if v = skipSpace(line, i); !inList || v >= len(line) || line[v] != ',' {
				break
			}
			v = skipSpace(line, v+1)
		}
	}
}

// stringEnd returns where the quote is that ends the JSON string whose first byte is at i.
func stringEnd(line []byte, i int) int {
	for i < len(line) && line[i] != '"' {
		if line[i] == '\\' {
			i++
		}
		i++
	}
	return min(i, len(line))
}

func skipSpace(line []byte, i int) int {
	for i < len(line) && (line[i] == ' ' || line[i] == '\t') {
		i++
	}
	return i
}

// Record changes addresses and users as asked for. What it makes is appended to arena, which it returns: the record's fields
// point into it.
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

// truncate clears the last byte of an IPv4 address, all but the first six of an IPv6 one, and what is no address whole.
func truncate(field *[]byte, arena []byte) []byte {
	v := *field
	if len(v) == 0 {
		return arena
	}
	*field = nil
	a, err := netip.ParseAddr(unsafe.String(unsafe.SliceData(v), len(v))) // keeps nothing of it but a zone, which goes
	if err != nil {
		return arena
	}
	a = a.Unmap().WithZone("")
	bits := 24
	if a.Is6() {
		bits = 48
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
