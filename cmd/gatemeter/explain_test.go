package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatemeter/gatemeter/parsers"
)

const combinedLine = `192.0.2.1 - - [21/Nov/2026:20:00:00 +0000] "GET /a HTTP/1.1" 200 5 "-" "curl/8"`

// explained returns what explain prints of in with format auto.
func explained(t *testing.T, in string) []explanation {
	t.Helper()
	how, err := readingAs("auto", parsers.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := how.explain(strings.NewReader(in), &out); err != nil {
		t.Fatal(err)
	}
	var all []explanation
	for d := json.NewDecoder(strings.NewReader(out.String())); d.More(); {
		var e explanation
		if err := d.Decode(&e); err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

// TestExplainWhileItIsWritten: what is explained of a line is there before the next one comes, as of tail -f.
func TestExplainWhileItIsWritten(t *testing.T) {
	how, err := readingAs("auto", parsers.Options{})
	if err != nil {
		t.Fatal(err)
	}
	in, log := io.Pipe()
	answers, out := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := how.explain(in, out)
		out.Close()
		done <- err
	}()
	lines := bufio.NewReader(answers)
	for range 3 {
		if _, err := io.WriteString(log, combinedLine+"\n"); err != nil {
			t.Fatal(err)
		}
		if line, err := lines.ReadString('\n'); err != nil || !strings.Contains(line, `"error":null`) {
			t.Fatalf("%q, %v", line, err)
		}
	}
	log.Close()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// TestExplainLongLine: a line without end takes no memory without end, and the one behind it is read.
func TestExplainLongLine(t *testing.T) {
	all := explained(t, strings.Repeat("x", 3*maxExplained)+"\n"+combinedLine+"\n"+strings.Repeat(" ", maxExplained+1))
	if len(all) != 3 || all[0].Error == nil || all[0].Error.Reason != "oversize" || all[1].Error != nil || all[2].Error == nil || all[2].Error.Reason != "oversize" {
		t.Errorf("%+v", all)
	}
	if all := explained(t, strings.Repeat(" ", maxExplained)+"\r\n"); len(all) != 1 || all[0].Error == nil || all[0].Error.Reason != "blank" {
		t.Errorf("a line that is as long as one may be: %+v", all)
	}
	if line, long, err := readLine(bufio.NewReaderSize(strings.NewReader(strings.Repeat("y", 100)+"\nz"), 16), 40); len(line) != 40 || !long || err != nil {
		t.Errorf("%d bytes, %v, %v", len(line), long, err)
	}
}

// TestExplainNoText: what somebody has forgotten to decompress or to convert is called what it is.
func TestExplainNoText(t *testing.T) {
	f := func(line, want string) {
		t.Helper()
		if all := explained(t, line+"\n"); len(all) == 0 || all[0].Error == nil || !strings.Contains(all[0].Why, want) {
			t.Errorf("%q: %+v, want %q", line, all, want)
		}
	}
	f("\x1f\x8b\x08\x00abc", "gzip")
	f("\x28\xb5\x2f\xfdabc", "zstd")
	f("\xff\xfe1\x00.\x00", "UTF-16")
	f("hello world", "like no format there is")
}

// TestExplainByConfig: a line is read, masked, routed and filtered as a source of a config says.
func TestExplainByConfig(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(path, []byte(`
sources:
  edge: {type: file, paths: [/a], max_line: 1KiB, format: '$remote_addr [$time_local] "$request" $status $tenant', fields: {tenant: user.name}, service: shop}
  other: {type: file, paths: [/b]}
metrics: {routes: ["/shops/{name}"], rollups: {mine: [service, route]}}
redact: {addresses: truncate}
filters:
  - {when: {url.path: /healthz}, drop: [metrics, records]}
  - {when: {service.name: shop, http.response.status_code: 404}, drop: records}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	how, err := readingOf(path, "edge")
	if err != nil {
		t.Fatal(err)
	}
	f := func(request, status, record, rest string) {
		t.Helper()
		var out strings.Builder
		line := `192.0.2.77 [21/Nov/2026:20:00:00 +0000] "` + request + `" ` + status + " ann\n"
		if err := how.explain(strings.NewReader(line), &out); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{record, `"source":{"ip":"192.0.2.0"}`, `"user":{"name":"ann"}`, `"service":{"name":"shop"}`, rest} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%s: no %s in\n%s", request, want, out.String())
			}
		}
	}
	f("GET /shops/ann?token=abc HTTP/1.1", "200", `"original":"/shops/ann?token=***"`, `"series":["mine.shop._shops__name_"],"error":null`)
	f("GET /healthz HTTP/1.1", "200", `"path":"/healthz"`, `"series":[],"left_out_of":["metrics","records"],"error":null`)
	f("GET /x HTTP/1.1", "404", `"path":"/x"`, `"series":["mine.shop._x"],"left_out_of":["records"],"error":null`)

	var out strings.Builder
	if err := how.explain(strings.NewReader(strings.Repeat("x", 1<<10)+"\r\n"+strings.Repeat("x", 1<<10+1)+"\n"), &out); err != nil {
		t.Fatal(err)
	}
	if first, second, _ := strings.Cut(out.String(), "\n"); strings.Contains(first, "oversize") || !strings.Contains(second, "longer than max_line, 1024 bytes") {
		t.Errorf("with a max_line of 1024, lines of 1024 and of 1025 bytes are\n%s", out.String())
	}

	g := func(want string, args ...string) {
		t.Helper()
		root := newRootCommand()
		root.SetIn(strings.NewReader(""))
		root.SetArgs(append([]string{"explain"}, args...))
		var e *exitError
		if err := root.Execute(); !errors.As(err, &e) || e.code != exitUsage || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", args, err, want)
		}
	}
	g("--source is one of edge, other", "-c", path)
	g("--source is one of edge, other", "-c", path, "--source", "egde")
	g("--source of which config", "--source", "edge")
	g("--format and a config exclude each other", "-c", path, "--format", "kong")
}
