package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

var flagName = regexp.MustCompile(`(?:^|[\s|` + "`" + `])--([a-z][a-z-]*)`)

// TestDocumentedFlags: what the pages of the tools say on a command line exists, and each flag there is stands on them.
func TestDocumentedFlags(t *testing.T) {
	f := func(page string, commands ...string) {
		t.Helper()
		text, err := os.ReadFile("../../docs/" + page)
		if err != nil {
			t.Fatal(err)
		}
		known := map[string]bool{}
		for _, name := range commands {
			cmd, rest, err := newRootCommand().Find(strings.Fields(name))
			if err != nil || len(rest) > 0 {
				t.Fatalf("no command %s: %v", name, err)
			}
			if !strings.Contains(string(text), "gatemeter "+name) {
				t.Errorf("docs/%s does not show %s", page, name)
			}
			for line := range strings.Lines(cmd.Flags().FlagUsages()) {
				if m := flagName.FindStringSubmatch(line); m != nil {
					known[m[1]] = true
				}
			}
		}
		said := map[string]bool{}
		for _, m := range flagName.FindAllStringSubmatch(string(text), -1) {
			said[m[1]] = true
			if !known[m[1]] && m[1] != "once" {
				t.Errorf("docs/%s has --%s, which does not exist", page, m[1])
			}
		}
		for name := range known {
			if !said[name] && name != "help" && name != "config" {
				t.Errorf("docs/%s does not name --%s", page, name)
			}
		}
	}
	f("verify.md", "verify")
	f("state.md", "state show", "state check")
	f("dead-letters.md", "deadletters list", "deadletters replay", "deadletters drop")
}
