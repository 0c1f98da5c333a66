package pipeline

import (
	"slices"
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
	requests *point.Name
	classes  [len(statusClasses)]*point.Name
	codes    map[int32]*point.Name

	latency, upstream, gateway latencyNames

	requestBytes, responseBytes     *point.Name
	clients, consumers              *point.Name
	cacheHit, cacheMiss, cacheOther *point.Name
	throttled                       *point.Name

	quantiles []float64
	values    []float64 // of the histogram at hand

	row    []*point.Name   // the names of the row at hand
	lists  [][]*point.Name // of rows not long ago, no two alike
	oldest int             // of lists
}

// latencyNames are those of one histogram.
type latencyNames struct {
	count, mean, min, max *point.Name
	percentiles           []*point.Name // p50, p999 for 99.9
}

func newStatNames(percentiles []float64) *statNames {
	counter := func(metric, stat string) *point.Name {
		return &point.Name{Metric: metric, Stat: stat, Kind: point.Counter}
	}
	gauge := func(metric, stat string) *point.Name {
		return &point.Name{Metric: metric, Stat: stat, Kind: point.Gauge}
	}
	latency := func(metric string) latencyNames {
		l := latencyNames{count: counter(metric, "count"), mean: gauge(metric, "mean"), min: gauge(metric, "min"), max: gauge(metric, "max")}
		for _, p := range percentiles {
			l.percentiles = append(l.percentiles, gauge(metric, PercentileName(p)))
		}
		return l
	}
	n := &statNames{
		requests: counter(MetricRequests, "count"), codes: map[int32]*point.Name{},
		latency: latency(MetricLatency), upstream: latency(MetricUpstreamLatency), gateway: latency(MetricGatewayLatency),
		requestBytes: counter(MetricRequestBytes, "sum"), responseBytes: counter(MetricResponseBytes, "sum"),
		clients: gauge(MetricClients, "distinct"), consumers: gauge(MetricConsumers, "distinct"),
		cacheHit: counter(MetricCache, "hit"), cacheMiss: counter(MetricCache, "miss"), cacheOther: counter(MetricCache, "other"),
		throttled: counter(MetricThrottled, "count"),
	}
	for class, name := range statusClasses {
		n.classes[class] = counter(MetricRequests, name)
	}
	for _, p := range percentiles {
		n.quantiles = append(n.quantiles, p/100)
	}
	return n
}

// maxCodes bounds the names of status codes that are kept.
const maxCodes = 1000

// code returns the name of how often a status code was seen.
func (n *statNames) code(code int32) *point.Name {
	name := n.codes[code]
	if name == nil {
		name = &point.Name{Metric: MetricRequests, Stat: strconv.Itoa(int(code)), Kind: point.Counter}
		if len(n.codes) < maxCodes {
			n.codes[code] = name
		}
	}
	return name
}

// PercentileName returns the stat's name of the percentile p: p50, p99, p999 for 99.9.
func PercentileName(p float64) string {
	return "p" + strings.ReplaceAll(strconv.FormatFloat(p, 'f', -1, 64), ".", "")
}

// add adds a row with the points of v to b, and returns its number. What no record of the window carried gives none; the status classes 2xx
// to 5xx are always there.
func (n *statNames) add(b *point.Builder, s *point.Series, v *value) (row int) {
	n.row = n.row[:0]
	counter := func(name *point.Name, full, sent int64) {
		n.row = append(n.row, name)
		b.Counter(full, full-sent)
	}
	gauge := func(name *point.Name, value float64) {
		n.row = append(n.row, name)
		b.Gauge(value)
	}
	latency := func(names *latencyNames, h *histogram.Histogram, sent int64) {
		if h.Count() == 0 {
			return
		}
		counter(names.count, h.Count(), sent)
		gauge(names.mean, float64(h.Sum())/float64(h.Count())/1e9)
		gauge(names.min, float64(h.Min())/1e9)
		gauge(names.max, float64(h.Max())/1e9)
		n.values = h.AppendQuantiles(n.values[:0], n.quantiles...)
		for i, v := range n.values {
			gauge(names.percentiles[i], v)
		}
	}

	sent := v.sent
	if sent == nil {
		sent = &counters{}
	}
	counter(n.requests, v.requests, sent.requests)
	for class := 1; class < len(statusClasses); class++ {
		if class > 1 || v.classes[class] > 0 {
			counter(n.classes[class], v.classes[class], sent.classes[class])
		}
	}
	for _, c := range v.codes {
		counter(n.code(c.code), c.n, c.sent)
	}
	latency(&n.latency, &v.latency, sent.latencies)
	latency(&n.upstream, &v.upstream, sent.upstreamLatencies)
	latency(&n.gateway, &v.gateway, sent.gatewayLatencies)
	if v.requestSized > 0 {
		counter(n.requestBytes, v.requestBytes, sent.requestBytes)
	}
	if v.responseSized > 0 {
		counter(n.responseBytes, v.responseBytes, sent.responseBytes)
	}
	if v.clients.Any() {
		gauge(n.clients, float64(v.clients.Count()))
	}
	if v.consumers.Any() {
		gauge(n.consumers, float64(v.consumers.Count()))
	}
	if v.cacheHit+v.cacheMiss+v.cacheOther > 0 {
		counter(n.cacheHit, v.cacheHit, sent.cacheHit)
		counter(n.cacheMiss, v.cacheMiss, sent.cacheMiss)
		counter(n.cacheOther, v.cacheOther, sent.cacheOther)
	}
	if v.throttled > 0 {
		counter(n.throttled, v.throttled, sent.throttled)
	}
	return b.Row(s, n.shared())
}

// maxShared is how many lists of names are remembered: most rows of a log have one of few.
const maxShared = 16

// shared returns n.row, the same memory for lists that are alike and not long ago.
func (n *statNames) shared() []*point.Name {
	for _, names := range n.lists {
		if slices.Equal(names, n.row) {
			return names
		}
	}
	names := slices.Clone(n.row)
	if len(n.lists) < maxShared {
		n.lists = append(n.lists, names)
	} else {
		n.lists[n.oldest] = names
		n.oldest = (n.oldest + 1) % maxShared
	}
	return names
}
