package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/gatemeter/gatemeter/parsers"
)

func TestFormats(t *testing.T) {
	var out bytes.Buffer
	if err := printFormats(&out, parsers.Formats(), nil); err != nil {
		t.Fatal(err)
	}
	for _, f := range parsers.Formats() {
		if !strings.Contains(out.String(), f.Name+"\n    "+f.About) || !strings.Contains(out.String(), "    line    "+f.Sample+"\n") {
			t.Errorf("%s is not listed with its line", f.Name)
		}
	}
	out.Reset()
	cmd := newFormatsCommand()
	cmd.SetArgs([]string{"haproxy", "csv"})
	cmd.SetOut(&out)
	if err := cmd.Execute(); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(out.String(), "\n\n"); n != 2 || !strings.Contains(out.String(), "    format  csv ts,") {
		t.Errorf("two formats are listed as\n%s", out.String())
	}
	cmd = newFormatsCommand()
	cmd.SetArgs([]string{"haproxi"})
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	if err := cmd.Execute(); err == nil || !strings.Contains(err.Error(), `did you mean "haproxy"`) {
		t.Errorf("an unknown format: %v", err)
	}
}

func TestExplain(t *testing.T) {
	f := func(format, line string, want ...string) {
		t.Helper()
		how, err := readingAs(format, parsers.Options{})
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := how.explain(strings.NewReader(line+"\n"), &out); err != nil {
			t.Fatal(err)
		}
		for _, w := range want {
			if !strings.Contains(out.String(), w) {
				t.Errorf("%q is explained as %s, want %s", line, out.String(), w)
			}
		}
	}
	f("auto", "[GIN] 2025/10/10 - 11:55:36 | 200 |   43.1291ms |     203.0.113.7 | GET      \"/\"", `"format":"krakend","why":"[GIN]"`)
	f("auto", "[GIN] 2025/10/10 - 11:55:36 | 200 |   43.1291ms |", `"format":"krakend","why":"it begins like krakend: [GIN]"`, `"reason":"truncated"`)
	f("auto", "something else", `"format":"","why":"it begins like no format there is"`, `"reason":"unknown_format"`)
	f("auto", "#Fields: date time", `"why":"it is passed over: no request, and no fault"`, `"reason":"blank"`)
	f("krakend", "[GIN] 2025/10/10 - 11:55:36 | 200 |   43.1291ms |     203.0.113.7 | GET      \"/\"", `"format":"krakend","record"`)
	f("common", `10.0.0.1 - - [21/Nov/2026:08:00:00 +0000] "CONNECT host:443 HTTP/1.1" 200 1`, `"route":"_invalid"`, `"route.SOURCE._invalid.CONNECT"`) // as docs/routes.md has it
}
