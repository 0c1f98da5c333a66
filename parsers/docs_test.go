package parsers

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/gatemeter/gatemeter/pipeline/record"
)

// TestDocs runs the examples of docs/formats: the lines of ```log FORMAT blocks are read as that format, the formats in YAML
// compile with their fields.
func TestDocs(t *testing.T) {
	pages, err := filepath.Glob("../docs/formats/*.md")
	if err != nil || len(pages) < 6 {
		t.Fatal(pages, err)
	}
	block := regexp.MustCompile("(?s)```(log|yaml) ?([a-z_]*)\n(.*?)```")
	logs, formatStrings := 0, 0
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range block.FindAllStringSubmatch(string(text), -1) {
			if m[1] == "yaml" {
				formatStrings += yamlFormat(t, page, m[3])
				continue
			}
			newParser, err := New(m[2], Options{})
			if err != nil {
				t.Errorf("%s: %v", page, err)
				continue
			}
			for line := range strings.SplitSeq(strings.TrimSuffix(m[3], "\n"), "\n") {
				logs++
				if r := one(newParser(), line); r.Reason != record.None && r.Reason != record.Blank {
					t.Errorf("%s: %s: %v at column %d: %s", page, m[2], r.Reason, r.Column, line)
				}
			}
		}
	}
	if logs < 10 || formatStrings < 2 {
		t.Errorf("only %d lines and %d format strings in the docs", logs, formatStrings)
	}
}

// yamlFormat compiles the `format: '…'` of a config with its `fields: {…}`, and returns how many there were.
func yamlFormat(t *testing.T, page, yaml string) int {
	t.Helper()
	format := regexp.MustCompile(`(?m)^ *format: '(.*)'$`).FindStringSubmatch(yaml)
	if format == nil {
		return 0
	}
	o := Options{Fields: map[string]string{}}
	fields := regexp.MustCompile(`fields: \{"?([^":]*)"?: ([a-z_.:]+)\}`).FindStringSubmatch(yaml)
	if fields != nil {
		o.Fields[fields[1]] = fields[2]
	}
	if _, err := New(format[1], o); err != nil {
		t.Errorf("%s: %v", page, err)
	}
	return 1
}

// TestTables compares the tables of docs/formats with the table of formats. With -update it writes them.
func TestTables(t *testing.T) {
	var all, signs strings.Builder
	all.WriteString("| name | what | its time is the request's | page |\n| --- | --- | --- | --- |\n")
	signs.WriteString("| the line has | it is read as |\n| --- | --- |\n")
	for _, f := range Formats() {
		all.WriteString("| `" + f.Name + "` | " + f.About + " | " + f.Time.String() + " | [" + f.Page + "](" + f.Page + ".md) |\n")
		if _, err := os.Stat("../docs/formats/" + f.Page + ".md"); err != nil {
			t.Errorf("%s: %v", f.Name, err)
		}
		if f.Sign != "" && f.Sign != byKeys {
			signs.WriteString("| " + strings.ReplaceAll(f.Sign, "<", "&lt;") + " | `" + f.Name + "` |\n")
		}
	}
	compareTable(t, "../docs/formats/README.md", all.String())
	compareTable(t, "../docs/formats/auto.md", signs.String())
}

// compareTable compares what stands between a page's marks with want.
func compareTable(t *testing.T, page, want string) {
	t.Helper()
	const begin, end = "<!-- formats -->\n", "<!-- /formats -->"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), begin)
	have, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no %s", page, begin)
	}
	if *update && have != want {
		if err := os.WriteFile(page, []byte(before+begin+want+end+after), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if have != want {
		t.Errorf("%s is not the table of formats (run with -update to write it):\n%s", page, want)
	}
}
