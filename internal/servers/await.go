package servers

import (
	"testing"
	"time"
)

// Await calls check every twenty milliseconds until it returns nil. When it has not within the time given, the test fails
// with check's last error.
func Await(t testing.TB, within time.Duration, check func() error) {
	t.Helper()
	var err error
	if !Within(within, func() bool { err = check(); return err == nil }) {
		t.Fatalf("after %v still: %v", within, err)
	}
}

// Within calls done every twenty milliseconds until it returns true, and reports whether it has within the time given. It is safe
// for concurrent use.
func Within(within time.Duration, done func() bool) bool {
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-deadline.C:
			return false
		}
	}
	return true
}
