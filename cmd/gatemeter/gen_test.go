package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// output runs the command line and returns what it wrote to standard output.
func output(t *testing.T, args ...string) (string, error) {
	t.Helper()
	root := newRootCommand()
	var out bytes.Buffer
	root.SetOut(&out)
	root.SetArgs(args)
	err := root.Execute()
	return out.String(), err
}

func TestGen(t *testing.T) {
	args := []string{"gen", "--format", "nginx_timed", "-n", "500", "--seed", "9"}
	first, err := output(t, args...)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(first, "\n"); n != 500 {
		t.Errorf("%d lines, want 500", n)
	}
	if second, _ := output(t, args...); second != first {
		t.Error("the same seed gave other bytes")
	}

	name := filepath.Join(t.TempDir(), "access.log")
	if out, err := output(t, append(args, "-o", name)...); err != nil || out != "" {
		t.Errorf("with -o: output %q, %v", out, err)
	}
	file, err := os.ReadFile(name)
	if err != nil || string(file) != first {
		t.Errorf("the file holds other bytes than standard output (%v)", err)
	}
	if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, want 0600 (%v)", info.Mode(), err)
	}
}

func TestGenSpansDuration(t *testing.T) {
	out, err := output(t, "gen", "-n", "100", "--duration", "100m", "--start", "2026-03-01T10:00:00Z", "--disorder", "0s", "--malformed", "0")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if !strings.Contains(lines[0], "01/Mar/2026:10:00:00") || !strings.Contains(lines[99], "01/Mar/2026:11:39:00") {
		t.Errorf("the lines span from %s to %s", lines[0], lines[99])
	}
}

func TestGenFollow(t *testing.T) {
	out, err := output(t, "gen", "--follow", "--rate", "100000", "-n", "50")
	if err != nil || strings.Count(out, "\n") != 50 {
		t.Errorf("%d lines, want 50 (%v)", strings.Count(out, "\n"), err)
	}
}

func TestGenUsage(t *testing.T) {
	f := func(want string, args ...string) {
		t.Helper()
		_, err := output(t, append([]string{"gen"}, args...)...)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("gen %q: got %v, want an error with %q", args, err, want)
		}
	}
	f(`no format "iis"`, "--format", "iis")
	f(`--start "yesterday"`, "--start", "yesterday")
	f("--rate", "--rate", "0")
	f("--rate", "--rate", "NaN")
	f("-n is below 0", "-n", "-1")
	f("--malformed", "--malformed", "2")
	f("--disorder", "--disorder", "2h")
	f("--duration", "--duration", "-1s")
	f("[duration rate]", "--duration", "1h", "--rate", "5")
	f("takes only flags", "access.log")
	f("create the log", "-o", filepath.Join(t.TempDir(), "no", "such", "folder"))
}

func TestVersion(t *testing.T) {
	out, err := output(t, "version")
	if err != nil || !strings.HasPrefix(out, "gatemeter dev, commit ") || !strings.Contains(out, "go1.") {
		t.Errorf("got %q, %v", out, err)
	}
}
