package servers

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// Kafka is an Apache Kafka broker, a cluster of one without ZooKeeper.
type Kafka struct {
	*Server
	Address string // host:port, for whoever comes
	SASL    string // with TLS and a login: KafkaUser and KafkaPassword, PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512
	MTLS    string // with TLS and a client's certificate
	*Certificates
}

// Who may log in.
const (
	KafkaUser     = "alice"
	KafkaPassword = "alice-secret"
)

// StartKafka starts a broker. settings are the broker's, as "name=value". Topics have to be made.
func StartKafka(t testing.TB, settings ...string) *Kafka {
	t.Helper()
	dir := t.TempDir()
	k := &Kafka{Address: FreeAddress(t), SASL: FreeAddress(t), MTLS: FreeAddress(t), Certificates: MakeCertificates(t)}
	read := func(name string) string {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	mustWrite(t, filepath.Join(dir, "server.pem"), read(k.ServerKey)+read(k.ServerCert))
	mustWrite(t, filepath.Join(dir, "ca.pem"), read(k.CA))
	k.Server = Start(t, Command{
		Name:   "kafka",
		Args:   append([]string{installed(t, "kafka/start.sh"), dir, port(k.Address), port(FreeAddress(t)), port(k.SASL), port(k.MTLS)}, settings...),
		Output: filepath.Join(dir, "output.log"),
		Ready: func() error { // it listens when it is ready, on one port after the other
			return errors.Join(accepts(k.Address), accepts(k.SASL), accepts(k.MTLS))
		},
	})
	return k
}
