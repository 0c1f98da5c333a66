package main

import (
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
