package elasticsearch

import (
	"bytes"
	"time"

	"github.com/gatemeter/gatemeter/pipeline"
)

// held is a body the sink has not called Done of.
type held struct {
	*pipeline.Body
	left int // documents of it neither stored nor dead
}

// span is consecutive documents of one body: its bytes [from, to).
type span struct {
	body     *held
	from, to int
	docs     int
	attempts int // answers that said: again
}

func (s *span) bytes() []byte { return s.body.Bytes[s.from:s.to] }

// cut returns the first n documents of s and the rest.
func (s span) cut(n int) (head, tail span) {
	end := s.from
	for range n {
		end = documentEnd(s.body.Bytes, end)
	}
	head, tail = s, s
	head.to, head.docs = end, n
	tail.from, tail.docs = end, s.docs-n
	return head, tail
}

// fitting returns how many of s's documents, at least one, fit into limit bytes.
func (s *span) fitting(limit int) int {
	n, end := 0, s.from
	for n < s.docs {
		end = documentEnd(s.body.Bytes, end)
		if n > 0 && end-s.from > limit {
			break
		}
		n++
	}
	return n
}

// documentEnd returns where the document whose action line begins at b[from] ends: after its second newline. A document has
// no other, because JSON strings have none.
func documentEnd(b []byte, from int) int {
	action := from + bytes.IndexByte(b[from:], '\n') + 1
	return action + bytes.IndexByte(b[action:], '\n') + 1
}

// request is what one bulk request sends.
type request struct {
	spans []span
	docs  int
	size  int
	due   time.Time // not before then
}

func (r *request) add(s span) {
	r.docs += s.docs
	r.size += s.to - s.from
	if n := len(r.spans); n > 0 {
		if last := &r.spans[n-1]; last.body == s.body && last.to == s.from && last.attempts == s.attempts {
			last.to, last.docs = s.to, last.docs+s.docs
			return
		}
	}
	r.spans = append(r.spans, s)
}

// split returns r's documents as two requests of half as many.
func (r *request) split() (first, second *request) {
	first, second = new(request), new(request)
	for _, s := range r.spans {
		switch room := r.docs/2 - first.docs; {
		case room >= s.docs:
			first.add(s)
		case room > 0:
			head, tail := s.cut(room)
			first.add(head)
			second.add(tail)
		default:
			second.add(s)
		}
	}
	return first, second
}

// queue is what waits to be sent.
type queue struct {
	fresh     []span // never sent, in the order they came
	freshSize int
	since     time.Time // when the oldest of fresh came, at the latest

	again   []*request // to be sent as they are: the server took them as a whole neither in nor apart
	waiting []*request // documents the server wants to see again later
}

func (q *queue) push(b *held, now time.Time) {
	if len(q.fresh) == 0 {
		q.since = now
	}
	q.fresh = append(q.fresh, span{body: b, to: len(b.Bytes), docs: b.Docs})
	q.freshSize += len(b.Bytes)
}

// next takes the request to send now from q, nil when there is none: one that failed as a whole, documents whose waiting
// time is over, or fresh ones when there are size bytes of them, they are old enough, or all is to be sent (flush).
func (q *queue) next(now time.Time, size int, interval time.Duration, flush bool) *request {
	if len(q.again) > 0 {
		r := q.again[0]
		q.again = q.again[1:]
		return r
	}
	if r := q.nextDue(now, size); r != nil {
		return r
	}
	if len(q.fresh) == 0 || q.freshSize < size && !flush && now.Sub(q.since) < interval {
		return nil
	}
	r := new(request)
	for len(q.fresh) > 0 && r.size < size {
		s := q.fresh[0]
		rest := span{}
		if s.to-s.from > size-r.size {
			if r.size > 0 {
				break // bodies are cut only where they are too large for a request of their own
			}
			s, rest = s.cut(s.fitting(size))
		}
		r.add(s)
		q.fresh[0] = rest
		if rest.docs == 0 {
			q.fresh = q.fresh[1:]
		}
	}
	q.freshSize -= r.size
	q.since = now
	return r
}

// nextDue takes the documents whose waiting time is over, as one request of at most about size bytes.
func (q *queue) nextDue(now time.Time, size int) *request {
	var r *request
	kept := q.waiting[:0]
	for _, w := range q.waiting {
		switch {
		case w.due.After(now) || r != nil && r.size+w.size > size:
			kept = append(kept, w)
		case r == nil:
			r = w
		default:
			for _, s := range w.spans {
				r.add(s)
			}
		}
	}
	clear(q.waiting[len(kept):])
	q.waiting = kept
	return r
}

// wait returns how long after now next may have something to send, if nothing else happens before.
func (q *queue) wait(now time.Time, interval time.Duration) (time.Duration, bool) {
	var first time.Time
	for _, w := range q.waiting {
		if first.IsZero() || w.due.Before(first) {
			first = w.due
		}
	}
	if at := q.since.Add(interval); len(q.fresh) > 0 && (first.IsZero() || at.Before(first)) {
		first = at
	}
	return first.Sub(now), !first.IsZero()
}
