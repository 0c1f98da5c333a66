//go:build unix

package syslog

import (
	"errors"
	"io"
	"os"
	"syscall"
)

// readRaw waits until there is something to read, and takes a buffer only then: most connections are idle most of the time. The
// n bytes it read stand behind the half message.
func (c *connection) readRaw() (buf []byte, n int, err error) {
	raw, ok := c.Conn.(syscall.Conn)
	if !ok {
		return nil, 0, errors.ErrUnsupported
	}
	conn, err := raw.SyscallConn()
	if err != nil {
		return nil, 0, err
	}
	var failed error
	err = conn.Read(func(fd uintptr) bool {
		buf = c.buffer()
		for {
			n, failed = syscall.Read(int(fd), buf[len(c.rest):])
			if failed != syscall.EINTR {
				break
			}
		}
		if failed == syscall.EAGAIN {
			c.src.giveBack(buf)
			buf = nil
			return false
		}
		return true
	})
	switch {
	case err != nil:
		return nil, 0, err
	case failed != nil:
		return buf, 0, os.NewSyscallError("read", failed)
	case n == 0:
		return buf, 0, io.EOF
	}
	return buf, n, nil
}
