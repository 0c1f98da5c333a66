package elasticsearch

import (
	"io"
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
	open  sync.WaitGroup // readers not closed
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
