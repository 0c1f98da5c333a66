package pipeline

import "time"

// windowing is how event time is cut into windows, in the units the hot path counts in.
type windowing struct {
	width     int64 // seconds
	lateness  int64 // nanoseconds
	amend     int64 // nanoseconds
	maxFuture int64 // nanoseconds
}

func newWindowing(m *MetricsSettings) *windowing {
	return &windowing{
		width: int64(m.Window / time.Second), lateness: int64(m.Lateness),
		amend: int64(m.Amend), maxFuture: int64(m.MaxFuture),
	}
}

// start returns the start, in Unix seconds, of the window that the event time ns falls in.
func (c *windowing) start(ns int64) int64 {
	return floor(floorDiv(ns, int64(time.Second)), c.width)
}

// parity tells a window from the next.
func (c *windowing) parity(window int64) int { return int(window/c.width) & 1 }

// late reports whether a record of the window that starts at window comes too late when its partition's watermark is that.
func (c *windowing) late(window, watermark int64) bool {
	return c.lateFrom(window) <= watermark
}

// lateFrom returns the watermark from which on records of the window that starts at window come too late.
func (c *windowing) lateFrom(window int64) int64 {
	return (window+c.width)*int64(time.Second) + c.amend
}

// closed returns the latest end of a window, in Unix seconds, that lies at least after nanoseconds behind watermark.
func (c *windowing) closed(watermark, after int64) int64 {
	return floor(floorDiv(watermark-after, int64(time.Second)), c.width)
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// floor returns the largest multiple of b that is not above a.
func floor(a, b int64) int64 { return floorDiv(a, b) * b }
