package loggen

import "strconv"

// request is one request as it was answered. It is what all formats are written from.
type request struct {
	route  *route
	status int32
	target []byte // path and query
	query  bool   // target has one

	ended int64 // Unix milliseconds: when nginx writes its line

	millis   int64 // duration of the whole request
	upstream int64 // of that, waiting for the upstream; -1: never asked
	tries    int   // upstreams asked; the first ones failed within a millisecond

	body     int64 // bytes of the response without its head
	sent     int64 // bytes of the response
	received int64 // bytes of the request
	client   []byte
	agent    int // of userAgents
	referrer string
	http2    bool
	id       [32]byte // hexadecimal digits
	consumer int      // who called; -1: nobody known
}

// clients is how many addresses there are. A few of them ask much more often than the others.
const clients = 5000

// consumers is how many callers the gateway knows by name.
const consumers = 40

// traffic draws requests.
type traffic struct {
	random   random
	routes   *[zipfSlots]uint16
	statuses [1000]int32 // 0: a success
	request  request
}

func newTraffic(seed uint64) *traffic {
	t := &traffic{random: newRandom(seed), routes: zipf(len(routes))}
	slot := 0
	for _, o := range failures {
		for range o.share {
			t.statuses[slot] = o.status
			slot++
		}
	}
	return t
}

// draw returns the next request; it is valid until the next draw. ended is filled by the caller.
func (t *traffic) draw() *request {
	r, rnd := &t.request, t.random
	r.route = &routes[t.routes[rnd.below(zipfSlots)]]
	r.status = t.statuses[rnd.below(uint64(len(t.statuses)))]
	if r.status == 0 {
		r.status = success(r.route.method)
	}

	r.millis = max(rnd.logNormal(r.route.micros, r.route.spread, gatewayTimeout*1000)/1000, 0)
	r.body = rnd.logNormal(r.route.size, narrow, 8<<20)
	r.tries, r.upstream = 1, 0
	switch r.status {
	case 401, 403, 429: // the gateway's own answer
		r.tries, r.upstream = 0, -1
		r.millis = int64(rnd.below(3))
		r.body = 46
	case 502, 503:
		r.tries = 2
		r.millis = int64(rnd.below(40))
		r.body = 69
	case 504:
		r.millis = gatewayTimeout + int64(rnd.below(10))
		r.body = 51
	case 304, 204:
		r.body = 0
	case 400, 404, 500:
		r.body = 130
	case 499:
		r.body = 0
	}
	if r.tries > 0 {
		r.upstream = max(r.millis-int64(rnd.below(3)), 0)
		if r.status == 504 {
			r.upstream = gatewayTimeout
		}
	}
	if r.route.method == "HEAD" {
		r.body = 0
	}
	r.sent = r.body + 320 + int64(rnd.below(80))
	r.received = 420 + int64(rnd.below(400))
	if r.route.method == "POST" {
		r.received += int64(rnd.below(2000))
	}

	t.target()
	t.client()
	r.agent = int(rnd.below(uint64(len(userAgents))))
	r.referrer = referrers[rnd.below(uint64(len(referrers)))]
	r.http2 = rnd.below(10) < 4
	a, b := rnd.pcg.Uint64(), rnd.pcg.Uint64()
	putHex(r.id[:16], a)
	putHex(r.id[16:], b)
	r.consumer = -1
	if r.status != 401 && rnd.below(3) == 0 {
		r.consumer = int(rnd.below(consumers))
	}
	return r
}

// target writes the request's path and query.
func (t *traffic) target() {
	r, rnd := &t.request, t.random
	b := r.target[:0]
	for i, part := range r.route.parts {
		if i == 0 {
			b = append(b, part...)
			continue
		}
		switch r.route.ids[i-1] {
		case 'n':
			b = strconv.AppendUint(b, 1000+rnd.below(9_000_000), 10)
		case 'u':
			b = appendUUID(b, rnd.pcg.Uint64(), rnd.pcg.Uint64())
		case 'h':
			b = appendHex(b, rnd.pcg.Uint64(), 16)
		}
		b = append(b, part...)
	}
	r.query = r.route.query != "" && rnd.below(3) == 0
	if r.query {
		b = append(append(b, '?'), r.route.query...)
	}
	r.target = b
}

// client writes the address of the caller: one of 100.64.0.0/10 (RFC 6598), or of 2001:db8::/32 (RFC 3849).
func (t *traffic) client() {
	r, rnd := &t.request, t.random
	n := rnd.below(clients)
	if rnd.below(3) > 0 {
		n = n * n / clients * n / clients // two of three requests come from few addresses
	}
	b := r.client[:0]
	if n%16 == 15 {
		b = append(b, "2001:db8::"...)
		r.client = strconv.AppendUint(b, n+1, 16)
		return
	}
	b = append(b, "100."...)
	b = strconv.AppendUint(b, 64+n>>8, 10)
	b = append(b, '.')
	b = strconv.AppendUint(b, n*7&0xff, 10)
	b = append(b, '.')
	r.client = strconv.AppendUint(b, n&0xff, 10)
}

// appendHex appends the lowest digits of v.
func appendHex(dst []byte, v uint64, digits int) []byte {
	for shift := 4 * (digits - 1); shift >= 0; shift -= 4 {
		dst = append(dst, "0123456789abcdef"[v>>shift&15])
	}
	return dst
}

// putHex fills sixteen bytes with the digits of v.
func putHex(dst []byte, v uint64) { appendHex(dst[:0], v, 16) }

// appendUUID appends a UUID of version 4.
func appendUUID(dst []byte, a, b uint64) []byte {
	dst = append(appendHex(dst, a>>32, 8), '-')
	dst = append(appendHex(dst, a>>16, 4), '-')
	dst = append(appendHex(dst, a&0x0fff|0x4000, 4), '-')
	dst = append(appendHex(dst, b>>48&0x3fff|0x8000, 4), '-')
	return appendHex(dst, b, 12)
}
