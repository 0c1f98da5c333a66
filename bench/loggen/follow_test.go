package loggen

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		begin := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if err := Follow(ctx, New(Options{Format: NginxTimed, Disorder: DefaultDisorder}), 250, 0, &out); err != nil {
			t.Fatal(err)
		}
		if n := bytes.Count(out.Bytes(), []byte("\n")); n < 2490 || n > 2500 {
			t.Errorf("%d lines in ten seconds, want 2500", n)
		}
		parse := readNginx(t, NginxTimedLogFormat)
		for line := range strings.Lines(out.String()) {
			r, ok := parse(strings.TrimSuffix(line, "\n"))
			if !ok || r.time.Before(begin.Add(-3*time.Second)) || r.time.After(time.Now()) {
				t.Fatalf("not of the last ten seconds: %s", line)
			}
		}
	})
}

func TestFollowCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		if err := Follow(t.Context(), New(Options{Format: Kong}), 100_000, 12_345, &out); err != nil {
			t.Fatal(err)
		}
		if n := bytes.Count(out.Bytes(), []byte("\n")); n != 12_345 {
			t.Errorf("%d lines, want 12345", n)
		}
	})
}

type full struct{}

var errFull = errors.New("no space left on device")

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestFollowFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if err := Follow(t.Context(), New(Options{}), 1000, 0, full{}); !errors.Is(err, errFull) {
			t.Errorf("got %v, want %v", err, errFull)
		}
	})
}
