package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestReadable: what cannot be read as a log is said before anything starts.
func TestReadable(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, mode os.FileMode) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("x\n"), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	f := func(path, want string) {
		t.Helper()
		err := readable(path)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
	f("-", "")
	f(write("access.log", 0o600), "")
	f(filepath.Join(dir, "*.gz"), "")
	f(filepath.Join(dir, "none"), "no such file")
	f(dir, "no regular file")
	f(write("gatemeter.yaml", 0o600), "gatemeter run -c ")
	if os.Geteuid() != 0 { // who may read everything
		f(write("secret.log", 0), "permission denied")
	}
}

// TestOnceSaysWhatItCouldNotRead: files that can be read are, and the exit code says that not all could.
func TestOnceSaysWhatItCouldNotRead(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"a.log": combinedLine + "\n", "b.log": combinedLine + "\n", "b.log.1.gz": "this is no gzip\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f := func(paths, want string) {
		t.Helper()
		path := filepath.Join(dir, "c.yaml")
		config := "data_dir: " + t.TempDir() + "\nlisten: \"\"\nsources: {edge: {type: file, paths: " + filepath.Join(dir, paths) + "}}\n"
		if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		root := newRootCommand()
		root.SetArgs([]string{"run", "--once", "-c", path})
		err := root.Execute()
		if want == "" && err != nil {
			t.Errorf("%s: %v", paths, err)
		}
		var e *exitError
		if want != "" && (!errors.As(err, &e) || e.code != exitFailed || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", paths, err, want)
		}
	}
	f("a.log", "")
	f("none*.log", "") // it may come with tomorrow's
	f("*.log*", "not everything could be read: "+filepath.Join(dir, "b.log"))
}

// TestArguments: what stands where there is no place for it is answered with what was meant, most likely.
func TestArguments(t *testing.T) {
	f := func(want string, args ...string) {
		t.Helper()
		root := newRootCommand()
		root.SetArgs(args)
		var e *exitError
		if err := root.Execute(); !errors.As(err, &e) || e.code != exitUsage || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", args, err, want)
		}
	}
	f(`gatemeter explain < "access.log"`, "explain", "access.log")
	f("gatemeter verify takes only flags", "verify", "gatemeter.yaml")
	f("gatemeter state show takes only flags", "state", "show", "/var/lib/gatemeter")
	f(`there is no gatemeter state "shw"; it is state show|check`, "state", "shw")
	f(`gatemeter check -c "gatemeter.yaml"`, "check", "gatemeter.yaml")
}
