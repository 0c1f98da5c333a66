package elasticsearch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gatemeter/gatemeter/pipeline"
	"github.com/gatemeter/gatemeter/pipeline/batch"
	"github.com/gatemeter/gatemeter/pipeline/ecs"
	"github.com/gatemeter/gatemeter/pipeline/record"
	"github.com/gatemeter/gatemeter/sinks/deadletter"
)

// Settings are what the code around a Sink gives it.
type Settings struct {
	Name        string             // the sink's name in the config
	DeadLetters *deadletter.Writer // must not be nil; closed by whoever made it, after the Sink
	Log         *slog.Logger       // slog.Default() when nil
	Jitter      func() float64     // in [0, 1), for waiting times; rand.Float64 when nil
	Transport   http.RoundTripper  // for tests; connections of the Sink's own when nil
}

// ErrClosed is what Submit returns after Close.
var ErrClosed = errors.New("elasticsearch: closed")

// Stats are counts since New, all of the same instant: Submitted = Created + Duplicate + Dead + InFlight.
type Stats struct {
	Submitted int64 // documents handed over
	Created   int64 // stored
	Duplicate int64 // were stored before
	Dead      int64 // refused for good, now dead letters
	InFlight  int64 // none of these yet

	Retried   int64 // documents sent again
	Requests  int64 // bulk requests sent
	Failed    int64 // of them, those not taken as a whole: no connection, no answer, 4xx, 5xx
	Throttled int64 // of them, those in which the server was too busy for all or some documents
	Bytes     int64 // of documents sent, before compression
	Held      int64 // bytes of documents held now

	again [numTroubles]int64 // Retried, by what was wrong
}

// EachRetried calls f with how many of s.Retried were sent again for each reason, zeros too.
func (s *Stats) EachRetried(f func(reason string, documents int64)) {
	for kind, n := range s.again {
		f(troubleKind(kind).String(), n)
	}
}

// Sink is a pipeline.RecordSink that stores records in Elasticsearch.
type Sink struct {
	config   Config
	settings Settings
	target   target
	options  ecs.Options
	action   []byte // what a document's action line begins with

	client    *client
	transport *transport
	log       *slog.Logger

	ctx     context.Context // of all requests; ends when Close gives up or is done
	cancel  context.CancelCauseFunc
	turn    chan struct{} // held by the one Submit that waits for room
	room    chan struct{} // a token when bytes were let go of
	wake    chan struct{} // a token when the dispatcher has something to look at
	closed  chan struct{} // closed when Close begins
	settled chan struct{} // closed when, after that, no document is in flight
	done    chan struct{} // closed when the dispatcher and all senders have ended
	workers sync.WaitGroup

	mu        sync.Mutex
	queue     queue
	stats     Stats
	health    health
	installed bool // template and policy are there, or not wanted
	closing   bool
	starved   bool // a Submit waits for room: fresh documents need not wait for company
	running   int  // senders
	limit     int  // most of them
	clean     int  // requests since the limit last changed in which the server was not too busy
	size      int  // bytes of a request; shrinks after 413
	idle      []*sender
}

// New returns a Sink and starts its dispatcher, which runs until Close. It does not wait for the server.
func New(c Config, s Settings) (*Sink, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if s.DeadLetters == nil {
		panic("BUG: an Elasticsearch sink without dead letters")
	}
	if s.Log == nil {
		s.Log = slog.Default()
	}
	if s.Jitter == nil {
		s.Jitter = rand.Float64
	}
	to, err := newTarget(c.DataStream, c.Index)
	if err != nil {
		return nil, err
	}
	t := &transport{s.Transport}
	if t.base == nil {
		if t.base, err = newHTTPTransport(&c); err != nil {
			return nil, err
		}
	}
	client, err := newClient(&c, t)
	if err != nil {
		return nil, fmt.Errorf("make the Elasticsearch client: %w", err)
	}
	k := &Sink{
		config: c, settings: s, target: to,
		options:   ecs.Options{Original: c.Original, Document: true},
		action:    []byte(`{"create":{"_id":"`),
		client:    client,
		transport: t,
		log:       s.Log.With("sink", s.Name),
		turn:      make(chan struct{}, 1),
		room:      make(chan struct{}, 1),
		wake:      make(chan struct{}, 1),
		closed:    make(chan struct{}),
		settled:   make(chan struct{}),
		done:      make(chan struct{}),
		installed: !c.Setup,
		limit:     c.Concurrency,
		size:      c.RequestBytes,
	}
	if to.dated {
		k.action = []byte(`{"create":{"_index":"`)
	}
	k.ctx, k.cancel = context.WithCancelCause(context.Background())
	go k.dispatch()
	return k, nil
}

// Append implements pipeline.RecordSink. A record's document is its action line and its JSON, each with a newline. It allocates
// only when body is too small.
func (k *Sink) Append(body []byte, p *batch.Partition, recs []record.Record) []byte {
	w := ecs.Writer{Options: k.options}
	w.Dataset, w.Shard = p.Source, p.Shard
	if strings.HasPrefix(p.Name, "/") {
		w.Path = p.Name
	}
	for i := range recs {
		r := &recs[i]
		body = append(body, k.action...)
		if k.target.dated {
			body = k.target.appendName(body, r.TimeNanos)
			body = append(body, `","_id":"`...)
		}
		body = p.AppendPartID(body, r.Offset, r.Part)
		body = append(body, "\"}}\n"...)
		body = w.Append(body, r)
		body = append(body, '\n')
	}
	return body
}

// Offer implements pipeline.RecordSink. Done of the body is called without a lock, by a goroutine that sends requests: it
// should be quick, and must not call Submit.
func (k *Sink) Offer(b *pipeline.Body) bool {
	check(b)
	if b.Docs == 0 {
		b.Done(b)
		return true
	}
	taken := k.admit(b)
	k.poke()
	return taken
}

// Roomy implements pipeline.RecordSink.
func (k *Sink) Roomy() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.stats.Held < int64(k.config.MaxInFlight)/2
}

// check looks at the end only: to count the lines of all bodies takes a twentieth of what a record costs.
func check(b *pipeline.Body) {
	if n := len(b.Bytes); (n > 0) != (b.Docs > 0) || n > 0 && b.Bytes[n-1] != '\n' {
		panic(fmt.Sprintf("BUG: a body of %d documents has %d bytes and not the end of one", b.Docs, n))
	}
}

// Submit implements pipeline.RecordSink: Offer that waits for room.
func (k *Sink) Submit(ctx context.Context, b *pipeline.Body) error {
	check(b)
	if b.Docs == 0 {
		b.Done(b)
		return nil
	}
	select {
	case k.turn <- struct{}{}:
		defer func() { <-k.turn }()
	case <-ctx.Done():
		return ctx.Err()
	case <-k.closed:
		return ErrClosed
	}
	for !k.admit(b) {
		k.poke()
		select {
		case <-k.room:
		case <-ctx.Done():
			return ctx.Err()
		case <-k.closed:
			return ErrClosed
		}
	}
	k.poke()
	return nil
}

// admit takes b into the queue if there is room. A body larger than all the room there is gets in when nothing else is held.
func (k *Sink) admit(b *pipeline.Body) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	n := int64(len(b.Bytes))
	if k.closing || k.stats.Held > 0 && k.stats.Held+n > int64(k.config.MaxInFlight) {
		k.starved = true
		return false
	}
	k.starved = false
	k.stats.Held += n
	k.stats.Submitted += int64(b.Docs)
	k.stats.InFlight += int64(b.Docs)
	k.queue.push(&held{Body: b, left: b.Docs}, time.Now())
	return true
}

// poke makes the dispatcher look again.
func (k *Sink) poke() { signal(k.wake) }

// signal leaves a token in c unless there is one.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// dispatch starts installers and senders until the context ends.
func (k *Sink) dispatch() {
	defer close(k.done)
	defer k.workers.Wait()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		timer.Reset(k.start(time.Now()))
		select {
		case <-k.wake:
		case <-timer.C:
		case <-k.ctx.Done():
			return
		}
	}
}

// start starts what may be started now, and returns how long nothing more can be unless something happens.
func (k *Sink) start(now time.Time) time.Duration {
	const long = time.Hour
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.ctx.Err() != nil {
		return long
	}
	if pause := k.health.until.Sub(now); pause > 0 {
		return pause
	}
	if !k.installed {
		if k.running == 0 {
			k.running++
			k.workers.Go(k.install)
		}
		return long
	}
	for k.running < k.limit {
		r := k.queue.next(now, k.size, k.config.FlushInterval, k.closing || k.starved)
		if r == nil {
			break
		}
		s := &sender{}
		if n := len(k.idle); n > 0 {
			s, k.idle = k.idle[n-1], k.idle[:n-1]
		}
		k.running++
		k.stats.Requests++
		k.stats.Bytes += int64(r.size)
		k.workers.Go(func() { k.settle(r, s.send(k, r), s) })
	}
	if k.running >= k.limit {
		return long
	}
	if wait, ok := k.queue.wait(now, k.config.FlushInterval); ok {
		return wait
	}
	return long
}

// Stats returns the counts of this instant.
func (k *Sink) Stats() Stats {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.stats
}

// Ready returns why documents cannot be stored now, nil when they can.
func (k *Sink) Ready() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.health.trouble != nil:
		return k.health.trouble
	case !k.installed:
		return errors.New("the index template is not installed yet")
	}
	return nil
}

// Close implements pipeline.RecordSink: it sends what is held and waits until all is settled or ctx ends. After that, requests
// under way are cut off, and Done is not called any more.
func (k *Sink) Close(ctx context.Context) error {
	k.mu.Lock()
	first := !k.closing
	k.closing = true
	if first {
		close(k.closed)
		if k.stats.InFlight == 0 {
			close(k.settled)
		}
	}
	k.mu.Unlock()
	k.poke()
	select {
	case <-k.settled:
	case <-ctx.Done():
	case <-k.done: // an earlier Close gave up
	}
	k.cancel(ErrClosed)
	<-k.done
	k.transport.CloseIdleConnections()
	if left := k.Stats().InFlight; left > 0 {
		return fmt.Errorf("close Elasticsearch sink: %d documents not confirmed", left)
	}
	return nil
}
