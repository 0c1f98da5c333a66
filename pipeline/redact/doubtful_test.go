package redact

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/gatemeter/gatemeter/pipeline/bitmap"
)

// TestDoubtful: no colon is left out behind a name that is read as a secret's, or as one of a pair, by who looks at each byte.
func TestDoubtful(t *testing.T) {
	parts := []string{
		"token", "oken", "TOK", "en", "key", "name", "jwt", "sig", "abc", "4pin", "pin4", "é", "ключ", "\xee", "-", "_", "--", `\`, `\\`, "%6", "%4B", "%65", "%25", "%EE", `\x6`, `\x4B`,
		`\u006`, `\u00`, `%u00`, "u", "x", "e", "F", "79", "5", `"`, "[", "]", "%5B", `\x5b`, "{", ",", "|", "@", "a", "s", "headers", "enabled", "content-type", "created_at", "\x7f", "\xff",
	}
	random := rand.New(rand.NewPCG(7, 8))
	left, all := 0, 0
	for _, r := range quickLists(t) {
		for range 100_000 {
			line := []byte{}
			for range 1 + random.IntN(8) {
				line = append(line, parts[random.IntN(len(parts))]...)
			}
			n := len(line)
			line = append(line, `":}`...)
			s := signs{line: line, r: r, json: true}
			all++
			if s.find(0); s.where[(n+1)/64]>>((n+1)%64)&1 != 0 {
				left++
				continue
			}
			if r.maySecretEnd(line, n) && r.readBackwards(line, n) >= 0 || bytes.HasSuffix(line[:n], []byte("key")) || bytes.HasSuffix(line[:n], []byte("name")) {
				t.Fatalf("%q", line)
			}
		}
	}
	if all-left < 10_000 {
		t.Errorf("%d of %d names are doubtful", left, all)
	}
}

// Of the names that Kong writes few are doubtful: else nothing is gained.
func TestDoubtfulOfKong(t *testing.T) {
	r := redactor(t, Config{Query: DefaultNames()})
	names, doubtful := 0, []string(nil)
	for i := 9; i < len(kongLine); i++ {
		if kongLine[i] == ':' && kongLine[i-1] == '"' {
			if names++; r.doubtful([]byte(kongLine), i, 1) != 0 {
				doubtful = append(doubtful, kongLine[i-9:i])
			}
		}
	}
	if names < 50 || len(doubtful) > names/6 {
		t.Errorf("of %d names %d are doubtful: %q", names, len(doubtful), doubtful)
	}
}

// TestReadPlain: it says what readBackwards does.
func TestReadPlain(t *testing.T) {
	parts := []string{"token", "key", "api", "_", "-", "x", "u", "22", "25", "7", "c", "TOKEN", "é", `"`, `"`, `\`, "%", "%22", "[", " ", "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz"}
	random := rand.New(rand.NewPCG(9, 10))
	read := 0
	for _, r := range quickLists(t) {
		for range 50_000 {
			var line []byte
			for range 1 + random.IntN(6) {
				line = append(line, parts[random.IntN(len(parts))]...)
			}
			got, ok := r.readPlain(line, len(line))
			if !ok {
				continue
			}
			if read++; got != r.readBackwards(line, len(line)) {
				t.Fatalf("%q: %d", line, got)
			}
		}
	}
	if read < 10_000 {
		t.Errorf("%d names are plain", read)
	}
}

func TestMarks(t *testing.T) {
	random := rand.New(rand.NewPCG(11, 12))
	const bytesOf = "\"\"::=%\\[]ax \x00\xff'{,"
	for n := range 300 {
		text := make([]byte, n)
		for i := range text {
			text[i] = bytesOf[random.IntN(len(bytesOf))]
		}
		var want [5]bitmap.Block
		for i, c := range text {
			for word, of := range []string{quotes: `"`, colons: ":", others: `=%\`, brackets: "[]"} {
				if bytes.IndexByte([]byte(of), c) >= 0 {
					want[i/64][word] |= 1 << (i % 64)
				}
			}
		}
		var room, portable [5]bitmap.Block
		got := appendMarks(room[:0], text)
		if blocks := (n + 63) / 64; len(got) != blocks || room != want {
			t.Fatalf("%q: got %x, want %x", text, got, want[:blocks])
		}
		fillMarksPortable(portable[:n/64], text)
		if k := n / 64; !bytes.Equal(flat(portable[:k]), flat(want[:k])) {
			t.Fatalf("%q: portably %x, want %x", text, portable[:k], want[:k])
		}
	}
}

func flat(marks []bitmap.Block) (b []byte) {
	for _, m := range marks {
		for _, w := range m {
			for range 8 {
				b = append(b, byte(w))
				w >>= 8
			}
		}
	}
	return b
}

// TestPair: where it is seen at once that there is no pair, there is none.
func TestPair(t *testing.T) {
	parts := []string{`"`, `"`, `"token"`, `""`, `"a b"`, `\`, `\"`, `,"`, `,"value"`, `,"value":`, `,"v`, `, "value" : `, "}", `,"x":1`, ",", " ", ":", "1", `{"`}
	random := rand.New(rand.NewPCG(13, 14))
	none := 0
	for range 200_000 {
		line := []byte(`"name":`)
		for range 1 + random.IntN(6) {
			line = append(line, parts[random.IntN(len(parts))]...)
		}
		if !isAlone(line, 7) {
			continue
		}
		none++
		q := quote(`"`)
		from := q.skipBlanks(line, 7)
		_, i := q.stringEnd(line, from+1)
		if i = q.skip(line, i, ','); q.is(line, i) && bytes.HasPrefix(line[i+1:], []byte("value")) {
			t.Fatalf("%q", line)
		}
	}
	if none < 1000 {
		t.Errorf("%d have none", none)
	}
}
