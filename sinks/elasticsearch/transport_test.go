package elasticsearch

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"syscall"
	"testing"
)

// parts returns a payload of so many bytes each, and what it is together.
func parts(sizes ...int) (p *payload, all []byte) {
	p = &payload{}
	for i, n := range sizes {
		p.parts = append(p.parts, bytes.Repeat([]byte{byte('a' + i)}, n))
	}
	all = slices.Concat(p.parts...)
	p.size = int64(len(all))
	return p, all
}

// wire returns a transport as sinks have them, whose connections tell how they are written to.
func wire(t *testing.T) (*transport, *counter) {
	t.Helper()
	base, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		t.Fatal("not a transport")
	}
	base = base.Clone()
	c := &counter{large: make(chan struct{}, 1)}
	base.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return counted{conn, c}, nil
	}
	straight(base)
	t.Cleanup(base.CloseIdleConnections)
	return &transport{base}, c
}

type counter struct {
	mu     sync.Mutex
	writes []int
	conns  []net.Conn
	large  chan struct{} // a token when more than a MiB is about to be written at once
	broken bool          // the next write finds the connection closed
}

type counted struct {
	net.Conn
	counter *counter
}

func (c counted) Write(b []byte) (int, error) {
	c.counter.mu.Lock()
	c.counter.writes = append(c.counter.writes, len(b))
	c.counter.conns = append(c.counter.conns, c.Conn)
	broken := c.counter.broken
	c.counter.broken = false
	c.counter.mu.Unlock()
	if broken {
		return 0, syscall.EPIPE
	}
	if len(b) > 1<<20 {
		signal(c.counter.large)
	}
	return c.Conn.Write(b)
}

func post(ctx context.Context, t *testing.T, over http.RoundTripper, url string, p *payload) (*http.Response, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, p.reader())
	if err != nil {
		t.Fatal(err)
	}
	return over.RoundTrip(r)
}

// echo answers with what it was sent.
func echo(t *testing.T) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil || r.ContentLength != int64(len(b)) || r.TransferEncoding != nil {
			t.Errorf("%d bytes, said to be %d, %v: %v", len(b), r.ContentLength, r.TransferEncoding, err)
		}
		_, _ = w.Write(b)
	}))
	t.Cleanup(s.Close)
	return s
}

func TestPayloadArrives(t *testing.T) {
	server := echo(t)
	over, count := wire(t)
	f := func(sizes ...int) {
		t.Helper()
		p, want := parts(sizes...)
		res, err := post(t.Context(), t, over, server.URL, p)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if got, err := io.ReadAll(res.Body); err != nil || !bytes.Equal(got, want) {
			t.Errorf("of parts of %v bytes %d arrived: %v", sizes, len(got), err)
		}
		p.wait()
	}
	f(1)
	f(100, 200)
	f(5000)
	f(10, 5000, 10)
	f(0, 70_000, 0, 1<<20, 3)
	count.mu.Lock()
	count.writes = nil
	count.mu.Unlock()
	f(3<<20, 1<<20)
	count.mu.Lock()
	defer count.mu.Unlock()
	if len(count.writes) > 3 {
		t.Errorf("two large parts were written in pieces of %v", count.writes)
	}
}

// A kept connection that the server has closed costs no attempt: the payload is read again, from its beginning.
func TestPayloadIsSentAgain(t *testing.T) {
	server := echo(t)
	over, count := wire(t)
	f := func() {
		t.Helper()
		p, want := parts(100_000, 1<<20)
		res, err := post(t.Context(), t, over, server.URL, p)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if got, err := io.ReadAll(res.Body); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d bytes arrived: %v", len(got), err)
		}
		p.wait()
	}
	f()
	count.mu.Lock()
	count.broken = true
	count.mu.Unlock()
	f()
	count.mu.Lock()
	defer count.mu.Unlock()
	if first, last := count.conns[0], count.conns[len(count.conns)-1]; first == last {
		t.Error("the connection was not a new one")
	}
}

// A server that reads nothing holds nobody up once the context has ended, and then nobody reads the payload any more.
func TestPayloadIsGivenUp(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	accepted := make(chan net.Conn, 1)
	go func() {
		if c, err := listener.Accept(); err == nil {
			accepted <- c
		}
	}()
	over, count := wire(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	p, _ := parts(64 << 20)
	done := make(chan error, 1)
	go func() {
		_, err := post(ctx, t, over, "http://"+listener.Addr().String(), p)
		done <- err
	}()
	c := <-accepted
	defer c.Close()
	<-count.large
	cancel()
	if err := <-done; err == nil {
		t.Error("no error")
	}
	p.wait()
	clear(p.parts[0])
}

// An answer that comes before the payload has been read is the answer.
func TestPayloadIsAnsweredEarly(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusRequestEntityTooLarge)
	}))
	defer server.Close()
	over, _ := wire(t)
	for i := range 5 {
		p, _ := parts(200_000) // what the server's buffers take: of more, the answer may be lost
		res, err := post(t.Context(), t, over, server.URL, p)
		if err != nil {
			t.Fatal(i, err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusRequestEntityTooLarge {
			t.Error(res.Status)
		}
		p.wait()
		clear(p.parts[0])
	}
}

// What is written straight and what is read is the same payload, wherever one begins and the other ends.
func TestPayloadReader(t *testing.T) {
	for n := range 31 {
		p, want := parts(7, 0, 11, 12)
		r := p.reader()
		head := make([]byte, n)
		if _, err := io.ReadFull(r, head); err != nil && n > 0 {
			t.Fatal(err)
		}
		var rest bytes.Buffer
		written, err := r.writeTo(&rest, 5)
		if err != nil || written != min(5, int64(30-n)) {
			t.Fatalf("from %d on %d bytes were written: %v", n, written, err)
		}
		last, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprintf("%s%s%s", head, rest.Bytes(), last); got != string(want) {
			t.Errorf("from %d on: %s", n, got)
		}
		r.Close()
		if k, err := r.writeTo(&rest, 5); k != 0 || err != http.ErrBodyReadAfterClose {
			t.Errorf("a closed payload wrote %d bytes: %v", k, err)
		}
		p.wait()
	}
}
