package elasticsearch

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	strict "github.com/gatemeter/gatemeter/internal/strict/elasticsearch"
)

func TestValidate(t *testing.T) {
	f := func(change func(*Config), want string) {
		t.Helper()
		c := DefaultConfig()
		c.URLs = []string{"http://127.0.0.1:9200"}
		change(&c)
		err := c.Validate()
		if err == nil && want != "" || err != nil && (want == "" || !strings.Contains(err.Error(), want)) {
			t.Errorf("error %v, want %q", err, want)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the error tells a password: %v", err)
		}
	}
	f(func(*Config) {}, "")
	f(func(c *Config) { c.URLs = nil }, "urls: at least one")
	f(func(c *Config) { c.URLs = []string{"127.0.0.1:9200"} }, "urls: ")
	f(func(c *Config) { c.URLs = []string{"es.example.com"} }, "urls: \"es.example.com\" does not begin with http")
	f(func(c *Config) { c.URLs = []string{"ftp://elastic:hunter2@es"} }, "does not begin with http")
	f(func(c *Config) { c.URLs = []string{"http://elastic:hunter2@es:port"} }, "urls: not a URL")
	f(func(c *Config) { c.DataStream, c.Index = "a", "b" }, "only one of them")
	f(func(c *Config) { c.DataStream = "Logs" }, "only lower case")
	f(func(c *Config) { c.DataStream = "logs*" }, "may be in it")
	f(func(c *Config) { c.DataStream = ".logs" }, "must not begin")
	f(func(c *Config) { c.Index = "access-%Y.%m.%d.%H" }, "")
	f(func(c *Config) { c.Index = "access-%y" }, "after % comes")
	f(func(c *Config) { c.Index = "access-%" }, "after % comes")
	f(func(c *Config) { c.Index = strings.Repeat("a", 256) }, "longer than 255")
	f(func(c *Config) { c.APIKey, c.Username = "a", "b" }, "only one of them")
	f(func(c *Config) { c.CertFile = "a" }, "both or none")
	f(func(c *Config) { c.Concurrency = 0 }, "concurrency: 0 is less than 1")
	f(func(c *Config) { c.RequestTimeout = 0 }, "timeout")
	c := DefaultConfig()
	c.Concurrency = -1
	if err := c.Validate(); err == nil || strings.Count(err.Error(), "\n") != 1 {
		t.Errorf("want both errors at once: %v", err)
	}
}

func TestTarget(t *testing.T) {
	f := func(stream, index string, nanos int64, want, pattern string) {
		t.Helper()
		to, err := newTarget(stream, index)
		if err != nil {
			t.Fatal(err)
		}
		got := string(to.appendName([]byte(">"), nanos))
		if p, n := to.pattern(); got != ">"+want || p != pattern || !strings.HasPrefix(want, p[:n]) {
			t.Errorf("%s%s: %s, pattern %s (%d)", stream, index, got, p, n)
		}
	}
	at := time.Date(2026, 11, 21, 23, 59, 59, 999_999_999, time.UTC).UnixNano()
	f("", "", at, "logs-gateway.access-default", "logs-gateway.access-default")
	f("logs-a-b", "", at, "logs-a-b", "logs-a-b")
	f("", "plain", at, "plain", "plain")
	f("", "a-%Y.%m.%d", at, "a-2026.11.21", "a-*")
	f("", "a-%Y.%m.%d", at+1, "a-2026.11.22", "a-*")
	f("", "a-%Y.%m.%d", -1, "a-1969.12.31", "a-*")
	f("", "%Y-%H-eu", at, "2026-23-eu", "*-eu")
}

// certificates makes a self-signed certificate for 127.0.0.1 and returns it with the paths of its PEM files.
func certificates(t *testing.T) (pair tls.Certificate, certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "es"}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	write := func(name, kind string, b []byte) []byte {
		text := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b})
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return text
	}
	pair, err = tls.X509KeyPair(write(certFile, "CERTIFICATE", der), write(keyFile, "PRIVATE KEY", private))
	if err != nil {
		t.Fatal(err)
	}
	return pair, certFile, keyFile
}

// Over a real connection: TLS with a CA and a client certificate of one's own, basic auth, and no other way in.
func TestTLSAndCredentials(t *testing.T) {
	pair, certFile, keyFile := certificates(t)
	node := strict.NewHandler()
	node.Behave(strict.Behaviour{Authorization: "Basic ZWxhc3RpYzpodW50ZXIy"})
	server := httptest.NewUnstartedServer(node)
	authorities := x509.NewCertPool()
	authorities.AddCert(pair.Leaf)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: authorities, ClientAuth: tls.RequireAndVerifyClientCert}
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // refused handshakes are wanted here
	server.StartTLS()
	defer server.Close()

	good := DefaultConfig()
	good.URLs = []string{server.URL}
	good.Username, good.Password = "elastic", "hunter2"
	good.CAFile, good.CertFile, good.KeyFile = certFile, certFile, keyFile
	g := newRigOn(t, node, nil, func(c *Config) { *c = good; c.FlushInterval = time.Millisecond })
	g.submit(g.body(10))
	g.mustClose()
	g.want(10, 0, 0)

	f := func(change func(*Config), want string) {
		t.Helper()
		c := good
		change(&c)
		err := Check(context.Background(), c)
		if err == nil && want != "" || err != nil && (want == "" || !strings.Contains(err.Error(), want)) {
			t.Errorf("error %v, want %q", err, want)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the error tells the password: %v", err)
		}
	}
	f(func(*Config) {}, "")
	f(func(c *Config) {
		c.Username, c.URLs = "", []string{strings.Replace(c.URLs[0], "//", "//elastic:hunter2@", 1)}
	}, "")
	f(func(c *Config) { c.CAFile = "" }, "certificate")
	f(func(c *Config) { c.CAFile, c.SkipVerify = "", true }, "")
	f(func(c *Config) { c.ServerName = "other" }, "other")
	f(func(c *Config) { c.CertFile, c.KeyFile = "", "" }, "certificate")
	f(func(c *Config) { c.Password = "wrong" }, "credentials")
	f(func(c *Config) { c.CAFile = filepath.Join(t.TempDir(), "none") }, "tls.ca: ")
	f(func(c *Config) { c.CAFile = keyFile }, "tls.ca: no certificate")
	f(func(c *Config) { c.CertFile, c.KeyFile = certFile, certFile }, "tls.cert: ")
	f(func(c *Config) { c.URLs = nil }, "urls: ")
}

// A server that is not Elasticsearch is not written to.
func TestOtherServer(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"errors":false,"items":[]}`)) }))
	defer other.Close()
	c := DefaultConfig()
	c.URLs = []string{other.URL}
	if err := Check(context.Background(), c); err == nil || !strings.Contains(err.Error(), other.URL+": the server is not Elasticsearch") {
		t.Errorf("error %v", err)
	}
	// Which of several nodes it is that does not answer is said, and not who logs in.
	c.Username, c.Password = "me", "topsecret"
	other.Close()
	if err := Check(context.Background(), c); err == nil || !strings.Contains(err.Error(), other.URL+": ") || strings.Contains(err.Error(), "topsecret") {
		t.Errorf("error %v", err)
	}
}

// Of several nodes those that are down cost a few attempts, no documents.
func TestSeveralNodes(t *testing.T) {
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	node, err := strict.New()
	if err != nil {
		t.Fatal(err)
	}
	defer node.Close()
	g := newRigOn(t, node, nil, func(c *Config) {
		c.URLs = []string{"http://" + gone.Addr().String(), node.URL}
		c.RequestBytes, c.FlushInterval = 1000, time.Millisecond
	})
	for range 20 {
		g.submit(g.body(10))
	}
	g.mustClose()
	g.want(200, 0, 0)
	if s := g.sink.Stats(); s.Failed == 0 || s.Failed > 10 {
		t.Errorf("%+v: want one failure or two", s)
	}
}

func TestPayload(t *testing.T) {
	p := &payload{parts: [][]byte{[]byte("ab"), {}, []byte("cde")}, size: 5}
	for _, n := range []int{1, 2, 3, 100} {
		r := p.reader()
		var got []byte
		buf := make([]byte, n)
		for {
			k, err := r.Read(buf)
			got = append(got, buf[:k]...)
			if err != nil {
				break
			}
		}
		r.Close()
		r.Close()
		if !bytes.Equal(got, []byte("abcde")) {
			t.Errorf("read %q in pieces of %d", got, n)
		}
		if _, err := r.Read(buf); err == nil {
			t.Error("read after Close")
		}
	}
	p.wait()
}
