package syslog

import (
	"context"
	"net"
	"net/netip"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// listenUDP listens for datagrams; more than one socket may do so at the same address when shared.
func listenUDP(address string, shared bool) (*net.UDPConn, error) {
	config := net.ListenConfig{}
	if shared {
		config.Control = func(_, _ string, c syscall.RawConn) error {
			var failed error
			err := c.Control(func(fd uintptr) { failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1) })
			if err != nil {
				return err
			}
			return failed
		}
	}
	conn, err := config.ListenPacket(context.Background(), "udp", address)
	if err != nil {
		return nil, err
	}
	return conn.(*net.UDPConn), nil
}

// setReceiveBuffer asks for a queue of so many bytes, past the limit for users where that is allowed, and returns what there
// is.
func setReceiveBuffer(conn rawConn, bytes int) (granted int) {
	control(conn, func(fd int) {
		if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, bytes) != nil {
			_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, bytes)
		}
		n, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF)
		if err == nil {
			granted = n / 2 // the kernel doubles it, for its own use
		}
	})
	return granted
}

// memDrops is where the drops stand in what SO_MEMINFO returns: SK_MEMINFO_DROPS of linux/sock_diag.h.
const memDrops = 8

// kernelDrops returns the socket's count of dropped datagrams, the one that /proc/net/udp shows.
func kernelDrops(conn rawConn) (n int64) {
	control(conn, func(fd int) {
		var info [memDrops + 1]uint32
		size := uint32(unsafe.Sizeof(info))
		_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_MEMINFO,
			uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
		if errno == 0 && size == uint32(unsafe.Sizeof(info)) {
			n = int64(info[memDrops])
		}
	})
	return n
}

// control calls f with the socket's descriptor, unless it is closed.
func control(conn rawConn, f func(fd int)) {
	raw, err := conn.SyscallConn()
	if err == nil {
		_ = raw.Control(func(fd uintptr) { f(int(fd)) })
	}
}

// mmsghdr is struct mmsghdr of sys/socket.h.
type mmsghdr struct {
	header unix.Msghdr
	length uint32
}

// many reads up to perCall datagrams with each call, by recvmmsg.
type many struct {
	raw     syscall.RawConn
	headers [perCall]mmsghdr
	parts   [perCall]unix.Iovec
	names   [perCall]unix.RawSockaddrInet6 // room for an address of IPv4 too
	buf     []byte                         // perCall times maxDatagram; pages that nothing was written to take no memory
}

func newDatagrams(conn datagramConn) datagrams {
	raw, err := conn.SyscallConn()
	if err != nil {
		return &oneByOne{conn: conn, buf: make([]byte, maxDatagram)}
	}
	m := &many{raw: raw, buf: make([]byte, perCall*maxDatagram)}
	for i := range perCall {
		m.parts[i].Base = &m.buf[i*maxDatagram]
		m.parts[i].SetLen(maxDatagram)
		h := &m.headers[i].header
		h.Iov, h.Name = &m.parts[i], (*byte)(unsafe.Pointer(&m.names[i]))
		h.SetIovlen(1)
	}
	return m
}

func (m *many) read(wait bool, f func([]byte, netip.Addr)) error {
	for i := range m.headers {
		m.headers[i].header.Namelen = uint32(unsafe.Sizeof(m.names[i]))
	}
	var n uintptr
	var errno syscall.Errno
	receive := func(fd uintptr) bool {
		for {
			n, _, errno = unix.Syscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&m.headers[0])), perCall, unix.MSG_DONTWAIT, 0, 0)
			if errno != unix.EINTR {
				return !wait || errno != unix.EAGAIN
			}
		}
	}
	var err error
	if wait {
		err = m.raw.Read(receive)
	} else {
		err = m.raw.Control(func(fd uintptr) { receive(fd) })
	}
	if err == nil && errno != 0 {
		err = os.NewSyscallError("recvmmsg", errno)
	}
	if err != nil {
		return err
	}
	for i := range int(n) {
		h := &m.headers[i]
		f(m.buf[i*maxDatagram:i*maxDatagram+int(h.length)], m.from(i))
	}
	return nil
}

// from returns who sent datagram i.
func (m *many) from(i int) netip.Addr {
	name := &m.names[i]
	if m.headers[i].header.Namelen == 0 {
		return netip.Addr{}
	}
	switch name.Family {
	case unix.AF_INET:
		return netip.AddrFrom4((*unix.RawSockaddrInet4)(unsafe.Pointer(name)).Addr)
	case unix.AF_INET6:
		return netip.AddrFrom16(name.Addr).Unmap()
	}
	return netip.Addr{}
}
