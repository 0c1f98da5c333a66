package elasticsearch

import (
	"bytes"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gatemeter/gatemeter/sinks/deadletter"
)

// maxDoubtful is how often a document is sent that gets answers that may be its own fault. With the waiting times between,
// that is some eight minutes: longer than a node's restart.
const maxDoubtful = 30

// maxBusy is after how many answers 429 a document does not wait longer (4s): when the server takes nothing at all everything
// waits, and when it takes some it will take this one.
const maxBusy = 5

// result is what a request's answer comes to.
type result struct {
	created, duplicate int
	again              *request           // documents to send again; nil when none
	reasons            [numTroubles]int64 // of them, by what is wrong
	busy               bool               // 429 among the answers
	letters            []deadletter.Letter
	refusal            *trouble // of the first document to send again
	pause              bool     // that is true of all documents
	settled            []share
}

// share is how many documents of a body are done with.
type share struct {
	body *held
	docs int
}

// settle draws the consequences of a request: counts, queues what is to be sent again, calls Done of bodies that have nothing
// left, and gives the sender back.
func (k *Sink) settle(r *request, v verdict, s *sender) {
	res := k.sort(r, v)
	k.settings.DeadLetters.Write(res.letters) // on disk before Done lets the cursor pass
	now := time.Now()

	k.mu.Lock()
	k.running--
	k.idle = append(k.idle, s)
	k.stats.Created += int64(res.created)
	k.stats.Duplicate += int64(res.duplicate)
	k.stats.Dead += int64(len(res.letters))
	k.stats.InFlight -= int64(res.created + res.duplicate + len(res.letters))
	switch {
	case v.trouble != nil:
		k.stats.Failed++
		k.retried(v.trouble.kind, r.docs)
		k.queue.again = append(k.queue.again, r)
		k.fail(v.trouble, true, now)
		if v.trouble.kind == overloaded {
			k.throttle(true)
		}
	case v.halve != nil && len(res.letters) == 0:
		k.stats.Failed++
		kind := refused
		if v.tooBig {
			kind = tooLarge
		}
		k.retried(kind, r.docs)
		k.halve(r, v, now)
	default:
		k.throttle(res.busy)
		k.requeue(&res, v.halve != nil, now)
	}
	k.sayDead(res.letters, now)
	finished := k.release(res.settled)
	if k.closing && k.stats.InFlight == 0 && len(finished) > 0 {
		close(k.settled)
	}
	k.mu.Unlock()

	for _, b := range finished {
		b.Done(b.Body)
	}
	signal(k.room)
	k.poke()
}

// sort goes through the answers, document by document.
func (k *Sink) sort(r *request, v verdict) result {
	var res result
	switch {
	case v.trouble != nil:
		return res
	case v.halve != nil:
		if r.docs > 1 || !v.tooBig && !k.hasStored() {
			return res
		}
		v.items = []item{*v.halve}
	case v.items == nil:
		res.created = r.docs
		for _, s := range r.spans {
			res.settled = append(res.settled, share{s.body, s.docs})
		}
		return res
	}
	n := 0
	for _, s := range r.spans {
		done := 0
		at := s.from
		for range s.docs {
			i := &v.items[n]
			n++
			begin := at
			at = documentEnd(s.body.Bytes, at)
			one := span{body: s.body, from: begin, to: at, docs: 1, attempts: s.attempts + 1}
			class := i.class
			if class == doubtful && one.attempts >= maxDoubtful {
				class = dead
			}
			switch class {
			case created:
				res.created++
			case duplicate:
				res.duplicate++
			case dead:
				res.letters = append(res.letters, k.letter(one, i))
			default:
				res.busy = res.busy || i.status == http.StatusTooManyRequests
				res.reasons[troubleOf(i.status, i.kind)]++
				if res.again == nil {
					res.again = new(request)
					res.refusal = &trouble{troubleOf(i.status, i.kind), statusError(i.status, i.kind, i.reason)}
					// A read-only index and a document that fails say nothing about others.
					res.pause = class == again && res.refusal.kind != blocked
				}
				res.again.add(one)
				continue
			}
			done++
		}
		if done > 0 {
			res.settled = append(res.settled, share{s.body, done})
		}
	}
	return res
}

// hasStored reports whether the server has ever taken a document.
func (k *Sink) hasStored() bool {
	s := k.Stats()
	return s.Created+s.Duplicate > 0
}

// retried counts documents that are sent again; k.mu is held.
func (k *Sink) retried(why troubleKind, documents int) {
	k.stats.Retried += int64(documents)
	k.stats.again[why] += int64(documents)
}

// halve queues the halves of a request that was too much as a whole; k.mu is held.
func (k *Sink) halve(r *request, v verdict, now time.Time) {
	if !v.tooBig && k.stats.Created+k.stats.Duplicate == 0 { // more likely a setting than a document
		k.fail(&trouble{refused, statusError(v.halve.status, v.halve.kind, v.halve.reason)}, true, now)
	}
	if r.docs == 1 {
		k.queue.again = append(k.queue.again, r)
		return
	}
	if v.tooBig && r.size/2 < k.size {
		k.size = max(1, r.size/2)
		if h := &k.health; h.sizeAt.IsZero() || now.Sub(h.sizeAt) >= sayAgain {
			h.sizeAt = now
			k.log.Warn("Elasticsearch, or a proxy before it, finds requests too large; sending smaller ones until they fit", "bytes", r.size)
		}
	}
	first, second := r.split()
	k.queue.again = append(k.queue.again, first, second)
}

// requeue queues the documents to be sent again and notes how the server does. whole: the answer was to the request, not to its
// documents. k.mu is held.
func (k *Sink) requeue(res *result, whole bool, now time.Time) {
	stored := res.created + res.duplicate
	if stored > 0 || res.again == nil && !whole { // a document too large for any request says nothing about the server
		k.succeed(now)
	}
	if res.again == nil {
		return
	}
	for kind, n := range res.reasons {
		k.retried(troubleKind(kind), int(n))
	}
	attempts := 0
	for _, s := range res.again.spans {
		attempts = max(attempts, s.attempts)
	}
	if res.refusal.kind == overloaded {
		attempts = min(attempts, maxBusy)
	}
	res.again.due = now.Add(backoff(attempts, k.settings.Jitter()))
	k.queue.waiting = append(k.queue.waiting, res.again)
	if stored == 0 && len(res.letters) == 0 {
		k.fail(res.refusal, res.pause, now)
	}
}

// release takes settled documents off their bodies and returns the bodies that have none left; k.mu is held.
func (k *Sink) release(settled []share) []*held {
	var finished []*held
	for _, s := range settled {
		s.body.left -= s.docs
		if s.body.left > 0 {
			continue
		}
		if s.body.left < 0 {
			panic("BUG: more documents settled than a body has")
		}
		k.stats.Held -= int64(len(s.body.Bytes))
		finished = append(finished, s.body)
	}
	return finished
}

// letter returns the dead letter of one document; its bytes are the body's.
func (k *Sink) letter(s span, i *item) deadletter.Letter {
	action, document, _ := bytes.Cut(s.bytes(), []byte{'\n'})
	l := deadletter.Letter{
		Target: k.target.name, Status: i.status, Type: i.kind, Reason: i.reason, Attempts: s.attempts,
		Document: bytes.TrimSuffix(document, []byte{'\n'}),
	}
	// The line is as Append writes it; neither names nor ids need escapes.
	value := func(key string) string {
		_, after, _ := bytes.Cut(action, []byte(key))
		before, _, _ := bytes.Cut(after, []byte{'"'})
		return string(before)
	}
	if k.target.dated {
		l.Target = value(`"_index":"`)
	}
	l.ID = value(`"_id":"`)
	if dash := bytes.LastIndexByte([]byte(l.ID), '-'); dash >= 0 {
		l.Partition = l.ID[:dash]
		offset, _, _ := strings.Cut(l.ID[dash+1:], ".")
		l.Offset, _ = strconv.ParseInt(offset, 16, 64)
	}
	return l
}

// sayDead tells of dead letters, at most once a minute; k.mu is held.
func (k *Sink) sayDead(letters []deadletter.Letter, now time.Time) {
	h := &k.health
	if len(letters) == 0 || !h.deadAt.IsZero() && now.Sub(h.deadAt) < time.Minute {
		return
	}
	l := &letters[0]
	k.log.Warn("Elasticsearch refuses documents for good; they are dead letters",
		"documents", k.stats.Dead-h.deadSeen, "status", l.Status, "type", l.Type, "reason", l.Reason, "id", l.ID)
	h.deadAt, h.deadSeen = now, k.stats.Dead
}
