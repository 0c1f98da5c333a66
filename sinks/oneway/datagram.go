package oneway

import (
	"context"
	"errors"
	"net"
	"net/netip"
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
	if !c.target.UDP() { // a full unix socket blocks
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
	if !c.target.UDP() {
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

// lookupAgain is how long a UDP socket is kept when its host is a name: what the name stands for may change, and nothing
// comes back from a host that is not there any more.
const lookupAgain = time.Minute

// Stale reports whether the socket should be closed and made again before the next datagrams: a unix socket always, as a
// restarted server has a new one under the same path and making one costs next to nothing; a UDP socket after a minute when
// its host is a name. A stream never is: it says itself when it has ended.
func (c *Conn) Stale() bool {
	switch c.target.scheme {
	case "unixgram":
		return true
	case "udp":
		host, _, _ := net.SplitHostPort(c.target.address) // checked by NewTarget
		_, err := netip.ParseAddr(host)
		return err != nil && time.Since(c.made) > lookupAgain
	}
	return false
}

// IsRefused reports whether err says that nobody listens.
func IsRefused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }
