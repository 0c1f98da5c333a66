package jsonlog

import (
	"bytes"

	"github.com/gatemeter/gatemeter/parsers/field"
	"github.com/gatemeter/gatemeter/parsers/jsonscan"
	"github.com/gatemeter/gatemeter/parsers/stamp"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// take puts the value v of the node n, which stands at where, into the fields that n fills.
func (p *Parser) take(r *record.Record, n *node, v []byte, kind jsonscan.Kind, where int) {
	if field.Absent(v) || kind == jsonscan.Nothing || string(v) == "N/A" {
		return
	}
	for i := range n.targets {
		t := &n.targets[i]
		if t.as >= requestLine {
			if kept := &p.kept[t.as-requestLine]; len(*kept) == 0 {
				*kept = v
			}
			continue
		}
		if t.to == record.NoField || t.rank >= p.ranks[t.to] {
			continue
		}
		switch reason := p.fill(r, t, v, kind); reason {
		case record.None:
			p.ranks[t.to] = t.rank
			if t.as == secondsList || t.as == last {
				field.CountTries(r, v)
			}
			if t.to == record.ClientAddress && p.ranks[record.ClientPort] == absentRank {
				r.ClientPort = portOf(t, v)
			}
		case leftAside:
			if t.to == record.Time && p.badTime < 0 {
				p.badTime = where
			}
		default:
			p.scan.Fail(reason, where)
			return
		}
	}
}

// portOf returns the port of a client whose address has been taken from v.
func portOf(t *target, v []byte) int32 {
	if t.as == address {
		_, port := splitPort(v)
		if n, ok := stamp.Int(port); ok && n > 0 && n <= 65535 {
			return int32(n)
		}
	}
	return record.Absent
}

// leftAside is what fill returns of a value that is not what its key says. It never leaves this file.
const leftAside = record.NumReasons

// fill puts v into the field of t.
func (p *Parser) fill(r *record.Record, t *target, v []byte, kind jsonscan.Kind) record.Reason {
	switch t.as {
	case plain:
	case secondsList:
		return p.list(r, t, v, kind)
	case inNanos, inMicros, inMillis, inSeconds:
		return span(r, t, v, kind)
	case last:
		if t.to.Class() == record.Count {
			if v = field.Last(v); field.Absent(v) {
				return leftAside
			}
			break
		}
		return special(r, t, v)
	default:
		return special(r, t, v)
	}
	switch t.to.Class() {
	case record.Count:
		return count(r, t.to, v, kind)
	case record.Moment:
		ns, ok := p.time(r, v, kind)
		if !ok {
			return leftAside
		}
		r.TimeNanos = ns
		return record.None
	}
	return text(r, t.to, v)
}

// text puts v into a text field.
func text(r *record.Record, to record.Field, v []byte) record.Reason {
	switch to {
	case record.Domain:
		v = field.Host(v)
	case record.HTTPVersion:
		v = httpVersion(v)
	case record.TLSVersion:
		v = tlsVersion(v)
	case record.TLSCipher:
		v = cipherName(v)
	case record.Query:
		v = bytes.TrimPrefix(v, []byte{'?'})
	}
	if len(v) == 0 {
		return leftAside
	}
	*r.Text(to) = v
	return record.None
}

// count reads a whole number, which may stand in a string or have a fraction.
func count(r *record.Record, to record.Field, v []byte, kind jsonscan.Kind) record.Reason {
	n, ok := stamp.Decimal(v, 0)
	switch {
	case !ok && kind == jsonscan.Number:
		return record.BadNumber
	case !ok || n < 0 || n == 0 && (to == record.UpstreamStatus || to == record.ClientPort): // which no upstream and no client has
		return leftAside
	case kind != jsonscan.Number && field.SetNumber(r, to, n) != record.None:
		return leftAside
	}
	return field.SetNumber(r, to, n)
}

// span reads a length of time in the unit that t names, or in its own: `0.123456s`, `1m2.5s`.
func span(r *record.Record, t *target, v []byte, kind jsonscan.Kind) record.Reason {
	ns, ok := int64(0), false
	if kind == jsonscan.String && v[len(v)-1]|0x20 == 's' {
		ns, ok = stamp.Spelled(v)
	} else {
		ns, ok = stamp.Decimal(v, int(t.as-inNanos)*3)
	}
	switch {
	case !ok && kind == jsonscan.Number:
		return record.BadNumber
	case !ok || ns < 0:
		return leftAside
	}
	r.SetNumber(t.to, ns)
	return record.None
}

// list reads a list of lengths of time in seconds, or one.
func (p *Parser) list(r *record.Record, t *target, v []byte, kind jsonscan.Kind) record.Reason {
	if kind == jsonscan.Number {
		return span(r, &target{to: t.to, as: inSeconds}, v, kind)
	}
	before := r.Number(t.to)
	r.SetNumber(t.to, record.Absent)
	if p.reader.Take(r, &field.Op{Action: field.SpanSum, Field: t.to, Unit: field.Seconds}, v) != record.None || r.Number(t.to) == record.Absent {
		r.SetNumber(t.to, before)
		return leftAside
	}
	return record.None
}

// time reads a time: Unix time in any unit, ISO 8601 or CLF's, or as Go's loggers write it.
func (p *Parser) time(r *record.Record, v []byte, kind jsonscan.Kind) (ns int64, ok bool) {
	if kind == jsonscan.Number {
		if ns, ok = stamp.Epoch(v); ok { // all nineteen digits of nanoseconds
			return ns, true
		}
		return stamp.EpochDecimal(v)
	}
	for _, zone := range utc {
		v = bytes.TrimSuffix(v, []byte(zone))
	}
	if len(v) > 10 && v[4] == '/' && v[7] == '/' && len(v) <= maxKey { // Caddy's wall clock, and Gin's with ` - ` in it
		wall := append(p.folded[:0], v[:10]...)
		wall[4], wall[7] = '-', '-'
		v = append(append(wall, ' '), bytes.TrimLeft(v[10:], " -")...)
	}
	before := r.TimeNanos
	r.TimeNanos = 0
	reason := record.BadTime
	if len(v) > 0 {
		reason = p.reader.Take(r, &anyTime, v)
	}
	ns, r.TimeNanos = r.TimeNanos, before
	return ns, reason == record.None
}

// utc are ways to say so that follow a time. They are never written, nor is anyTime.
var (
	utc     = [...]string{" UTC", "UTC", " GMT", "GMT"}
	anyTime = field.Op{Action: field.TimeAny, Field: record.Time}
)
