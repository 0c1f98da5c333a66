package kafka

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"

	"github.com/gatemeter/gatemeter/pipeline/batch"
	"github.com/gatemeter/gatemeter/sources/envelope"
)

// Settings is all that a Source is made of.
type Settings struct {
	Name    string   // of the source
	Brokers []string // addresses, host:port; some of the cluster's
	Topics  []string // names, and patterns with *, ? and [
	Group   string   // of consumers that share the partitions

	Start    Start         // of partitions for which the group has no offset
	Envelope envelope.Mode // what a message is
	MaxLine  int           // bytes; longer lines are counted as oversize. 0: 64 KiB. Must not be larger than the pool's buffers
	Once     bool          // read what is there and end

	Values []Value // of messages, in the order of pipeline.SourceSettings.Values

	Session   time.Duration // without a heartbeat for this long, a member's partitions go to others. 0: 30 s
	Rebalance time.Duration // that a member has to give up its partitions and join the next generation. 0: 30 s
	Watch     time.Duration // how often to look for new topics and partitions. 0: 5 s

	TLS  *TLS  // nil: no TLS
	SASL *SASL // nil: nobody logs in

	Pool *batch.Pool
	Now  func() time.Time
	Log  *slog.Logger
}

// Start is where reading of a partition begins that the group has no offset for. The zero Start is the oldest message.
type Start struct {
	Latest bool      // with what comes from now on
	Since  time.Time // not zero: with the first message of this time or later
}

// Value is what is taken of a message besides its value, for the records in it: no more than its first 1024 bytes.
type Value struct {
	Key    bool   // the message's key
	Header string // else the last header of this name, as it is written
}

// TLS is how brokers are trusted, and how we show who we are. The files are PEM.
type TLS struct {
	CAFile     string // empty: the system's
	CertFile   string
	KeyFile    string
	ServerName string // empty: each broker's host
	SkipVerify bool   // take any certificate
}

// config reads the files.
func (t *TLS) config() (*tls.Config, error) {
	if t == nil {
		return nil, nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName, InsecureSkipVerify: t.SkipVerify}
	if t.CAFile != "" {
		pem, err := os.ReadFile(t.CAFile)
		if err != nil {
			return nil, fmt.Errorf("tls: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("tls: %s has no certificate", t.CAFile)
		}
	}
	if t.CertFile != "" || t.KeyFile != "" {
		pair, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("tls: %w", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

// SASL is how we show who we are: a name and a password, or with IAM what AWS has given this machine.
type SASL struct {
	Mechanism string // one of Mechanisms
	Username  string // not of IAM
	Password  string
	Region    string // IAM's; empty: as AWS's own tools find it
}

// Mechanisms returns the names that SASL.Mechanism may have: Kafka's, in small letters.
func Mechanisms() []string { return []string{"plain", "scram-sha-256", "scram-sha-512", IAM} }

func (s *SASL) mechanism() (sasl.Mechanism, error) {
	if s == nil {
		return nil, nil
	}
	switch s.Mechanism {
	case "plain":
		return plain.Mechanism{Username: s.Username, Password: s.Password}, nil
	case "scram-sha-256":
		return scram.Mechanism(scram.SHA256, s.Username, s.Password)
	case "scram-sha-512":
		return scram.Mechanism(scram.SHA512, s.Username, s.Password)
	case IAM:
		m, err := newIAM(s.Region)
		if err != nil {
			return nil, err // no *iam that is nil in the interface
		}
		return m, nil
	}
	return nil, fmt.Errorf("sasl: mechanism %.50q is unknown: %s are known", s.Mechanism, strings.Join(Mechanisms(), ", "))
}

// check fills in defaults.
func (s *Settings) check() error {
	if s.MaxLine == 0 {
		s.MaxLine = 64 << 10
	}
	if s.Session == 0 {
		s.Session = 30 * time.Second
	}
	if s.Rebalance == 0 {
		s.Rebalance = 30 * time.Second
	}
	if s.Watch == 0 {
		s.Watch = 5 * time.Second
	}
	switch {
	case len(s.Brokers) == 0:
		return errors.New("kafka: no brokers")
	case len(s.Topics) == 0:
		return errors.New("kafka: no topics")
	case s.Group == "":
		return errors.New("kafka: no group")
	case s.Pool == nil || s.Now == nil || s.Log == nil:
		return errors.New("kafka: pool, clock or log not given")
	case s.MaxLine < 0 || s.MaxLine > s.Pool.Size():
		return fmt.Errorf("kafka: max_line %d does not fit into buffers of %d bytes", s.MaxLine, s.Pool.Size())
	case s.Session < time.Second:
		return fmt.Errorf("kafka: a session of %v is too short", s.Session)
	case s.SASL != nil && s.SASL.Mechanism == IAM && s.TLS == nil:
		return errors.New("kafka: " + IAM + " without TLS")
	}
	for _, t := range s.Topics {
		if err := CheckTopic(t); err != nil {
			return fmt.Errorf("kafka: %w", err)
		}
	}
	return nil
}

// CheckTopic says what is wrong with the name or pattern of a topic.
func CheckTopic(t string) error {
	if t == "" || len(t) > 249 {
		return fmt.Errorf("topic %.50q: a topic's name has 1 to 249 characters", t)
	}
	if _, err := path.Match(t, ""); err != nil {
		return fmt.Errorf("topic %.250q is a malformed pattern: a [ without its ]", t)
	}
	if isPattern(t) {
		return nil
	}
	if i := strings.IndexFunc(t, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '_' || r == '-')
	}); i >= 0 {
		return fmt.Errorf("topic %.250q: a topic's name has letters, digits, dots, - and _", t)
	}
	return nil
}

func isPattern(t string) bool { return strings.ContainsAny(t, `*?[\`) }

// wants reports whether a topic is to be read. Topics whose names begin with __ are Kafka's own: a pattern has to begin so too.
func (s *Settings) wants(topic string) bool {
	return slices.ContainsFunc(s.Topics, func(t string) bool {
		if strings.HasPrefix(topic, "__") && !strings.HasPrefix(t, "__") {
			return false
		}
		ok, _ := path.Match(t, topic)
		return ok
	})
}

// named returns the topics that are named, not matched.
func (s *Settings) named() (names []string) {
	for _, t := range s.Topics {
		if !isPattern(t) {
			names = append(names, t)
		}
	}
	return names
}
