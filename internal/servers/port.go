package servers

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"testing"
)

// Addresses the servers bind. Ports are below those that Linux hands out by itself, so that no outgoing connection takes
// one between the moment it was found free and the server's start.
const (
	host             = "127.0.0.1"
	minPort, maxPort = 10240, 32767
)

// FreeAddress returns an address of 127.0.0.1 whose port is free for TCP and UDP.
func FreeAddress(t testing.TB) string {
	t.Helper()
	for range 1000 {
		address := net.JoinHostPort(host, strconv.Itoa(minPort+rand.IntN(maxPort-minPort)))
		tcp, err := net.Listen("tcp", address)
		if err != nil {
			continue
		}
		udp, err := net.ListenPacket("udp", address)
		if err == nil {
			_ = udp.Close()
		}
		_ = tcp.Close()
		if err == nil {
			return address
		}
	}
	t.Fatal("no free port on 127.0.0.1")
	return ""
}

// port returns the port of an address that FreeAddress made.
func port(address string) string {
	_, p, err := net.SplitHostPort(address)
	if err != nil {
		panic(fmt.Sprintf("BUG: address %q: %v", address, err))
	}
	return p
}

// accepts returns nil when something listens at the address.
func accepts(address string) error {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	return conn.Close()
}

// number returns the port of an address that FreeAddress made, as a number.
func number(address string) int {
	n, err := strconv.Atoi(port(address))
	if err != nil {
		panic(fmt.Sprintf("BUG: address %q: %v", address, err))
	}
	return n
}
