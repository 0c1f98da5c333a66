package program

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatemeter/gatemeter/parsers/escape"
	"github.com/gatemeter/gatemeter/parsers/field"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// numbers is a format of all kinds of fields that are nearly always plain digits, and ends in one.
func numbers(t testing.TB) *Program {
	op := func(action field.Action, f record.Field, unit field.Unit, literal string) Op {
		return Op{Op: field.Op{Action: action, Field: f, Unit: unit}, Literal: literal, Name: f.String()}
	}
	p := &Program{Name: "numbers", Kind: "numbers", Escape: escape.Hex, Ops: []Op{
		op(field.TimeEpoch, record.Time, 0, " "),
		op(field.Number, record.Status, 0, " "),
		op(field.Octets, record.ResponseBodyBytes, 0, " x"),
		op(field.Span, record.Duration, field.Seconds, `"`),
		op(field.Span, record.GatewayDuration, field.Milliseconds, " - "),
		op(field.NumberLast, record.UpstreamStatus, 0, " "),
		op(field.Number, record.RequestBytes, 0, "a b c d e f"),
		op(field.Span, record.RequestBodyBytes, field.Nanoseconds, "4"),
		op(field.Number, record.ClientPort, 0, " "),
		op(field.SpanSum, record.UpstreamDuration, field.Seconds, ""),
	}}
	for i := range p.Ops {
		op := &p.Ops[i]
		if op.Action.IsList() {
			op.List()
			op.Tries = true
		}
		op.Padded = op.Field == record.Status
	}
	if err := p.Seal(); err != nil {
		t.Fatal(err)
	}
	return p
}

// FuzzPlain reads lines with and without the look for plain digits.
func FuzzPlain(f *testing.F) {
	for _, s := range []string{
		`1 200 5 x0.5"3 - 200 7a b c d e f3465535 0.25`,
		`1  200 5 x0.5"3 - 200, 502 7a b c d e f3465535 0.25, 0.5 : 1`,
		`1 1000 5 x0.5"3 - 200 7a b c d e f3465535 0.25`,
		`1 - - x-"- - - -a b c d e f-4- -`,
		`1 12345678 99999999999999999999 x1.2.3"3. - 200 : 200 7a b c d e f34 65536 1.`,
		`1 200\x20 5 x0.1234567"3.1234567 - 200 : 5 7a b c d e f341 x`,
		`1 200 5 x0.5"3 - 200 : 7a b c d e f341 .5`,
	} {
		f.Add([]byte(s))
	}
	quick, slow := NewParser(numbers(f)).BySearch(), NewParser(numbers(f)).BySearch()
	for i := range slow.program.Ops {
		slow.program.Ops[i].kind = notPlain
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		read := func(p *Parser) (r record.Record) {
			r.Reset()
			r.Line = line
			p.Read(&r)
			return r
		}
		got, want := read(quick), read(slow)
		if want.Reason != record.None { // nothing else need be right
			got = record.Record{Line: got.Line, Reason: got.Reason, Column: got.Column}
			want = record.Record{Line: want.Line, Reason: want.Reason, Column: want.Column}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q:\n%s", line, diff)
		}
	})
}

func TestPlain(t *testing.T) {
	p := numbers(t)
	var plain []string
	for i := range p.Ops {
		if p.Ops[i].kind != notPlain {
			plain = append(plain, p.Ops[i].Name)
		}
	}
	want := []string{
		"http.response.status_code", "http.response.body.bytes", "event.duration", "gateway.duration", "gateway.upstream.status_code",
		"http.request.bytes", "source.port", "gateway.upstream.duration",
	}
	if diff := cmp.Diff(want, plain); diff != "" {
		t.Error(diff)
	}
	var r record.Record
	r.Reset()
	r.Line = []byte(`1 200 5 x0.5"3 - 502 7a b c d e f3465535 0.25`)
	NewParser(p).BySearch().Read(&r)
	f := func(field record.Field, want int64) {
		t.Helper()
		if got := r.Number(field); got != want {
			t.Errorf("%s is %d, want %d", field, got, want)
		}
	}
	if r.Reason != record.None {
		t.Errorf("%s in column %d", r.Reason, r.Column)
	}
	f(record.Status, 200)
	f(record.ResponseBodyBytes, 5)
	f(record.Duration, 500e6)
	f(record.GatewayDuration, 3e6)
	f(record.UpstreamStatus, 502)
	f(record.RequestBytes, 7)
	f(record.ClientPort, 65535)
	f(record.UpstreamDuration, 250e6)
	f(record.Tries, 1)
}

// TestFollows looks for literals of all lengths in all places, with one byte changed and without.
func TestFollows(t *testing.T) {
	line := []byte(`" "0123456789abcdef" - [x] "`)
	for n := range 12 {
		for at := range len(line) - n + 1 {
			for change := range n + 1 {
				literal := append(line[at:at+n:at+n], 0)
				literal[change] ^= 1
				p := &Program{Ops: []Op{{Op: field.Op{Action: field.TimeISO}, Literal: string(literal[:n]), Length: 1}}}
				if err := p.Seal(); err != nil {
					t.Fatal(err)
				}
				if got, want := p.Ops[0].follows(line, at, at+n), change == n; got != want {
					t.Errorf("%q follows at %d of %q: %v", literal[:n], at, line, got)
				}
			}
		}
		p := &Program{Ops: []Op{{Op: field.Op{Action: field.TimeISO}, Literal: string(make([]byte, n+1)), Length: 1}}}
		if err := p.Seal(); err != nil {
			t.Fatal(err)
		}
		if p.Ops[0].follows(line, len(line)-n, len(line)+1) {
			t.Errorf("%d zeros follow behind the line's end", n+1)
		}
	}
}
