package file

import (
	"crypto/sha256"
	"fmt"
	"sync"
	"time"
)

// clock is one that a test moves; it begins at the real time, which files have too.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Now()} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// idOf is a partition's id as docs/sources/file.md has it.
func idOf(shard, source, live, firstLine string) string {
	if len(firstLine) > 1024 {
		firstLine = firstLine[:1024]
	}
	sum := sha256.Sum256([]byte(shard + "\x00" + source + "\x00" + live + "\x00" + firstLine))
	return fmt.Sprintf("%x", sum)[:24]
}
