package loggen

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"
)

// paths say where the objects of a format have what. unit is how many of the format's units of time make a millisecond.
type paths struct {
	time, method, target, status, duration, upstream, bytes, service, client string
	unit                                                                     float64
}

var objects = map[Format]paths{
	TraefikJSON: {"StartUTC", "RequestMethod", "RequestPath", "DownstreamStatus", "Duration", "OriginDuration", "DownstreamContentSize", "ServiceName", "ClientHost", 1e6},
	EnvoyJSON: {
		"start_time", "method", "x-envoy-origin-path", "response_code", "duration", "x-envoy-upstream-service-time", "bytes_sent", "upstream_cluster",
		"x-forwarded-for", 1,
	},
	IstioJSON:      {"start_time", "method", "path", "response_code", "duration", "upstream_service_time", "bytes_sent", "upstream_cluster", "downstream_remote_address", 1},
	Caddy:          {"ts", "request.method", "request.uri", "status", "duration", "", "size", "", "request.client_ip", 1e-3},
	APIGatewayJSON: {"requestTimeEpoch", "httpMethod", "path", "status", "responseLatency", "integrationLatency", "responseLength", "apiId", "ip", 1},
	TykPump: {
		"tyk-analytics-record.timestamp", "tyk-analytics-record.method", "tyk-analytics-record.path", "tyk-analytics-record.response_code",
		"tyk-analytics-record.request_time", "tyk-analytics-record.latency.upstream", "", "tyk-analytics-record.api_name", "tyk-analytics-record.ip_address", 1,
	},
}

// readObject reads the lines of a format of JSON objects.
func readObject(t *testing.T, f Format) func(line string) (read, bool) {
	t.Helper()
	p, ok := objects[f]
	if !ok {
		t.Fatalf("%v has no reader", f)
	}
	return func(line string) (read, bool) {
		var object map[string]any
		if json.Unmarshal([]byte(line), &object) != nil {
			return read{}, false
		}
		text := func(path string) string {
			var v any = object
			for key := range strings.SplitSeq(path, ".") {
				inner, _ := v.(map[string]any)
				v = inner[key]
			}
			switch v := v.(type) {
			case string:
				return v
			case float64:
				return strconv.FormatFloat(v, 'f', -1, 64)
			}
			return ""
		}
		number := func(path string) float64 {
			n, err := strconv.ParseFloat(text(path), 64)
			if err != nil {
				return -1
			}
			return n
		}
		r := read{method: text(p.method), status: int(number(p.status)), service: text(p.service), client: text(p.client), upstream: -1}
		r.path, _, _ = strings.Cut(text(p.target), "?")
		if at, err := time.Parse(time.RFC3339Nano, text(p.time)); err == nil {
			r.time = at
		} else if at := number(p.time); at > 1e12 {
			r.time = time.UnixMilli(int64(at))
		} else {
			r.time = time.UnixMilli(int64(math.Round(at * 1e3)))
		}
		r.millis = int64(math.Round(number(p.duration) / p.unit))
		if p.bytes != "" {
			r.bytes = int64(number(p.bytes))
		}
		if upstream := number(p.upstream); upstream >= 0 {
			r.upstream = int64(math.Round(upstream / p.unit))
		}
		if r.method == "" || r.path == "" || r.client == "" || r.status < 100 || r.time.Unix() <= 0 {
			t.Fatalf("%v: %s is read as %s", f, line, fmt.Sprint(r))
		}
		return r, true
	}
}
