package batch

import "testing"

func TestHeaders(t *testing.T) {
	var h Headers
	f := func(offset int64, want string, holdsAt ...int64) {
		t.Helper()
		line, from, until := h.At(offset)
		if string(line) != want {
			t.Errorf("at %d the header is %q, want %q", offset, line, want)
		}
		for _, o := range holdsAt {
			if o < from || o >= until {
				t.Errorf("the header at %d does not hold at %d", offset, o)
			}
		}
	}
	f(0, "")
	h.Add(100, []byte("a"))
	h.Add(200, []byte("a")) // nothing new
	h.Add(300, []byte("c"))
	h.Add(300, []byte("b")) // in its place
	h.Add(250, []byte("d"))
	f(99, "", 0, 99)
	f(100, "a", 100, 299)
	f(299, "a")
	f(300, "b", 300, 1<<60)
	if _, from, until := h.At(150); from != 100 || until != 300 {
		t.Errorf("a holds from %d to %d", from, until)
	}
	h.Forget(200)
	f(250, "a")
	h.Forget(300)
	f(250, "")
	f(301, "b")
	line := []byte("e")
	h.Add(400, line)
	line[0] = 'x'
	f(400, "e")
}
