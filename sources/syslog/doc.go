// Package syslog is the source that listens for syslog: UDP, TCP, TLS, unix sockets; RFC 3164 and RFC 5424 headers, frames told
// apart by newlines or by octet counts (RFC 6587).
//
// A syslog sender cannot be asked again, so what comes is appended to a spool at once, the message without its header, and read
// back from there by spool.Source, which is the other half of this source:
//
//	socket ─▶ framer ─▶ message ─▶ spool ─▶ spool.Source ─▶ pipeline
//
// One goroutine reads each datagram socket, one each connection; a connection that is idle holds no buffer. When the spool is
// full they stop reading: TCP senders wait, and the kernel drops and counts datagrams.
package syslog
