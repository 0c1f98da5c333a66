package oneway

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"
)

// Conn is a connection. One goroutine uses it at a time; Gone may be called by any.
type Conn struct {
	target *Target
	raw    net.Conn
	out    net.Conn // raw, or TLS over it
	made   time.Time

	over  chan struct{} // closed when reading has ended; nil for datagrams
	cause error         // why; valid once over is closed

	timer *time.Timer // stopped between waits
	pace  pace
}

// ErrGone says that the server has ended the connection.
var ErrGone = errors.New("the server has closed the connection")

// Dial connects. It returns ctx's error when ctx ends it.
func (t *Target) Dial(ctx context.Context) (*Conn, error) {
	inTime, cancel := context.WithTimeout(ctx, t.set.DialTimeout)
	defer cancel()
	c, err := t.dial(inTime)
	if err != nil && ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return c, err
}

func (t *Target) dial(ctx context.Context) (*Conn, error) {
	network := t.scheme
	if network == "tls" {
		network = "tcp"
	}
	var d net.Dialer
	raw, err := d.DialContext(ctx, network, t.address)
	if err != nil {
		return nil, err
	}
	c := &Conn{target: t, raw: raw, out: raw, made: time.Now(), timer: time.NewTimer(time.Hour)}
	c.timer.Stop()
	if !t.Stream() {
		return c, nil
	}
	if t.scheme == "tls" {
		config, err := t.tlsConfig()
		if err == nil {
			conn := tls.Client(raw, config)
			c.out, err = conn, conn.HandshakeContext(ctx)
		}
		if err != nil {
			_ = raw.Close() // the handshake's error is the one to tell
			return nil, fmt.Errorf("connect to %s: %w", t, err)
		}
	}
	c.over = make(chan struct{})
	go c.read()
	return c, nil
}

// read waits for the end, and takes what a server says for nothing. TLS needs it too, for tickets and alerts.
func (c *Conn) read() {
	defer close(c.over)
	var buf [512]byte
	for {
		if _, err := c.out.Read(buf[:]); err != nil {
			c.cause = err
			return
		}
	}
}

// Gone is closed when the server has ended the stream or the connection is broken. For datagrams it is nil.
func (c *Conn) Gone() <-chan struct{} { return c.over }

// gone returns an error once the stream has ended.
func (c *Conn) gone() error {
	select {
	case <-c.over:
		if errors.Is(c.cause, io.EOF) {
			return ErrGone
		}
		return fmt.Errorf("%w: %w", ErrGone, c.cause)
	default:
		return nil
	}
}

// Use makes ctx end the writes that follow, until stop is called. When stop returns false, ctx has ended and the connection
// may be in the middle of a line: Abort it.
func (c *Conn) Use(ctx context.Context) (stop func() bool) {
	return context.AfterFunc(ctx, func() {
		_ = c.out.SetWriteDeadline(time.Unix(1, 0)) // fails only on a closed connection
	})
}

// maxRecord is how many bytes are written to a TLS stream in WriteTimeout: one record. What a server has taken of more cannot be told.
const maxRecord = 16 << 10

// Write writes all of p: a part of the stream, or one datagram. ctx is the one given to Use. A stream goes on as long as the
// server takes a byte now and then, however slowly; without one for WriteTimeout it fails.
func (c *Conn) Write(ctx context.Context, p []byte) error {
	if !c.target.Stream() {
		if err := c.pause(ctx); err != nil {
			return err
		}
	}
	for {
		if err := c.out.SetWriteDeadline(time.Now().Add(c.target.set.WriteTimeout)); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil { // asked after the deadline was set, as Use may have set one just before
			return err
		}
		piece := p
		if c.out != c.raw {
			piece = p[:min(len(p), maxRecord)]
		}
		n, err := c.out.Write(piece)
		if err == nil {
			if p = p[n:]; len(p) == 0 {
				return nil
			}
			continue
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		if n == 0 || c.out != c.raw { // a TLS stream cannot go on after a write that was cut
			return fmt.Errorf("the server took nothing for %v: %w", c.target.set.WriteTimeout, err)
		}
		p = p[n:]
	}
}

// Drain waits until the other host has acknowledged all that was written: it is in the server's socket then, though not yet
// read. Without progress for WriteTimeout it fails. For datagrams, and where the system does not tell, it returns at once.
func (c *Conn) Drain(ctx context.Context) error {
	tcp, ok := c.raw.(*net.TCPConn)
	if !ok {
		return nil
	}
	var acked uint64
	since := time.Now()
	for wait := 250 * time.Microsecond; ; wait = min(2*wait, 20*time.Millisecond) {
		q, err := queueOf(tcp)
		if err != nil {
			return fmt.Errorf("ask for unacknowledged bytes: %w", err)
		}
		if err := c.gone(); err != nil {
			return err
		}
		switch {
		case q.ended:
			return ErrGone
		case q.empty:
			return nil
		case q.acked != acked:
			acked, since = q.acked, time.Now()
		case time.Since(since) > c.target.set.WriteTimeout:
			return fmt.Errorf("the server acknowledged nothing for %v", c.target.set.WriteTimeout)
		}
		if err := c.wait(ctx, wait); err != nil {
			return err
		}
	}
}

// wait returns after d, or with ctx's error when ctx ends.
func (c *Conn) wait(ctx context.Context, d time.Duration) error {
	c.timer.Reset(d)
	select {
	case <-c.timer.C:
		return nil
	case <-ctx.Done():
		c.timer.Stop()
		return ctx.Err()
	}
}

// goodbye is how long Close waits for the server's end.
const goodbye = 2 * time.Second

// Close ends the stream and waits for the server to end its side, which it does when it has read all. An error says that it
// did not read all; when it says nothing within two seconds, Close returns nil.
func (c *Conn) Close() error {
	if c.over == nil {
		return c.raw.Close()
	}
	if err := c.gone(); err != nil {
		c.Abort()
		return err
	}
	deadline := time.Now().Add(goodbye)
	err := c.out.SetWriteDeadline(deadline)
	if err == nil {
		err = c.out.(interface{ CloseWrite() error }).CloseWrite()
	}
	if err != nil {
		c.Abort()
		return fmt.Errorf("%w: %w", ErrGone, err)
	}
	_ = c.raw.SetReadDeadline(deadline) // ends read, too
	<-c.over
	if errors.Is(c.cause, io.EOF) || errors.Is(c.cause, os.ErrDeadlineExceeded) {
		return c.raw.Close()
	}
	_ = c.raw.Close() // the cause is the error to tell
	return fmt.Errorf("%w: %w", ErrGone, c.cause)
}

// Abort closes the connection at once. A stream is reset: what the server has not been sent it never gets.
func (c *Conn) Abort() {
	if tcp, ok := c.raw.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // fails only on a connection that is broken anyway
	}
	_ = c.raw.Close() // nothing is expected of it any more
	if c.over != nil {
		<-c.over
	}
}
