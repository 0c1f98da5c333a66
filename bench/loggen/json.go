package loggen

import "strconv"

// object writes a JSON object. Values have nothing to escape.
type object struct{ b []byte }

func (o *object) key(key string) {
	if o.b[len(o.b)-1] != '{' {
		o.b = append(o.b, ',')
	}
	o.b = append(o.b, '"')
	o.b = append(o.b, key...)
	o.b = append(o.b, `":`...)
}

// open begins the object under key, shut ends it.
func (o *object) open(key string) {
	o.key(key)
	o.b = append(o.b, '{')
}

func (o *object) shut() { o.b = append(o.b, '}') }

// raw writes a value as it stands.
func (o *object) raw(key, value string) {
	o.key(key)
	o.b = append(o.b, value...)
}

func (o *object) text(key, value string) {
	o.key(key)
	o.b = append(o.b, '"')
	o.b = append(o.b, value...)
	o.b = append(o.b, '"')
}

func (o *object) bytes(key string, value []byte) {
	o.key(key)
	o.b = append(o.b, '"')
	o.b = append(o.b, value...)
	o.b = append(o.b, '"')
}

func (o *object) number(key string, n int64) {
	o.key(key)
	o.b = strconv.AppendInt(o.b, n, 10)
}

// quoted writes a number in quotes.
func (o *object) quoted(key string, n int64) {
	o.key(key)
	o.b = append(o.b, '"')
	o.b = strconv.AppendInt(o.b, n, 10)
	o.b = append(o.b, '"')
}

// seconds writes milliseconds as seconds: 0.043.
func (o *object) seconds(key string, millis int64) {
	o.key(key)
	o.b = appendSeconds(o.b, millis)
}

// moment writes Unix milliseconds as 2026-11-21T12:30:10.043Z.
func (o *object) moment(key string, t *times, millis int64) {
	o.key(key)
	o.b = append(o.b, '"')
	o.b = append(o.b, t.of(millis).iso[:len("2026-11-21T12:30:10")]...)
	o.b = append(o.b, '.', byte('0'+millis/100%10), byte('0'+millis/10%10), byte('0'+millis%10), 'Z', '"')
}

// client writes the caller's address and port.
func (o *object) client(key string, r *request) {
	o.key(key)
	o.b = append(o.b, '"')
	if len(r.client) > 4 && r.client[4] == ':' {
		o.b = append(o.b, '[')
		o.b = append(o.b, r.client...)
		o.b = append(o.b, ']')
	} else {
		o.b = append(o.b, r.client...)
	}
	o.b = append(o.b, ':')
	o.b = strconv.AppendInt(o.b, port(r), 10)
	o.b = append(o.b, '"')
}

// port is the caller's.
func port(r *request) int64 { return 40_000 + r.received }

// upstream writes the address of the last upstream asked.
func (o *object) upstream(key, prefix string, r *request) {
	o.key(key)
	o.b = append(o.b, '"')
	o.b = append(o.b, prefix...)
	o.b = appendUpstream(o.b, r.route, r.tries-1)
	o.b = append(o.b, '"')
}

func (o *object) consumer(key string, r *request) {
	o.key(key)
	o.b = append(o.b, '"')
	if r.consumer >= 0 {
		o.b = appendConsumer(o.b, r.consumer)
	} else {
		o.b = append(o.b, '-')
	}
	o.b = append(o.b, '"')
}

// path is the target without its query.
func path(r *request) []byte {
	for i, c := range r.target {
		if c == '?' {
			return r.target[:i]
		}
	}
	return r.target
}

// started is when the request came, no earlier than the first line's time.
func (g *Generator) started(r *request) int64 {
	return max(r.ended-r.millis, g.options.Start.UnixMilli())
}

// appendTraefik writes a line of Traefik 3 with format: json.
func (g *Generator) appendTraefik(dst []byte, r *request) []byte {
	o := object{append(dst, '{')}
	o.client("ClientAddr", r)
	o.bytes("ClientHost", r.client)
	o.quoted("ClientPort", port(r))
	o.consumer("ClientUsername", r)
	o.number("DownstreamContentSize", r.body)
	o.number("DownstreamStatus", int64(r.status))
	o.number("Duration", r.millis*1e6)
	if r.tries > 0 {
		o.number("OriginContentSize", r.body)
		o.number("OriginDuration", r.upstream*1e6)
		o.number("OriginStatus", int64(r.status))
		o.number("Overhead", (r.millis-r.upstream)*1e6)
	} else {
		o.number("Overhead", r.millis*1e6)
	}
	o.text("RequestAddr", "api.example.com")
	o.number("RequestContentSize", 0)
	o.number("RequestCount", g.truth.Lines+1)
	o.text("RequestHost", "api.example.com")
	o.text("RequestMethod", r.route.method)
	o.bytes("RequestPath", r.target)
	o.text("RequestPort", "-")
	o.text("RequestProtocol", protocol(r))
	o.text("RequestScheme", "https")
	o.number("RetryAttempts", int64(max(r.tries-1, 0)))
	o.key("RouterName")
	o.b = append(o.b, '"')
	o.b = append(o.b, r.route.name...)
	o.b = append(o.b, `@file"`...)
	if r.tries > 0 {
		o.upstream("ServiceAddr", "", r)
	}
	o.key("ServiceName")
	o.b = append(o.b, '"')
	o.b = append(o.b, r.route.service...)
	o.b = append(o.b, `@file"`...)
	if r.tries > 0 {
		o.upstream("ServiceURL", "http://", r)
	}
	started := g.started(r)
	o.moment("StartLocal", &g.times, started)
	o.moment("StartUTC", &g.times, started)
	o.text("TLSCipher", "TLS_AES_128_GCM_SHA256")
	o.text("TLSVersion", "1.3")
	o.text("entryPointName", "websecure")
	o.text("level", "info")
	o.text("msg", "")
	o.text("request_User-Agent", userAgents[r.agent])
	o.bytes("time", g.times.of(r.ended).iso)
	o.shut()
	return o.b
}

// flags are Envoy's short words for what became of a request.
func flags(r *request) string {
	switch {
	case r.tries == 0 && r.status == 429:
		return "RL"
	case r.tries == 0:
		return "UAEX"
	case r.status == 504:
		return "UT"
	case r.status == 502 || r.status == 503:
		return "UF,URX"
	case r.status == 499:
		return "DC"
	}
	return "-"
}

// appendEnvoy writes a line of Envoy with json_format, under the names of Envoy Gateway: every value is a string.
func (g *Generator) appendEnvoy(dst []byte, r *request) []byte {
	o := object{append(dst, '{')}
	o.moment("start_time", &g.times, g.started(r))
	o.text("method", r.route.method)
	o.bytes("x-envoy-origin-path", r.target)
	o.text("protocol", envoyProtocol(r))
	o.quoted("response_code", int64(r.status))
	o.text("response_flags", flags(r))
	o.text("upstream_transport_failure_reason", "-")
	o.quoted("bytes_received", 0)
	o.quoted("bytes_sent", r.body)
	o.quoted("duration", r.millis)
	if r.tries > 0 {
		o.quoted("x-envoy-upstream-service-time", r.upstream)
	} else {
		o.text("x-envoy-upstream-service-time", "-")
	}
	o.bytes("x-forwarded-for", r.client)
	o.text("user-agent", userAgents[r.agent])
	o.bytes("x-request-id", r.id[:])
	o.text(":authority", "api.example.com")
	if r.tries > 0 {
		o.upstream("upstream_host", "", r)
	} else {
		o.text("upstream_host", "-")
	}
	o.text("upstream_cluster", r.route.service)
	o.client("downstream_remote_address", r)
	o.text("route_name", r.route.name)
	o.shut()
	return o.b
}

func envoyProtocol(r *request) string {
	if r.http2 {
		return "HTTP/2"
	}
	return "HTTP/1.1"
}

// appendIstio writes a line of a proxy of Istio's on the client's side: numbers are numbers, but for the upstream's time, and null is
// none.
func (g *Generator) appendIstio(dst []byte, r *request) []byte {
	o := object{append(dst, '{')}
	o.text("authority", "api.example.com")
	o.number("bytes_received", 0)
	o.number("bytes_sent", r.body)
	o.client("downstream_remote_address", r)
	o.number("duration", r.millis)
	o.text("method", r.route.method)
	o.bytes("path", r.target)
	o.text("protocol", envoyProtocol(r))
	o.bytes("request_id", r.id[:])
	o.raw("requested_server_name", "null")
	o.number("response_code", int64(r.status))
	o.text("response_code_details", "via_upstream")
	o.text("response_flags", flags(r))
	o.text("route_name", "default")
	o.moment("start_time", &g.times, g.started(r))
	o.key("upstream_cluster")
	o.b = append(o.b, `"outbound|8080||`...)
	o.b = append(o.b, r.route.service...)
	o.b = append(o.b, `.shop.svc.cluster.local"`...)
	if r.tries > 0 {
		o.upstream("upstream_host", "", r)
		o.quoted("upstream_service_time", r.upstream)
	} else {
		o.raw("upstream_host", "null")
		o.raw("upstream_service_time", "null")
	}
	o.raw("upstream_transport_failure_reason", "null")
	o.text("user_agent", userAgents[r.agent])
	o.raw("x_forwarded_for", "null")
	o.shut()
	return o.b
}

// appendCaddy writes a line of Caddy's access log. Caddy logs neither a service nor the upstream's time.
func (g *Generator) appendCaddy(dst []byte, r *request) []byte {
	o := object{append(dst, '{')}
	if r.status >= 500 {
		o.text("level", "error")
	} else {
		o.text("level", "info")
	}
	o.seconds("ts", r.ended)
	o.text("logger", "http.log.access.log0")
	o.text("msg", "handled request")
	o.open("request")
	o.bytes("remote_ip", r.client)
	o.quoted("remote_port", port(r))
	o.bytes("client_ip", r.client)
	o.text("proto", protocol(r))
	o.text("method", r.route.method)
	o.text("host", "api.example.com")
	o.bytes("uri", r.target)
	o.open("headers")
	o.key("User-Agent")
	o.b = append(o.b, `["`...)
	o.b = append(o.b, userAgents[r.agent]...)
	o.b = append(o.b, `"]`...)
	o.shut()
	o.raw("tls", `{"resumed":false,"version":772,"cipher_suite":4865,"proto":"h2","server_name":"api.example.com"}`)
	o.shut()
	o.number("bytes_read", 0)
	o.text("user_id", "")
	o.seconds("duration", r.millis)
	o.number("size", r.body)
	o.number("status", int64(r.status))
	o.raw("resp_headers", `{"Server":["Caddy"],"Content-Type":["application/json"]}`)
	o.shut()
	return o.b
}

// appendAPIGateway writes a line of a REST API of Amazon's: every value is a string, `-` is none.
func (g *Generator) appendAPIGateway(dst []byte, r *request) []byte {
	o := object{append(dst, '{')}
	started := g.started(r)
	o.bytes("requestId", r.id[:])
	o.bytes("ip", r.client)
	o.consumer("user", r)
	o.bytes("requestTime", g.times.of(started).local)
	o.quoted("requestTimeEpoch", started)
	o.text("httpMethod", r.route.method)
	o.bytes("path", path(r))
	o.text("resourcePath", r.route.path)
	o.quoted("status", int64(r.status))
	o.text("protocol", "HTTP/1.1")
	o.quoted("responseLength", r.body)
	o.quoted("responseLatency", r.millis)
	if r.tries > 0 {
		o.quoted("integrationLatency", r.upstream)
		o.quoted("integrationStatus", int64(r.status))
	} else {
		o.text("integrationLatency", "-")
		o.text("integrationStatus", "-")
	}
	o.text("apiId", r.route.service)
	o.text("stage", "prod")
	o.text("domainName", "api.example.com")
	o.text("userAgent", userAgents[r.agent])
	o.shut()
	return o.b
}

// appendTyk writes a record of Tyk Pump as its stdout pump does. It has no size of the response.
func (g *Generator) appendTyk(dst []byte, r *request) []byte {
	o := object{append(dst, '{')}
	o.text("level", "info")
	o.text("msg", "")
	o.open("tyk-analytics-record")
	o.text("method", r.route.method)
	o.text("host", "api.example.com")
	o.bytes("path", path(r))
	o.bytes("raw_path", path(r))
	o.number("content_length", 0)
	o.text("user_agent", userAgents[r.agent])
	o.number("response_code", int64(r.status))
	o.text("api_key", "00000000")
	o.moment("timestamp", &g.times, r.ended)
	o.text("api_version", "Non Versioned")
	o.text("api_name", r.route.service)
	o.text("api_id", r.route.service)
	o.number("request_time", r.millis)
	o.text("raw_request", "")
	o.text("raw_response", "")
	o.bytes("ip_address", r.client)
	o.open("latency")
	o.number("total", r.millis)
	o.number("upstream", max(r.upstream, 0))
	o.number("gateway", r.millis-max(r.upstream, 0))
	o.shut()
	o.raw("tags", "null")
	if r.consumer >= 0 {
		o.consumer("alias", r)
	} else {
		o.text("alias", "")
	}
	o.raw("track_path", "false")
	o.shut()
	o.bytes("time", g.times.of(r.ended).iso)
	o.shut()
	return o.b
}
