package pipeline

import (
	"strconv"
	"strings"

	"github.com/gatemeter/gatemeter/pipeline/histogram"
	"github.com/gatemeter/gatemeter/pipeline/point"
)

// The metrics, as sinks name them.
const (
	MetricRequests        = "requests"
	MetricLatency         = "latency"
	MetricUpstreamLatency = "upstream_latency"
	MetricGatewayLatency  = "gateway_latency"
	MetricRequestBytes    = "request_bytes"
	MetricResponseBytes   = "response_bytes"
	MetricClients         = "clients"
	MetricConsumers       = "consumers"
	MetricCache           = "cache"
	MetricThrottled       = "throttled"
)

// statNames turns values into points. Names are made once.
type statNames struct {
	percentiles []string // p50, p999 for 99.9
	quantiles   []float64
	values      []float64 // of the histogram at hand
}

func newStatNames(percentiles []float64) *statNames {
	n := &statNames{}
	for _, p := range percentiles {
		n.percentiles, n.quantiles = append(n.percentiles, PercentileName(p)), append(n.quantiles, p/100)
	}
	return n
}

// PercentileName returns the stat's name of the percentile p: p50, p99, p999 for 99.9.
func PercentileName(p float64) string {
	return "p" + strings.ReplaceAll(strconv.FormatFloat(p, 'f', -1, 64), ".", "")
}

// points returns how many points v gives.
func (n *statNames) points(v *value) int {
	count := 1 + (len(statusClasses) - 2) + len(v.codes)
	plus := func(more int, is bool) {
		if is {
			count += more
		}
	}
	plus(1, v.classes[1] > 0)
	for _, h := range [...]*histogram.Histogram{&v.latency, &v.upstream, &v.gateway} {
		plus(4+len(n.percentiles), h.Count() > 0)
	}
	plus(1, v.requestSized > 0)
	plus(1, v.responseSized > 0)
	plus(1, v.clients.Any())
	plus(1, v.consumers.Any())
	plus(3, v.cacheHit+v.cacheMiss+v.cacheOther > 0)
	plus(1, v.throttled > 0)
	return count
}

// appendPoints appends the points of v. What no record of the window carried gives none; the status classes 2xx to 5xx are
// always there.
func (n *statNames) appendPoints(points []point.Point, s *point.Series, v *value) []point.Point {
	counter := func(metric, stat string, full, sent int64) {
		points = append(points, point.Point{Series: s, Metric: metric, Stat: stat, Kind: point.Counter, Count: full, Change: full - sent})
	}
	gauge := func(metric, stat string, value float64) {
		points = append(points, point.Point{Series: s, Metric: metric, Stat: stat, Kind: point.Gauge, Value: value})
	}
	latency := func(metric string, h *histogram.Histogram, sent int64) {
		if h.Count() == 0 {
			return
		}
		counter(metric, "count", h.Count(), sent)
		gauge(metric, "mean", float64(h.Sum())/float64(h.Count())/1e9)
		gauge(metric, "min", float64(h.Min())/1e9)
		gauge(metric, "max", float64(h.Max())/1e9)
		n.values = h.AppendQuantiles(n.values[:0], n.quantiles...)
		for i, v := range n.values {
			gauge(metric, n.percentiles[i], v)
		}
	}

	sent := v.sent
	if sent == nil {
		sent = &counters{}
	}
	counter(MetricRequests, "count", v.requests, sent.requests)
	for class := 1; class < len(statusClasses); class++ {
		if class > 1 || v.classes[class] > 0 {
			counter(MetricRequests, statusClasses[class], v.classes[class], sent.classes[class])
		}
	}
	for _, c := range v.codes {
		counter(MetricRequests, strconv.Itoa(int(c.code)), c.n, c.sent)
	}
	latency(MetricLatency, &v.latency, sent.latencies)
	latency(MetricUpstreamLatency, &v.upstream, sent.upstreamLatencies)
	latency(MetricGatewayLatency, &v.gateway, sent.gatewayLatencies)
	if v.requestSized > 0 {
		counter(MetricRequestBytes, "sum", v.requestBytes, sent.requestBytes)
	}
	if v.responseSized > 0 {
		counter(MetricResponseBytes, "sum", v.responseBytes, sent.responseBytes)
	}
	if v.clients.Any() {
		gauge(MetricClients, "distinct", float64(v.clients.Count()))
	}
	if v.consumers.Any() {
		gauge(MetricConsumers, "distinct", float64(v.consumers.Count()))
	}
	if v.cacheHit+v.cacheMiss+v.cacheOther > 0 {
		counter(MetricCache, "hit", v.cacheHit, sent.cacheHit)
		counter(MetricCache, "miss", v.cacheMiss, sent.cacheMiss)
		counter(MetricCache, "other", v.cacheOther, sent.cacheOther)
	}
	if v.throttled > 0 {
		counter(MetricThrottled, "count", v.throttled, sent.throttled)
	}
	return points
}
