package servers

import (
	"testing"
	"time"
)

// Await calls check every twenty milliseconds until it returns nil. When it has not within the time given, the test fails
// with check's last error.
func Await(t testing.TB, within time.Duration, check func() error) {
	t.Helper()
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("after %v still: %v", within, err)
		}
	}
}
