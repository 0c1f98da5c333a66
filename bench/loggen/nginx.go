package loggen

import "strconv"

// The nginx formats, as `log_format` has them in nginx's configuration and `format:` in gatemeter's.
const (
	NginxCombinedLogFormat = `$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent ` +
		`"$http_referer" "$http_user_agent"`

	NginxTimedLogFormat = NginxCombinedLogFormat + ` $request_time $upstream_response_time`

	// NginxJSONLogFormat needs `escape=json`. Variables that may be empty stand in quotes, so that each line is JSON.
	NginxJSONLogFormat = `{"time":"$time_iso8601","remote_addr":"$remote_addr","remote_user":"$remote_user",` +
		`"server_name":"$server_name","request_method":"$request_method","request_uri":"$request_uri",` +
		`"server_protocol":"$server_protocol","status":$status,"body_bytes_sent":$body_bytes_sent,` +
		`"request_length":$request_length,"request_time":$request_time,` +
		`"upstream_response_time":"$upstream_response_time","upstream_addr":"$upstream_addr",` +
		`"upstream_status":"$upstream_status","http_referer":"$http_referer","http_user_agent":"$http_user_agent",` +
		`"request_id":"$request_id"}`
)

func (g *Generator) appendCombined(dst []byte, r *request) []byte {
	dst = append(dst, r.client...)
	dst = append(dst, " - "...)
	if r.consumer >= 0 {
		dst = appendConsumer(dst, r.consumer)
	} else {
		dst = append(dst, '-')
	}
	dst = append(dst, " ["...)
	dst = append(dst, g.times.of(r.ended).local...)
	dst = append(dst, `] "`...)
	dst = append(dst, r.route.method...)
	dst = append(dst, ' ')
	dst = append(dst, r.target...)
	dst = append(dst, ' ')
	dst = append(dst, protocol(r)...)
	dst = append(dst, `" `...)
	dst = strconv.AppendInt(dst, int64(r.status), 10)
	dst = append(dst, ' ')
	dst = strconv.AppendInt(dst, r.body, 10)
	dst = append(dst, ` "`...)
	dst = append(dst, r.referrer...)
	dst = append(dst, `" "`...)
	dst = append(dst, userAgents[r.agent]...)
	return append(dst, '"')
}

func (g *Generator) appendTimed(dst []byte, r *request) []byte {
	dst = append(g.appendCombined(dst, r), ' ')
	dst = appendSeconds(dst, r.millis)
	dst = append(dst, ' ')
	if r.tries == 0 {
		return append(dst, '-')
	}
	return appendUpstreamSeconds(dst, r)
}

func (g *Generator) appendJSON(dst []byte, r *request) []byte {
	quoted := func(key, value string) {
		dst = append(dst, key...)
		dst = append(dst, value...)
	}
	number := func(key string, n int64) {
		dst = append(dst, key...)
		dst = strconv.AppendInt(dst, n, 10)
	}
	dst = append(dst, `{"time":"`...)
	dst = append(dst, g.times.of(r.ended).iso...)
	dst = append(dst, `","remote_addr":"`...)
	dst = append(dst, r.client...)
	dst = append(dst, `","remote_user":"`...)
	if r.consumer >= 0 {
		dst = appendConsumer(dst, r.consumer)
	}
	quoted(`","server_name":"`, r.route.service)
	quoted(`.example.com","request_method":"`, r.route.method)
	dst = append(dst, `","request_uri":"`...)
	dst = append(dst, r.target...)
	quoted(`","server_protocol":"`, protocol(r))
	number(`","status":`, int64(r.status))
	number(`,"body_bytes_sent":`, r.body)
	number(`,"request_length":`, r.received)
	dst = append(dst, `,"request_time":`...)
	dst = appendSeconds(dst, r.millis)
	dst = append(dst, `,"upstream_response_time":"`...)
	if r.tries > 0 {
		dst = appendUpstreamSeconds(dst, r)
	}
	dst = append(dst, `","upstream_addr":"`...)
	dst = appendTries(dst, r, func(dst []byte, try int) []byte { return appendUpstream(dst, r.route, try) })
	dst = append(dst, `","upstream_status":"`...)
	dst = appendTries(dst, r, func(dst []byte, _ int) []byte { return strconv.AppendInt(dst, int64(r.status), 10) })
	dst = append(dst, `","http_referer":"`...)
	if r.referrer != "-" { // escape=json writes nothing for what is not there
		dst = append(dst, r.referrer...)
	}
	quoted(`","http_user_agent":"`, userAgents[r.agent])
	dst = append(dst, `","request_id":"`...)
	dst = append(dst, r.id[:]...)
	return append(dst, `"}`...)
}

func protocol(r *request) string {
	if r.http2 {
		return "HTTP/2.0"
	}
	return "HTTP/1.1"
}

// appendSeconds appends milliseconds as nginx writes times: 0.043.
func appendSeconds(dst []byte, millis int64) []byte {
	dst = strconv.AppendInt(dst, millis/1000, 10)
	return append(dst, '.', byte('0'+millis/100%10), byte('0'+millis/10%10), byte('0'+millis%10))
}

// appendUpstreamSeconds appends how long each upstream took; together that is r.upstream.
func appendUpstreamSeconds(dst []byte, r *request) []byte {
	return appendTries(dst, r, func(dst []byte, try int) []byte {
		first := min(r.upstream, 1)
		switch {
		case r.tries == 1:
			return appendSeconds(dst, r.upstream)
		case try == 0:
			return appendSeconds(dst, first)
		}
		return appendSeconds(dst, r.upstream-first)
	})
}

// appendTries appends one value for each upstream asked, separated as nginx does.
func appendTries(dst []byte, r *request, value func(dst []byte, try int) []byte) []byte {
	for try := range r.tries {
		if try > 0 {
			dst = append(dst, ", "...)
		}
		dst = value(dst, try)
	}
	return dst
}

// appendUpstream appends the address of an instance of the route's service.
func appendUpstream(dst []byte, r *route, try int) []byte {
	dst = append(dst, "10.0."...)
	dst = strconv.AppendInt(dst, int64(len(r.service)), 10)
	dst = append(dst, '.')
	dst = strconv.AppendInt(dst, int64(len(r.name)+try), 10)
	return append(dst, ":8080"...)
}

// appendConsumer appends the name of a caller.
func appendConsumer(dst []byte, consumer int) []byte {
	dst = append(dst, "partner-"...)
	return strconv.AppendInt(dst, int64(consumer), 10)
}
