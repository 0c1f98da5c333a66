package elasticsearch

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	strict "github.com/gatemeter/gatemeter/internal/strict/elasticsearch"
	"github.com/gatemeter/gatemeter/pipeline"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

var _ pipeline.RecordSink = (*Sink)(nil)

// want compares the document counts.
func (g *rig) want(created, duplicate, dead int64) {
	g.t.Helper()
	s := g.sink.Stats()
	if s.Created != created || s.Duplicate != duplicate || s.Dead != dead {
		g.t.Errorf("created %d, duplicate %d, dead %d; want %d, %d, %d", s.Created, s.Duplicate, s.Dead, created, duplicate, dead)
	}
}

func pathIs(paths ...string) func([]byte) bool {
	return func(doc []byte) bool {
		return slices.ContainsFunc(paths, func(p string) bool { return bytes.Contains(doc, []byte(`"path":"`+p+`"`)) })
	}
}

func TestStores(t *testing.T) {
	f := func(change func(*Config)) {
		t.Helper()
		inBubble(t, func(t *testing.T) {
			g := newRig(t, change)
			g.submit(g.body(0))
			for n := range 20 {
				g.submit(g.body(n + 1))
			}
			g.mustClose()
			g.want(210, 0, 0)
			if g.finished() != 21 || g.server.Count() != 210 || len(g.dead()) != 0 {
				t.Errorf("%d bodies done, %d documents", g.finished(), g.server.Count())
			}
			for i := range g.next {
				id := string(g.partition.AppendID(nil, i))
				if !slices.ContainsFunc(g.server.Docs(), func(d strict.Doc) bool { return d.ID == id }) {
					t.Fatalf("no document %s", id)
				}
			}
		})
	}
	f(nil)
	f(func(c *Config) { c.Gzip = true })
	f(func(c *Config) { c.RequestBytes = 1 })
	f(func(c *Config) { c.RequestBytes = 700; c.MaxInFlight = 1; c.Concurrency = 1 })
	f(func(c *Config) { c.Index = "access-%Y.%m.%d-%H" })
}

// Bodies wait for company, but not long.
func TestFlush(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		g := newRig(t, func(c *Config) { c.RequestBytes = 2000 })
		g.submit(g.body(1))
		after(999 * time.Millisecond)
		if n := g.server.Requests("POST"); n != 0 {
			t.Errorf("%d requests before the interval was over", n)
		}
		after(time.Millisecond)
		if n := g.server.Requests("POST /logs-gateway.access-default/_bulk"); n != 1 || g.finished() != 1 {
			t.Errorf("%d requests, %d done when the interval was over", n, g.finished())
		}
		for range 9 {
			g.submit(g.body(1))
		}
		synctest.Wait()
		if n := g.server.Requests("POST"); n < 2 {
			t.Error("enough for a request waits")
		}
		g.mustClose()
	})
}

func TestDuplicates(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		g := newRig(t, nil)
		g.submit(g.body(10))
		after(time.Minute)
		g.next = 5
		g.submit(g.body(10))
		g.mustClose()
		g.want(15, 5, 0)
		if g.finished() != 2 || g.server.Count() != 15 {
			t.Errorf("%d done, %d documents", g.finished(), g.server.Count())
		}
	})
}

func TestDeadLetter(t *testing.T) {
	f := func(change func(*Config), index string) {
		t.Helper()
		inBubble(t, func(t *testing.T) {
			g := newRig(t, change)
			g.server.Behave(strict.Behaviour{Refuse: pathIs("/3", "/7")})
			g.submit(g.body(5))
			g.submit(g.body(5))
			g.mustClose()
			g.want(8, 0, 2)
			letters := g.dead()
			if len(letters) != 2 || g.finished() != 2 {
				t.Fatalf("letters %+v", letters)
			}
			l := letters[1]
			if l.Sink != "es" || l.Partition != "p1" || l.Offset != 7 || l.ID != "p1-000000000007" || l.Index != index || l.Status != 400 ||
				l.Type != "document_parsing_exception" || !strings.Contains(l.Reason, "failed to parse") || l.Attempts != 1 || l.Document.URL.Path != "/7" {
				t.Errorf("letter %+v", l)
			}
			if g.log.count("dead letters") != 1 {
				t.Errorf("log: %s", g.log)
			}
		})
	}
	f(nil, "logs-gateway.access-default")
	f(func(c *Config) { c.Index = "access-%Y.%m.%d" }, "access-2026.11.21")
}

// Of a request only what the server was too busy for is sent again.
func TestItemsAgain(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		g := newRig(t, func(c *Config) { c.Concurrency = 8 })
		g.server.Behave(strict.Behaviour{RejectItems: 0.3})
		for range 10 {
			g.submit(g.body(100))
		}
		g.mustClose()
		g.want(1000, 0, 0)
		if s := g.sink.Stats(); s.Retried < 300 || s.Retried > 600 || s.Throttled == 0 {
			t.Errorf("%+v: want 0.3+0.09+… of 1000 documents sent again", s)
		}
	})
}

// A server that takes one document in ten at a time gets there nevertheless, and soon.
func TestMostItemsAgain(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		g := newRig(t, nil)
		g.server.Behave(strict.Behaviour{RejectItems: 0.9})
		g.submit(g.body(300))
		start := time.Now()
		g.mustClose()
		g.want(300, 0, 0)
		if d := time.Since(start); d > 10*time.Minute {
			t.Errorf("took %v", d)
		}
	})
}

// A document that is set aside is no sign that the index can be written to.
func TestTooLargeWhileBlocked(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		g := newRig(t, func(c *Config) { c.FlushInterval = 0 })
		g.server.Behave(strict.Behaviour{MaxBody: 4096, Blocked: func(string) bool { return true }})
		g.submit(g.body(5))
		after(time.Second)
		r := record.Record{}
		r.Reset()
		r.Offset, r.Path = 5000, []byte("/"+strings.Repeat("x", 5000))
		g.submit(g.encode([]record.Record{r}))
		after(time.Second)
		g.want(0, 0, 1)
		if err := g.sink.Ready(); err == nil || g.log.count("stores documents again") != 0 {
			t.Errorf("ready: %v, log %s", err, g.log)
		}
		g.server.Behave(strict.Behaviour{})
		g.mustClose()
	})
}

// whole tests what happens when all requests fail for a while: nothing is lost, it is said once, and it is over at once when the
// server is back.
func whole(t *testing.T, b strict.Behaviour, down error, want string) {
	t.Helper()
	inBubble(t, func(t *testing.T) {
		g := newRig(t, nil)
		g.server.Behave(b)
		g.direct.set(down)
		g.submit(g.body(100))
		after(10 * time.Minute)
		if n := g.sink.Stats().Requests; n < 10 || n > 40 {
			t.Errorf("%d requests in ten minutes", n)
		}
		if err := g.sink.Ready(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ready: %v, want %q", err, want)
		}
		if g.log.count(want) != 1 || g.log.count("level=WARN") != 1 {
			t.Errorf("said %d times: %s", g.log.count(want), g.log)
		}
		g.server.Behave(strict.Behaviour{})
		g.direct.set(nil)
		after(lastWait)
		if err := g.sink.Ready(); err != nil || g.finished() != 1 || g.log.count("stores documents again") != 1 {
			t.Errorf("ready: %v, %d done, log %s", err, g.finished(), g.log)
		}
		g.mustClose()
		if s := g.sink.Stats(); s.Created+s.Duplicate != 100 {
			t.Errorf("%+v", s)
		}
	})
}

func TestWholeRequestFails(t *testing.T) {
	whole(t, strict.Behaviour{}, syscall.ECONNREFUSED, "cannot be reached")
	whole(t, strict.Behaviour{Status: 429}, nil, "too busy")
	whole(t, strict.Behaviour{Status: 503}, nil, "not available")
	whole(t, strict.Behaviour{Status: 502}, nil, "not available")
	whole(t, strict.Behaviour{Status: 401}, nil, "refuses these credentials")
	whole(t, strict.Behaviour{Status: 403}, nil, "refuses these credentials")
	whole(t, strict.Behaviour{Status: 404}, nil, "refuses the request")
	whole(t, strict.Behaviour{Status: 302}, nil, "refuses the request")
	whole(t, strict.Behaviour{Status: 400}, nil, "refuses the request") // nothing was ever stored: not the documents' fault
	whole(t, strict.Behaviour{RejectItems: 1}, nil, "too busy")
	whole(t, strict.Behaviour{Blocked: func(string) bool { return true }}, nil, "does not let the index be written to")
	whole(t, strict.Behaviour{Answer: func(b []byte) []byte { return b[:len(b)/2] }}, nil, "refuses the request")
}

// An answer that is lost costs nothing: the ids are there the second time. One is no news.
func TestLostAnswers(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		g := newRig(t, nil)
		g.server.Behave(strict.Behaviour{Lose: 1})
		g.submit(g.body(50))
		after(time.Second)
		g.server.Behave(strict.Behaviour{})
		g.mustClose()
		g.want(0, 50, 0)
		if g.log.count("level=") != 0 {
			t.Errorf("log: %s", g.log)
		}
	})
}

func TestTimeout(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		g := newRig(t, func(c *Config) { c.RequestTimeout = 10 * time.Second })
		g.server.Behave(strict.Behaviour{Stall: make(chan struct{})})
		g.submit(g.body(50))
		after(time.Minute)
		if g.log.count("cannot be reached") != 1 || g.log.count("deadline") != 1 {
			t.Errorf("log: %s", g.log)
		}
		g.server.Behave(strict.Behaviour{})
		g.mustClose()
		g.want(50, 0, 0)
	})
}

// Requests that are too large are cut until they fit; a document that is too large alone is a dead letter.
func TestTooLarge(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		const limit = 4096
		g := newRig(t, nil)
		g.server.Behave(strict.Behaviour{MaxBody: limit})
		g.submit(g.body(100))
		r := record.Record{}
		r.Reset()
		r.Offset, r.Path = 5000, []byte("/"+strings.Repeat("x", limit))
		g.submit(g.encode([]record.Record{r}))
		g.submit(g.body(100))
		g.mustClose()
		g.want(200, 0, 1)
		if l := g.dead(); len(l) != 1 || l[0].Offset != 5000 || l[0].Status != 413 {
			t.Errorf("letters %+v", l)
		}
		if s := g.sink.size; s < limit/2 || s > limit {
			t.Errorf("requests now have %d bytes, the server takes %d", s, limit)
		}
	})
}

// When the server refuses a request as a whole because of one document, the others pass.
func TestPoison(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		g := newRig(t, nil)
		g.direct.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body := new(bytes.Buffer)
			_, _ = body.ReadFrom(r.Body)
			if pathIs("/13", "/77")(body.Bytes()) {
				w.Header().Set("X-Elastic-Product", "Elasticsearch")
				w.WriteHeader(400)
				_, _ = w.Write([]byte(`{"error":{"type":"illegal_argument_exception","reason":"poison"},"status":400}`))
				return
			}
			r = r.Clone(r.Context())
			r.Body = http.NoBody
			r.Body = readCloser{body}
			g.server.ServeHTTP(w, r)
		})
		g.submit(g.body(100))
		g.mustClose()
		g.want(98, 0, 2)
		if l := g.dead(); len(l) != 2 || l[0].Reason != "poison" || l[0].Offset+l[1].Offset != 90 {
			t.Errorf("letters %+v", l)
		}
	})
}

type readCloser struct{ *bytes.Buffer }

func (readCloser) Close() error { return nil }

// A document that is always answered 500 is given up after a while, not before; it does not hold up others.
func TestDoubtful(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		g := newRig(t, nil)
		g.server.Behave(strict.Behaviour{Fail: pathIs("/2")})
		g.submit(g.body(4))
		g.submit(g.body(4))
		after(5 * time.Minute)
		g.want(7, 0, 0)
		g.submit(g.body(1))
		after(5 * time.Second)
		g.want(8, 0, 0)
		after(10 * time.Minute)
		g.want(8, 0, 1)
		if l := g.dead(); len(l) != 1 || l[0].Attempts != maxDoubtful || l[0].Status != 500 {
			t.Errorf("letters %+v", l)
		}
		g.mustClose()
	})
}

// One read-only index does not hold up the others, is no reason to give anything up, and is written to when it can be.
func TestBlockedIndex(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		g := newRig(t, func(c *Config) { c.Index = "access-%H" })
		g.server.Behave(strict.Behaviour{Blocked: func(target string) bool { return target == "access-08" }})
		g.submit(g.body(180)) // three hours, the first one blocked
		after(time.Hour)
		g.want(120, 0, 0)
		if n := g.sink.Stats().Requests; n > 200 {
			t.Errorf("%d requests in an hour", n)
		}
		g.submit(g.body(60))
		after(2 * time.Second)
		g.want(180, 0, 0)
		g.server.Behave(strict.Behaviour{})
		after(lastWait)
		g.want(240, 0, 0)
		if g.finished() != 2 {
			t.Errorf("%d bodies done", g.finished())
		}
		if n := g.log.count("level=WARN"); n > 1+int(time.Hour/sayAgain) {
			t.Errorf("%d warnings", n)
		}
		g.mustClose()
	})
}

// Submit holds no more than it may, blocks, and goes on when there is room or its context ends.
func TestBackpressure(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		g := newRig(t, nil)
		g.next = 100 // so that all bodies have the same length
		room := int64(3 * len(g.body(10).Bytes))
		g.sink.config.MaxInFlight = int(room)
		g.direct.set(syscall.ECONNREFUSED)
		for range 3 {
			g.submit(g.body(10))
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		late := g.body(10)
		if err := g.sink.Submit(ctx, late); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("a fourth body: %v", err)
		}
		if s := g.sink.Stats(); s.Held != room || s.Submitted != 30 {
			t.Errorf("%+v", s)
		}
		result := make(chan error)
		for range 4 {
			b := g.body(10)
			go func() { result <- g.sink.Submit(context.Background(), b) }()
		}
		synctest.Wait()
		g.direct.set(nil)
		for range 4 {
			if err := <-result; err != nil {
				t.Error(err)
			}
		}
		g.mustClose()
		g.want(70, 0, 0)
	})
}

// Bodies that wait for company do not make a Submit wait that has no room.
func TestStarved(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		g := newRig(t, func(c *Config) { c.MaxInFlight = 5000; c.FlushInterval = time.Hour })
		start := time.Now()
		for range 20 {
			g.submit(g.body(5))
		}
		if d := time.Since(start); d > time.Second {
			t.Errorf("took %v", d)
		}
		g.mustClose()
	})
}

func TestClose(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		g := newRig(t, nil)
		g.server.Behave(strict.Behaviour{Stall: make(chan struct{})})
		g.submit(g.body(10))
		waiting := make(chan error)
		g.sink.config.MaxInFlight = 1
		b := g.body(10)
		go func() { waiting <- g.sink.Submit(context.Background(), b) }()
		synctest.Wait()
		start := time.Now()
		err := g.close(7 * time.Second)
		if err == nil || !strings.Contains(err.Error(), "10 documents not confirmed") || time.Since(start) != 7*time.Second {
			t.Errorf("close: %v after %v", err, time.Since(start))
		}
		if err := <-waiting; !errors.Is(err, ErrClosed) {
			t.Errorf("the waiting Submit: %v", err)
		}
		if err := g.sink.Submit(context.Background(), g.body(1)); !errors.Is(err, ErrClosed) {
			t.Errorf("a later Submit: %v", err)
		}
		if g.finished() != 0 {
			t.Error("Done was called")
		}
		if err := g.sink.Close(context.Background()); err == nil {
			t.Error("the second Close says that all is well")
		}
	})
}

func TestReportsCredentialsOnce(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		server := strict.NewHandler() // refuses from the start: New sets it up at once
		server.Behave(strict.Behaviour{Authorization: "APIKey b3RoZXI6a2V5"})
		g := newRigOn(t, server, &direct{handler: server}, func(c *Config) { c.APIKey = "c2VjcmV0OmtleQ=="; c.Setup = true })
		g.submit(g.body(1))
		after(time.Hour)
		if g.log.count("level=") != 1 || g.log.count("setup: false") != 1 || g.log.count("c2VjcmV0") != 0 {
			t.Errorf("log: %s", g.log)
		}
		g.server.Behave(strict.Behaviour{Authorization: "APIKey c2VjcmV0OmtleQ=="})
		g.mustClose()
		g.want(1, 0, 0)
	})
}
