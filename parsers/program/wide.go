package program

import (
	"bytes"

	"github.com/gatemeter/gatemeter/parsers/field"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// backwards reads the wide op, whose field begins at `at`, and those behind it. Of a format without escapes a client can put
// what looks like the end of its user agent into it, so the fields behind are found from the line's end, each behind the last
// place where the literal before it stands. It returns false when it has failed r.
func (p *Parser) backwards(r *record.Record, at int) bool {
	ops, line := p.program.Ops, r.Line
	end := len(line)
	for i := len(ops) - 1; ; i-- {
		op := &ops[i]
		next := end
		if end -= len(op.Literal); end < at || string(line[end:next]) != op.Literal {
			r.Fail(record.Truncated, len(line)) // it does not end as the format does
			return false
		}
		start := at
		if i > p.program.wide {
			before := ops[i-1].Literal
			n := bytes.LastIndex(line[at:end], []byte(before))
			if n < 0 {
				r.Fail(p.missing(line, at, &ops[i-1]))
				return false
			}
			start = at + n + len(before)
		}
		if op.Action != field.Skip {
			v := line[start:end:end]
			if op.Padded {
				v = bytes.Trim(v, " ")
			}
			if reason := p.reader.Take(r, &op.Op, v); reason != record.None {
				r.Fail(reason, start)
				return false
			}
		}
		if i == p.program.wide {
			return true
		}
		end = start
	}
}

// secondWord returns where the second word of `GET /pets` begins, at when the first is no method.
func secondWord(line []byte, at int) int {
	i := at
	for i < len(line) && 'A' <= line[i] && line[i] <= 'Z' {
		i++
	}
	if i > at && i+1 < len(line) && line[i] == ' ' && line[i+1] == '/' {
		return i + 1
	}
	return at
}
