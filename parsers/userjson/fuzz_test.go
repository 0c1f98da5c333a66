package userjson

import (
	"bytes"
	"testing"

	"github.com/gatemeter/gatemeter/parsers/jsonscan"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// FuzzParse reads lines by a mapping. What is no object must fail where a scan that takes no value fails, unless a value
// before that was bad already; and a line is read alike whatever the parser has read before.
func FuzzParse(f *testing.F) {
	for _, text := range lines(f) {
		for _, line := range text {
			f.Add([]byte(line))
		}
	}
	fields := map[string]string{"a": "event.duration:ms", "a.b": "service.name", "a.b.c": "@timestamp", "http": "gateway.stage"}
	used, m := New(mapping(f, fields)), mapping(f, fields)
	f.Fuzz(func(t *testing.T, line []byte) {
		kept := bytes.Clone(line)
		r := one(used, string(line))
		if got, want := flat(one(New(m), string(line))), flat(r); got != want {
			t.Fatalf("%q is read as\n%s and as\n%s", line, want, got)
		}
		var s jsonscan.Scanner
		s.Start(line)
		for s.Next() {
		}
		reason, at := s.End()
		switch r.Reason {
		case record.BadTime, record.BadNumber:
			if reason != record.None && at < int(r.Column)-1 {
				t.Errorf("%q: %v at %d, but %v before that, at %d", line, r.Reason, r.Column-1, reason, at)
			}
		case record.None, record.NoTime:
			if reason != record.None {
				t.Errorf("%q: %v, a scan says %v at %d", line, r.Reason, reason, at)
			}
		default:
			if r.Reason != reason || int(r.Column) != at+1 {
				t.Errorf("%q: %v at %d, a scan says %v at %d", line, r.Reason, r.Column-1, reason, at)
			}
		}
		if !bytes.Equal(line, kept) {
			t.Fatalf("%q was changed", kept)
		}
	})
}
