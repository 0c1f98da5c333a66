package elasticsearch

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	strict "github.com/gatemeter/gatemeter/internal/strict/elasticsearch"
	"github.com/gatemeter/gatemeter/pipeline"
	"github.com/gatemeter/gatemeter/pipeline/batch"
	"github.com/gatemeter/gatemeter/pipeline/record"
	"github.com/gatemeter/gatemeter/sinks/deadletter"
)

// direct hands requests to a handler without a network, so that time in a test is synctest's.
type direct struct {
	handler http.Handler
	delay   time.Duration // before each request
	mu      sync.Mutex
	down    error // not nil: what each request gets
}

func (d *direct) set(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.down = err
}

func (d *direct) RoundTrip(r *http.Request) (res *http.Response, err error) {
	if r.Body != nil {
		defer r.Body.Close()
	}
	d.mu.Lock()
	down := d.down
	d.mu.Unlock()
	if d.delay > 0 {
		select {
		case <-time.After(d.delay):
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	if down != nil {
		return nil, down
	}
	defer func() {
		if p := recover(); p != nil {
			if p != http.ErrAbortHandler {
				panic(p)
			}
			if res, err = nil, r.Context().Err(); err == nil {
				err = io.ErrUnexpectedEOF
			}
		}
	}()
	if r.Body == nil {
		r.Body = http.NoBody
	}
	w := httptest.NewRecorder()
	d.handler.ServeHTTP(w, r)
	return w.Result(), nil
}

// rig is a sink, the server it talks to and all that can be seen of both.
type rig struct {
	t       *testing.T
	sink    *Sink
	server  *strict.Server
	direct  *direct
	letters *deadletter.Writer
	dir     string
	log     *logBuffer

	partition *batch.Partition
	next      int64 // offset of the next document

	mu   sync.Mutex
	done map[*pipeline.Body]int
}

type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) count(s string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.b.String(), s)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// newRig returns a rig on a healthy server. It must be called in a synctest bubble.
func newRig(t *testing.T, change func(c *Config)) *rig {
	t.Helper()
	server := strict.NewHandler()
	return newRigOn(t, server, &direct{handler: server}, change)
}

func newRigOn(t *testing.T, server *strict.Server, transport *direct, change func(c *Config)) *rig {
	t.Helper()
	g := &rig{
		t: t, server: server, direct: transport, dir: t.TempDir(), log: &logBuffer{}, done: map[*pipeline.Body]int{},
		partition: &batch.Partition{Source: "edge", Name: "/var/log/nginx/access.log", Shard: "web1", ID: "p1"},
	}
	log := slog.New(slog.NewTextHandler(g.log, nil))
	letters, err := deadletter.Open(g.dir, "es", deadletter.Options{Log: log})
	if err != nil {
		t.Fatal(err)
	}
	g.letters = letters
	c := DefaultConfig()
	c.URLs = []string{"http://es.invalid:9200"}
	c.Setup = false
	if change != nil {
		change(&c)
	}
	s := Settings{Name: "es", DeadLetters: letters, Log: log, Jitter: func() float64 { return 0.5 }}
	if transport != nil {
		s.Transport = transport
	}
	g.sink, err = New(c, s)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// body returns a body of n documents. The path of the i-th since the rig was made is /i; so is its offset i.
func (g *rig) body(n int) *pipeline.Body {
	recs := make([]record.Record, n)
	for i := range recs {
		r := &recs[i]
		r.Reset()
		r.TimeNanos = time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC).UnixNano() + g.next*int64(time.Minute)
		r.Offset = g.next
		r.Path = fmt.Appendf(nil, "/%d", g.next)
		r.Status = 200
		g.next++
	}
	return g.encode(recs)
}

func (g *rig) encode(recs []record.Record) *pipeline.Body {
	return &pipeline.Body{
		Bytes: g.sink.Append(nil, g.partition, recs),
		Docs:  len(recs),
		Done: func(b *pipeline.Body) {
			clear(b.Bytes) // its owner may use it for the next: nothing must read it any more
			g.mu.Lock()
			defer g.mu.Unlock()
			g.done[b]++
		},
	}
}

func (g *rig) submit(b *pipeline.Body) {
	g.t.Helper()
	if err := g.sink.Submit(context.Background(), b); err != nil {
		g.t.Fatal(err)
	}
}

// finished returns how many bodies are done, and fails if one was more than once.
func (g *rig) finished() int {
	g.t.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, n := range g.done {
		if n != 1 {
			g.t.Fatalf("Done was called %d times", n)
		}
	}
	return len(g.done)
}

// close closes the sink within d and checks that the server has nothing to complain of.
func (g *rig) close(d time.Duration) error {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	err := g.sink.Close(ctx)
	g.letters.Close()
	for _, v := range g.server.Violations() {
		g.t.Errorf("violation: %s", v)
	}
	s := g.sink.Stats()
	if s.Submitted != s.Created+s.Duplicate+s.Dead+s.InFlight {
		g.t.Errorf("the counts do not add up: %+v", s)
	}
	if err == nil && (s.InFlight != 0 || s.Held != 0) {
		g.t.Errorf("closed with something held: %+v", s)
	}
	return err
}

func (g *rig) mustClose() {
	g.t.Helper()
	if err := g.close(time.Hour); err != nil {
		g.t.Error(err)
	}
}

// dead returns the dead letters.
func (g *rig) dead() (letters []letter) {
	g.t.Helper()
	files, _ := filepath.Glob(filepath.Join(g.dir, "*"))
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			g.t.Fatal(err)
		}
		for line := range bytes.Lines(b) {
			var l letter
			if err := json.Unmarshal(line, &l); err != nil {
				g.t.Fatalf("%q: %v", line, err)
			}
			letters = append(letters, l)
		}
	}
	return letters
}

type letter struct {
	Sink, Partition, ID, Index, Type, Reason string
	Offset                                   int64
	Status, Attempts                         int
	Document                                 struct {
		URL struct{ Path string }
	}
}

// inBubble runs f where time stands still until everything waits for it.
func inBubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}

// after lets d pass and everything come to rest.
func after(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}
