package config

import (
	"slices"
	"strings"
	"time"

	"github.com/gatemeter/gatemeter/sources/envelope"
	"github.com/gatemeter/gatemeter/sources/listen"
	"github.com/gatemeter/gatemeter/sources/push"
	"github.com/gatemeter/gatemeter/sources/syslog"
)

// What is particular to sources that others send to.

func (l *loader) syslogSource(key string, s *Source) {
	l.receiver(key, s, "udp://127.0.0.1:5514", "tls", syslog.Schemes())
	l.oneOf(key+".header", s.Header, "strip", "keep")
	l.duration(key+".idle_timeout", s.IdleTimeout, time.Second, 7*24*time.Hour)
	l.duration(key+".handshake_timeout", s.HandshakeTimeout, 100*time.Millisecond, time.Hour)
	l.between(key+".sockets", s.Sockets, 0, 64)
	l.size(key+".receive_buffer", s.ReceiveBuffer, 64<<10, 1<<30)
	l.size(key+".spool.max_size", s.Spool.MaxSize, 16<<20, 1<<44)
}

func (l *loader) httpSource(key string, s *Source) {
	l.receiver(key, s, "http://127.0.0.1:8088", "https", push.Schemes())
	if (s.Username == "") != (s.Password == "") {
		l.at(key+".username", "and password belong together: one of them is missing")
	}
	l.oneOf(key+".envelope", s.Envelope, envelope.Modes()...)
	l.oneOf(key+".dedupe", s.Dedupe, push.Dedupes()...)
	l.size(key+".max_body", s.MaxBody, 1<<10, 1<<30)
	l.duration(key+".timeout", s.Timeout, time.Second, time.Hour)
	if least := max(16<<20, 5*s.MaxBody); s.Spool.MaxSize < least {
		l.at(key+".spool.max_size", "%v is too small for posts of %v (max_body): %v is the least", s.Spool.MaxSize, s.MaxBody, least)
	}
}

// receiver checks what syslog and http have in common. secure is the scheme that needs a certificate.
func (l *loader) receiver(key string, s *Source, example, secure string, schemes []string) {
	if len(s.Listen) == 0 {
		l.at(key+".listen", "is missing: where to listen, for example [%q]", example)
	}
	encrypted := false
	for i, a := range s.Listen {
		_, err := listen.ParseAddress(a, schemes...)
		if err != nil {
			l.at(key+".listen", "%v", err)
		}
		if slices.Contains(s.Listen[:i], a) {
			l.at(key+".listen", "%s is given twice", quote(a))
		}
		encrypted = encrypted || strings.HasPrefix(a, secure+"://")
	}
	switch given := s.TLS != (TLS{}); {
	case encrypted && (s.TLS.Cert == "" || s.TLS.Key == ""):
		l.at(key+".tls", "%s:// needs a certificate: cert and key", secure)
	case given && !encrypted:
		l.at(key+".tls", "is for addresses with %s://, of which there are none", secure)
	case s.TLS.ServerName != "":
		l.at(key+".tls.server_name", "is for clients: a server's name is in its certificate")
	case s.TLS.InsecureSkipVerify:
		l.at(key+".tls.insecure_skip_verify", "is for clients: whoever may connect is said by ca")
	default:
		l.tls(key+".tls", &s.TLS)
	}
	if _, err := listen.ParsePeers(s.AllowedSources); err != nil {
		l.at(key+".allowed_sources", "%v", err)
	}
	l.between(key+".max_connections", s.MaxConnections, 1, 1_000_000)
	l.oneOf(key+".spool.full", s.Spool.Full, "block", "drop_oldest")
	if s.Spool.Fsync != "always" {
		switch d, err := parseDuration(s.Spool.Fsync); {
		case err != nil:
			l.at(key+".spool.fsync", "%v, and not always", err)
		default:
			l.duration(key+".spool.fsync", d, time.Millisecond, time.Minute)
		}
	}
}
