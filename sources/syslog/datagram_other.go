//go:build !linux

package syslog

import (
	"net"
)

// Elsewhere there is one socket an address, read a datagram a call, and nobody knows what was dropped.

func listenUDP(address string, _ bool) (*net.UDPConn, error) {
	a, err := net.ResolveUDPAddr("udp", address)
	if err != nil {
		return nil, err
	}
	return net.ListenUDP("udp", a)
}

func setReceiveBuffer(conn rawConn, bytes int) (granted int) {
	if c, ok := conn.(interface{ SetReadBuffer(int) error }); ok {
		_ = c.SetReadBuffer(bytes)
	}
	return 0
}

func kernelDrops(rawConn) int64 { return 0 }

func newDatagrams(conn datagramConn) datagrams {
	return &oneByOne{conn: conn, buf: make([]byte, maxDatagram)}
}
