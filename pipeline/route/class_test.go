package route

import (
	"bytes"
	"math/bits"
	"math/rand/v2"
	"testing"
)

// TestClassify looks at each byte in each place.
func TestClassify(t *testing.T) {
	for c := range 256 {
		for at := range 64 {
			p := text(bytes.Repeat([]byte("a"), 64))
			p[at] = byte(c)
			f := func(what string, got uint64, want bool) {
				t.Helper()
				bit := uint64(0)
				if want {
					bit = 1 << at
				}
				if got != bit {
					t.Errorf("%s of %q: %#x, want %#x", what, p, got, bit)
				}
			}
			class := classes[c]
			for _, classify := range []func(*text) (uint64, uint64, uint64){classify, classifyPortable} {
				slashes, digits, odd := classify(&p)
				f("slashes", slashes, c == '/')
				f("digits", digits, class == digit)
				f("odd", odd, class&(digit|other|classEnd) != 0 && c != '/')
			}
		}
	}
}

// TestKeep holds both ways against a loop over bytes, and against each other.
func TestKeep(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var key Key
	for range 2000 {
		var p, a, b, want text
		for i := range p {
			p[i], key[i] = byte(r.Uint32()), byte(r.Uint32())
		}
		k := r.Uint64() | r.Uint64()>>r.IntN(64)
		for i := range p {
			if k>>i&1 == 1 {
				want[i] = p[i]
			}
		}
		ha, hb := keep(&a, &p, k, &key), keepPortable(&b, &p, k, &key)
		if a != want || b != want || ha != hb {
			t.Fatalf("keep %#x of %q: %q, hash %#x; portable %q, hash %#x", k, p, a, ha, b, hb)
		}
		if keep(&p, &p, k, &key); p != want {
			t.Fatalf("keep %#x in place: %q, want %q", k, p, want)
		}
	}
}

// FuzzShape: two paths with one shape have one route; whatever is behind a path in memory changes nothing; the route is the
// path with {id} for each run that varies.
func FuzzShape(f *testing.F) {
	for _, s := range [][2]string{
		{"/api/v1/orders/4711", "/api/v1/orders/4712"},
		{"/api/v1/orders/7/x", "/api/v2/orders/8/x"},
		{"/a/12ab/b", "/a/12ab/c"},
		{"/x/9f86d081/2026-11-21", "/x/9f86d082/2026-11-20"},
		{"/1/2/3/4/5/6/7/8", "/8/7/6/5/4/3/2/1"},
		{"/media/5907df90de13bbc6.jpg", "/media/5907df90de13bbc7.jpg"},
		{"/page-12345/a1b2/v12", "/a\x00b/\xff\xff/11"},
		{"/ab1/1ab/0123456", "/ab1/1ab/0123457"},
		{"/a/12345x/v1/x?", "/a/x12345/1v2v/"},
	} {
		f.Add(s[0], s[1])
	}
	none, key := &Templater{}, &Key{1, 2, 3, 4, 5, 6, 7, 8, 9}
	f.Fuzz(func(t *testing.T, a, b string) {
		var shapes [2]Shape
		var hashes [2]uint64
		var routes [2]string
		var ok [2]bool
		for i, path := range []string{a, b} {
			p := []byte(path)
			hashes[i], ok[i] = none.Set(&shapes[i], p, key)
			routes[i] = string(none.Append(nil, p))
			var s Shape
			hash, again := none.Set(&s, append(p, "/1/?more of the line, of which nothing may be seen, not even a little"...)[:len(p)], key)
			if again != ok[i] || again && (s != shapes[i] || hash != hashes[i]) {
				t.Fatalf("shape of %q is %v with more behind it, %v without", p, s, shapes[i])
			}
			if !ok[i] {
				if len(p) >= minShort && len(p) <= maxShort && p[0] == '/' && !bytes.ContainsAny(p, "?#") && bytes.Count(p, []byte("/")) <= maxSegments {
					t.Fatalf("%q has no shape", p)
				}
				continue
			}
			var route []byte
			for at, v := 0, shapes[i].variable; at < len(p); {
				if v>>at&1 == 0 {
					route = append(route, p[at])
					at++
					continue
				}
				route = append(route, "{id}"...)
				at += bits.TrailingZeros64(^(v >> at))
			}
			if string(route) != routes[i] {
				t.Fatalf("route of %q is %q by its shape, %q else", p, route, routes[i])
			}
		}
		if ok[0] && ok[1] && shapes[0] == shapes[1] && (routes[0] != routes[1] || hashes[0] != hashes[1]) {
			t.Fatalf("%q and %q have one shape, but not one route: %q, %q", a, b, routes[0], routes[1])
		}
	})
}

func TestShapeAllocatesNothing(t *testing.T) {
	none, s, key, path := &Templater{}, &Shape{}, &Key{}, []byte("/api/v1/orders/4711/x.jpg")
	if n := testing.AllocsPerRun(100, func() { none.Set(s, path, key); s.SetRoute(path, key) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkShape(b *testing.B) {
	none, s, key, path := &Templater{}, &Shape{}, &Key{}, []byte("/api/v1/orders/4711/x HTTP/1.1 as a line of a log has it, with much behind")[:21]
	b.ReportAllocs()
	for b.Loop() {
		none.Set(s, path, key)
	}
}
