package elasticsearch

import (
	"net/http"
	"strings"
	"time"
)

// troubleKind is what keeps documents from being stored.
type troubleKind uint8

const (
	unreachable  troubleKind = iota // no connection, no answer
	overloaded                      // 429
	unavailable                     // 5xx
	unauthorized                    // 401, 403
	blocked                         // the index or the cluster is read-only
	refused                         // anything else: a proxy, a wrong URL, a setting
	tooLarge                        // 413: the request is sent in parts

	numTroubles = iota
)

// String names the kind in metrics.
func (t troubleKind) String() string {
	return [numTroubles]string{"unreachable", "overloaded", "unavailable", "unauthorized", "blocked", "refused", "too_large"}[t]
}

// what tells an operator what is wrong and where to look.
func (t troubleKind) what() string {
	switch t {
	case unreachable:
		return "Elasticsearch cannot be reached"
	case overloaded:
		return "Elasticsearch is too busy"
	case unavailable:
		return "Elasticsearch is not available"
	case unauthorized:
		return "Elasticsearch refuses these credentials: check username, password or api_key and their privileges"
	case blocked:
		return "Elasticsearch does not let the index be written to"
	}
	return "Elasticsearch refuses the request"
}

func troubleOf(status int, kind string) troubleKind {
	switch {
	case strings.HasPrefix(kind, "cluster_block"):
		return blocked
	case status == http.StatusTooManyRequests:
		return overloaded
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return unauthorized
	case status >= 500:
		return unavailable
	}
	return refused
}

// trouble is why nothing was stored.
type trouble struct {
	kind troubleKind
	err  error
}

func (t *trouble) Error() string { return t.kind.what() + ": " + t.err.Error() }
func (t *trouble) Unwrap() error { return t.err }

// health is how the server does, and what was said about it. It is guarded by Sink.mu.
type health struct {
	failures int       // requests in a row that stored nothing
	until    time.Time // nothing is sent before

	trouble *trouble // nil: documents are stored
	since   time.Time

	said     bool // about the present trouble
	saidKind troubleKind
	saidAt   time.Time

	sizeAt   time.Time // when it was said that requests are too large
	deadAt   time.Time // when dead letters were last told of, and how many there were then
	deadSeen int64
}

// Waiting times grow from first to last, doubled each time, less up to half at random so that many do not come back at once.
const (
	firstWait = 250 * time.Millisecond
	lastWait  = 30 * time.Second
)

// backoff returns how long to wait after the n-th failure in a row.
func backoff(n int, jitter float64) time.Duration {
	d := lastWait
	if n < 8 {
		d = min(firstWait<<max(n-1, 0), lastWait)
	}
	return d - time.Duration(jitter*float64(d/2))
}

// sayAgain is how long after a message the same is said again, when trouble comes and goes.
const sayAgain = 5 * time.Minute

// fail notes that nothing was stored. Nothing is sent for a while if pause; k.mu is held.
func (k *Sink) fail(t *trouble, pause bool, now time.Time) {
	if k.ctx.Err() != nil {
		return // it was Close that ended the request
	}
	h := &k.health
	if h.trouble == nil {
		h.since = now
	}
	if h.trouble == nil || h.trouble.kind != t.kind {
		h.said = false
	}
	h.trouble = t
	if pause {
		h.failures++
		k.limit, k.clean = 1, 0
		wait := backoff(h.failures, k.settings.Jitter())
		if t.kind == unauthorized {
			wait = lastWait // more would lock an account
		}
		h.until = now.Add(wait)
	}
	// One lost connection is no news: the second in a row is.
	if once := t.kind == unreachable || t.kind == overloaded || t.kind == unavailable; once && h.failures < 2 {
		return
	}
	if h.said || h.saidKind == t.kind && !h.saidAt.IsZero() && now.Sub(h.saidAt) < sayAgain {
		return
	}
	h.said, h.saidKind, h.saidAt = true, t.kind, now
	k.log.Warn(t.kind.what()+"; trying again", "error", t.err, "held_documents", k.stats.InFlight)
}

// succeed notes that documents were stored; k.mu is held.
func (k *Sink) succeed(now time.Time) {
	h := &k.health
	h.failures, h.until = 0, time.Time{}
	if h.trouble == nil {
		return
	}
	if h.said {
		k.log.Info("Elasticsearch stores documents again", "after", now.Sub(h.since).Round(time.Millisecond))
	}
	h.trouble, h.said = nil, false
}

// throttle makes room for a server that is too busy: half as many requests at a time, one more again after each round of
// requests without complaint. k.mu is held.
func (k *Sink) throttle(busy bool) {
	if busy {
		k.stats.Throttled++
		k.limit, k.clean = max(1, k.limit/2), 0
		return
	}
	if k.clean++; k.clean >= k.limit && k.limit < k.config.Concurrency {
		k.limit, k.clean = k.limit+1, 0
	}
}
