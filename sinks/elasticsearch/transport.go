package elasticsearch

import (
	"context"
	"io"
	"net"
	"net/http"
	"sync"
)

// payload is the body of a request: slices of the bodies that are sent, one after another, none of them copied.
//
// Package http may go on reading a request's body after it has returned the answer. Whoever gives the slices back to their
// owner calls wait first.
type payload struct {
	parts [][]byte
	size  int64
	open  sync.WaitGroup // readers not closed, and what they write
}

// reader returns a new reader of the whole payload.
func (p *payload) reader() *payloadReader {
	p.open.Add(1)
	return &payloadReader{payload: p, parts: p.parts}
}

// wait returns when every reader that was made has been closed.
func (p *payload) wait() { p.open.Wait() }

type payloadReader struct {
	payload *payload
	sent    bool // package http has it, and closes it

	mu     sync.Mutex // Close may come during a Read
	parts  [][]byte   // what is left; parts[0] from at on
	at     int
	closed bool
}

func (r *payloadReader) Read(dst []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return 0, http.ErrBodyReadAfterClose
	}
	n := 0
	for n < len(dst) && len(r.parts) > 0 {
		k := copy(dst[n:], r.parts[0][r.at:])
		n += k
		if r.at += k; r.at == len(r.parts[0]) {
			r.parts, r.at = r.parts[1:], 0
		}
	}
	if n == 0 && len(dst) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

func (r *payloadReader) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closed {
		r.closed = true
		r.payload.open.Done()
	}
	return nil
}

// writeTo writes up to n bytes of what is left to w. Close does not wait for it: wait does.
func (r *payloadReader) writeTo(w io.Writer, n int64) (written int64, err error) {
	for written < n && err == nil {
		var part []byte
		if part, err = r.begin(n - written); part == nil {
			break
		}
		k := 0
		k, err = w.Write(part)
		r.end(k)
		written += int64(k)
	}
	return written, err
}

// begin returns what is left of the part at hand, at most n bytes, nil when nothing is, and keeps wait from returning until end.
func (r *payloadReader) begin(n int64) ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.closed:
		return nil, http.ErrBodyReadAfterClose
	case len(r.parts) == 0:
		return nil, nil
	}
	r.payload.open.Add(1)
	part := r.parts[0][r.at:]
	return part[:min(int64(len(part)), n)], nil
}

// end takes the first n bytes of what begin has returned as read.
func (r *payloadReader) end(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.at += n; r.at == len(r.parts[0]) {
		r.parts, r.at = r.parts[1:], 0
	}
	r.payload.open.Done()
}

// conn writes a payload from where it is. Package http would copy it through a buffer of 32 KiB, and wake the server for each.
type conn struct{ net.Conn }

// ReadFrom is what package http calls for a request's body.
func (c conn) ReadFrom(from io.Reader) (int64, error) {
	if l, ok := from.(*io.LimitedReader); ok {
		if r, ok := l.R.(*payloadReader); ok {
			n, err := r.writeTo(c.Conn, l.N)
			l.N -= n
			return n, err
		}
	}
	return io.Copy(c.Conn, from)
}

// straight makes t's connections without TLS write payloads from where they are.
func straight(t *http.Transport) {
	dial := t.DialContext
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	t.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return conn{c}, nil
	}
}

// transport tells package http what it cannot see in a payload: its length, so that the request is not sent in chunks, and
// that it can be read again, so that a kept connection the server has just closed costs no attempt.
type transport struct{ base http.RoundTripper }

func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if body, ok := r.Body.(*payloadReader); ok {
		body.sent = true
		r = r.WithContext(r.Context()) // a copy: what comes in is not ours to change
		r.ContentLength = body.payload.size
		r.GetBody = func() (io.ReadCloser, error) { return body.payload.reader(), nil }
	}
	return t.base.RoundTrip(r)
}

// CloseIdleConnections is what http.Client calls it.
func (t *transport) CloseIdleConnections() {
	if c, ok := t.base.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}
