package field

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatemeter/gatemeter/pipeline/record"
)

// TestSchemeEnd: it finds what bytes.Index does.
func TestSchemeEnd(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 200_000 {
		v := make([]byte, r.IntN(22))
		for i := range v {
			v[i] = ":/a"[r.IntN(3)]
		}
		if got, want := SchemeEnd(v), bytes.Index(v[:min(len(v), 16)], []byte("://")); got != want {
			t.Fatalf("in %q at %d, want %d", v, got, want)
		}
	}
	if got := SchemeEnd([]byte("https://host/")); got != 5 {
		t.Errorf("at %d", got)
	}
}

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
