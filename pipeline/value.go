package pipeline

import (
	"slices"

	"github.com/gatemeter/gatemeter/pipeline/distinct"
	"github.com/gatemeter/gatemeter/pipeline/histogram"
)

// counters are the parts of a value that add up. All are integers: sums do not depend on their order.
type counters struct {
	requests  int64
	classes   [6]int64 // by classOf
	throttled int64    // status 429

	cacheHit, cacheMiss, cacheOther int64

	requestSized, responseSized int64 // how many records carried a size
	requestBytes, responseBytes int64

	latencies, upstreamLatencies, gatewayLatencies int64 // how many records carried one
}

func (c *counters) add(o *counters) {
	c.requests += o.requests
	for i, n := range o.classes {
		c.classes[i] += n
	}
	c.throttled += o.throttled
	c.cacheHit += o.cacheHit
	c.cacheMiss += o.cacheMiss
	c.cacheOther += o.cacheOther
	c.requestSized += o.requestSized
	c.responseSized += o.responseSized
	c.requestBytes = histogram.Plus(c.requestBytes, o.requestBytes)
	c.responseBytes = histogram.Plus(c.responseBytes, o.responseBytes)
	c.latencies += o.latencies
	c.upstreamLatencies += o.upstreamLatencies
	c.gatewayLatencies += o.gatewayLatencies
}

// codeCount is how often a status code was seen.
type codeCount struct {
	code    int32
	n, sent int64
}

// value is what is known of one series in one window. Values form a commutative monoid under merge.
type value struct {
	counters             // in full
	sent     *counters   // of those, what discarding sinks have; nil: nothing, or there is no such sink
	codes    []codeCount // ordered by code; only when asked for
	latency  histogram.Histogram
	upstream histogram.Histogram
	gateway  histogram.Histogram

	clients, consumers distinct.Counter
}

func (v *value) merge(o *value) {
	v.counters.add(&o.counters)
	if o.sent != nil {
		v.ofSent().add(o.sent)
	}
	for _, c := range o.codes {
		mine := v.code(c.code)
		mine.n += c.n
		mine.sent += c.sent
	}
	v.latency.Merge(&o.latency)
	v.upstream.Merge(&o.upstream)
	v.gateway.Merge(&o.gateway)
	v.clients.Merge(&o.clients)
	v.consumers.Merge(&o.consumers)
}

// code returns the count of a status code. The pointer is valid until the next call.
func (v *value) code(code int32) *codeCount {
	i, found := slices.BinarySearchFunc(v.codes, code, func(c codeCount, code int32) int { return int(c.code - code) })
	if !found {
		v.codes = slices.Insert(v.codes, i, codeCount{code: code})
	}
	return &v.codes[i]
}

// ofSent returns v.sent to be written.
func (v *value) ofSent() *counters {
	if v.sent == nil {
		v.sent = &counters{}
	}
	return v.sent
}

// markSent notes that discarding sinks have all of v.
func (v *value) markSent() {
	*v.ofSent() = v.counters
	for i := range v.codes {
		v.codes[i].sent = v.codes[i].n
	}
}

// maxKeptCodes is the most room for status codes that is kept: few series have more.
const maxKeptCodes = 16

// reset empties v and keeps its memory.
func (v *value) reset() {
	v.counters = counters{}
	if v.sent != nil {
		*v.sent = counters{}
	}
	if v.codes = v.codes[:0]; cap(v.codes) > maxKeptCodes {
		v.codes = nil
	}
	v.latency.Reset()
	v.upstream.Reset()
	v.gateway.Reset()
	v.clients.Reset()
	v.consumers.Reset()
}

// count adds what a record adds.
func (c *counters) count(a *amounts) {
	c.requests++
	c.classes[classOf(a.status)]++
	if a.status == 429 {
		c.throttled++
	}
	switch a.cache {
	case cacheHit:
		c.cacheHit++
	case cacheMiss:
		c.cacheMiss++
	case cacheOther:
		c.cacheOther++
	}
	if a.requestBytes >= 0 {
		c.requestSized++
		c.requestBytes = histogram.Plus(c.requestBytes, a.requestBytes)
	}
	if a.responseBytes >= 0 {
		c.responseSized++
		c.responseBytes = histogram.Plus(c.responseBytes, a.responseBytes)
	}
	if a.duration >= 0 {
		c.latencies++
	}
	if a.upstream >= 0 {
		c.upstreamLatencies++
	}
	if a.gateway >= 0 {
		c.gatewayLatencies++
	}
}

// addition is what a record adds, and to what.
type addition struct {
	amounts *amounts
	value   *value
}

// addAll makes additions, one part of all values after the other: what is not near the processor is then waited for side by side, and not
// record after record.
func addAll(some []addition, codes bool) {
	for i := range some {
		a, v := some[i].amounts, some[i].value
		v.counters.count(a)
		if a.sent {
			v.ofSent().count(a)
		}
		if codes && a.status >= 0 {
			c := v.code(a.status)
			c.n++
			if a.sent {
				c.sent++
			}
		}
	}
	for i := range some {
		if d := some[i].amounts.duration; d >= 0 {
			some[i].value.latency.Add(d)
		}
	}
	for i := range some {
		if d := some[i].amounts.upstream; d >= 0 {
			some[i].value.upstream.Add(d)
		}
	}
	for i := range some {
		if d := some[i].amounts.gateway; d >= 0 {
			some[i].value.gateway.Add(d)
		}
	}
	for i := range some {
		if h := some[i].amounts.client; h != 0 {
			some[i].value.clients.Add(h)
		}
	}
	for i := range some {
		if h := some[i].amounts.consumer; h != 0 {
			some[i].value.consumers.Add(h)
		}
	}
}
