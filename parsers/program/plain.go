package program

import (
	"github.com/gatemeter/gatemeter/parsers/field"
	"github.com/gatemeter/gatemeter/parsers/stamp"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// plain is what a field is nearly always: digits, and behind them the literal. Then it is read while its end is looked for.
type plain uint8

const (
	notPlain  plain = iota
	isNumber        // 200
	isDecimal       // 0.250, of a unit that has decimals
)

// plainOf returns what op, at the end of the format or not, is nearly always.
func plainOf(op *Op, last bool) plain {
	if op.Length > 0 || op.address || op.Words || op.Literal == "" && !last || op.Literal != "" && inNumber(op.Literal[0]) {
		return notPlain
	}
	switch op.Action {
	case field.Number, field.Octets, field.NumberLast:
		return isNumber
	case field.Span, field.SpanSum:
		if op.Unit != field.Nanoseconds {
			return isDecimal
		}
	}
	return notPlain
}

func inNumber(c byte) bool { return '0' <= c && c <= '9' || c == '.' || c == '-' }

// plain reads the field that begins at `at` and returns where the next one begins; -1, and r as it was, when it is anything but
// plain digits: then it is to be read as any other field, which also says what is wrong with it.
func (op *Op) plain(r *record.Record, line []byte, at int) (next int) {
	var n int64
	var length int
	if op.kind == isNumber {
		n, length = stamp.LeadingInt(line, at)
	} else {
		n, length = stamp.LeadingDecimal(line, at, op.Unit.Places())
	}
	end := at + length
	next = end + len(op.Literal)
	switch {
	case length == 0 || next > len(line):
		return -1
	case op.Literal == "":
		if end < len(line) {
			return -1
		}
	case line[end] != op.Literal[0] || len(op.Literal) > 1 && string(line[end:next]) != op.Literal || op.list && field.InList(line, at, end):
		return -1
	}
	if field.SetNumber(r, op.Field, n) != record.None {
		return -1
	}
	if op.Tries && op.Action.IsList() {
		r.Tries = max(r.Tries, 1)
	}
	return next
}
