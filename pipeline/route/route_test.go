package route

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

func TestAppend(t *testing.T) {
	none := &Templater{}
	some, err := New([]string{"/orders/{id}", "/orders/new", "/orders/{id}/items/{item}", "/files/{path...}", "/static/*", "/", "/a/{x}/c", "/a/b/{y}"})
	if err != nil {
		t.Fatal(err)
	}
	f := func(r *Templater, path, want string) {
		t.Helper()
		if got := string(r.Append([]byte("x"), []byte(path))); got != "x"+want {
			t.Errorf("route of %q is %q, want %q", path, got[1:], want)
		}
	}
	f(none, "", "/")
	f(none, "/", "/")
	f(none, "/a//b/", "/a//b/")
	f(none, "/v1/x2/abc/page-2", "/v1/x2/abc/page-2")
	f(none, "/orders/4711?token=x", "/orders/{id}")
	f(none, "/orders/4711#top", "/orders/{id}")
	f(none, "/order-20931/x", "/{id}/x")
	f(none, "/deadbeef/9f86d081/9f86d08", "/deadbeef/{id}/9f86d08")
	f(none, "/u/3f2504e0-4f89-41d3-9a0c-0305e82c3301", "/u/{id}")
	f(none, "/u/01ARZ3NDEKTSV4RRFFQ69G5FAV", "/u/{id}")
	f(none, "/u/a@example.com/2026-11-21/2026-1-21", "/u/{id}/{id}/2026-1-21")
	f(none, "/some-long-name-of-an-article", "/some-long-name-of-an-article")
	f(none, "/media/5907df90de13bbc6.jpg/4711.tar.gz/1.2.3/a.12345/7.mp4", "/media/{id}.jpg/4711.tar.gz/1.2.3/{id}/{id}.mp4")
	f(none, "/.hidden/12345.toolong/9.", "/.hidden/{id}/9.")
	f(none, "http://host:80/x/1", "/x/{id}")
	f(none, "http://host", "/")
	f(none, "*", "_invalid")
	f(none, "host:443", "_invalid")
	f(none, "\x16\x03\x01", "_invalid")
	f(none, strings.Repeat("/a", 14), strings.Repeat("/a", 12)+"/{rest}")
	f(none, "/"+strings.Repeat("x", 300), "/"+strings.Repeat("x", 199))
	f(some, "/orders/new", "/orders/new")
	f(some, "/orders/old", "/orders/{id}")
	f(some, "/orders/", "/orders/")
	f(some, "/orders/1/items/2?x", "/orders/{id}/items/{item}")
	f(some, "/orders/1/items", "/orders/{id}/items")
	f(some, "/files/a/b/c", "/files/{path...}")
	f(some, "/files", "/files")
	f(some, "/static/", "/static/*")
	f(some, "/a/b/c", "/a/b/{y}")
	f(some, "/a/z/c", "/a/{x}/c")
	f(some, "/", "/")
}

func TestNewErrors(t *testing.T) {
	f := func(pattern, want string) {
		t.Helper()
		if _, err := New([]string{pattern}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("New(%q): %v, want an error with %q", pattern, err, want)
		}
	}
	f("orders", "does not begin with /")
	f("/a?b", "query")
	f("/a/*/b", "last segment")
	f("/a/{x...}/b", "last segment")
	f("/a/x{id}", "whole segment")
	f("/"+strings.Repeat("x", 300), "longer than")
}

// TestDocExamples reads the table of docs/routes.md.
func TestDocExamples(t *testing.T) {
	doc, err := os.ReadFile("../../docs/routes.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile("(?m)^\\| `(.*)` \\| `(.*)` \\|$").FindAllSubmatch(doc, -1)
	if len(rows) < 5 {
		t.Fatalf("%d examples found", len(rows))
	}
	for _, row := range rows {
		if got := (&Templater{}).Append(nil, row[1]); !bytes.Equal(got, row[2]) {
			t.Errorf("%s is %s, docs say %s", row[1], got, row[2])
		}
	}
}

// slow is docs/routes.md by regular expressions.
func slow(path string) string {
	if path == "" {
		return "/"
	}
	if path[0] != '/' {
		scheme, rest, ok := strings.Cut(path, "://")
		if !ok || len(scheme) > 13 {
			return "_invalid"
		}
		if _, path, ok = strings.Cut(rest, "/"); ok {
			path = "/" + path
		} else {
			path = "/"
		}
	}
	path, _, _ = strings.Cut(path, "?")
	path, _, _ = strings.Cut(path, "#")
	id := regexp.MustCompile(`(?s)^(.*@.*|[0-9]+|.*[0-9]{5}.*|[0-9]{4}-[0-9]{2}-[0-9]{2})$`)
	hex := regexp.MustCompile(`^[0-9a-fA-F]{8,}$`)
	token := regexp.MustCompile(`^[0-9a-zA-Z_-]{20,}$`)
	var out string
	for i, s := range strings.Split(path, "/")[1:] {
		if i == 12 {
			out += "/{rest}"
			break
		}
		ext := regexp.MustCompile(`^(?s:.+?)(\.[a-zA-Z][a-zA-Z0-9]{0,4})$`).FindStringSubmatch(s)
		whole := s
		if ext != nil && !strings.Contains(s, "@") {
			s = s[:len(s)-len(ext[1])]
		}
		if id.MatchString(s) || (hex.MatchString(s) || token.MatchString(s)) && strings.ContainsAny(s, "0123456789") {
			s = "{id}" + whole[len(s):]
		} else {
			s = whole
		}
		out += "/" + s
		if len(out) > 200 {
			out = out[:200]
			break
		}
	}
	return out
}

func FuzzAppend(f *testing.F) {
	for _, s := range []string{
		"/", "/a/1", "/x?y", "/9f86d081/@/01ARZ3NDEKTSV4RRFFQ69G5FAV", "http://h/1", "*", "/2026-11-21/\xff\n.;|",
		"/api/v1/orders/7193230/label", "/a_b-c/deadbeef/x?1/2", "/1/2/3/4/5/6/7/8/9/0/1/2/3", "/0123456789abcdef0123/\x7f1.\xad2/z.jpg",
	} {
		f.Add(s)
	}
	none := &Templater{}
	f.Fuzz(func(t *testing.T, path string) {
		want := slow(path)
		if got := string(none.Append(nil, []byte(path))); got != want {
			t.Errorf("route of %q is %q, by the reference %q", path, got, want)
		}
		if path == "" || path[0] != '/' {
			return
		}
		if got := string(appendLong(nil, []byte(path))); got != want {
			t.Errorf("route of %q is %q byte by byte, by the reference %q", path, got, want)
		}
	})
}

func TestAppendAllocatesNothing(t *testing.T) {
	r, _ := New([]string{"/orders/{id}"})
	dst, path := make([]byte, 0, 300), []byte("/api/v1/orders/4711/items?x=1")
	if n := testing.AllocsPerRun(100, func() { dst = r.Append(dst[:0], path) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkAppend(b *testing.B) {
	r := &Templater{}
	dst, path := make([]byte, 0, 300), []byte("/api/v1/orders/4711/items?x=1")
	b.ReportAllocs()
	for b.Loop() {
		dst = r.Append(dst[:0], path)
	}
}

// BenchmarkShort is paths as most logs have them, and the loop over bytes that longer paths take.
func BenchmarkShort(b *testing.B) {
	var paths [][]byte
	for i := range 4000 {
		n := i * 7919 % 9000011
		for _, format := range []string{"/api/v1/orders/%d/label", "/api/v1/products/%d", "/api/v2/carts/d345313d-e3b1-4675-%04x", "/media/images/%016x.jpg"} {
			paths = append(paths, fmt.Appendf(nil, format, n))
		}
		paths = append(paths, []byte("/oauth/token"), []byte("/api/v1/payments"))
	}
	dst := make([]byte, 0, 300)
	f := func(name string, of func(dst, path []byte) []byte) {
		b.Run(name, func(b *testing.B) {
			for n := 0; b.Loop(); n++ {
				dst = of(dst[:0], paths[n*31%len(paths)])
			}
		})
	}
	f("words", (&Templater{}).Append)
	f("bytes", appendLong)
}
