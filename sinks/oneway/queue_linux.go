package oneway

import (
	"net"

	"golang.org/x/sys/unix"
)

// queue is the state of a socket's sending side.
type queue struct {
	empty bool   // all is acknowledged
	ended bool   // the server has ended or reset the connection: empty says nothing then, as a reset empties the queue
	acked uint64 // bytes since the connection was made
}

// established is the state of a connection open on both sides: TCP_ESTABLISHED in Linux's net/tcp_states.h.
const established = 1

// queueOf asks for all in one call, so that the answers are of one moment. tcpi_notsent_bytes is of Linux 4.6.
func queueOf(conn *net.TCPConn) (queue, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return queue{}, err
	}
	var info *unix.TCPInfo
	var infoErr error
	err = raw.Control(func(fd uintptr) {
		info, infoErr = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
	})
	if err != nil {
		return queue{}, err
	}
	if infoErr != nil {
		return queue{}, infoErr
	}
	return queue{
		empty: info.Unacked == 0 && info.Notsent_bytes == 0,
		ended: info.State != established,
		acked: info.Bytes_acked,
	}, nil
}
