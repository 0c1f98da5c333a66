package oneway

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatemeter/gatemeter/internal/strict/graphite"
)

// authority issues certificates into a folder.
type authority struct {
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{dir: t.TempDir()}
	a.issue(t, "ca")
	return a
}

func (a *authority) file(name string) string { return filepath.Join(a.dir, name+".pem") }

// issue writes name.pem and name-key.pem. The first certificate is the authority's own.
func (a *authority) issue(t *testing.T, name string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if a.cert == nil {
		template.IsCA, template.BasicConstraintsValid = true, true
		a.cert, a.key = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER})
	for file, data := range map[string][]byte{a.file(name): certPEM, a.file(name + "-key"): keyPEM} {
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

func (a *authority) pool(t *testing.T) *x509.CertPool {
	t.Helper()
	data, err := os.ReadFile(a.file("ca"))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(data)
	return pool
}

// sluggish is a connection of which little is read at a time, once a tick.
type sluggish struct {
	net.Conn
	tick <-chan time.Time
}

func (s sluggish) Read(p []byte) (int, error) {
	<-s.tick
	return s.Conn.Read(p[:min(len(p), 512)])
}

// TestSlowTLS: a server that takes a little now and then is written to, however long that takes in all.
func TestSlowTLS(t *testing.T) {
	cert := newAuthority(t).issue(t, "carbon")
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		c := &Conn{
			target: &Target{scheme: "tls", set: Settings{WriteTimeout: 250 * time.Millisecond}},
			raw:    near, out: tls.Client(near, &tls.Config{InsecureSkipVerify: true}),
		}
		tick := time.NewTicker(3 * time.Millisecond) // of the bubble's clock
		defer tick.Stop()
		read := make(chan int64)
		go func() {
			n, _ := io.Copy(io.Discard, tls.Server(sluggish{far, tick.C}, &tls.Config{Certificates: []tls.Certificate{cert}}))
			read <- n
		}()
		start := time.Now()
		if err := c.Write(t.Context(), make([]byte, 200<<10)); err != nil {
			t.Error(err)
		}
		if took := time.Since(start); took < time.Second {
			t.Errorf("the server has taken all in %v", took)
		}
		c.Abort()
		if n := <-read; n != 200<<10 {
			t.Errorf("%d bytes were read", n)
		}
	})
}

// TestTLS: a line arrives, or the connection fails, and never is a server trusted that should not be.
func TestTLS(t *testing.T) {
	ours, foreign := newAuthority(t), newAuthority(t)
	ours.issue(t, "client")
	foreign.issue(t, "client")
	serverCert := ours.issue(t, "carbon")
	f := func(clients bool, set TLS, want bool) {
		t.Helper()
		config := &tls.Config{Certificates: []tls.Certificate{serverCert}, MinVersion: tls.VersionTLS12}
		if clients {
			config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, ours.pool(t)
		}
		s, err := graphite.New(graphite.Options{TLS: config})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		target, err := NewTarget(Settings{Address: "tls://" + s.Address, TLS: set}, "tls")
		if err != nil {
			t.Fatal(err)
		}
		err = func() error {
			conn, err := target.Dial(t.Context())
			if err != nil {
				return err
			}
			if err := conn.Write(t.Context(), []byte("a 1 1\n")); err != nil {
				conn.Abort()
				return err
			}
			return conn.Close() // in TLS 1.3 a server refuses a client's certificate after the client has begun to write
		}()
		if got := s.Value("a", 1) == "1"; got != want || (err == nil) != want {
			t.Errorf("%+v: arrived %v, %v", set, got, err)
		}
	}
	ca := ours.file("ca")
	f(false, TLS{CAFile: ca, ServerName: "carbon"}, true)
	f(false, TLS{SkipVerify: true}, true)
	f(false, TLS{CAFile: ca}, false)
	f(false, TLS{CAFile: ca, ServerName: "other"}, false)
	f(false, TLS{ServerName: "carbon"}, false)
	f(false, TLS{CAFile: foreign.file("ca"), ServerName: "carbon"}, false)
	f(true, TLS{CAFile: ca, ServerName: "carbon", CertFile: ours.file("client"), KeyFile: ours.file("client-key")}, true)
	f(true, TLS{CAFile: ca, ServerName: "carbon"}, false)
	f(true, TLS{CAFile: ca, ServerName: "carbon", CertFile: foreign.file("client"), KeyFile: foreign.file("client-key")}, false)
}

// TestTLSFilesAreReadAgain: a renewed authority is trusted at the next connection.
func TestTLSFilesAreReadAgain(t *testing.T) {
	old, renewed := newAuthority(t), newAuthority(t)
	s, err := graphite.New(graphite.Options{TLS: &tls.Config{Certificates: []tls.Certificate{renewed.issue(t, "carbon")}, MinVersion: tls.VersionTLS12}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	target, err := NewTarget(Settings{Address: "tls://" + s.Address, TLS: TLS{CAFile: old.file("ca"), ServerName: "carbon"}}, "tls")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := target.Dial(t.Context()); err == nil {
		t.Error("the old authority is trusted")
	}
	if err := os.Rename(renewed.file("ca"), old.file("ca")); err != nil {
		t.Fatal(err)
	}
	conn, err := target.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
}

// TestTLSReset: a server that dies with bytes unread is noticed.
func TestTLSReset(t *testing.T) {
	a := newAuthority(t)
	s, err := graphite.New(graphite.Options{TLS: &tls.Config{Certificates: []tls.Certificate{a.issue(t, "carbon")}, MinVersion: tls.VersionTLS12}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	target, err := NewTarget(Settings{Address: "tls://" + s.Address, TLS: TLS{CAFile: a.file("ca"), ServerName: "carbon"}}, "tls")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := target.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Write(t.Context(), []byte("a 1 1\nhalf")); err != nil {
		t.Fatal(err)
	}
	await(t, func() error {
		if s.Value("a", 1) == "" {
			return errors.New("not there")
		}
		return nil
	})
	s.Cut()
	<-conn.Gone()
	if err := conn.Close(); !errors.Is(err, ErrGone) {
		t.Errorf("Close: %v", err)
	}
	if v := s.Violations(); len(v) > 0 {
		t.Error(fmt.Errorf("%q", v))
	}
}
