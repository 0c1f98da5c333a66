package field

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatemeter/gatemeter/pipeline/record"
)

// splitSlowly is SplitRequest without a look at the protocols that nearly all requests have.
func splitSlowly(r *record.Record, request []byte) {
	method, target, ok := bytes.Cut(request, []byte{' '})
	if !ok {
		fill(&r.URL, request)
		return
	}
	fill(&r.Method, method)
	if i := bytes.LastIndexByte(target, ' '); i >= 0 {
		if last := target[i+1:]; isProtocol(last) {
			fill(&r.HTTPVersion, httpVersion(last))
			target = target[:i]
		} else if i > 0 && string(last) == "-" {
			target = target[:i]
		}
	}
	if len(target) > 1 && target[0] == '-' && len(bytes.Trim(target, "- ")) == 0 {
		return
	}
	fill(&r.URL, target)
}

func FuzzSplitRequest(f *testing.F) {
	for _, s := range []string{
		"GET /a HTTP/1.1", "POST /a b HTTP/2.0", "GET  HTTP/1.1", " HTTP/1.1", "GET HTTP/1.1", "GET /HTTP/1.1", "- - HTTP/1.1",
		"GET /a HTTP/1.0", "GET /a HTTP/3.0", "GET /a HTTP/2", "- - - ", "", "GET / -",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, request []byte) {
		var got, want record.Record
		SplitRequest(&got, request)
		splitSlowly(&want, request)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q:\n%s", request, diff)
		}
	})
}
