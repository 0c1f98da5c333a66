package main

import (
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

// TestCollectSeldomAtFirst: the first collection ends the time in which there are few.
func TestCollectSeldomAtFirst(t *testing.T) {
	before := debug.SetGCPercent(100)
	defer debug.SetGCPercent(before)
	collectSeldomAtFirst()
	deadline := time.Now().Add(30 * time.Second)
	for {
		runtime.GC()
		now := debug.SetGCPercent(400)
		if now == 40 {
			return
		}
		if now != 400 || time.Now().After(deadline) {
			t.Fatalf("after a collection the setting is %d, want 40", now)
		}
	}
}
