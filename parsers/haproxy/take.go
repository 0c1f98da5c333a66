package haproxy

import (
	"bytes"
	"net/netip"

	"github.com/gatemeter/gatemeter/parsers/escape"
	"github.com/gatemeter/gatemeter/parsers/field"
	"github.com/gatemeter/gatemeter/parsers/stamp"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// take does with an item's value what the format says. What a stranger wrote and is not what its place asks for is left aside.
func (p *Custom) take(r *record.Record, f *Format, it *item, v []byte) record.Reason {
	if it.solid && bytes.IndexByte(v, ' ') >= 0 {
		return record.Unexpected
	}
	switch it.take {
	case aside:
		return record.None
	case asTimer, asTotal, asConnect, asAnswer:
		return p.timer(r, it, v)
	case asNumber, asRetries:
		if len(v) > 1 && v[0] == '+' {
			v = v[1:]
		}
		if field.None(v) {
			return record.None
		}
		if it.take == asNumber {
			return p.reader.Take(r, &it.op, v)
		}
		n, ok := stamp.Int(v)
		if !ok || n < 0 {
			return record.BadNumber
		}
		p.retries = n
	case asFrontend:
		if n := len(v); n > 0 && v[n-1] == '~' {
			r.Scheme = https
			v = v[: n-1 : n-1]
		}
		if it.op.Field != record.NoField && !field.Absent(v) {
			r.Service = v
		}
	case asServer:
		if !field.Absent(v) && v[0] != '<' && !bytes.HasPrefix(v, []byte("-:")) { // <NOSRV>, <STATS>
			r.UpstreamAddress = v
		}
	case asState:
		if len(bytes.Trim(v, "-")) > 0 {
			r.Flags = v
		}
	case asRequestHeaders, asResponseHeaders:
		if it.escaped {
			v = p.unslashed(v)
		}
		v = bytes.TrimSuffix(bytes.TrimPrefix(bytes.Trim(v, `"`), []byte{'{'}), []byte{'}'})
		captures := f.captures.request
		if it.take == asResponseHeaders {
			captures = f.captures.response
		}
		p.captured(r, captures, v)
	case asHeaderList:
		p.listed(r, f.captures.request, v, it.quoted)
	case asHexAddress, asHexPort, asHexTime:
		return p.hex(r, it, v)
	default:
		return p.text(r, it, v)
	}
	return record.None
}

// timer reads a length of time in milliseconds; -1 is a phase that was not reached.
func (p *Custom) timer(r *record.Record, it *item, v []byte) record.Reason {
	n, ok := millis(v)
	switch {
	case !ok && !field.Absent(v):
		return record.BadNumber
	case !ok:
		n = -1
	}
	switch {
	case it.take == asConnect:
		p.connect = n
	case it.take == asAnswer:
		p.answer = n
	case it.take == asTotal && n >= 0:
		r.DurationNanos = n * milli
	}
	return record.None
}

// text reads a value that the op says all about.
func (p *Custom) text(r *record.Record, it *item, v []byte) record.Reason {
	if n := len(v); it.placed && n > 1 {
		switch {
		case field.None(v), v[0] == '<' && v[n-1] == '>' && !it.raw:
			return record.None
		case v[0] == '+' && it.op.Field.Class() != record.Text:
			v = v[1:]
		}
	}
	if len(v) > 0 && v[0] == '<' && (it.take == asRequestPart || it.take == asPath) { // <BADREQ>
		return record.None
	}
	if it.escaped {
		v = p.unslashed(v)
	}
	if it.json {
		v = p.json(v)
	}
	if it.hashed {
		v = p.plain(v)
	}
	if it.take == asPath {
		switch {
		case len(v) > 0 && v[0] == '/':
			r.Path = v
		case len(r.URL) == 0 && !field.Absent(v):
			r.URL = v
		}
		return record.None
	}
	reason := p.reader.Take(r, &it.op, v)
	if it.raw {
		return record.None
	}
	return reason
}

// unslashed returns v with the backslashes undone that +E writes before `"`, `\` and `]`.
func (p *Custom) unslashed(v []byte) []byte {
	if bytes.IndexByte(v, '\\') < 0 {
		return v
	}
	start := len(p.arena)
	for i := 0; i < len(v); i++ {
		if v[i] == '\\' && i+1 < len(v) && bytes.IndexByte([]byte(`"\]`), v[i+1]) >= 0 {
			i++
		}
		p.arena = append(p.arena, v[i])
	}
	return p.arena[start:len(p.arena):len(p.arena)]
}

// json returns v with the escapes undone that the converter json writes.
func (p *Custom) json(v []byte) []byte {
	if bytes.IndexByte(v, '\\') < 0 {
		return v
	}
	start := len(p.arena)
	p.arena = escape.Append(p.arena, v, escape.JSON)
	return p.arena[start:len(p.arena):len(p.arena)]
}

// hex reads what +X writes: 7F000001 is an address, 1F90 a port, 6B01F3E7 a time in seconds.
func (p *Custom) hex(r *record.Record, it *item, v []byte) record.Reason {
	if field.Absent(v) {
		return record.None
	}
	if len(v) > 32 || len(v)%2 != 0 {
		return record.BadNumber
	}
	var b [16]byte
	n := int64(0)
	for i, c := range v {
		d := int64(bytes.IndexByte([]byte("0123456789ABCDEF"), c))
		if d < 0 {
			return record.BadNumber
		}
		n = n<<4 | d
		b[i/2] = b[i/2]<<4 | byte(d)
	}
	switch {
	case it.take == asHexAddress && len(v) == 32:
		p.peer(r, netip.AddrFrom16(b))
	case it.take == asHexAddress && len(v) == 8:
		p.peer(r, netip.AddrFrom4([4]byte(b[:4])))
	case it.take == asHexPort && len(v) == 4:
		r.ClientPort = int32(n)
	case it.take == asHexTime && len(v) == 8:
		r.TimeNanos += n * 1e9
	default:
		return record.BadNumber
	}
	return record.None
}

func (p *Custom) peer(r *record.Record, a netip.Addr) {
	start := len(p.arena)
	p.arena = a.AppendTo(p.arena)
	if len(r.ClientAddress) == 0 {
		r.ClientAddress = p.arena[start:len(p.arena):len(p.arena)]
	}
}
