package elasticsearch

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	strict "github.com/gatemeter/gatemeter/internal/strict/elasticsearch"
	"github.com/gatemeter/gatemeter/pipeline"
)

// Whatever the server does, in the end every document is stored exactly once or is a dead letter with a reason; at every
// instant the counts add up and no more is held than may be; Done is called once for every body.
func TestProperty(t *testing.T) {
	var all Stats
	for seed := range uint64(3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				s := chaos(t, rand.New(rand.NewPCG(seed, 17)))
				all.Duplicate, all.Retried, all.Dead = all.Duplicate+s.Duplicate, all.Retried+s.Retried, all.Dead+s.Dead
				all.Failed, all.Throttled = all.Failed+s.Failed, all.Throttled+s.Throttled
			})
		})
	}
	if all.Duplicate == 0 || all.Retried == 0 || all.Dead == 0 || all.Failed == 0 || all.Throttled == 0 {
		t.Errorf("the weather was too fine to show anything: %+v", all)
	}
}

func chaos(t *testing.T, random *rand.Rand) Stats {
	const producers, rounds = 4, 20
	server := strict.NewHandler()
	wire := &direct{handler: server, delay: 3 * time.Millisecond}
	g := newRigOn(t, server, wire, func(c *Config) {
		c.Setup = random.IntN(2) == 0
		c.Gzip = random.IntN(3) == 0
		c.RequestBytes = 1 << (8 + random.IntN(10))
		c.MaxInFlight = c.RequestBytes * (1 + random.IntN(5))
		c.Concurrency = 1 + random.IntN(5)
		if random.IntN(2) == 0 {
			c.Index = "access-%Y.%m.%d-%H"
		}
	})

	// What the server never takes: a function of the document, so that the outcome is known.
	refused := func(doc []byte) bool { return last(doc)%37 == 0 }
	failing := func(doc []byte) bool { return last(doc)%101 == 0 }

	server.Behave(strict.Behaviour{Refuse: refused, Fail: failing})
	stop := make(chan struct{})
	var behind sync.WaitGroup
	weather := rand.New(rand.NewPCG(random.Uint64(), 1))
	behind.Go(func() { // the weather
		for {
			select {
			case <-stop:
				server.Behave(strict.Behaviour{Refuse: refused, Fail: failing})
				wire.set(nil)
				return
			case <-time.After(time.Duration(weather.IntN(20_000)) * time.Millisecond):
			}
			b := strict.Behaviour{Refuse: refused, Fail: failing}
			wire.set(nil)
			switch weather.IntN(10) {
			case 0:
				b.Status = []int{401, 403, 429, 500, 502, 503}[weather.IntN(6)]
			case 1:
				wire.set(syscall.ECONNRESET)
			case 2:
				b.MaxBody = 800 + weather.IntN(4000)
			case 3:
				b.Stall = make(chan struct{})
			case 4:
				b.Blocked = func(target string) bool { return len(target)%2 == 0 || target[len(target)-1]%2 == 0 }
			case 5:
				b.Answer = func(answer []byte) []byte { return answer[:len(answer)/2] }
			default:
				b.RejectItems, b.Lose, b.Reject = weather.Float64(), weather.Float64()/2, weather.Float64()/2
			}
			server.Behave(b)
		}
	})
	behind.Go(func() { // someone who looks at the counts all the time
		for {
			select {
			case <-stop:
				return
			case <-time.After(307 * time.Millisecond):
			}
			s := g.sink.Stats()
			if s.Submitted != s.Created+s.Duplicate+s.Dead+s.InFlight || s.Held > int64(max(g.sink.config.MaxInFlight, 30*600)) {
				t.Errorf("the counts do not add up: %+v", s)
				return
			}
		}
	})

	var submitted sync.WaitGroup
	bodies := 0
	var mu sync.Mutex
	for range producers {
		seed := random.Uint64()
		submitted.Go(func() {
			random := rand.New(rand.NewPCG(seed, 1))
			for range rounds {
				mu.Lock() // offsets are given out one after another
				b := g.body(1 + random.IntN(30))
				bodies++
				mu.Unlock()
				g.submit(b)
				if random.IntN(4) == 0 {
					<-time.After(time.Duration(random.IntN(5000)) * time.Millisecond)
				}
			}
		})
	}
	submitted.Wait()
	<-time.After(time.Minute)
	close(stop)
	behind.Wait()
	if err := g.close(24 * time.Hour); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()

	if n := g.finished(); n != bodies {
		t.Errorf("%d of %d bodies done", n, bodies)
	}
	times := map[string]int{}
	for _, d := range server.Docs() {
		times[d.ID]++
		if refused(d.Source) || failing(d.Source) {
			t.Errorf("%s is stored, and was refused", d.ID)
		}
	}
	for _, l := range g.dead() {
		if times[l.ID]++; l.Reason == "" || l.Type == "" || l.Status == 0 {
			t.Errorf("a letter without a reason: %+v", l)
		}
		if n := l.Offset; n%37 != 0 && n%101 != 0 {
			t.Errorf("a letter that should not be: %+v", l)
		}
	}
	for i := range g.next {
		if id := string(g.partition.AppendID(nil, i)); times[id] != 1 {
			t.Errorf("%s is there %d times", id, times[id])
		}
	}
	s := g.sink.Stats()
	if s.Submitted != g.next || int64(len(times)) != g.next {
		t.Errorf("%d documents submitted, %d found, %d made", s.Submitted, len(times), g.next)
	}
	return s
}

// last returns the offset in a document.
func last(doc []byte) int64 {
	var d struct{ Log struct{ Offset int64 } }
	_ = json.Unmarshal(doc, &d)
	return d.Log.Offset
}

// A body cut anywhere is the same documents.
func TestCutAndSplit(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		g := newRig(t, nil)
		defer g.mustClose()
		random := rand.New(rand.NewPCG(1, 2))
		for range 200 {
			r := new(request)
			var all []byte
			for range 1 + random.IntN(4) {
				b := g.body(1 + random.IntN(5))
				all = append(all, b.Bytes...)
				r.add(span{body: &held{Body: b}, to: len(b.Bytes), docs: b.Docs})
			}
			pieces := []*request{r}
			for len(pieces) < r.docs {
				i := slices.IndexFunc(pieces, func(p *request) bool { return p.docs > 1 })
				first, second := pieces[i].split()
				if first.docs == 0 || second.docs == 0 || first.docs+second.docs != pieces[i].docs {
					t.Fatalf("%d documents split into %d and %d", pieces[i].docs, first.docs, second.docs)
				}
				pieces = slices.Replace(pieces, i, i+1, first, second)
			}
			var together []byte
			for _, p := range pieces {
				size := 0
				for _, s := range p.spans {
					together = append(together, s.bytes()...)
					size += len(s.bytes())
				}
				if size != p.size || p.docs != 1 {
					t.Fatalf("size %d, want %d", p.size, size)
				}
			}
			if !bytes.Equal(all, together) {
				t.Fatal("the pieces are not the whole")
			}
			s := r.spans[0]
			for limit := range s.to + 2 {
				head, tail := s.cut(s.fitting(limit))
				if head.docs+tail.docs != s.docs || head.docs > 1 && len(head.bytes()) > limit ||
					tail.docs > 0 && documentEnd(s.body.Bytes, tail.from) <= limit {
					t.Fatalf("limit %d: %d and %d documents", limit, head.docs, tail.docs)
				}
			}
		}
	})
}

// Bytes handed to Submit are not read after Done, however early the server answers: the rig clears them, the race detector watches.
func TestBytesAfterDone(t *testing.T) {
	server, err := strict.New()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	server.Behave(strict.Behaviour{MaxBody: 1}) // refused before the body is read
	g := newRigOn(t, server, nil, func(c *Config) { c.URLs, c.FlushInterval = []string{server.URL}, time.Millisecond })
	var done sync.WaitGroup
	for range 20 {
		b := g.body(1)
		count := b.Done
		done.Add(1)
		b.Done = func(b *pipeline.Body) { count(b); done.Done() }
		if err := g.sink.Submit(context.Background(), b); err != nil {
			t.Fatal(err)
		}
	}
	done.Wait()
	g.mustClose()
	g.want(0, 0, 20)
}
