package push

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/gatemeter/gatemeter/sources/envelope"
	"github.com/gatemeter/gatemeter/sources/listen"
	"github.com/gatemeter/gatemeter/sources/spool"
)

// Schemes are those of addresses to listen on.
func Schemes() []string { return []string{"http", "https"} }

// Dedupe says by what a request is told to be one that was stored before.
type Dedupe uint8

// The ways to tell.
const (
	// Auto: by ID, and what looks like Kong's JSON by Body. Kong tries again what it got no answer for, and no two of its records
	// are alike.
	Auto Dedupe = iota
	ID          // by Firehose's request id, and by the header Idempotency-Key
	Body        // by those, and else by the bytes of the body
	Never
	numDedupes
)

var dedupeNames = [numDedupes]string{Auto: "auto", ID: "id", Body: "body", Never: "never"}

// Dedupes returns the names of the ways.
func Dedupes() []string { return append([]string(nil), dedupeNames[:]...) }

// ParseDedupe returns the way called name.
func ParseDedupe(name string) (Dedupe, error) {
	for d, n := range dedupeNames {
		if n == name {
			return Dedupe(d), nil
		}
	}
	return Auto, fmt.Errorf("dedupe %.200q is unknown: %s are known", name, dedupeNames)
}

// Settings is all that a Source is made of. What code passes; what users write is in package config.
type Settings struct {
	Name   string // of the source
	Listen []listen.Address
	Spool  *spool.Spool  // that records are appended to; it is not closed
	Reader *spool.Source // of the same spool

	TLS   listen.TLS   // of addresses with the scheme https
	Peers listen.Peers // who may send, by IP

	// A request must show one of those that are given: a user's password, a bearer token, Firehose's access key. None given:
	// everybody may send. They are never printed.
	Username, Password, Token, AccessKey string

	Envelope    envelope.Mode // how bodies, and what Firehose delivers, are taken apart
	Dedupe      Dedupe
	MaxMessage  int           // bytes of a record; of longer ones only the fact is kept. 0: 64 KiB
	MaxBody     int64         // bytes of a body, also when decompressed. 0: 64 MiB
	Connections int           // at a time. 0: 1024
	Timeout     time.Duration // in which a request must have come. 0: a minute
	Once        bool          // read what is in the spool and do not listen

	Now func() time.Time // the clock: when a request has arrived
	Log *slog.Logger
}

func (s *Settings) check() error {
	if s.MaxMessage == 0 {
		s.MaxMessage = 64 << 10
	}
	if s.MaxBody == 0 {
		s.MaxBody = 64 << 20
	}
	if s.Connections == 0 {
		s.Connections = 1024
	}
	if s.Timeout == 0 {
		s.Timeout = time.Minute
	}
	switch {
	case s.Spool == nil || s.Reader == nil || s.Now == nil || s.Log == nil:
		return errors.New("http: spool, reader, clock or log not given")
	case len(s.Listen) == 0:
		return errors.New("http: nothing to listen on")
	case s.MaxMessage < 1 || s.MaxBody < 1 || s.MaxBody > 1<<30 || s.Connections < 0 || s.Timeout < 0:
		return errors.New("http: a setting is out of range")
	case s.Spool.MaxGroup() < s.MaxBody:
		return fmt.Errorf("http: a body of %d bytes may be larger than a quarter of the spool", s.MaxBody)
	case (s.Username == "") != (s.Password == ""):
		return errors.New("http: user and password belong together: one of them is missing")
	}
	return nil
}
