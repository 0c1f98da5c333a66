package e2e

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	strictgraphite "github.com/gatemeter/gatemeter/internal/strict/graphite"
)

// at is the time of oddLine's lines, in the recent past.
func at(seconds int) string {
	return time.Now().Add(-5 * time.Minute).Truncate(time.Minute).Add(time.Duration(seconds) * time.Second).UTC().Format("02/Jan/2006:15:04:05 -0700")
}

// oddLine is a line of nginx's combined format without its newline.
func oddLine(seconds int, target, status string) string {
	return `203.0.113.9 - - [` + at(seconds) + `] "GET ` + target + ` HTTP/1.1" ` + status + ` 7 "-" "agent"`
}

// TestOddInput: what a log may have in it. Each case is a log of its own; the numbers are of its lines: what is none of them has a
// reason. And whatever it is, nothing in it can make a line or a node of its own in Graphite, which is strict here.
func TestOddInput(t *testing.T) {
	const good = "\n"
	line := func(n int) string { return oddLine(n, "/a", "200") + "\n" }
	cases := []struct {
		name    string
		text    string
		counted int
		reasons map[string]int
	}{
		{"empty", "", 0, nil},
		{"no newline at the end", line(1) + oddLine(2, "/a", "200"), 1, nil}, // the rest may still be written
		{"carriage returns", strings.ReplaceAll(line(1)+line(2), "\n", "\r\n"), 2, nil},
		{"blank lines", "\n" + line(1) + "\r\n \t\n" + line(2), 2, map[string]int{"blank": 3}},
		{"NUL in a field", oddLine(1, "/a\x00b", "200") + good + line(2), 2, nil},
		{"NULs where a log was cut", strings.Repeat("\x00", 5000) + line(1) + line(2), 2, nil}, // of an unknown client
		{"no UTF-8", oddLine(1, "/caf\xe9\xff\xfe", "200") + good + line(2), 2, nil},
		{"10 MB in a line", strings.Repeat("x", 10<<20) + good + line(2), 1, map[string]int{"oversize": 1}},
		{"a target of 60 kB", oddLine(1, "/"+strings.Repeat("y", 60_000), "200") + good + line(2), 2, nil},
		{"a line cut in half", oddLine(1, "/a", "200")[:60] + good + line(2), 1, map[string]int{"truncated": 1}},
		{"two lines in one", oddLine(1, "/a", "200")[:60] + line(2), 0, map[string]int{"unexpected": 1}},
		{"a year ahead", strings.ReplaceAll(line(1), "/20", "/21") + line(2), 1, map[string]int{"future": 1}},
		{"out of order", line(30) + line(20) + line(40), 3, nil},
		{"too late", line(59) + line(1) + line(58), 2, map[string]int{"late": 1}},
		{"status 000", oddLine(1, "/a", "000") + good + oddLine(2, "/a", "200") + good, 2, nil},
		{"status 999999", oddLine(1, "/a", "999999") + good + line(2), 1, map[string]int{"bad_number": 1}},
		{"no such day", strings.ReplaceAll(line(1), "[", "[4") + line(2), 1, map[string]int{"bad_time": 1}},
		{"newlines escaped", oddLine(1, `/x\x0Agateway.admin 0 9\x0D\x0A`, "200") + good + line(2), 2, nil},
		{"dots and semicolons", oddLine(1, "/a.b;c=d/../e..f", "200") + good + oddLine(2, "/;;..~,:|@#", "200") + good, 2, nil},
		{"protocols", oddLine(1, "/a:1|c/b 1 1", "200") + good + oddLine(2, `/\x22}}\x0A{\x22create\x22:{}}`, "200") + good, 2, nil},
		{"a quote not escaped", oddLine(1, `/"}}{"create":{}}`, "200") + good + line(2), 1, map[string]int{"unexpected": 1}},
		{"terminal", oddLine(1, "/\x1b[2J\x1b]0;x\x07", "200") + good + line(2), 2, nil},
	}
	w := newWorld(t, 0)
	w.addGraphite(strictgraphite.Options{})
	w.addElasticsearch()
	sources, dir := object{}, t.TempDir()
	for i, c := range cases {
		path := filepath.Join(dir, fmt.Sprint(i)+".log")
		appendTo(t, path, []byte(c.text))
		sources[fmt.Sprintf("case%d", i)] = object{"type": "file", "paths": []string{path}, "format": "combined"}
	}
	w.config["sources"] = sources
	w.config["metrics"].(object)["rollups"] = object{"route": []string{"service", "route"}, "service": []string{"service"}}
	w.config["metrics"].(object)["idle_timeout"] = "1h" // so that no log is late for another's sake
	w.start()

	stored := 0
	for i, c := range cases {
		source := fmt.Sprintf("source=\"case%d\"", i)
		lines := bytes.Count([]byte(c.text), []byte("\n"))
		stored += lines - c.reasons["blank"] - c.reasons["oversize"]
		w.await(func() error {
			if got := w.metric(t, "gatemeter_source_read_lines_total", source); got != float64(lines) {
				return fmt.Errorf("%s: %v lines read, want %d", c.name, got, lines)
			}
			return nil
		})
		if got := w.metric(t, "gatemeter_window_counted_records_total", source); got != float64(c.counted) {
			t.Errorf("%s: %v counted, want %d", c.name, got, c.counted)
		}
		got := map[string]int{}
		for _, name := range []string{"gatemeter_source_skipped_lines_total", "gatemeter_parser_malformed_lines_total", "gatemeter_window_left_out_records_total"} {
			for labels, n := range w.ownMetrics(t)[name] {
				if parts := strings.Split(labels, ","); n > 0 && slices.Contains(parts, source) {
					i := slices.IndexFunc(parts, func(p string) bool { return strings.HasPrefix(p, "reason=") })
					got[strings.Trim(strings.TrimPrefix(parts[i], "reason="), `"`)] = int(n)
				}
			}
		}
		if !maps.Equal(got, c.reasons) {
			t.Errorf("%s: %v, want %v", c.name, got, c.reasons)
		}
		if lines := w.messages(t, "malformed line", fmt.Sprintf("source=case%d\n", i)); len(lines) > 1 {
			t.Errorf("%s: said %d times", c.name, len(lines))
		}
	}
	w.await(func() error {
		if got := w.search.Count(); got != stored {
			return fmt.Errorf("%d documents, want %d", got, stored)
		}
		return nil
	})
	w.said(0)

	// The rest of a line, and another one.
	half := slices.IndexFunc(cases, func(c struct {
		name    string
		text    string
		counted int
		reasons map[string]int
	},
	) bool {
		return strings.HasPrefix(c.name, "no newline")
	})
	appendTo(t, filepath.Join(dir, fmt.Sprint(half)+".log"), []byte("\n"+line(3)))
	w.reaches(3, "gatemeter_window_counted_records_total", fmt.Sprintf("source=\"case%d\"", half))

	w.process.Stop() // which sends the windows as they stand
	for name := range w.graphite.Values() {
		if nodes := strings.Split(name, "."); nodes[2] == "route" && len(nodes) != 7 || nodes[2] == "service" && len(nodes) != 6 {
			t.Errorf("Graphite has %s", name)
		}
	}
}

// TestOddFiles: what may be where a log is looked for. Each is named once and holds nothing else up.
func TestOddFiles(t *testing.T) {
	w := newWorld(t, 500)
	w.addElasticsearch()
	dir := filepath.Dir(w.log.path)
	file := func(name string) string { return filepath.Join(dir, name) }
	if err := os.Mkdir(file("folder.log"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(file("fifo.log"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/dev/zero", file("device.log")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("nowhere", file("dangling.log")); err != nil {
		t.Fatal(err)
	}
	appendTo(t, file("empty.log"), nil)
	appendTo(t, file("secret.log"), []byte(oddLine(1, "/secret", "200")+" 0.1 0.1\n"))
	if err := os.Chmod(file("secret.log"), 0); err != nil {
		t.Fatal(err)
	}
	w.config["sources"].(object)["edge"].(object)["paths"] = []string{file("*.log")}
	w.config["sources"].(object)["away"] = object{"type": "file", "paths": []string{file("away/*.log")}, "format": "combined"}
	w.instance = newInstance(t, w.config)
	w.unprivileged = true
	w.log.part(1, 2)
	w.start()
	w.stored()
	w.ready("source/away", "source/edge")
	w.reaches(3, "gatemeter_file_refused_files_total", `source="edge"`)
	w.reaches(5, "gatemeter_file_errors_total", `source="edge"`)
	fails := w.unready(t)
	for source, want := range map[string]string{"source/edge": "secret.log: open", "source/away": "no file matches"} {
		if !strings.Contains(fails[source], want) {
			t.Errorf("/readyz: %s %q, want %q", source, fails[source], want)
		}
	}
	for _, name := range []string{"folder.log", "fifo.log", "device.log"} {
		w.said(1, "only regular files are", name)
	}
	w.said(1, "not readable", "secret.log", "permission denied")
	w.said(1, "no file matches", "away")
	w.said(5)

	// What can be read later is read later; a log that goes is no trouble, and one that comes is found.
	if err := os.Chmod(file("secret.log"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(file("away"), 0o700); err != nil {
		t.Fatal(err)
	}
	appendTo(t, file("away/new.log"), []byte(oddLine(1, "/new", "200")+"\n"))
	w.log.part(2, 2)
	extra := 2
	all := func() error {
		if got := w.search.Count(); got != w.log.next+extra {
			return fmt.Errorf("Elasticsearch has %d documents, want %d", got, w.log.next+extra)
		}
		return nil
	}
	w.await(all)
	w.ready()
	if err := os.Remove(w.log.path); err != nil {
		t.Fatal(err)
	}
	appendTo(t, file("empty.log"), []byte(oddLine(2, "/late", "200")+" 0.1 0.1\n"))
	extra++
	w.await(all)
	appendTo(t, w.log.path, []byte(oddLine(3, "/again", "200")+" 0.1 0.1\n"))
	extra++
	w.await(all)
	w.ready()
	w.said(5)
}
