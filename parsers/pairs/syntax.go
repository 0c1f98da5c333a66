package pairs

import (
	"bytes"

	"github.com/gatemeter/gatemeter/pipeline/record"
)

// logfmt reads `key=value key="a \"b\"" flag`. A key without a value is one that is true; it fills nothing.
func (p *Parser) logfmt(r *record.Record) {
	line := r.Line
	for n, at := 0, 0; n < MaxPairs; n++ {
		for at < len(line) && line[at] <= ' ' {
			at++
		}
		if at == len(line) {
			return
		}
		start := at
		for at < len(line) && line[at] > ' ' && line[at] != '=' && line[at] != '"' {
			at++
		}
		key := line[start:at]
		if at == len(line) || line[at] <= ' ' {
			continue
		}
		if len(key) == 0 || line[at] == '"' {
			r.Fail(record.Unexpected, at)
			return
		}
		at++
		if at < len(line) && line[at] == '"' {
			end, escaped := quoteEnd(line, at+1)
			if end < 0 {
				r.Fail(record.Truncated, len(line))
				return
			}
			v := line[at+1 : end : end]
			if escaped {
				v = p.unquoted(v)
			}
			if !p.take(r, key, v, at+1) {
				return
			}
			at = end + 1
			continue
		}
		start = at
		for at < len(line) && line[at] > ' ' {
			at++
		}
		if !p.take(r, key, line[start:at:at], start) {
			return
		}
	}
}

// quoteEnd returns where the quote is that ends the value from `at` on, -1 when there is none, and whether the value has escapes.
func quoteEnd(line []byte, at int) (end int, escaped bool) {
	for i := at; i < len(line); i++ {
		switch line[i] {
		case '"':
			return i, escaped
		case '\\':
			escaped = true
			i++
		}
	}
	return -1, escaped
}

// ltsv reads `key:value`, tabs between. A value may hold colons; what has none is no pair.
func (p *Parser) ltsv(r *record.Record) {
	line := r.Line
	for n, at := 0, 0; n < MaxPairs && at < len(line); n++ {
		end := len(line)
		if i := bytes.IndexByte(line[at:], '\t'); i >= 0 {
			end = at + i
		}
		if end > at {
			colon := bytes.IndexByte(line[at:end], ':')
			if colon <= 0 {
				r.Fail(record.Unexpected, at)
				return
			}
			if !p.take(r, line[at:at+colon], line[at+colon+1:end:end], at+colon+1) {
				return
			}
		}
		at = end + 1
	}
}

var mapOpen = []byte("map[") // never written

// goMap reads `map[alias: api_id:845b path:/a b]`. Go prints the keys sorted and escapes nothing: a value ends where, behind a
// space, the next key of the mapping's Order that is in the line and its colon stand.
func (p *Parser) goMap(r *record.Record) {
	line := r.Line
	start := bytes.Index(line, mapOpen)
	if start < 0 {
		r.Fail(record.Unexpected, 0)
		return
	}
	if line[len(line)-1] != ']' {
		r.Fail(record.Truncated, len(line))
		return
	}
	at, end := start+len(mapOpen), len(line)-1
	key, value := "", 0
	for i, name := range p.mapping.Order {
		if i == MaxPairs {
			break
		}
		found := findKey(line, at, end, name)
		if found < 0 {
			continue
		}
		if key != "" && !p.pair(r, key, value, max(value, found-1)) {
			return
		}
		key, value = name, found+len(name)+1
		at = value
	}
	if key == "" {
		r.Fail(record.Unexpected, at)
		return
	}
	p.pair(r, key, value, end)
}

// findKey returns where `name:` stands in line[at:end], at the beginning or behind a space, -1 when it does not.
func findKey(line []byte, at, end int, name string) int {
	for from := at; ; {
		i := bytes.IndexByte(line[from:end], ':')
		if i < 0 {
			return -1
		}
		begin := from + i - len(name)
		if begin >= at && string(line[begin:from+i]) == name && (begin == at || line[begin-1] == ' ') {
			return begin
		}
		from += i + 1
	}
}

// pair reads what stands for key in line[from:to]: text as it is, a number as `%!s(int64=1128)`.
func (p *Parser) pair(r *record.Record, key string, from, to int) bool {
	v := r.Line[from:to:to]
	if bytes.HasPrefix(v, []byte("%!s(")) && v[len(v)-1] == ')' {
		if i := bytes.IndexByte(v, '='); i > 0 {
			v, from = v[i+1:len(v)-1:len(v)-1], from+i+1
		}
	}
	t, known := p.mapping.Keys[key]
	return !known || p.fill(r, &t, v, from)
}
