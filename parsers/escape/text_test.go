package escape

import "testing"

func TestAppendMarked(t *testing.T) {
	f := func(kind Kind, v, want string) {
		t.Helper()
		if got := string(AppendMarked(nil, []byte(v), kind)); got != want {
			t.Errorf("%q is %q, want %q", v, got, want)
		}
	}
	f(Hash, `GET /a#22b#7B#`, `GET /a"b{#`)
	f(Hash, `#2`, `#2`)
	f(Hash, `#zz`, `#zz`)
	f(Plus, `Mozilla/5.0+(a;+b)`, `Mozilla/5.0 (a; b)`)
	f(Plus, `%20`, `%20`)
	f(Percent, `Mozilla/5.0%20(a)`, `Mozilla/5.0 (a)`)
	f(Percent, `Mozilla/4.0%2520(a)`, `Mozilla/4.0 (a)`)
	f(Percent, `100%25`, `100%`)
	f(Percent, `100%`, `100%`)
	f(Percent, `%2`, `%2`)
}
