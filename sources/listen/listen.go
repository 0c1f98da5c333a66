// Package listen is what sources that others connect to have in common: addresses as configs write them, the TLS of a server,
// which peers may send, and unix sockets that a crash has left behind.
package listen

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
)

// Address is where to listen: tcp://127.0.0.1:5514, unix:///run/gatemeter.sock.
type Address struct {
	Scheme string // as written
	Path   string // of a unix socket, else empty
	Host   string // host:port, else empty
}

// String returns the address as it is written in configs.
func (a Address) String() string { return a.Scheme + "://" + a.Path + a.Host }

// ParseAddress reads s, of which the scheme must be one of schemes; those that begin with unix have a path.
func ParseAddress(s string, schemes ...string) (Address, error) {
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok {
		return Address{}, fmt.Errorf("%.200q does not say what to listen for: %s://%.200s", s, schemes[0], s)
	}
	known := false
	for _, k := range schemes {
		known = known || k == scheme
	}
	if !known {
		return Address{}, fmt.Errorf("%.200q: %.50q is unknown here; %s are known", s, scheme, strings.Join(schemes, ", "))
	}
	if strings.HasPrefix(scheme, "unix") {
		if !strings.HasPrefix(rest, "/") {
			return Address{}, fmt.Errorf("%.200q: a socket's path begins with /", s)
		}
		if len(rest) > 107 {
			return Address{}, fmt.Errorf("%.200q: a socket's path has at most 107 bytes", s)
		}
		return Address{Scheme: scheme, Path: rest}, nil
	}
	host, port, err := net.SplitHostPort(strings.TrimSuffix(rest, "/"))
	if err != nil {
		return Address{}, fmt.Errorf("%.200q is no address like %s://127.0.0.1:5514", s, scheme)
	}
	if host == "" {
		return Address{}, fmt.Errorf("%.200q names no host: write 127.0.0.1, or 0.0.0.0 if every network may send", s)
	}
	if _, err := net.LookupPort("tcp", port); err != nil || port == "" {
		return Address{}, fmt.Errorf("%.200q has no port between 0 and 65535", s)
	}
	return Address{Scheme: scheme, Host: net.JoinHostPort(host, port)}, nil
}

// TLS is a server's certificate, and who may connect. The files are PEM.
type TLS struct {
	CertFile, KeyFile string
	ClientCAFile      string // authorities: clients have to show a certificate of one. Empty: they need none
}

// Config reads the files.
func (t TLS) Config() (*tls.Config, error) {
	if t.CertFile == "" || t.KeyFile == "" {
		return nil, errors.New("tls needs a certificate and its key: cert and key")
	}
	pair, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("tls: %w", err)
	}
	c := &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	if t.ClientCAFile == "" {
		return c, nil
	}
	data, err := os.ReadFile(t.ClientCAFile)
	if err != nil {
		return nil, fmt.Errorf("tls: %w", err)
	}
	c.ClientCAs, c.ClientAuth = x509.NewCertPool(), tls.RequireAndVerifyClientCert
	if !c.ClientCAs.AppendCertsFromPEM(data) {
		return nil, fmt.Errorf("tls: %s has no certificate", t.ClientCAFile)
	}
	return c, nil
}

// Peers is who may send; the zero value is everybody.
type Peers []netip.Prefix

// ParsePeers reads networks (10.0.0.0/8) and addresses.
func ParsePeers(list []string) (Peers, error) {
	var p Peers
	for _, s := range list {
		prefix, err := netip.ParsePrefix(s)
		if err != nil {
			address, failed := netip.ParseAddr(s)
			if failed != nil || address.Zone() != "" {
				return nil, fmt.Errorf("%.100q is neither a network like 10.0.0.0/8 nor an address", s)
			}
			prefix = netip.PrefixFrom(address, address.BitLen())
		}
		if prefix != prefix.Masked() {
			return nil, fmt.Errorf("%.100q has bits set behind its network: do you mean %s?", s, prefix.Masked())
		}
		p = append(p, prefix)
	}
	return p, nil
}

// Allow reports whether a may send. An IPv4 address inside an IPv6 one is the IPv4 address.
func (p Peers) Allow(a netip.Addr) bool {
	if len(p) == 0 {
		return true
	}
	a = a.Unmap().WithZone("")
	for _, prefix := range p {
		if prefix.Contains(a) {
			return true
		}
	}
	return false
}

// AllowAddr is Allow for a connection's address; what has no IP address, a unix socket, is allowed.
func (p Peers) AllowAddr(a net.Addr) bool {
	tcp, ok := a.(*net.TCPAddr)
	return !ok || p.Allow(tcp.AddrPort().Addr())
}

// IsLoopback reports whether only this machine can reach a.
func IsLoopback(a net.Addr) bool {
	switch a := a.(type) {
	case *net.TCPAddr:
		return a.IP.IsLoopback()
	case *net.UDPAddr:
		return a.IP.IsLoopback()
	}
	return true
}

// socketMode is of unix sockets: the user and group that gatemeter runs as may send.
const socketMode = 0o660

// RemoveSocket removes a unix socket at path that nobody listens on any more. What is no socket is left alone.
func RemoveSocket(network, path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("%s is there and no socket", path)
	}
	conn, err := net.Dial(network, path)
	if err == nil {
		conn.Close()
		return fmt.Errorf("somebody listens on %s already", path)
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("a socket is at %s: %w", path, err)
	}
	return os.Remove(path)
}

// Stream listens for connections at a.
func Stream(a Address) (net.Listener, error) {
	if a.Path == "" {
		l, err := net.Listen("tcp", a.Host)
		if err != nil {
			return nil, fmt.Errorf("listen on %s: %w", a, err)
		}
		return l, nil
	}
	if err := RemoveSocket("unix", a.Path); err != nil {
		return nil, fmt.Errorf("listen on %s: %w", a, err)
	}
	l, err := net.Listen("unix", a.Path)
	if err == nil {
		if err = os.Chmod(a.Path, socketMode); err != nil {
			l.Close()
		}
	}
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", a, err)
	}
	return l, nil
}

// Datagram listens for datagrams at the unix socket a.
func Datagram(a Address) (*net.UnixConn, error) {
	if err := RemoveSocket("unixgram", a.Path); err != nil {
		return nil, fmt.Errorf("listen on %s: %w", a, err)
	}
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: a.Path, Net: "unixgram"})
	if err == nil {
		if err = os.Chmod(a.Path, socketMode); err != nil {
			c.Close()
		}
	}
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", a, err)
	}
	return c, nil
}
