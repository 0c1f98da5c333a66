package servers

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Certificates are files of an authority's certificate, and of certificates it has signed with their keys, in PEM.
type Certificates struct {
	CA                    string
	ServerCert, ServerKey string // for localhost and 127.0.0.1
	ClientCert, ClientKey string
	OldCert, OldKey       string // a client's, expired
	StrangeCert           string // a client's, of another authority
	StrangeKey            string
}

// MakeCertificates makes certificates that are valid for an hour.
func MakeCertificates(t testing.TB) *Certificates {
	t.Helper()
	dir := t.TempDir()
	now := time.Now()
	ca, caKey := certificate(t, "authority", now.Add(time.Hour), nil, nil)
	other, otherKey := certificate(t, "another authority", now.Add(time.Hour), nil, nil)
	c := &Certificates{CA: filepath.Join(dir, "ca.pem")}
	writePEM(t, c.CA, "CERTIFICATE", ca.Raw)
	issue := func(name string, until time.Time, by *x509.Certificate, key *ecdsa.PrivateKey) (certFile, keyFile string) {
		cert, own := certificate(t, name, until, by, key)
		certFile, keyFile = filepath.Join(dir, name+".pem"), filepath.Join(dir, name+".key")
		writePEM(t, certFile, "CERTIFICATE", cert.Raw)
		der, err := x509.MarshalPKCS8PrivateKey(own)
		if err != nil {
			t.Fatal(err)
		}
		writePEM(t, keyFile, "PRIVATE KEY", der)
		return certFile, keyFile
	}
	c.ServerCert, c.ServerKey = issue("localhost", now.Add(time.Hour), ca, caKey)
	c.ClientCert, c.ClientKey = issue("client", now.Add(time.Hour), ca, caKey)
	c.OldCert, c.OldKey = issue("old", now.Add(-time.Minute), ca, caKey)
	c.StrangeCert, c.StrangeKey = issue("stranger", now.Add(time.Hour), other, otherKey)
	return c
}

// ClientConfig returns what a client needs, with no certificate of its own when certFile is empty.
func (c *Certificates) ClientConfig(t testing.TB, certFile, keyFile string) *tls.Config {
	t.Helper()
	data, err := os.ReadFile(c.CA)
	if err != nil {
		t.Fatal(err)
	}
	config := &tls.Config{RootCAs: x509.NewCertPool(), ServerName: "localhost"}
	config.RootCAs.AppendCertsFromPEM(data)
	if certFile != "" {
		pair, err := tls.LoadX509KeyPair(certFile, keyFile)
		if err != nil {
			t.Fatal(err)
		}
		// Not Certificates: a client would not show one whose authority the server does not name.
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	}
	return config
}

// certificate makes a certificate signed by another, or by itself when that is nil.
func certificate(t testing.TB, name string, until time.Time, by *x509.Certificate, byKey *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name}, NotBefore: until.Add(-2 * time.Hour), NotAfter: until,
		DNSNames: []string{name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if by == nil {
		by, byKey = template, key
		template.IsCA, template.BasicConstraintsValid = true, true
		template.KeyUsage |= x509.KeyUsageCertSign
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by, &key.PublicKey, byKey)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

func writePEM(t testing.TB, path, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}
