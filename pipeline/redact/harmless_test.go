package redact

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// carefully is Line without the quick look: it goes from sign to sign byte by byte, and reads the name before each.
func carefully(r *Redactor, line []byte) {
	json := bytes.ContainsAny(line, `{%\`) || bytes.HasSuffix(line, []byte("}"))
	w := words{line: line}
	for i := 0; i < len(line); {
		s := sign{begin: i, end: i + 1}
		switch line[i] {
		case '=':
		case ':':
			if s.colon = true; !json {
				s.end = 0
			}
		case '%':
			s = encodedSign(line, i)
		case '\\':
			s = escapedSign(line, i)
		default:
			s.end = 0
		}
		if s.end == 0 {
			i++
			continue
		}
		i = s.end
		if s.colon {
			i = r.member(line, s)
		} else if begin := r.secretBefore(line, s.begin); begin >= 0 {
			i = w.maskParameter(begin, s)
		}
	}
}

func checkQuick(t *testing.T, r *Redactor, text string) {
	t.Helper()
	got, want := []byte(text), []byte(text)
	r.Line(got)
	if carefully(r, want); !bytes.Equal(got, want) {
		t.Fatalf("%q\nbecame     %q\ncarefully: %q", text, got, want)
	}
}

// quickLists are lists of names that the quick look takes in different ways.
func quickLists(t testing.TB) (lists []*Redactor) {
	for _, names := range [][]string{DefaultNames(), {"abc", "x_y-z", "ключ", "kéy", "pin4", "4pin", "sname"}, {"k", "pw"}} {
		lists = append(lists, redactor(t, Config{Query: names}))
	}
	return lists
}

// TestQuickLook: what the quick look passes by, the careful pass does not mask.
func TestQuickLook(t *testing.T) {
	parts := []string{
		"token", "oken", "en", "to_ken", "API-KEY", "i-", "d_", "_", "--", "[", "]", "%5B", "headers", "key", "name", "surname", "username", "sig", "abc", "z", "pin", "4", "e", "ff", "k", "pw", "é", "ключ", "\xc3", "\x80", "@", "`", "{", "[", "]",
		"%6", "%", "%25", `\x`, `\u00`, `\u`, "6E", "65", "79", "b", "=", "=", ":", `":`, `":"`, `" :`, "'", "%3D", "%3A", "%22", "%20:", `\x22:`, `\u0022:`, `\u003d`, `\x3a`, `\`, `\\`, `"`, `,"`, `{"`, `","value":"`, `,"value":`,
		"&", "?", ";", " ", "\t", "+", "/", "20:", "0:", "2:", "22:", "}", "10:00:00", "http://", "a_b_c_d_e", "pass", "word",
	}
	for _, text := range []string{`token=%22 "token":"abc"`, `token={ "token":"abc"`, `"a":1,token=\ "token":"abc"`, `%22token%22:%22{ "token":"abc"`} {
		checkQuick(t, quickLists(t)[0], text)
	}
	random := rand.New(rand.NewPCG(3, 4))
	for _, r := range quickLists(t) {
		for range 20_000 {
			var text string
			for range 1 + random.IntN(16) {
				text += parts[random.IntN(len(parts))]
			}
			if random.IntN(8) == 0 { // over the ends of blocks and stretches
				text = string(bytes.Repeat([]byte{'x'}, 40+random.IntN(2*stretch))) + text
			}
			checkQuick(t, r, text)
		}
	}
}

func FuzzQuickLook(f *testing.F) {
	for _, s := range oracleSeeds {
		f.Add(s)
	}
	f.Add(kongLine)
	lists := quickLists(f)
	f.Fuzz(func(t *testing.T, text string) {
		for _, r := range lists {
			checkQuick(t, r, text)
		}
	})
}

// TestIsHarmless: it never says so where maySecretEnd, which looks at each letter, does not.
func TestIsHarmless(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	const letters = `tokenkeyjwtsigdEN-_-_65fF"&\%x[] @` + "`{\x7f\x80\xff\x00"
	said := 0
	for _, r := range quickLists(t)[:2] {
		for range 300_000 {
			var line [12]byte
			for i := range line {
				line[i] = letters[random.IntN(len(letters))]
			}
			n := random.IntN(len(line) + 1)
			if !r.isHarmless(line[:], n, false) {
				continue
			}
			if said++; r.maySecretEnd(line[:], n) {
				t.Fatalf("%q", line[:n])
			}
		}
	}
	if said < 100_000 {
		t.Errorf("of 600000 names %d are harmless", said)
	}
}
