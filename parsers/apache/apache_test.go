package apache

import (
	"bytes"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/parsers/escape"
	"github.com/gatemeter/gatemeter/parsers/program"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// combined is Combined as a regular expression. A user name may hold spaces: it ends where the time begins.
var combined = regexp.MustCompile(`^(?s)([^ ]*) ([^ ]*) (.*?) \[(.{26})\] "((?:[^"\\]|\\.)*)" ([^ ]*) ([^ ]*) "((?:[^"\\]|\\.)*)" "((?:[^"\\]|\\.)*)"$`)

var seeds = []string{
	`127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /apache_pb.gif HTTP/1.0" 200 2326 "http://www.example.com/start.html" "Mozilla/4.08 [en] (Win98; I ;Nav)"`,
	`h.example bob john doe [13/Nov/2023:10:44:31 +0000] "GET /q?a=\"b\" HTTP/1.1" 200 483 "-" "x\\y\tz \xe2\x82"`,
	`::1 - "" [26/Dec/2016:16:16:48 +0200] "-" 408 - "-" "-"`,
	`::1 - - [26/Dec/2016:16:16:48 +0200] "\"" 408 - "\\" "\\\""`,
}

func read(p *program.Parser, line []byte) *record.Record {
	recs := make([]record.Record, 1)
	recs[0].Reset()
	recs[0].Line = line
	p.Reset(nil)
	p.Parse(recs)
	return &recs[0]
}

// check holds the program of Combined against the regular expression.
func check(t *testing.T, p *program.Parser, line []byte) {
	t.Helper()
	r := read(p, line)
	var latin []rune // a byte is a code point, so that `.` is any byte
	for _, c := range line {
		latin = append(latin, rune(c))
	}
	m := combined.FindStringSubmatch(string(latin))
	switch {
	case m == nil && r.Reason == record.None:
		t.Fatalf("%q is read, and is not of the format", line)
	case m != nil && (r.Reason == record.Truncated || r.Reason == record.Unexpected):
		t.Fatalf("%q: %v at column %d, and is of the format", line, r.Reason, r.Column)
	case r.Reason != record.None:
		return
	}
	value := func(i int) string {
		var b []byte
		for _, c := range m[i] {
			b = append(b, byte(c))
		}
		if b = escape.Append(nil, b, escape.C); string(b) == "-" || string(b) == `""` {
			return ""
		}
		return string(b)
	}
	f := func(what string, got []byte, want string) {
		t.Helper()
		if string(got) != want {
			t.Errorf("%q: %s is %q, want %q", line, what, got, want)
		}
	}
	f("client", r.ClientAddress, value(1))
	f("user", r.User, value(3))
	f("referrer", r.Referrer, value(8))
	f("user agent", r.UserAgent, value(9))
	if when, err := time.Parse("02/Jan/2006:15:04:05 -0700", m[4]); err == nil && when.UnixNano() != r.TimeNanos {
		t.Errorf("%q: time is %d, want %d", line, r.TimeNanos, when.UnixNano())
	}
	if n, err := strconv.Atoi(m[6]); err == nil && int32(n) != r.Status {
		t.Errorf("%q: status is %d, want %d", line, r.Status, n)
	}
	size, err := strconv.Atoi(m[7])
	if m[7] == "-" {
		size, err = 0, nil
	}
	if err == nil && int64(size) != r.ResponseBodyBytes {
		t.Errorf("%q: size is %d, want %d", line, r.ResponseBodyBytes, size)
	}
}

func parser(t testing.TB, format string) *program.Parser {
	t.Helper()
	p, err := Compile(format, nil)
	if err != nil {
		t.Fatal(err)
	}
	return program.NewParser(p)
}

func TestAgainstRegularExpression(t *testing.T) {
	p := parser(t, Combined)
	for _, line := range seeds {
		if !combined.MatchString(line) {
			t.Errorf("%q is not of the format", line)
		}
		for cut := range len(line) {
			check(t, p, []byte(line[:cut+1]))
		}
	}
}

func FuzzApache(f *testing.F) {
	for _, line := range seeds {
		f.Add([]byte(line))
	}
	p := parser(f, Combined)
	f.Fuzz(func(t *testing.T, line []byte) { check(t, p, line) })
}

// FuzzCompile compiles strange LogFormat strings and reads strange lines by them.
func FuzzCompile(f *testing.F) {
	f.Add(Combined, seeds[0])
	f.Add(`LogFormat "%v:%p %a %{begin:%F %T}t.%{msec_frac}t %400,501{Referer}i %U%q %>s %{us}T %%" x`, `a:1 b 2000-10-10 13:55:36.123 - /a?b 200 5 %`)
	f.Add(`CustomLog x "%{end:usec}t %!200{Host}^ti"`, `1700000000000000 x`)
	f.Fuzz(func(t *testing.T, format, line string) {
		p, err := Compile(format, nil)
		if err != nil {
			if len(err.Error()) > 1200 {
				t.Fatal(err)
			}
			return
		}
		r := read(program.NewParser(p), []byte(line))
		if r.Reason != record.None && (!r.Reason.Malformed() || int(r.Column) > len(line)+1) {
			t.Fatalf("%q: %v at column %d", line, r.Reason, r.Column)
		}
		if string(r.Line) != line {
			t.Fatal("the line was changed")
		}
	})
}

// TestDirectives compiles every directive of mod_log_config, mod_logio and mod_ssl.
func TestDirectives(t *testing.T) {
	for _, d := range []string{
		"%a", "%{c}a", "%A", "%B", "%b", "%{X}C", "%D", "%{X}e", "%f", "%h", "%{c}h", "%H", "%{X}i", "%k", "%l", "%L", "%m", "%{X}n", "%{X}o", "%p",
		"%{canonical}p", "%{local}p", "%{remote}p", "%P", "%{tid}P", "%q", "%r", "%R", "%s", "%>s", "%<s", "%{sec}t", "%{msec}t", "%{usec}t",
		"%{msec_frac}t", "%{usec_frac}t", "%{begin:sec}t", "%{end:%F %T}t", "%T", "%{ms}T", "%{us}T", "%{s}T", "%u", "%U", "%v", "%V", "%X",
		"%I", "%O", "%S", "%{X}^ti", "%{X}^to", "%{SSL_PROTOCOL}x", "%400,501{X}i", "%!200{X}i", "%%", "%U%q",
	} {
		if _, err := Compile(d+" %t", nil); err != nil {
			t.Errorf("%s: %v", d, err)
		}
	}
}

// TestHostileLinesAreReadInLinearTime reads lines on which a search that began anew at each byte would not end while anyone
// waits.
func TestHostileLinesAreReadInLinearTime(t *testing.T) {
	const size = 1 << 20
	for _, format := range []string{Combined, VHostCombined, `%v:%p %a:%{remote}p %t "%r" %u %>s`} {
		p := parser(t, format)
		for _, piece := range []string{" ", `"`, `\`, `\"`, ":", "[", `\x22`, `" "`} {
			for _, head := range []string{"", `a `, `a - - [10/Oct/2000:13:55:36 -0700] "`} {
				line := append([]byte(head), bytes.Repeat([]byte(piece), size/len(piece))...)
				if r := read(p, line); r.Reason == record.None {
					t.Errorf("%s: %q and %q again and again is read", format, head, piece)
				}
			}
		}
	}
}
