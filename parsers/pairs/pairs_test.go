package pairs

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/gatemeter/gatemeter/parsers/field"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

func read(m *Mapping, line string) *record.Record {
	p := New(m)
	recs := make([]record.Record, 1)
	recs[0].Reset()
	recs[0].Line = []byte(line)
	p.Reset(nil)
	p.Parse(recs)
	return &recs[0]
}

func mapping(s Syntax) *Mapping {
	return &Mapping{Name: "x", Kind: "x", Syntax: s, Keys: map[string]field.Ranked{
		"t": to(field.TimeEpoch, record.Time), "a": to(field.Text, record.UserAgent), "u": to(field.Text, record.User), "s": to(field.Number, record.Status),
	}, Order: []string{"a", "b", "s", "t", "u"}}
}

// TestWhatIsWrittenIsRead writes values as Go programs write logfmt, and maps, and reads them.
func TestWhatIsWrittenIsRead(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	const letters = "ab \t\"\\=:[]é-/"
	text := func() string {
		var b strings.Builder
		for range random.IntN(12) {
			r := []rune(letters)
			b.WriteRune(r[random.IntN(len(r))])
		}
		return b.String()
	}
	same := func(got []byte, want string) bool {
		return string(got) == want || len(got) == 0 && (want == "-" || want == `""`)
	}
	for range 2000 {
		a, u := text(), text()
		line := fmt.Sprintf("t=7 a=%q flag u=%q s=200", a, u)
		if r := read(mapping(Logfmt), line); r.Reason != record.None || !same(r.UserAgent, a) || !same(r.User, u) || r.Status != 200 {
			t.Fatalf("%s: %q, %q, %d, %v at column %d", line, r.UserAgent, r.User, r.Status, r.Reason, r.Column)
		}
		tabless := strings.NewReplacer("\t", " ").Replace
		line = "t:7\ta:" + tabless(a) + "\tu:" + tabless(u) + "\ts:200"
		if r := read(mapping(LTSV), line); r.Reason != record.None || !same(r.UserAgent, tabless(a)) || !same(r.User, tabless(u)) || r.Status != 200 {
			t.Fatalf("%s: %q, %q, %d, %v at column %d", line, r.UserAgent, r.User, r.Status, r.Reason, r.Column)
		}
		if key := regexp.MustCompile(`(^| )[abstu]:`); key.MatchString(a) || key.MatchString(u) {
			continue // which no reader could tell from a key
		}
		line = fmt.Sprintf("%s", map[string]any{"a": a, "s": 200, "t": 7, "u": u})
		if r := read(mapping(GoMap), line); r.Reason != record.None || !same(r.UserAgent, a) || !same(r.User, u) || r.Status != 200 {
			t.Fatalf("%s: %q, %q, %d, %v at column %d", line, r.UserAgent, r.User, r.Status, r.Reason, r.Column)
		}
	}
}

func TestRanks(t *testing.T) {
	m := mapping(Logfmt)
	m.Keys["habit"] = field.Ranked{Op: field.Op{Action: field.Number, Field: record.Status}, Rank: field.ByHabit}
	m.Map(map[string]field.Op{"mine": {Action: field.Number, Field: record.Status}})
	f := func(line string, want int32, reason record.Reason) {
		t.Helper()
		if r := read(m, line); r.Reason != reason || reason == record.None && r.Status != want {
			t.Errorf("%s: %d, %v", line, r.Status, r.Reason)
		}
	}
	f("t=7 habit=1 s=2 mine=3", 3, record.None)
	f("t=7 mine=3 s=2 habit=1", 3, record.None)
	f("t=7 s=2 habit=1 s=4", 2, record.None)
	f("t=7 habit=x s=2", 2, record.None)
	f("t=7 habit=x", record.Absent, record.None)
	f("t=7 s=x", 0, record.BadNumber)
	f("t=7 s=-1", record.Absent, record.None)
	f("t=7 s=-", record.Absent, record.None)
	f("s=2", 0, record.NoTime)
	f(`t=7 a="`, 0, record.Truncated)
	f(`t=7 ="a"`, 0, record.Unexpected)
	f(`t=7 a"b=1`, 0, record.Unexpected)
}

func FuzzPairs(f *testing.F) {
	f.Add("t=7 a=\"b \\\"c\\\"\" flag u=d s=200")
	f.Add("t:7\ta:b\ts:200")
	f.Add("map[a:b s:%!s(int=200) t:7 u:c]")
	f.Fuzz(func(t *testing.T, line string) {
		if line == "" {
			return
		}
		for _, s := range []Syntax{Logfmt, LTSV, GoMap} {
			r := read(mapping(s), line)
			if int(r.Column) > len(line)+1 || r.Column < 0 {
				t.Fatalf("%q: column %d", line, r.Column)
			}
		}
	})
}
