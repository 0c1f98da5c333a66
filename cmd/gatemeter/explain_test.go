package main

import (
	"bufio"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/gatemeter/gatemeter/parsers"
)

const combinedLine = `192.0.2.1 - - [21/Nov/2026:20:00:00 +0000] "GET /a HTTP/1.1" 200 5 "-" "curl/8"`

// explained returns what explain prints of in with format auto.
func explained(t *testing.T, in string) []explanation {
	t.Helper()
	newParser, err := parsers.New("auto", parsers.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := explain(strings.NewReader(in), &out, "auto", newParser()); err != nil {
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
	newParser, err := parsers.New("auto", parsers.Options{})
	if err != nil {
		t.Fatal(err)
	}
	in, log := io.Pipe()
	answers, out := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := explain(in, out, "auto", newParser())
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
