package oneway

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Settings say where a server is.
type Settings struct {
	Address string // tcp://host:port, tls://host:port, udp://host:port, unixgram:///path
	TLS     TLS    // for tls:// only

	DialTimeout  time.Duration // for name, connection and handshake together; 5s when 0
	WriteTimeout time.Duration // without a byte taken or acknowledged, after which the server counts as gone; 10s when 0
}

// TLS is how a tls:// server is trusted and who we are to it. Files are read again at each connection, so that a renewed
// certificate needs no restart.
type TLS struct {
	CAFile            string // PEM; the system's when empty
	CertFile, KeyFile string // PEM, the client's own certificate
	ServerName        string // expected in the server's certificate; the address' host when empty
	SkipVerify        bool   // take any certificate
}

// Target is a server.
type Target struct {
	set     Settings
	scheme  string
	address string // host:port or path
}

// NewTarget checks set and opens no connection. schemes are those that the caller speaks.
func NewTarget(set Settings, schemes ...string) (*Target, error) {
	if set.DialTimeout <= 0 {
		set.DialTimeout = 5 * time.Second
	}
	if set.WriteTimeout <= 0 {
		set.WriteTimeout = 10 * time.Second
	}
	t := &Target{set: set}
	if err := t.parse(schemes); err != nil {
		return nil, err
	}
	if t.scheme != "tls" {
		if set.TLS != (TLS{}) {
			return nil, fmt.Errorf("address: TLS is set, but %s is not tls://", t)
		}
		return t, nil
	}
	if _, err := t.tlsConfig(); err != nil {
		return nil, err
	}
	return t, nil
}

func (t *Target) parse(schemes []string) error {
	want := "want " + strings.Join(schemes, "://…, ") + "://…"
	u, err := url.Parse(t.set.Address)
	if err != nil {
		return fmt.Errorf("address: not an address, %s", want) // the address itself may hold a password
	}
	if u.User != nil {
		return errors.New("address: must not hold a user or password: the protocol has none")
	}
	if !slices.Contains(schemes, u.Scheme) {
		return fmt.Errorf("address: %.200q: %s", t.set.Address, want)
	}
	t.scheme, t.address = u.Scheme, u.Host
	if u.Scheme == "unixgram" {
		t.address = u.Path
		if u.Host != "" || u.Path == "" || u.RawQuery != "" || u.Fragment != "" {
			return fmt.Errorf("address: %.200q: want unixgram:// and an absolute path, three slashes in a row", t.set.Address)
		}
		return nil
	}
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	if err != nil || port == 0 || u.Hostname() == "" {
		return fmt.Errorf("address: %.200q: want %s://host:port", t.set.Address, u.Scheme)
	}
	if u.Path != "" || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("address: %.200q has something behind the port", t.set.Address)
	}
	return nil
}

// String returns the address. It holds no secret.
func (t *Target) String() string { return t.scheme + "://" + t.address }

// Stream reports whether bytes arrive in order and without borders between writes; else each write is a datagram.
func (t *Target) Stream() bool { return t.scheme == "tcp" || t.scheme == "tls" }

// UDP reports whether the error of a write may be that of a datagram before it, whose refusal has come back since.
func (t *Target) UDP() bool { return t.scheme == "udp" }

// MaxDatagram is how large a datagram may be, in bytes, for t: what UDP over IPv4 can carry, and a bound of our own for
// unix sockets, whose limit is the socket's send buffer.
const MaxDatagram = 65507

// tlsConfig reads the files.
func (t *Target) tlsConfig() (*tls.Config, error) {
	set := &t.set.TLS
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: set.ServerName, InsecureSkipVerify: set.SkipVerify}
	if c.ServerName == "" {
		host, _, err := net.SplitHostPort(t.address)
		if err != nil {
			return nil, fmt.Errorf("address: %w", err)
		}
		c.ServerName = host
	}
	if set.CAFile != "" {
		pem, err := os.ReadFile(set.CAFile)
		if err != nil {
			return nil, fmt.Errorf("tls.ca: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("tls.ca: no certificate in %s", set.CAFile)
		}
	}
	if set.CertFile != "" || set.KeyFile != "" {
		pair, err := tls.LoadX509KeyPair(set.CertFile, set.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("tls.cert and tls.key: %w", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}
