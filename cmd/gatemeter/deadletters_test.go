package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatemeter/gatemeter/internal/strict/elasticsearch"
	"github.com/gatemeter/gatemeter/sinks/deadletter"
)

// exitCode is what a command's error ends the process with.
func exitCode(err error) int {
	var e *exitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &e):
		return e.code
	}
	return exitUsage
}

func TestDeadLetters(t *testing.T) {
	server, err := elasticsearch.New()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	dir := t.TempDir()
	config := filepath.Join(dir, "gatemeter.yaml")
	data := filepath.Join(dir, "data")
	text := fmt.Sprintf("data_dir: %s\nsources: {a: {type: file, paths: [/x.log]}}\nsinks: {es: {type: elasticsearch, urls: [%q], index: access}}\n", data, server.URL)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	f := func(code int, want string, args ...string) string {
		t.Helper()
		out, err := output(t, append([]string{"deadletters"}, args...)...)
		if got := fmt.Sprint(out, err); exitCode(err) != code || !strings.Contains(got, want) {
			t.Errorf("deadletters %q: code %d, %s; want code %d and %q", args, exitCode(err), got, code, want)
		}
		return out
	}
	f(0, "no dead letters", "list", "-c", config)
	f(0, "0 stored", "replay", "-c", config)
	f(0, "0 dropped", "drop", "-c", config, "--all", "--yes")

	letters, err := deadletter.Open(lettersDir(data), "es", deadletter.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer letters.Close() // a gatemeter runs all the while
	for n := range 5 {
		letters.Write([]deadletter.Letter{{
			Partition: "p", Offset: int64(n), ID: fmt.Sprintf("p-%012x", n), Target: "access", Status: 400,
			Type: []string{"document_parsing_exception", "illegal\x1b[31m"}[n%2], Reason: "no", Attempts: 1,
			Document: fmt.Appendf(nil, `{"@timestamp":"2026-11-21T00:00:00Z","n":%d}`, n),
		}})
	}
	out := f(0, "dead letters: 5,", "list", "--data-dir", data)
	if !strings.Contains(out, "3        es    400     document_parsing_exception") || strings.Contains(out, "\x1b") {
		t.Errorf("list says %q", out)
	}
	out = f(0, "", "list", "-c", config, "--json", "--reason", "PARSING")
	for line := range strings.Lines(out) {
		if !json.Valid([]byte(line)) {
			t.Errorf("not JSON: %s", line)
		}
	}
	if strings.Count(out, "\n") != 3 {
		t.Errorf("%s: want 3 lines", out)
	}

	server.Behave(elasticsearch.Behaviour{Status: 503})
	f(1, "503", "replay", "-c", config)
	server.Behave(elasticsearch.Behaviour{Refuse: func(doc []byte) bool { return bytes.Contains(doc, []byte(`"n":2`)) }})
	f(1, "2 stored, 0 were there already, 1 refused again", "replay", "-c", config, "--reason", "document_parsing")
	if server.Count() != 2 {
		t.Errorf("%d documents stored", server.Count())
	}
	f(0, "dead letters: 3,", "list", "-c", config)
	server.Behave(elasticsearch.Behaviour{})
	f(0, "3 stored", "replay", "-c", config)
	if server.Count() != 5 || len(server.Violations()) > 0 {
		t.Errorf("%d documents stored, %q", server.Count(), server.Violations())
	}

	letters.Write([]deadletter.Letter{{ID: "q-1", Document: []byte("{}"), Target: "access"}})
	f(2, "--yes", "drop", "-c", config, "--all")
	f(2, "drop which", "drop", "-c", config, "--yes")
	f(2, "drop which", "drop", "-c", config, "--yes", "--all", "--sink", "es")
	f(0, "0 dropped", "drop", "-c", config, "--yes", "--older", "1h")
	f(0, "1 dropped", "drop", "-c", config, "--yes", "--all")
	f(0, "no dead letters", "list", "-c", config)

	f(2, "list, replay or drop", []string{}...)
	f(2, "--data-dir", "list")
	f(2, "--data-dir", "list", "-c", config, "--data-dir", data)
	f(2, "-c FILE", "replay", "--data-dir", data)
	f(78, "no such file", "list", "-c", filepath.Join(dir, "none.yaml"))
}
