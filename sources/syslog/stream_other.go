//go:build !unix

package syslog

// readRaw waits for bytes. The n bytes it read stand behind the half message.
func (c *connection) readRaw() (buf []byte, n int, err error) {
	buf = c.buffer()
	n, err = c.Conn.Read(buf[len(c.rest):])
	return buf, max(n, 0), err
}
