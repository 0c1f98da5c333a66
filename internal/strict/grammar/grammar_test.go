package grammar

import (
	"slices"
	"testing"
)

func TestGrammar(t *testing.T) {
	f := func(name string, is func(string) bool, good, bad []string) {
		t.Helper()
		for _, s := range slices.Concat(good, bad) {
			if got := is(s); got != slices.Contains(good, s) {
				t.Errorf("%s of %q: %v", name, s, got)
			}
		}
	}
	f("IsNode", IsNode, []string{"a", "A-9_"}, []string{"", "a.b", "a b", "\u00fc", "a\n", "a\x00", "~"})
	f("IsPath", IsPath, []string{"a", "a.b.c"}, []string{"", ".", "a..b", ".a", "a.", "a.b c"})
	tags := func(s string) bool { return IsTags(s, ";", "=") }
	f("IsTags", tags, []string{"a=b", "a=b;c=b"}, []string{"", "a", "a=", "=b", "a=b;", "a=b=c", "a=b;a=c", "a=~"})
	f("IsDecimal", IsDecimal, []string{"0", "1", "-1", "10", "0.5", "-0.5", "1.05", "100000000000000000000000"},
		[]string{"", "-", "-0", "+1", "01", "1.", ".5", "1.50", "0.0", "1e9", "NaN", "inf", "0x1", "1,5", "--1", " 1"})
	f("IsInteger", IsInteger, []string{"0", "1", "-12"}, []string{"", "1.5", "-0", "01"})
}
