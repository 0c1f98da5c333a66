package parsers

import (
	"testing"
)

// FuzzNew compiles what a user may write as a format, and reads lines by it: no panic, and a record or a reason of each line.
func FuzzNew(f *testing.F) {
	for spec := range specs() {
		f.Add(spec, "", sampleFor(spec))
		f.Add(spec[:len(spec)*2/3], "start", clf2)
	}
	f.Add("grok %{A:@timestamp} %{B}\nA %{NUMBER}\nB .*", "end", "1760097336 x")
	f.Add("LogFormat \"%t %{X-Tenant}i\"", "", "[10/Oct/2025:13:55:36 +0200] acme")
	f.Add("log_format main escape=json '$msec $request';", "", "1760097336.043 GET / HTTP/1.1")
	f.Fuzz(func(t *testing.T, spec, when, line string) {
		if len(spec) > 1024 || len(line) > 4096 || line == "" {
			return
		}
		newParser, err := New(spec, Options{Time: when})
		if err != nil {
			if len(err.Error()) > 16<<10 {
				t.Fatalf("%q: an error of %d bytes", spec, len(err.Error()))
			}
			return
		}
		p := newParser()
		checkRecord(t, spec, one(p, line))
		a := flat("", one(p, line))
		if b := flat("", one(newParser(), line)); a != b {
			t.Fatalf("%q: %q is read as\n%s and as\n%s", spec, line, a, b)
		}
	})
}
