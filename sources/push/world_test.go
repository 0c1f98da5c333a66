package push

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/gatemeter/gatemeter/internal/servers"
	"github.com/gatemeter/gatemeter/pipeline/batch"
	"github.com/gatemeter/gatemeter/sources/listen"
	"github.com/gatemeter/gatemeter/sources/spool"
)

// logBuffer is what was logged.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// world is a source that runs.
type world struct {
	*Source
	t      *testing.T
	logs   *logBuffer
	spool  *spool.Spool
	url    string
	client *http.Client
	stop   func()

	mu    sync.Mutex
	lines []string
}

// how a world begins.
type how struct {
	dir    string // of the spool; empty: a new one
	spool  func(*spool.Settings)
	source func(*Settings)
	unread bool // nobody takes what is in the spool
	scheme string
}

func start(t *testing.T, h how) *world {
	t.Helper()
	w := &world{t: t, logs: &logBuffer{}, client: &http.Client{Timeout: time.Minute, Transport: &http.Transport{}}}
	log := slog.New(slog.NewTextHandler(w.logs, nil))
	spooling := spool.Settings{Dir: h.dir, MaxBytes: 64 << 20, FsyncEvery: time.Millisecond, Keys: 1000, Now: time.Now, Log: log}
	if spooling.Dir == "" {
		spooling.Dir = t.TempDir()
	}
	if h.spool != nil {
		h.spool(&spooling)
	}
	var err error
	if w.spool, err = spool.Open(spooling); err != nil {
		t.Fatal(err)
	}
	reader, err := spool.NewSource(spool.SourceSettings{
		Name: "api", Shard: "web1", Spool: w.spool, MaxLine: 1000, Pool: batch.NewPool(64<<10, 1<<20), Log: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	if h.scheme == "" {
		h.scheme = "http"
	}
	set := Settings{
		Name: "api", Spool: w.spool, Reader: reader, MaxMessage: 1000, MaxBody: 1 << 20, Now: time.Now, Log: log,
		Listen: []listen.Address{{Scheme: h.scheme, Host: "127.0.0.1:0"}},
	}
	if h.source != nil {
		h.source(&set)
	}
	if w.Source, err = New(set); err != nil {
		t.Fatal(err)
	}
	if err := w.Listen(); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Open(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	w.url = h.scheme + "://" + w.Addresses()[0].String() + "/logs"
	ctx, cancel := context.WithCancel(context.Background())
	out := make(chan *batch.Batch)
	var running sync.WaitGroup
	running.Go(func() {
		if err := w.Run(ctx, out); err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("Run: %v", err)
		}
		close(out)
	})
	if !h.unread {
		running.Go(func() {
			for b := range out {
				w.take(b)
			}
		})
	}
	w.stop = sync.OnceFunc(func() {
		w.client.CloseIdleConnections()
		closed := w.Close()
		cancel()
		running.Wait()
		if err := errors.Join(closed, w.spool.Close()); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(w.stop)
	return w
}

func (w *world) take(b *batch.Batch) {
	w.mu.Lock()
	defer w.mu.Unlock()
	begin := int32(0)
	for _, end := range b.Ends {
		w.lines = append(w.lines, string(b.Data[begin:end]))
		begin = end
	}
	for range b.Oversize {
		w.lines = append(w.lines, "oversize")
	}
	b.Release()
}

// want waits for lines and forgets them.
func (w *world) want(lines ...string) {
	w.t.Helper()
	servers.Await(w.t, 30*time.Second, func() error {
		w.mu.Lock()
		defer w.mu.Unlock()
		if !slices.Equal(w.lines, lines) {
			return fmt.Errorf("read %.200q, want %.200q\n%s", w.lines, lines, w.logs)
		}
		return nil
	})
	w.mu.Lock()
	w.lines = nil
	w.mu.Unlock()
}

// reply is what a request was answered with.
type reply struct {
	status int
	body   string
	header http.Header
}

// post posts body with headers, name and value by turns.
func (w *world) post(body io.Reader, headers ...string) reply {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.url, body)
	if err != nil {
		w.t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	answer, err := w.client.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return reply{answer.StatusCode, string(text), answer.Header}
}

func (w *world) wantStatus(r reply, status int, text string) {
	w.t.Helper()
	if r.status != status || !strings.Contains(r.body, text) || !json.Valid([]byte(r.body)) || r.header.Get("Content-Type") != "application/json" {
		w.t.Errorf("answered %d %s, want %d %s", r.status, r.body, status, text)
	}
}

const (
	clf  = `203.0.113.7 - - [10/Oct/2025:13:55:36 +0200] "GET / HTTP/1.1" 200 2326`
	kong = `{"started_at":1760097336043,"request":{"uri":"\/"},"response":{"status":200},"latencies":{"request":43}}`
)

func quote(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return string(b)
}

func zip(parts ...string) []byte {
	var b bytes.Buffer
	for _, p := range parts {
		z := gzip.NewWriter(&b)
		_, _ = z.Write([]byte(p)) // a buffer takes everything
		_ = z.Close()
	}
	return b.Bytes()
}
