package loggen

import (
	"context"
	"io"
	"time"
)

// tick is how often Follow writes.
const tick = 20 * time.Millisecond

// Follow writes g's lines to out as a live gateway would: rate lines a second, each with the clock's time. It returns nil
// after n lines, or with 0 for n when ctx ends; else the error of out.
func Follow(ctx context.Context, g *Generator, rate float64, n int64, out io.Writer) error {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	begin := time.Now()
	var buf []byte
	for written := int64(0); n == 0 || written < n; {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		now := time.Now()
		due := int64(now.Sub(begin).Seconds() * rate)
		if n > 0 {
			due = min(due, n)
		}
		for buf = buf[:0]; written < due; written++ {
			buf = g.AppendAt(buf, now)
			if len(buf) >= 64<<10 { // a machine that slept owes many lines
				if _, err := out.Write(buf); err != nil {
					return err
				}
				buf = buf[:0]
			}
		}
		if len(buf) == 0 {
			continue
		}
		if _, err := out.Write(buf); err != nil {
			return err
		}
	}
	return nil
}
