package haproxy

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/gatemeter/gatemeter/parsers/field"
	"github.com/gatemeter/gatemeter/parsers/syslog"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// TestAsBuiltIn reads the lines of options httplog, httpslog and tcplog, and such lines spoilt, by the formats that the manual says they
// have: what a format reads, the parser that needs none reads as the same.
func TestAsBuiltIn(t *testing.T) {
	text, err := os.ReadFile("../testdata/haproxy.log")
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	read := 0
	for _, format := range []string{HTTP, HTTPS, TCP} {
		f, err := Compile(format, nil)
		if err != nil {
			t.Fatal(err)
		}
		custom, own := NewCustom("", f), New(nil)
		for line := range strings.Lines(string(text)) {
			line = strings.TrimSuffix(line, "\n")
			line = line[syslog.Header([]byte(line)):]
			if strings.Contains(line, "/x/") { // in a value that the format leaves aside
				continue
			}
			whole := line
			for range 100 {
				if got := described(custom, line); strings.Contains(got, "@timestamp") {
					if want := described(own, line); got != want {
						t.Errorf("%s is read as\n%s\nby %s, and as\n%s\nwithout it", line, got, format, want)
					}
					read++
				}
				b := []byte(whole)
				b[random.IntN(len(b))] = byte('0' + random.IntN(10))
				line = string(b)
			}
		}
	}
	if read < 500 {
		t.Errorf("only %d lines are read", read)
	}
}

// truth is what a line is written of.
type truth struct {
	values map[string]string // by alias, as they are; "" is none
}

func newTruth(r *rand.Rand) truth {
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	number := func(n int) string { return strconv.Itoa(r.IntN(n)) }
	method, path, query := pick("GET", "POST"), pick("/", "/a/b", `/a"b#{|}`, "/\x80\xff"), pick("", "", "?a=b", `?"`)
	version := pick("HTTP/1.1", "HTTP/2.0")
	v := map[string]string{
		"ci": pick("203.0.113.7", "2001:db8::7", "unix"), "cp": number(65536), "f": "fe", "ft": pick("fe", "fe~"), "b": "be_1",
		"s": pick("srv1", "<NOSRV>"), "TR": number(9), "Tw": number(9), "Tc": pick("-1", number(99)), "Tr": pick("-1", number(999)),
		"Ta": pick("+", "") + number(9999), "Tt": number(99999), "ST": pick("200", "404", "-1"), "B": pick("+", "") + number(9999), "U": number(99),
		"tsc": pick("----", "SC--", "cD--"), "ac": number(9), "rc": pick("0", "3", "+1"), "sq": number(9), "ID": "a1-" + number(9), "pid": number(99),
		"sslv": pick("", "TLSv1.3"), "sslc": pick("", "TLS_AES_128"), "CC": "", "CS": "",
		"r": method + " " + path + query + " " + version, "HM": method, "HPO": path, "HP": path, "HQ": query, "HU": path + query, "HV": version,
		"hr": pick("", "|", `a b|c"{`), "hs": pick("", "x|y z"),
		"[var(txn.x)]": nasty(r),
		"tr":           fmt.Sprintf("06/Feb/2009:12:14:%02d.%03d", r.IntN(60), r.IntN(1000)),
	}
	if v["hr"] == "" { // of one group only the format's text can tell whose it is
		v["hs"] = ""
	}
	if r.IntN(8) == 0 {
		for _, name := range []string{"r", "HM", "HPO", "HP", "HQ", "HU", "HV"} {
			v[name] = "<BADREQ>"
		}
	}
	return truth{values: v}
}

// nasty returns what a client may write to pass for more than one value.
func nasty(r *rand.Rand) string {
	pieces := []string{" ", `"`, `" "`, "200", " 500 ", "{a|b}", "} ", "|", " | ", " - ", "-", ":", "/", "GET /forged HTTP/1.1", " x=", "<", "1/2/3/4/5", `\"`}
	s := "x"
	for range r.IntN(8) {
		s += pieces[r.IntN(len(pieces))]
	}
	return s + "x"
}

// hash escapes s as HAProxy does.
func hash(s, more string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c < 32 || c > 126 || strings.IndexByte(more, c) >= 0 {
			fmt.Fprintf(&b, "#%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// write writes an alias' value as HAProxy does; it is empty where nothing at all is written.
func (tr truth) write(alias string, quote bool) string {
	v := tr.values[alias]
	switch alias {
	case "hr", "hs":
		if v == "" {
			return ""
		}
		var parts []string
		for part := range strings.SplitSeq(v, "|") {
			parts = append(parts, hash(part, `"#{|}`))
		}
		v = "{" + strings.Join(parts, "|") + "}"
	case "r", "HM", "HPO", "HP", "HQ", "HU", "HV":
		v = hash(v, `"#`)
	case "tr", "cp", "TR", "Tw", "Tc", "Tr", "Ta", "Tt", "ST", "B", "U", "tsc", "ac", "rc", "sq", "pid":
		return v
	default:
		if v == "" && !quote {
			return "-"
		}
	}
	if quote {
		return `"` + v + `"`
	}
	return v
}

// TestWritten makes formats at random, writes lines by them as HAProxy's log.c does, of the versions before 3.0 and since, and reads them.
func TestWritten(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	names := []string{
		"ci:cp", "ft", "f", "b/s", "TR/Tw/Tc/Tr/Ta", "Tr", "Tc/Tr/Tt", "ST", "B", "U", "tsc", "ac/rc", "rc", "sq", "ID", "pid", "sslv", "sslc", "CC", "CS",
		"r", "HM", "HPO", "HP", "HQ", "HU", "HV", "HP%HQ", "HPO%HQ", "hr", "hs", "hr hs",
	}
	for range 3000 {
		tr, quote, old := newTruth(random), random.IntN(3) == 0, random.IntN(2) == 0
		order := random.Perm(len(names))[:2+random.IntN(12)]
		parts := []string{"tr"}
		for _, i := range order {
			parts = append(parts, names[i])
		}
		if random.IntN(2) == 0 {
			parts = append(parts, "[var(txn.x)]")
		}
		random.Shuffle(len(parts), func(i, k int) { parts[i], parts[k] = parts[k], parts[i] })
		format, line := "", ""
		if quote {
			format = "%{+Q}o"
		}
		spaced := true // nothing has been written since the last space
		literal := func(s string) {
			format += s
			for _, c := range s {
				if c == ' ' {
					if !spaced {
						line += " "
					}
					spaced = true
				} else {
					line += string(c)
					spaced = false
				}
			}
		}
		for i, part := range parts {
			if i > 0 {
				literal([]string{" ", " ", " ", "  ", " - ", " | ", " x="}[random.IntN(7)])
			}
			for k, alias := range strings.FieldsFunc(part, func(c rune) bool { return strings.ContainsRune(":/% ", c) }) { // the expression has none
				if k > 0 {
					separator := part[strings.Index(part, alias)-1:][:1]
					literal(strings.Trim(separator, "%"))
				}
				format += "%" + alias
				quoted := tr.write(alias, quote)
				line += quoted
				empty := quoted == ""
				if strings.HasPrefix(alias, "H") && old {
					empty = false // written, though nothing was
				}
				spaced = spaced && empty
			}
		}
		f, err := Compile(format, nil)
		if err != nil {
			t.Fatalf("%s: %v", format, err)
		}
		r := make([]record.Record, 1)
		r[0].Reset()
		r[0].Line = []byte(line)
		NewCustom("", f).Parse(r)
		if problem := tr.differs(&r[0], format); problem != "" {
			t.Fatalf("%s, of %s: %s", line, format, problem)
		}
	}
}

// differs returns what is wrong with what has been read of a line that a format has written.
func (tr truth) differs(r *record.Record, format string) string {
	if r.Reason != record.None {
		return fmt.Sprintf("%v at %d", r.Reason, r.Column)
	}
	written := map[string]bool{}
	for alias := range strings.FieldsFuncSeq(format, func(c rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", c)
	}) {
		written[alias] = true
	}
	v := tr.values
	number := func(alias string) int64 {
		n, _ := strconv.ParseInt(strings.TrimPrefix(v[alias], "+"), 10, 64)
		if !written[alias] || n < 0 {
			return record.Absent
		}
		return n
	}
	bad := v["r"] == "<BADREQ>"
	target := v["HU"]
	switch {
	case bad:
		target = ""
	case written["r"] || written["HU"]:
	case written["HP"] || written["HPO"]:
		target = v["HP"]
		if written["HQ"] && len(v["HQ"]) > 1 {
			target += v["HQ"]
		}
	default:
		target = ""
	}
	method := ""
	if !bad && (written["r"] || written["HM"]) {
		method = v["HM"]
	}
	service := ""
	switch {
	case written["b"]:
		service = v["b"]
	case written["f"] || written["ft"]:
		service = "fe"
	}
	server := ""
	if written["s"] && v["s"][0] != '<' {
		server = v["s"]
	}
	upstream := number("Tr")
	switch connect := number("Tc"); {
	case upstream < 0 || written["Tc"] && connect < 0:
		upstream = record.Absent
	case written["Tc"]:
		upstream += connect
	}
	duration := number("Ta")
	if !written["Ta"] {
		duration = number("Tt")
	}
	tries := number("rc")
	if tries >= 0 {
		if tries++; written["s"] && server == "" {
			tries = record.Absent
		}
	}
	millis := func(n int64) int64 {
		if n < 0 {
			return n
		}
		return n * 1e6
	}
	client := ""
	if written["ci"] {
		client = v["ci"]
	}
	for _, c := range []struct {
		name      string
		got, want any
	}{
		{"client", string(r.ClientAddress), client},
		{"port", int64(r.ClientPort), number("cp")},
		{"method", string(r.Method), method},
		{"url", string(r.URL), target},
		{"service", string(r.Service), service},
		{"server", string(r.UpstreamAddress), server},
		{"status", int64(r.Status), number("ST")},
		{"sent", r.ResponseBytes, number("B")},
		{"received", r.RequestBytes, number("U")},
		{"upstream", r.UpstreamNanos, millis(upstream)},
		{"duration", r.DurationNanos, millis(duration)},
		{"tries", int64(r.Tries), tries},
		{"seconds", r.TimeNanos / 1e6 % 60_000, (1_233_922_440_000 + sinceMinute(v["tr"])) % 60_000},
	} {
		if c.got != c.want {
			return fmt.Sprintf("%s is %v, want %v", c.name, c.got, c.want)
		}
	}
	return ""
}

// sinceMinute returns the milliseconds of 06/Feb/2009:12:14:14.655.
func sinceMinute(s string) int64 {
	seconds, _ := strconv.ParseFloat(s[len(s)-6:], 64)
	return int64(seconds*1000 + 0.5)
}

func FuzzCustom(f *testing.F) {
	for _, format := range []string{HTTP, HTTPS, TCP, CLF, TCPCLF, `%t "%{+E}[req.hdr(a)]" %CC %hr %hs %{+Q}r %HPO %HQ %{+Q}hrl %si:%sp`} {
		f.Add(format, `203.0.113.7:80 [06/Feb/2009:12:14:14.655] fe~ be/s 0/0/0/0/1 200 9 S=a - ---- 1/1/0/0/0 0/0 {a|b} {} "GET / HTTP/1.1"`)
	}
	f.Fuzz(func(t *testing.T, format, line string) {
		if len(format) > 1024 || len(line) > 4096 || line == "" {
			return
		}
		compiled, err := Compile(format, map[string]field.Op{})
		if err != nil {
			return
		}
		p := NewCustom("", compiled)
		if a, b := described(p, line), described(p, line); a != b {
			t.Fatalf("%s by %s is\n%s and\n%s", line, format, a, b)
		}
	})
}
