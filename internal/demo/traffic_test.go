package demo

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

func TestTraffic(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if err := Traffic(ctx, dir, 1000); err != nil {
			t.Fatal(err)
		}
	})
	total := 0
	for _, l := range Logs() {
		log, err := os.ReadFile(l.Path(dir))
		if err != nil {
			t.Fatal(err)
		}
		n := bytes.Count(log, []byte("\n"))
		if n < 900 || n > 2600 {
			t.Errorf("%s has %d lines", l.Name, n)
		}
		total += n
	}
	if total < 4900 || total > 5000 {
		t.Errorf("%d lines in five seconds, want 5000", total)
	}
}

func TestTrafficFails(t *testing.T) {
	if err := Traffic(t.Context(), filepath.Join(t.TempDir(), "missing"), 1000); err == nil {
		t.Error("no error for a folder that is not there")
	}
}
