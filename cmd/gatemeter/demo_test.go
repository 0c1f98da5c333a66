package main

import (
	"context"
	"strings"
	"testing"
	"time"
)

// TestDemo: every line is accounted for, whether the time is up or somebody ends it.
func TestDemo(t *testing.T) {
	f := func(length, interrupted time.Duration) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), interrupted)
		defer cancel()
		var out strings.Builder
		if err := runDemo(ctx, &out, length, 500); err != nil || !strings.HasSuffix(out.String(), "Every line is accounted for.\n") {
			t.Errorf("%v\n%s", err, out.String())
		}
	}
	f(2*time.Second, time.Minute)
	f(0, 3*time.Second)
}
