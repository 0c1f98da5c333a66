package machine_test

import (
	"bytes"
	"math/rand/v2"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/gatemeter/gatemeter/parsers/regex/machine"
)

// compile returns a program that keeps all groups.
func compile(t testing.TB, expression string) *machine.Program {
	t.Helper()
	re, err := syntax.Parse(expression, syntax.Perl)
	if err != nil {
		t.Fatal(err)
	}
	groups := make([]int, re.MaxCap()+1)
	for i := range groups {
		groups[i] = i
	}
	p, err := machine.Compile(re, groups)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// check holds both ways to run an expression against package regexp.
func check(t testing.TB, expression string, lines ...string) {
	t.Helper()
	re := regexp.MustCompile(expression)
	p := compile(t, expression)
	m := machine.New(p)
	f := func(how, line string, want []int, match func([]byte) ([]int32, bool)) {
		places, ok := match([]byte(line))
		var got []int
		if ok {
			for _, at := range places {
				got = append(got, int(at))
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%q in %q, %s: (-regexp +machine)\n%s", expression, line, how, d)
		}
		if most := (len(line) + 2) * (p.Insts() + 2) * 3; m.Steps() > most {
			t.Errorf("%q in %q, %s: %d steps, more than %d", expression, line, how, m.Steps(), most)
		}
	}
	for _, line := range lines {
		want := re.FindSubmatchIndex([]byte(line))
		f("backtracking", line, want, m.Match)
		f("by threads", line, want, m.MatchByThreads)
	}
}

// expressions are of every kind, each with lines.
var expressions = []struct {
	expression string
	lines      []string
}{
	{``, []string{"", "a"}},
	{`a`, []string{"", "a", "ba", "b"}},
	{`^a`, []string{"a", "ba"}},
	{`a$`, []string{"a", "ab", "ba"}},
	{`abc`, []string{"abc", "ab", "ababc", "xabcx"}},
	{`(?i)abc`, []string{"ABC", "aBc", "ab"}},
	{`(?i)sky`, []string{"SKY", "ſky", "\u017f\u212ay", "sk"}},
	{`(a)(b)?(c)?`, []string{"a", "ab", "ac", "abc", "xac"}},
	{`(a|ab)(c|bcd)(d*)`, []string{"abcd", "acd", "abcdd"}},
	{`(a+)(b+)`, []string{"aabb", "aab", "bb", "abab"}},
	{`(a*)*`, []string{"", "aa", "b"}},
	{`(a*)+`, []string{"", "aa", "b"}},
	{`(|a)*`, []string{"", "aa", "ab"}},
	{`(|a)+`, []string{"", "aa", "ab"}},
	{`(a|)+b`, []string{"", "aab", "aa"}},
	{`(a*b*)*c`, []string{"aabbabc", "c", "ab"}},
	{`(?:a*b*)+$`, []string{"aabbab", "abc"}},
	{`((a)|b)*`, []string{"ab", "ba", "aabb"}},
	{`(?:(a)|(b)|(c))+`, []string{"abc", "cab", "d"}},
	{`(a*?)(a*)`, []string{"aaa"}},
	{`(a+?)(a*?)$`, []string{"aaa", "aab"}},
	{`"(.*?)"`, []string{`"a" "b"`, `x"`, `""`}},
	{`"(.*)"`, []string{`"a" "b"`, `x"`, `""`}},
	{`(.*)(\d+)`, []string{"abc123", "1", "x"}},
	{`(.*?)(\d+)`, []string{"abc123", "1", "x"}},
	{`(\d+)-(\d+)`, []string{"1-2", "12-", "x12-34y", "1-x2-3"}},
	{`.`, []string{"\n", "é", "\xff", "\xe2\x82", ""}},
	{`(?s).`, []string{"\n", "é", "\xff", ""}},
	{`.*`, []string{"a\nb", "é\xffa"}},
	{`(?s).*`, []string{"a\nb", "é\xffa"}},
	{`^.$`, []string{"é", "éa", "\xc3", "\xe2\x82\xac", "\xe2\x82"}},
	{`^..$`, []string{"é", "\xe2\x82", "a\x82", "😀é"}},
	{`(.*?)(\x{82})`, []string{"€", "\u0082", "\xe2\x82", "a\x82"}},
	{`(.*)(.)`, []string{"a€", "€\x82", "\xe2\x82", "😀"}},
	{`(.*)([^a])`, []string{"a€", "€\x82", "\xe2\x82", "😀a"}},
	{`(.*?)([^a])$`, []string{"a€", "€\x82", "\xe2\x82", "😀a"}},
	{`(.*)(\x{fffd})`, []string{"a\xff", "\ufffd", "\xe2\x82\xac", "\xe2\x82"}},
	{`\x{fffd}`, []string{"\xff", "\ufffd", "€", "\xe2\x82"}},
	{`\x{dffd}`, []string{"\ufffd", "\xed\xbf\xbd", "a"}},
	{`[^a]+`, []string{"aé", "\xff\xff", "a"}},
	{`[é-ü]+`, []string{"aéü", "ÿ", "é\xc3"}},
	{`\pL+`, []string{"été 1", "1", "\xffa"}},
	{`\PL+`, []string{"été 1", "1", "\xffa"}},
	{`é+`, []string{"éé", "e", "\xc3é"}},
	{`éà`, []string{"xéà", "é", "\xc3\xa9\xc3"}},
	{`(?i)É`, []string{"é", "É", "e"}},
	{`\bfoo\b`, []string{"foo", "a foo b", "afoo", "éfooé", "foo_"}},
	{`\Boo\B`, []string{"foo", "foox", "oo"}},
	{`\B`, []string{"", "a", "ab", "é"}},
	{`\b`, []string{"", "a", " a"}},
	{`(?m)^b$`, []string{"a\nb\nc", "b", "ab\nb"}},
	{`(?m)^`, []string{"", "\n"}},
	{`(?m)a$`, []string{"a\n", "ab\na"}},
	{`\Aa\z`, []string{"a", "a\n", "\na"}},
	{`^$`, []string{"", "a"}},
	{`$^`, []string{"", "a"}},
	{`a^b`, []string{"ab"}},
	{`a$b`, []string{"ab"}},
	{`(^a|^b|c)d`, []string{"ad", "bd", "xcd", "xad"}},
	{`(?:^|x)a`, []string{"a", "xa", "ba", "bxa"}},
	{`a{2,3}`, []string{"a", "aa", "aaaa"}},
	{`(a{2,3}?)(a*)`, []string{"a", "aa", "aaaa"}},
	{`(ab){2}`, []string{"abab", "ab", "ababab"}},
	{`(?:a{0,2}){0,3}b`, []string{"aaaaaaab", "aaab", "b"}},
	{`[^\x00-\x{10FFFF}]`, []string{"", "a"}},
	{`a|[^\x00-\x{10FFFF}]`, []string{"", "ba"}},
	{`(x+x+)+y`, []string{strings.Repeat("x", 40), "xxy"}},
	{`(a?){20}a{20}`, []string{strings.Repeat("a", 20), strings.Repeat("a", 19)}},
	{`.*.*=.*`, []string{"x=" + strings.Repeat("x", 60), strings.Repeat("x", 60)}},
	{`^(\S+) (\S+) (\S+) \[([^\]]+)\] "([^"]*)" (\d{3}) (\d+|-)`, []string{`203.0.113.7 - alice [10/Oct/2025:13:55:36 +0200] "GET /v1 HTTP/1.1" 200 2326 "-"`, `203.0.113.7 - alice [10/Oct/2025:13:55:36 +0200] "GET`}},
	{`"((?:[^"\\]|\\.)*)"`, []string{`x "a\"b" c`, `"\`, `"é\é"`}},
	{`(?:(\w+)=("[^"]*"|\S+) ?)+$`, []string{`a=b c="d e" f=`, `a=b c="d e" f=g`}},
	{`(?:GET|POST|PUT|PATCH) (/[^ ?]*)(?:\?(\S*))?`, []string{"PATCH /a?b=c HTTP", "PUT /", "POS /"}},
}

func TestMatch(t *testing.T) {
	for _, c := range expressions {
		check(t, c.expression, c.lines...)
	}
	for _, c := range expressions { // lines of all expressions, of which a few match
		for _, other := range expressions[:40] {
			check(t, c.expression, other.lines...)
		}
	}
}

// TestGroups keeps some groups, in any order.
func TestGroups(t *testing.T) {
	re, err := syntax.Parse(`(a)(b)?(?:(c)|(d))`, syntax.Perl)
	if err != nil {
		t.Fatal(err)
	}
	f := func(line string, want []int32, groups ...int) {
		t.Helper()
		p, err := machine.Compile(re, groups)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := machine.New(p).Match([]byte(line)); !ok || !cmp.Equal(got, want) {
			t.Errorf("groups %v in %q: %v, want %v", groups, line, got, want)
		}
	}
	f("xabd", []int32{3, 4, 1, 2}, 4, 1)
	f("xad", []int32{-1, -1, 1, 3}, 2, 0)
	f("ac", []int32{}, []int{}...)
}

// random returns an expression of a few pieces.
func random(r *rand.Rand, depth int) string {
	atoms := []string{"a", "b", "ab", "é", ".", `\w`, `\S`, `[^a]`, `[^b\n]`, `[aé]`, `\pL`, `(?i:a)`, `(?s:.)`, "^", "$", `\b`, `\B`, `\z`, `(?m:^)`, `(?m:$)`, " ", "", `\x{fffd}`, `"`, `[^"]`, `(?i:k)`}
	if depth == 0 {
		return atoms[r.IntN(len(atoms))]
	}
	sub := func() string { return random(r, depth-1) }
	group := func() string { return []string{"(", "(?:"}[r.IntN(2)] + sub() + ")" }
	switch r.IntN(6) {
	case 0:
		return sub()
	case 1:
		return sub() + sub()
	case 2:
		return sub() + group() + sub()
	case 3:
		return []string{"(", "(?:"}[r.IntN(2)] + sub() + "|" + sub() + ")"
	case 4:
		return atoms[r.IntN(13)] + []string{"*", "+", "?", "*?", "+?", "{2}"}[r.IntN(6)]
	default:
		return group() + []string{"*", "+", "?", "*?", "+?", "??", "{2,3}", "{0,2}?"}[r.IntN(8)]
	}
}

// TestRandom runs expressions that nobody would write on lines of what they are about.
func TestRandom(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	letters := []string{"a", "b", "a", "ab", "é", "k", "\u212a", " ", "\n", `"`, "\xff", "\xc3", "\xa9", "€", "\xe2\x82", "\ufffd", "_"}
	for range 5_000 {
		expression := random(r, 1+r.IntN(4))
		if _, err := syntax.Parse(expression, syntax.Perl); err != nil || len(expression) > 200 {
			continue
		}
		var lines []string
		for _, most := range []int{4, 8, 12, 12, 200} {
			var b strings.Builder
			for range r.IntN(most) {
				b.WriteString(letters[r.IntN(len(letters))])
			}
			lines = append(lines, b.String())
		}
		check(t, expression, lines...)
		if t.Failed() {
			break
		}
	}
}

// FuzzMachine holds a machine against package regexp.
func FuzzMachine(f *testing.F) {
	for _, c := range expressions {
		for _, line := range c.lines {
			f.Add(c.expression, line)
		}
	}
	f.Fuzz(func(t *testing.T, expression, line string) {
		if len(expression) > 200 || len(line) > 1000 {
			return
		}
		re, err := syntax.Parse(expression, syntax.Perl)
		if err != nil {
			return
		}
		prog, err := syntax.Compile(re.Simplify())
		if err != nil || len(prog.Inst) > 2000 {
			return
		}
		if slices.ContainsFunc(prog.Inst, func(in syntax.Inst) bool { return len(in.Rune) == 1 && !utf8.ValidRune(in.Rune[0]) }) {
			return // regexp takes half of a pair for U+FFFD where it begins a line, and nowhere else
		}
		check(t, expression, line, line+line, strings.Repeat(line, 5))
	})
}

// TestWorstLine counts steps on lines on which an unbounded search would not end while anyone waits.
func TestWorstLine(t *testing.T) {
	f := func(expression, piece string) {
		t.Helper()
		p := compile(t, expression)
		m := machine.New(p)
		steps := func(size int) int {
			m.Match(bytes.Repeat([]byte(piece), size/len(piece)))
			return m.Steps()
		}
		small, large := steps(4<<10), steps(64<<10)
		if most := 64 << 10 * p.Insts() * 3; large > most || large > 40*small {
			t.Errorf("%q on %q: %d steps for 4 KiB, %d for 64 KiB", expression, piece, small, large)
		}
	}
	f(`(x+x+)+y`, "x")
	f(`(?:x|x)*y`, "x")
	f(`(.*)(.*)(.*)(.*)y`, "x")
	f(`.*[^b]*b`, "x")
	f(`(\S+) (\S+) (\S+) y`, "x ")
	f(`"([^"]*)" y`, `"`)
	f(`(?:a?){50}b`, "a")
	f(`(?:(a)|(b)|(ab))*c`, "ab")
	f(`(.*?),(.*?),(.*?);`, ",")
	f(`^(?:(?:x?){30}z?){10}y`, "x")
	f(`(?:\w+\s?)+$`, "a ")
	f(`(?:é+)+x`, "é")
}

// TestShort runs expressions on lines for which there is too little memory to try one way after the other.
func TestShort(t *testing.T) {
	f := func(expression, line string, short bool) {
		t.Helper()
		p := compile(t, expression)
		m := machine.New(p)
		m.Match([]byte(line))
		if m.Short() != short {
			t.Errorf("%q on %d bytes: short %v", expression, len(line), m.Short())
		}
		if n := m.Memory(); n > 2<<20 {
			t.Errorf("%q on %d bytes: %d bytes of memory", expression, len(line), n)
		}
		check(t, expression, line)
	}
	x := strings.Repeat("x", 64<<10)
	many := strings.Repeat(x[:500]+"a", 130) + "w"
	f(`^(?:(?:x*a){130}(w)|.*(y))`, many, true)                                  // rows of greedy spans
	f(`^(?:(?:x*?a){130}(w)|.*(y))`, many, true)                                 // of lazy ones
	f(`^(?:(?:x?z?a){130}(w)|.*(y))`, strings.Repeat("xa", 130)+"w"+x, true)     // of others
	f(`^(?:(?:x*a){60}(w)|.*(y))`, strings.Repeat(x[:500]+"a", 60)+"w"+x, false) // fewer rows
	f(`^(?:(x)|(b)|(xx))*c`, x+"c", true)                                        // jobs, without which there is a match
	f(`^(?:(x)|(b)|(xx))*c`, x, true)                                            // and none
	f(`(?:a|b)(x)*c`, x+x[:200]+"axc", false)
	f(`^(?:(?:(x)|(b)|(xx))*(?:[zy]|zw)d|(.*))`, x+"zwd", true) // and another, which is not preferred
}

func TestCompileError(t *testing.T) {
	re, err := syntax.Parse(strings.Repeat("a{1000}", 66), syntax.Perl)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := machine.Compile(re, nil); err == nil || !strings.Contains(err.Error(), "more than 65536 instructions") {
		t.Error(err)
	}
}

func TestAllocatesNothing(t *testing.T) {
	for _, c := range expressions {
		m := machine.New(compile(t, c.expression))
		var lines [][]byte
		for _, line := range c.lines {
			lines = append(lines, []byte(line), bytes.Repeat([]byte(line), 100))
		}
		match := func() {
			for _, line := range lines {
				m.Match(line)
			}
		}
		match()
		if n := testing.AllocsPerRun(5, match); n != 0 {
			t.Errorf("%q: %v allocations", c.expression, n)
		}
	}
}
