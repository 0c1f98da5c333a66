package loggen

import (
	"strconv"
	"strings"
)

// kong holds what is the same in many lines of Kong 3.8's logging plugins, written once. `/` is escaped, as lua-cjson does.
// Some fields of its route and service objects that say nothing about a request are left out.
type kong struct {
	routes   [][]byte // of each route: `,"route":{…}`
	services [][]byte // of each route: `,"service":{…}`
	queries  [][]byte // of each route: `{"limit":"50","offset":"100"}`
	agents   [len(userAgents)]string
}

func newKong() *kong {
	k := &kong{}
	for i := range routes {
		r := &routes[i]
		service := appendObjectID(nil, "service", hash(r.service))

		b := append([]byte(`,"route":{"updated_at":1726782477,"service":{"id":"`), service...)
		b = append(b, `"},"name":"`...)
		b = append(append(b, r.name...), `","id":"`...)
		b = append(appendObjectID(b, "route", uint64(i)), `","strip_path":false,"created_at":1726782477,"paths":["`...)
		b = append(b, escapeSlashes(strings.TrimSuffix(r.parts[0], "/"))...)
		k.routes = append(k.routes, append(b, `"]}`...))

		b = append([]byte(`,"service":{"updated_at":1726782459,"host":"`), r.service...)
		b = append(append(b, `.internal","name":"`...), r.service...)
		b = append(append(b, `","id":"`...), service...)
		b = append(b, `","port":8080,"enabled":true,"created_at":1726782459,"protocol":"http","connect_timeout":60000,"retries":5}`...)
		k.services = append(k.services, b)

		query := strings.NewReplacer("&", `","`, "=", `":"`).Replace(r.query)
		k.queries = append(k.queries, []byte(`{"`+query+`"}`))
	}
	for i, agent := range userAgents {
		k.agents[i] = escapeSlashes(agent)
	}
	return k
}

func (g *Generator) appendKong(dst []byte, r *request) []byte {
	k := g.kong
	i := r.route.index
	started := max(r.ended-r.millis, g.options.Start.UnixMilli())
	number := func(key string, n int64) {
		dst = append(dst, key...)
		dst = strconv.AppendInt(dst, n, 10)
	}
	number(`{"response":{"size":`, r.sent)
	number(`,"headers":{"content-length":"`, r.body)
	dst = append(dst, `","date":"`...)
	dst = append(dst, g.times.of(r.ended).http...)
	dst = append(dst, `","content-type":"application\/json; charset=utf-8"`...)
	if r.tries > 0 {
		number(`,"x-kong-upstream-latency":"`, r.upstream)
		number(`","x-kong-proxy-latency":"`, r.millis-r.upstream)
		dst = append(dst, '"')
	} else {
		number(`,"x-kong-response-latency":"`, r.millis)
		dst = append(dst, '"')
	}
	number(`},"status":`, int64(r.status))
	dst = append(dst, '}')
	dst = append(dst, k.routes[i]...)
	dst = append(dst, `,"workspace_name":"default"`...)
	dst = appendKongTries(dst, r, started)
	dst = append(dst, `,"client_ip":"`...)
	dst = append(dst, r.client...)
	dst = append(dst, `","request":{"id":"`...)
	dst = append(dst, r.id[:]...)
	dst = append(dst, `","headers":{"accept":"*\/*","user-agent":"`...)
	dst = append(dst, k.agents[r.agent]...)
	dst = append(dst, `","host":"api.example.com"},"uri":"`...)
	dst = appendEscaped(dst, r.target)
	number(`","size":`, r.received)
	dst = append(dst, `,"method":"`...)
	dst = append(dst, r.route.method...)
	dst = append(dst, `","querystring":`...)
	if r.query {
		dst = append(dst, k.queries[i]...)
	} else {
		dst = append(dst, "{}"...)
	}
	dst = append(dst, `,"url":"https:\/\/api.example.com:8443`...)
	dst = appendEscaped(dst, r.target)
	dst = append(dst, `"},"upstream_uri":"`...)
	if r.tries > 0 {
		dst = appendEscaped(dst, r.target)
	}
	number(`","started_at":`, started)
	if r.tries > 0 {
		dst = append(dst, `,"source":"upstream","upstream_status":"`...)
		dst = appendTries(dst, r, func(dst []byte, _ int) []byte { return strconv.AppendInt(dst, int64(r.status), 10) })
	} else {
		dst = append(dst, `,"source":"kong","upstream_status":"`...)
	}
	number(`","latencies":{"kong":`, r.millis-max(r.upstream, 0))
	number(`,"proxy":`, r.upstream)
	number(`,"request":`, r.millis)
	dst = append(dst, `,"receive":0}`...)
	if r.consumer >= 0 {
		dst = append(dst, `,"consumer":{"username":"`...)
		dst = appendConsumer(dst, r.consumer)
		dst = append(dst, `","id":"`...)
		dst = appendObjectID(dst, "consumer", uint64(r.consumer))
		dst = append(dst, `","tags":[],"created_at":1726782460}`...)
	}
	dst = append(dst, k.services[i]...)
	return append(dst, '}')
}

// appendKongTries appends the upstreams asked; a request that Kong answered itself has none.
func appendKongTries(dst []byte, r *request, started int64) []byte {
	if r.tries == 0 {
		return dst
	}
	dst = append(dst, `,"tries":[`...)
	for try := range r.tries {
		if try > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"balancer_start":`...)
		dst = strconv.AppendInt(dst, started, 10)
		dst = append(dst, `,"balancer_start_ns":`...)
		dst = appendCJSONNanos(dst, started)
		dst = append(dst, `,"ip":"10.0.`...)
		dst = strconv.AppendInt(dst, int64(len(r.route.service)), 10)
		dst = append(dst, '.')
		dst = strconv.AppendInt(dst, int64(len(r.route.name)+try), 10)
		dst = append(dst, `","balancer_latency":0,"port":8080`...)
		if try < r.tries-1 {
			dst = append(dst, `,"state":"failed","code":`...)
			dst = strconv.AppendInt(dst, int64(r.status), 10)
		}
		dst = append(dst, '}')
	}
	return append(dst, ']')
}

// appendCJSONNanos appends milliseconds as the nanoseconds that lua-cjson writes: fourteen digits and an exponent.
func appendCJSONNanos(dst []byte, millis int64) []byte {
	begin := len(dst)
	dst = strconv.AppendInt(dst, millis, 10)
	exponent := len(dst) - begin - 1 + 6
	for len(dst) > begin+2 && dst[len(dst)-1] == '0' {
		dst = dst[:len(dst)-1]
	}
	dst = append(dst, 0)
	copy(dst[begin+2:], dst[begin+1:])
	dst[begin+1] = '.'
	dst = append(dst, "e+"...)
	return strconv.AppendInt(dst, int64(exponent), 10)
}

// appendEscaped appends a request target with `/` as `\/`. It has nothing else to escape.
func appendEscaped(dst, target []byte) []byte {
	for _, c := range target {
		if c == '/' {
			dst = append(dst, '\\')
		}
		dst = append(dst, c)
	}
	return dst
}

func escapeSlashes(s string) string { return strings.ReplaceAll(s, "/", `\/`) }

// appendObjectID appends the id of the n-th object of a kind.
func appendObjectID(dst []byte, kind string, n uint64) []byte {
	h := hash(kind)
	return appendUUID(dst, h*(2*n+1), h^n*0x9e3779b97f4a7c15)
}

// hash is FNV-1a.
func hash(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}
