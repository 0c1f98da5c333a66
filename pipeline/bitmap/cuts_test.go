package bitmap

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

// slowCuts is Cuts, byte by byte, without a bound.
func slowCuts(line []byte) (at []uint32, seen Seen) {
	quoted := false
	for i, b := range line {
		switch {
		case b == '"':
			quoted = !quoted
			at = append(at, uint32(i))
		case b == ' ' && !quoted:
			at = append(at, uint32(i))
		case b == '?':
			seen |= Question
		case b == '=':
			seen |= Equals
		case b == '\\':
			seen |= Backslash
		case b == '%' || b == '{':
			seen |= Encoding
		}
	}
	return at, seen
}

func checkCuts(t *testing.T, line []byte) {
	t.Helper()
	at, want := slowCuts(line)
	same := func(got []uint32, n int, seen Seen, how string) {
		t.Helper()
		if len(at) > MaxCuts {
			if n <= MaxCuts {
				t.Fatalf("%q has %d cuts by the %s way, want %d", line, n, how, len(at))
			}
			return
		}
		if !slices.Equal(got[:min(n, len(got))], at) {
			t.Fatalf("%q is cut at %d by the %s way, want %d", line, got[:min(n, len(got))], how, at)
		}
		if seen != want {
			t.Fatalf("%q has %04b by the %s way, want %04b", line, seen, how, want)
		}
	}
	got := make([]uint32, CutsLen)
	n, seen := Cuts(got, line)
	same(got, n, seen, "quick")
	if len(line) < 64 {
		line = append(line[:len(line):len(line)], make([]byte, 64-len(line))...)
	}
	n, seen = cutsPortable(got, line)
	same(got, n, seen, "portable")
}

// logLine is a line with all that is looked for.
const logLine = `203.0.113.7 - john [31/Mar/2021:12:04:07 +0000] "GET /a?b=c HTTP/1.1" 200 612 "https://a.example/%20b" "Mozilla/5.0 (X11; Linux)" x=1 {"a"}\`

func TestCuts(t *testing.T) {
	checkCuts(t, nil)
	for n := range len(logLine) + 1 {
		checkCuts(t, []byte(logLine[:n]))
		checkCuts(t, []byte(logLine[n:]))
		checkCuts(t, []byte(strings.Repeat(logLine, 3)[n:]))
	}
	for _, c := range []byte(" \"\\%{?=a\x00") {
		for n := range 4 * MaxCuts {
			checkCuts(t, bytes.Repeat([]byte{c}, n))
		}
		for at := range 200 {
			line := bytes.Repeat([]byte{'a'}, 200)
			line[at] = c
			checkCuts(t, line)
			line[max(at, 1)-1] = '"'
			checkCuts(t, line)
		}
	}
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
		checkCuts(t, bytes.Repeat([]byte{byte(i)}, 70))
	}
	checkCuts(t, all)
}

func TestCutsAllocateNothing(t *testing.T) {
	at := make([]uint32, CutsLen)
	line := []byte(logLine)
	if n := testing.AllocsPerRun(10, func() { Cuts(at, line); Cuts(at, line[:60]) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzCuts(f *testing.F) {
	f.Add([]byte(logLine))
	f.Add([]byte(`"`))
	f.Fuzz(func(t *testing.T, line []byte) { checkCuts(t, line) })
}

func BenchmarkCuts(b *testing.B) {
	line := []byte(logLine)
	at := make([]uint32, CutsLen)
	b.Run("quick", func(b *testing.B) {
		b.SetBytes(int64(len(line)))
		for b.Loop() {
			Cuts(at, line)
		}
	})
	b.Run("portable", func(b *testing.B) {
		b.SetBytes(int64(len(line)))
		for b.Loop() {
			cutsPortable(at, line)
		}
	})
}
