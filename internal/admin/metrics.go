package admin

import (
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Sample is one value of one of our metrics. It says nothing of how it is exported, so that the rest of gatemeter need not
// know.
type Sample struct {
	Name   string // gatemeter_stage_what_unit, counters with _total
	Help   string // the same for all samples of a name
	Kind   Kind
	Labels []Label // the same names in the same order for all samples of a name
	Value  float64
}

// Label is a name and a value. The value may be any bytes.
type Label struct{ Name, Value string }

// Kind is what a Sample's value does.
type Kind uint8

// The kinds.
const (
	Counter Kind = iota // only rises while the process lives
	Gauge
)

// Limits of /metrics: gathering walks over all partitions and sinks.
const (
	maxScrapes    = 4 // at a time
	scrapeTimeout = 20 * time.Second
)

// metricsHandler serves what set.Collect emits, and what the Go runtime and the operating system say of the process.
func metricsHandler(set *Settings) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		&collector{set},
	)
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		ErrorLog:            slog.NewLogLogger(set.Log.Handler(), slog.LevelError),
		ErrorHandling:       promhttp.ContinueOnError, // one bad sample must not blind the operator
		MaxRequestsInFlight: maxScrapes,
		Timeout:             scrapeTimeout,
		EnableOpenMetrics:   true,
	})
}

// collector turns samples into Prometheus' own. It is unchecked: which series there are is known only when it is asked.
type collector struct{ set *Settings }

var _ prometheus.Collector = (*collector)(nil)

// Describe implements prometheus.Collector.
func (c *collector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	emit := func(s Sample) {
		names, values := make([]string, len(s.Labels)), make([]string, len(s.Labels))
		for i, l := range s.Labels {
			names[i], values[i] = l.Name, strings.ToValidUTF8(l.Value, "\ufffd")
		}
		kind := prometheus.GaugeValue
		if s.Kind == Counter {
			kind = prometheus.CounterValue
		}
		desc := prometheus.NewDesc(s.Name, s.Help, names, nil)
		metric, err := prometheus.NewConstMetric(desc, kind, s.Value, values...)
		if err != nil {
			metric = prometheus.NewInvalidMetric(desc, err)
		}
		out <- metric
	}
	emit(Sample{
		Name: "gatemeter_build_info", Help: "Always 1; the labels say what runs.", Kind: Gauge, Value: 1,
		Labels: []Label{{"version", c.set.Version}, {"go_version", runtime.Version()}},
	})
	c.set.Collect(emit)
}
