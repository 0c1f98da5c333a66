package config

import (
	"strings"
	"time"

	"github.com/gatemeter/gatemeter/parsers/field"
	"github.com/gatemeter/gatemeter/pipeline/record"
	"github.com/gatemeter/gatemeter/sources/envelope"
	"github.com/gatemeter/gatemeter/sources/kafka"
)

func (l *loader) kafkaSource(key string, s *Source) {
	if len(s.Brokers) == 0 {
		l.at(key+".brokers", "is missing: some of the cluster's, for example [\"127.0.0.1:9092\"]")
	}
	encrypted := 0
	for _, b := range s.Brokers {
		scheme, rest, ok := strings.Cut(b, "://")
		switch {
		case !ok:
			l.hostPort(key+".brokers", b)
		case scheme != "tcp" && scheme != "tls":
			l.at(key+".brokers", "%s: %s is unknown here; tcp and tls are known", quote(b), quote(scheme))
		default:
			l.hostPort(key+".brokers", rest)
		}
		if scheme == "tls" && ok {
			encrypted++
		}
	}
	if encrypted > 0 && encrypted < len(s.Brokers) {
		l.at(key+".brokers", "some with tls:// and some without: all of a cluster's listeners are of one kind")
	}
	if len(s.Topics) == 0 {
		l.at(key+".topics", "is missing: names or patterns, for example [kong-logs, \"gateway-*\"]")
	}
	for _, t := range s.Topics {
		if err := kafka.CheckTopic(t); err != nil {
			l.at(key+".topics", "%v", err)
		}
	}
	if s.Group == "" || len(s.Group) > 255 {
		l.at(key+".group", "a group's name has 1 to 255 characters")
	}
	if s.Key != "" {
		l.textField(key+".key", s.Key)
	}
	for name, place := range ordered(s.Headers) {
		l.textField(key+".headers."+name, place)
	}
	l.start(key+".start", s.Start)
	l.oneOf(key+".envelope", s.Envelope, envelope.Modes()...)
	l.sasl(key, s, encrypted > 0)
	l.clientTLS(key+".tls", &s.TLS, encrypted > 0, "no broker begins with tls://")
	l.duration(key+".session_timeout", s.SessionTimeout, time.Second, time.Hour)
	l.duration(key+".partition_watch", s.PartitionWatch, 100*time.Millisecond, time.Hour)
}

// sasl checks how a kafka source logs in. What this machine has of AWS is looked at when the source is made.
func (l *loader) sasl(key string, s *Source, encrypted bool) {
	if s.SASL != "" {
		l.oneOf(key+".sasl", s.SASL, kafka.Mechanisms()...)
	}
	if s.SASL == kafka.IAM {
		if s.Username != "" || s.Password != "" {
			l.at(key+".sasl", "%s takes no username and no password: credentials are found as AWS's own tools find them", kafka.IAM)
		}
		if !encrypted {
			l.at(key+".sasl", "%s needs tls:// brokers: whoever reads a signed login can use it", kafka.IAM)
		}
		if strings.Trim(s.Region, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			l.at(key+".region", "%s is no AWS region like eu-west-1", quote(s.Region))
		}
		return
	}
	if s.Region != "" {
		l.at(key+".region", "is not used: it is of sasl: %s", kafka.IAM)
	}
	if n := len(s.Username + s.Password.Reveal()); (s.SASL != "") != (n > 0) || n > 0 && (s.Username == "" || s.Password == "") {
		l.at(key+".sasl", "sasl, username and password belong together: one of them is missing")
	}
	if s.SASL == "plain" && !encrypted {
		l.warn(key+".sasl", "the password goes over the network for all to read: use tls:// brokers, or scram-sha-512")
	}
}

// textField checks the name of a field that takes any text.
func (l *loader) textField(key, name string) {
	f, ok := record.Lookup(name)
	switch {
	case !ok:
		l.at(key, "there is no field %s%s", quote(name), field.DidYouMean(name, record.Names()))
	case f == record.Line:
		l.at(key, "%s is the line as it stands and cannot be another value", name)
	case f.Class() != record.Text:
		l.at(key, "%s is no text", name)
	}
}
