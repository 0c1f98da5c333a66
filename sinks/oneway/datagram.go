package oneway

import (
	"context"
	"errors"
	"os"
	"syscall"
	"time"
)

// A server's socket holds few datagrams: Linux counts about 2,300 bytes for one of 1,432, so that the default receive
// buffer has room for ninety and one of 64 KiB for under thirty (with what the kernel doubles, 56). More at once than a
// busy server reads meanwhile would be lost, so datagrams over UDP leave in bursts with a pause behind each: 4,000 a second
// at most, some 80,000 points.
const (
	burstDatagrams = 16
	burstPause     = 4 * time.Millisecond
)

// pace counts the datagrams of a burst.
type pace struct {
	n     int
	start time.Time
}

// pause waits when a burst is over.
func (c *Conn) pause(ctx context.Context) error {
	if c.target.scheme != "udp" { // a full unix socket blocks
		return nil
	}
	c.pace.n++
	if c.pace.n%burstDatagrams != 1 {
		return nil
	}
	if rest := burstPause - time.Since(c.pace.start); c.pace.n > 1 && rest > 0 {
		if err := c.wait(ctx, rest); err != nil {
			return err
		}
	}
	c.pace.start = time.Now()
	return nil
}

// Refused waits for the answer that nobody listens: an ICMP message, that of any datagram since the last call or write that
// reported one. It returns the error, or nil when none came in time. For streams it returns nil at once.
func (c *Conn) Refused(wait time.Duration) error {
	if c.target.scheme != "udp" {
		return nil
	}
	if err := c.raw.SetReadDeadline(time.Now().Add(wait)); err != nil {
		return err
	}
	var buf [1]byte
	for {
		_, err := c.raw.Read(buf[:])
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return nil
		case err != nil:
			return err
		}
		// A datagram came back. Nobody asked for it: go on.
	}
}

// IsRefused reports whether err says that nobody listens.
func IsRefused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }
