package servers

import (
	"os"
	"path/filepath"
	"testing"
)

// installed returns the path of a part that install.sh keeps in the cache.
func installed(t testing.TB, part string) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatalf("find the cache folder: %v", err)
	}
	return mustExist(t, filepath.Join(cache, "gatemeter-test", part))
}

// mustExist returns the path of a program or folder that install.sh installs.
func mustExist(t testing.TB, path string) string {
	t.Helper()
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		t.Fatalf("%v: run `make install-servers`", err)
	}
	return real
}

// mustWrite writes a file for a server.
func mustWrite(t testing.TB, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
