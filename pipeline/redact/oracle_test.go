package redact

import (
	"bytes"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
)

// The oracle finds secrets slowly and plainly: it undoes the escapes of a line as often as they may have been made, reads the text
// that comes out, and knows of each character which bytes of the line it came from.

// letter is a character of decoded text.
type letter struct {
	c        byte
	from, to int  // the bytes of the line that it is written with
	depth    int  // how often it has been escaped
	style    byte // how: 0, \, x or %
}

func raw(line []byte) (text []letter) {
	for i, c := range line {
		text = append(text, letter{c: c, from: i, to: i + 1})
	}
	return text
}

func plainText(text []letter) string {
	b := make([]byte, len(text))
	for i, c := range text {
		b[i] = c.c
	}
	return string(b)
}

// decodeBackslashes undoes \x26, \u0026, \n, \" and the like; decodePercents %26.
func decodeBackslashes(text []letter) (out []letter) {
	letters := map[byte]byte{'n': '\n', 't': '\t', 'r': '\r', 'b': '\b', 'f': '\f', 'v': '\v', '"': '"', '\\': '\\', '/': '/'}
	for i := 0; i < len(text); {
		rest := plainText(text[i:min(len(text), i+6)])
		c, n := text[i].c, 1
		if c == '\\' && len(rest) > 1 {
			if byName, ok := letters[rest[1]]; ok {
				c, n = byName, 2
			} else if v, ok := number(rest, 2, 2); ok && rest[1] == 'x' {
				c, n = v, 4
			} else if v, ok := number(rest, 4, 2); ok && rest[1:4] == "u00" && v < 0x80 {
				c, n = v, 6
			} else if _, ok := number(rest, 2, 4); ok && rest[1] == 'u' {
				c, n = 0xff, 6
			}
		}
		out = append(out, unescaped(c, text[i:i+n]))
		i += n
	}
	return out
}

func decodePercents(text []letter) (out []letter) {
	for i := 0; i < len(text); {
		rest := plainText(text[i:min(len(text), i+3)])
		c, n := text[i].c, 1
		if v, ok := number(rest, 1, 2); ok && c == '%' {
			c, n = v, 3
		}
		out = append(out, unescaped(c, text[i:i+n]))
		i += n
	}
	return out
}

// unescaped returns c, which was written as text.
func unescaped(c byte, text []letter) letter {
	l := letter{c: c, from: text[0].from, to: text[len(text)-1].to, depth: text[0].depth}
	l.style = text[0].style
	if len(text) > 1 {
		l.depth++
		l.style = text[0].c
		if text[1].c == 'x' {
			l.style = 'x'
		}
	}
	return l
}

func number(s string, i, n int) (byte, bool) {
	if len(s) < i+n {
		return 0, false
	}
	v, err := strconv.ParseUint(s[i:i+n], 16, 16)
	return byte(v), err == nil && !strings.ContainsAny(s[i:i+n], "+-_")
}

// secret is a value that must be masked.
type secret struct {
	name  letter // the last of its name
	value []letter
}

// oracle finds the secrets in a line. Where it depends on the format where a value ends, it knows its beginning only.
func oracle(line []byte, names map[string]bool) (found []secret) {
	// An object of JSON begins or ends somewhere, or may do so behind an escape.
	isJSON := bytes.ContainsAny(line, `{%\`) || bytes.HasSuffix(line, []byte("}"))
	text := raw(line)
	for slashes := range 3 {
		percents := text
		for n := range 4 {
			found = append(found, parametersIn(percents, names)...)
			if isJSON {
				found = append(found, membersIn(percents, names, slashes+n, n > 0)...)
			}
			percents = decodePercents(percents)
		}
		text = decodeBackslashes(text)
	}
	return found
}

func parametersIn(text []letter, names map[string]bool) (found []secret) {
	s := plainText(text)
	for i := range s {
		if s[i] != '=' || !isSecret(s[:i], names) {
			continue
		}
		to := i + 1
		for j := to; j < len(s) && s[j] >= ' ' && strings.IndexByte("&# \"|,;<'?/])}>\\", s[j]) < 0; j++ {
			to = j + 1
		}
		found = append(found, secret{text[i-1], text[i+1 : to]})
	}
	return found
}

// membersIn finds members whose quotes have been escaped so often.
func membersIn(text []letter, names map[string]bool, depth int, inURL bool) (found []secret) {
	s := plainText(text)
	for i := range s {
		if s[i] != ':' {
			continue
		}
		name := strings.TrimRight(s[:i], " \t")
		value := i + 1
		for value < len(s) && (s[value] == ' ' || s[value] == '\t') {
			value++
		}
		if !strings.HasSuffix(name, `"`) || value == len(s) || s[value] != '"' || !isSecret(name[:len(name)-1], names) {
			continue
		}
		if text[len(name)-1].depth != depth || text[value].depth != depth || text[len(name)-1].style != text[value].style {
			continue
		}
		to := value + 1
		for to < len(s) && s[to] != '"' && (!inURL || strings.IndexByte("&# \t", s[to]) < 0) {
			if s[to] == '\\' && to+1 < len(s) && !inURL && (s[to+1] != '"' || text[to+1].depth == depth && text[to].style == text[to+1].style) {
				to++
			}
			to++
		}
		found = append(found, secret{text[len(name)-2], text[value+1 : to]})
	}
	return found
}

// isSecret reports whether s ends with a name, or a part of one in brackets, that is in names.
func isSecret(s string, names map[string]bool) bool {
	i := len(s)
	for i > 0 && (s[i-1] == '-' || s[i-1] == '_' || s[i-1] == '[' || s[i-1] == ']' ||
		'0' <= s[i-1] && s[i-1] <= '9' || 'a' <= s[i-1]|0x20 && s[i-1]|0x20 <= 'z') {
		i--
	}
	for _, part := range strings.FieldsFunc(s[i:], func(c rune) bool { return c == '[' || c == ']' }) {
		if names[strings.ToLower(strings.NewReplacer("-", "", "_", "").Replace(part))] {
			return true
		}
	}
	return false
}

// survivor returns what has been left of a secret of text in its masked line, nil if nothing.
func survivor(text string, line []byte, names map[string]bool) []byte {
	for _, s := range oracle([]byte(text), names) {
		if line[s.name.from] == '*' {
			continue // a name in a secret
		}
		for _, l := range s.value {
			if b := line[l.from:l.to]; strings.Trim(string(b), "* \t") != "" {
				return line[l.from:]
			}
		}
	}
	return nil
}

func foldedNames() map[string]bool {
	names := map[string]bool{}
	for _, n := range DefaultNames() {
		names[strings.NewReplacer("-", "", "_", "").Replace(n)] = true
	}
	return names
}

// FuzzOracle: what the oracle finds is masked.
func FuzzOracle(f *testing.F) {
	for _, s := range oracleSeeds {
		f.Add(s)
	}
	r, names := redactor(f, Config{Query: DefaultNames()}), foldedNames()
	f.Fuzz(func(t *testing.T, text string) {
		line := []byte(text)
		r.Line(line)
		if left := survivor(text, line, names); left != nil {
			t.Errorf("%q\nbecame %q: it leaves %q", text, line, left)
		}
	})
}

// TestOracle is FuzzOracle for lines put together from what matters.
func TestOracle(t *testing.T) {
	parts := []string{
		"token", "pwd", "%74oken", `\u0074oken`, "a", "b", "17", "=", "%3D", "%253D", `\u003d`, `\\u003d`, `\x3D`, ":", "%3A",
		`"`, `\"`, `\\\"`, `\x22`, `\x5C`, `\u0022`, "%22", "%5C", "'", `\`, `\\`, "&", `\u0026`, `\x26`, "%26", "%2526", "&amp;", "?", "%3F", "#",
		" ", "\t", "/", `\/`, ";", ",", "|", "<", "{", "}", "[", "]", "%7B", `\n`, `"token":"`, `\"pwd\":\"`, `\x22pwd\x22:\x22`, "%22pwd%22:%22", "GET /x?", " HTTP/1.1", "é",
	}
	r, names := redactor(t, Config{Query: DefaultNames()}), foldedNames()
	random := rand.New(rand.NewPCG(1, 2))
	for range 5_000 {
		var text string
		for range 2 + random.IntN(14) {
			text += parts[random.IntN(len(parts))]
		}
		line := []byte(text)
		r.Line(line)
		if left := survivor(text, line, names); left != nil {
			t.Fatalf("%s\nbecame %s: it leaves %s", text, line, left)
		}
		again := bytes.Clone(line)
		if r.Line(again); !bytes.Equal(again, line) {
			t.Fatalf("%s\nbecame      %s\nand, again, %s", text, line, again)
		}
	}
}

var oracleSeeds = []string{
	`"GET /x?a=1&%74oken=abc HTTP/1.1" 200 "https://h/?next=%3Ftoken%3Dabc%26b%3D1"`,
	`{"uri":"\/x?\u0074oken=a\"b\u0026pwd=c","args":"token=abc","querystring":{"ToKeN":"a\\\"b"},"query":"a=1;token=abc"}`,
	`{"body":"{\"password\":\"a\\\"b\",\"uri\":\"\\/x?token\\u003dabc\"}"}`,
	`"{\x22token\x22:\x22a\x5C\x22b\x22}" "a=1\ntoken=abc&amp;pwd=abc"`,
	`/x?q=%7B%22token%22%3A%22a%5C%22b%22%7D&%2574oken%253Dabc`,
	"10.0.0.1\t/x?a?token=abc#token=abc\t200", `to\\u006ben=a`, `user%5Bpwd%5D[0]=a`, `{"token" : "abc`, `token%3Dabc%2526d`,
	`a|token=b|c`, `[/x;session=a/b?c]`, `token='a b'`, `msg="token=\"a b\""`, `{"auth":{"a":"b","c":["d",1]}}`,
}
