package syslog

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/gatemeter/gatemeter/sources/listen"
	"github.com/gatemeter/gatemeter/sources/spool"
)

// Schemes are those of addresses to listen on.
func Schemes() []string { return []string{"udp", "tcp", "tls", "unix", "unixgram"} }

// Settings is all that a Source is made of. What code passes; what users write is in package config.
type Settings struct {
	Name   string // of the source
	Listen []listen.Address
	Spool  *spool.Spool  // that messages are appended to; it is not closed
	Reader *spool.Source // of the same spool

	TLS   listen.TLS   // of addresses with the scheme tls
	Peers listen.Peers // who may send, by IP

	KeepHeader    bool          // messages are appended with their syslog header
	MaxMessage    int           // bytes; of longer messages only the fact is kept. 0: 64 KiB
	Connections   int           // at a time. 0: 1024
	Idle          time.Duration // after which a connection without a byte is closed. 0: an hour
	Handshake     time.Duration // that TLS may take. 0: ten seconds
	Sockets       int           // for each UDP address; the kernel deals senders out among them. 0: one
	ReceiveBuffer int           // bytes of each UDP socket's queue in the kernel. 0: 16 MiB
	Once          bool          // read what is in the spool and do not listen

	Now func() time.Time // the clock: when a message has arrived
	Log *slog.Logger
}

func (s *Settings) check() error {
	if s.MaxMessage == 0 {
		s.MaxMessage = 64 << 10
	}
	if s.Connections == 0 {
		s.Connections = 1024
	}
	if s.Idle == 0 {
		s.Idle = time.Hour
	}
	if s.Handshake == 0 {
		s.Handshake = 10 * time.Second
	}
	s.Sockets = max(s.Sockets, 1)
	if s.ReceiveBuffer == 0 {
		s.ReceiveBuffer = 16 << 20
	}
	switch {
	case s.Spool == nil || s.Reader == nil || s.Now == nil || s.Log == nil:
		return errors.New("syslog: spool, reader, clock or log not given")
	case s.Spool.MaxGroup() < int64(2*(s.MaxMessage+headerRoom+readSize)):
		return errors.New("syslog: the spool is too small for what may come at once")
	case len(s.Listen) == 0:
		return errors.New("syslog: nothing to listen on")
	case s.MaxMessage < 1 || s.MaxMessage > 512<<10:
		return fmt.Errorf("syslog: messages of %d bytes are out of range", s.MaxMessage)
	case s.Connections < 0 || s.Idle < 0 || s.Handshake < 0 || s.Sockets > 64 || s.ReceiveBuffer < 0:
		return errors.New("syslog: a setting is out of range")
	}
	return nil
}
