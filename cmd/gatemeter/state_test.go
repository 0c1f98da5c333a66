package main

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/pipeline/cursor"
	"github.com/gatemeter/gatemeter/sinks/deadletter"
	"github.com/gatemeter/gatemeter/sources/cursorfile"
	"github.com/gatemeter/gatemeter/sources/spool"
)

func TestState(t *testing.T) {
	dir := t.TempDir()
	f := func(code int, args []string, want ...string) string {
		t.Helper()
		out, err := output(t, append([]string{"state"}, args...)...)
		if exitCode(err) != code {
			t.Errorf("state %q: %v, want code %d\n%s", args, err, code, out)
		}
		for _, w := range want {
			if got := fmt.Sprint(out, err); !strings.Contains(got, w) {
				t.Errorf("state %q says\n%s\nwant %q", args, got, w)
			}
		}
		return out
	}
	check, show := []string{"check", "--data-dir", dir}, []string{"show", "--data-dir", dir}
	f(0, check, "no cursor yet")
	f(1, []string{"check", "--data-dir", filepath.Join(dir, "none")}, "no such file")
	f(2, nil, "show or check")
	f(2, []string{"show"}, "--data-dir")

	s, err := cursorfile.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Load(); err != nil {
		t.Fatal(err)
	}
	c := cursor.Cursor{Shard: "web1", Emitted: 1795248000, Final: 1795247940, Fingerprint: "abc", Partitions: []cursor.Partition{{
		Source: "edge", Name: "/var/log/a\x1b.log", ID: "4711", Replay: 10, Watermark: cursor.NoWatermark, Read: 30, Indexed: 20,
	}}}
	for range 2 {
		if err := s.Save([]cursor.Cursor{c}); err != nil {
			t.Fatal(err)
		}
	}
	letters, err := deadletter.Open(lettersDir(dir), "es", deadletter.Options{})
	if err != nil {
		t.Fatal(err)
	}
	letters.Write([]deadletter.Letter{{ID: "x-1", Document: []byte("{}")}})
	letters.Close()
	out := f(0, show, fmt.Sprintf("in use by pid %d", os.Getpid()), "slot at 4096: sequence 2", "used", `shard "web1": windows sent up to 2026-11-21T08:00:00Z, final up to 2026-11-21T07:59:00Z`,
		`"/var/log/a\x1b.log"  30    10      20       none`, "dead letters: 1 in 1 files")
	if strings.Contains(out, "\x1b") || strings.Contains(out, "damaged") {
		t.Errorf("%q", out)
	}
	f(0, check, ": ok")
	var state struct {
		Running bool
		Cursors []cursor.Cursor
		Letters struct{ Letters int } `json:"dead_letters"`
	}
	if err := json.Unmarshal([]byte(f(0, append(show, "--json"))), &state); err != nil || !state.Running || state.Cursors[0].Partitions[0].Read != 30 || state.Letters.Letters != 1 {
		t.Errorf("%+v, %v", state, err)
	}
	s.Close()

	path := filepath.Join(dir, "cursors")
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	damage := func(at ...int) {
		t.Helper()
		for _, i := range at {
			content[i] ^= 1
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	damage(4096 + 40)
	f(1, check, "damaged: slot at 4096 has checksum", "goes on from the slot at 0 (sequence 1)", "read again")
	f(0, show, "not in use", "slot at 4096: damaged", "slot at 0: sequence 1")
	f(1, append(check, "--json"), `"before": true`)
	damage(40)
	f(1, check, "finds no cursor", "cursors.bad-N")
}

// TestStateOfSources: what has been received is counted and looked through; where Kafka's cursors are is said.
func TestStateOfSources(t *testing.T) {
	dir := t.TempDir()
	kept, err := spool.Open(spool.Settings{Dir: filepath.Join(dir, "spool", "lb"), Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	var g spool.Group
	g.Add([]byte("one"))
	g.Add([]byte("two"))
	if _, err := kept.Append(t.Context(), &g); err != nil {
		t.Fatal(err)
	}
	if err := kept.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "c.yaml")
	config := fmt.Sprintf("data_dir: %q\nsources:\n  gw: {type: kafka, brokers: [\"127.0.0.1:9092\"], topics: [a], group: metrics}\nsinks:\n  g: {type: graphite, address: \"tcp://127.0.0.1:2003\"}\n", dir)
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	f := func(code int, command string, want ...string) {
		t.Helper()
		out, err := output(t, "state", command, "-c", path)
		if exitCode(err) != code {
			t.Errorf("state %s: %v, want code %d\n%s", command, err, code, out)
		}
		for _, w := range want {
			if !strings.Contains(out, w) {
				t.Errorf("state %s says\n%s\nwant %q", command, out, w)
			}
		}
	}
	f(0, "show", "spool of lb: 2 records, from 0 to 2, in 1 segments, ", `source gw: its cursors are in Kafka, with the committed offsets of group "metrics"`)
	f(0, "check")
	segments, err := filepath.Glob(filepath.Join(dir, "spool", "lb", "*.seg"))
	if err != nil || len(segments) != 1 {
		t.Fatal(segments, err)
	}
	content, err := os.ReadFile(segments[0])
	if err != nil {
		t.Fatal(err)
	}
	content[20] ^= 1
	if err := os.WriteFile(segments[0], content, 0o600); err != nil {
		t.Fatal(err)
	}
	f(1, "check", "damaged: spool of lb: 0000000000000000.seg: no header of a spool segment", "A start leaves out what is damaged")
}
