//go:build !linux

package oneway

import "net"

// queue is the state of a socket's sending side.
type queue struct {
	empty bool
	ended bool
	acked uint64
}

// queueOf knows nothing here: what is written counts as taken.
func queueOf(*net.TCPConn) (queue, error) { return queue{empty: true}, nil }
