package elasticsearch

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/gatemeter/gatemeter/pipeline/ecs"
)

// Config is what users set. Start from DefaultConfig.
type Config struct {
	URLs []string // of nodes; requests go to them in turn, past those that cannot be reached

	// DataStream or Index is where records go; one of them is empty. Index may hold %Y, %m, %d and %H, filled from the
	// record's time in UTC. Neither: the data stream logs-gateway.access-default.
	DataStream string
	Index      string

	Username, Password string
	APIKey             string // the encoded form, base64 of id:key; instead of Username

	CAFile            string // PEM; the system's when empty
	CertFile, KeyFile string // PEM, the client's own certificate
	ServerName        string // expected in the server's certificate; the URL's host when empty
	SkipVerify        bool   // take any certificate

	Original ecs.Original // which documents carry the line itself
	Gzip     bool         // compress requests: five times fewer bytes, a few microseconds of CPU a record

	RequestBytes   int           // a request is sent when it has this many bytes …
	FlushInterval  time.Duration // … or this long after its first document
	Concurrency    int           // most requests at a time; fewer while the server says it is too busy
	MaxInFlight    int           // most bytes of documents held; Submit blocks then
	RequestTimeout time.Duration

	Setup     bool          // install template and policy on start
	Lifecycle string        // the policy new indices get: "" for one of our own, "none", or an existing one's name
	Retention time.Duration // own policy: how long after rollover documents are deleted; 0 = never
	Shards    int           // of new indices; 0 leaves it to the server
	Replicas  int           // of new indices; -1 leaves it to the server
}

// DefaultConfig returns the defaults of all keys but URLs.
func DefaultConfig() Config {
	return Config{
		RequestBytes:   4 << 20,
		FlushInterval:  time.Second,
		Concurrency:    2,
		MaxInFlight:    16 << 20,
		RequestTimeout: time.Minute,
		Setup:          true,
		Retention:      30 * 24 * time.Hour,
		Replicas:       -1,
	}
}

// defaultDataStream is where records go when neither DataStream nor Index is set.
const defaultDataStream = "logs-gateway.access-default"

// Validate returns everything that is wrong with c.
func (c *Config) Validate() error {
	var errs []error
	if len(c.URLs) == 0 {
		errs = append(errs, errors.New("urls: at least one is needed"))
	}
	for _, s := range c.URLs {
		u, err := url.Parse(s)
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("urls: not a URL: %w", errors.Unwrap(err))) // the URL itself may hold a password
		case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
			errs = append(errs, fmt.Errorf("urls: %q does not begin with http:// or https:// and a host", u.Redacted()))
		}
	}
	if _, err := newTarget(c.DataStream, c.Index); err != nil {
		errs = append(errs, err)
	}
	if c.APIKey != "" && c.Username != "" {
		errs = append(errs, errors.New("api_key and username: only one of them"))
	}
	if (c.CertFile == "") != (c.KeyFile == "") {
		errs = append(errs, errors.New("tls.cert and tls.key: both or none"))
	}
	least := func(key string, value, least int64) {
		if value < least {
			errs = append(errs, fmt.Errorf("%s: %d is less than %d", key, value, least))
		}
	}
	least("request_bytes", int64(c.RequestBytes), 1)
	least("max_in_flight", int64(c.MaxInFlight), 1)
	least("concurrency", int64(c.Concurrency), 1)
	least("shards", int64(c.Shards), 0)
	least("replicas", int64(c.Replicas), -1)
	if c.FlushInterval < 0 || c.RequestTimeout <= 0 || c.Retention < 0 {
		errs = append(errs, errors.New("flush_interval, timeout, retention: must not be negative"))
	}
	return errors.Join(errs...)
}

// newHTTPTransport returns connections as c wants them.
func newHTTPTransport(c *Config) (*http.Transport, error) {
	t, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		t = &http.Transport{}
	}
	t = t.Clone()
	straight(t)
	t.MaxIdleConnsPerHost = c.Concurrency
	t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, ServerName: c.ServerName, InsecureSkipVerify: c.SkipVerify}
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("tls.ca: %w", err)
		}
		t.TLSClientConfig.RootCAs = x509.NewCertPool()
		if !t.TLSClientConfig.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("tls.ca: no certificate in %s", c.CAFile)
		}
	}
	if c.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("tls.cert: %w", err)
		}
		t.TLSClientConfig.Certificates = []tls.Certificate{pair}
	}
	return t, nil
}
