package live

import (
	"cmp"
	"slices"

	"github.com/gatemeter/gatemeter/pipeline"
	"github.com/gatemeter/gatemeter/pipeline/point"
)

// Figures are the values of one series that people look at.
type Figures struct {
	Requests int64
	Classes  [6]int64 // by status class: Classes[2] is 2xx; Classes[0] is not used

	P50, P95, P99, Max float64 // seconds; -1: not known

	RequestBytes, ResponseBytes int64
	Clients                     int64
}

// Route is one series of the route rollup. Its names are clean.
type Route struct {
	Service, Name, Method string
	Figures
}

// Window is what a pane says.
type Window struct {
	Shard      string
	Start, End int64 // Unix seconds
	Kind       point.PaneKind
	All        Figures
	Routes     []Route // most requests first
}

// noFigures has no latency.
var noFigures = Figures{P50: -1, P95: -1, P99: -1, Max: -1}

// take notes what p says; value is the counter's value to take: the whole, or the change.
func (f *Figures) take(p *point.Point, value int64) {
	switch p.Metric {
	case pipeline.MetricRequests:
		switch {
		case p.Stat == "count":
			f.Requests += value
		case len(p.Stat) == 3 && p.Stat[1:] == "xx" && '1' <= p.Stat[0] && p.Stat[0] <= '5':
			f.Classes[p.Stat[0]-'0'] += value
		}
	case pipeline.MetricLatency:
		switch p.Stat {
		case "p50":
			f.P50 = max(f.P50, p.Value)
		case "p95":
			f.P95 = max(f.P95, p.Value)
		case "p99":
			f.P99 = max(f.P99, p.Value)
		case "max":
			f.Max = max(f.Max, p.Value)
		}
	case pipeline.MetricRequestBytes:
		f.RequestBytes += value
	case pipeline.MetricResponseBytes:
		f.ResponseBytes += value
	case pipeline.MetricClients:
		f.Clients = max(f.Clients, int64(p.Value))
	}
}

// place says what a series is to us.
type place uint8

const (
	elsewhere place = iota
	overall         // the rollup without dimensions
	ofRoute         // a rollup by route
)

// placeOf returns what s is, and, for a route, its clean names.
func placeOf(s *point.Series) (place, Route) {
	if len(s.Dimensions) == 0 {
		return overall, Route{}
	}
	r, is := Route{Figures: noFigures}, elsewhere
	for i, name := range s.Dimensions {
		switch name {
		case pipeline.Service.String():
			r.Service = clean(s.Values[i])
		case pipeline.Route.String():
			r.Name, is = clean(s.Values[i]), ofRoute
		case pipeline.Method.String():
			r.Method = clean(s.Values[i])
		}
	}
	return is, r
}

// windowOf returns what pane says. With several rollups by route it takes the first.
func windowOf(pane *point.Pane) *Window {
	w := &Window{Shard: pane.Shard, Start: pane.Start, End: pane.End, Kind: pane.Kind, All: noFigures}
	var series *point.Series
	var is place
	rollup := ""
	for p := range pane.All() {
		if p.Series != series {
			series = p.Series
			var r Route
			if is, r = placeOf(series); is == ofRoute {
				if rollup == "" {
					rollup = series.Rollup
				}
				if series.Rollup == rollup {
					w.Routes = append(w.Routes, r)
				} else {
					is = elsewhere
				}
			}
		}
		switch is {
		case overall:
			w.All.take(&p, p.Count)
		case ofRoute:
			w.Routes[len(w.Routes)-1].take(&p, p.Count)
		}
	}
	byRequests(w.Routes)
	return w
}

// byRequests sorts routes, the busiest first.
func byRequests(routes []Route) {
	slices.SortStableFunc(routes, func(a, b Route) int { return cmp.Compare(b.Requests, a.Requests) })
}

// merged returns windows of several shards as one: counts added up, of percentiles the highest. It changes none of them.
func merged(windows []*Window) *Window {
	if len(windows) == 1 {
		return windows[0]
	}
	type name struct{ service, route, method string }
	all := *windows[0]
	all.All, all.Routes = noFigures, nil
	index := map[name]int{}
	for _, w := range windows {
		all.All.add(&w.All)
		for _, r := range w.Routes {
			n := name{r.Service, r.Name, r.Method}
			if i, known := index[n]; known {
				all.Routes[i].add(&r.Figures)
				continue
			}
			index[n] = len(all.Routes)
			all.Routes = append(all.Routes, r)
		}
	}
	byRequests(all.Routes)
	return &all
}

// add adds o's counts and keeps the higher of what cannot be added up. Clients are a lower bound then.
func (f *Figures) add(o *Figures) {
	f.Requests += o.Requests
	for i, n := range o.Classes {
		f.Classes[i] += n
	}
	f.P50, f.P95, f.P99, f.Max = max(f.P50, o.P50), max(f.P95, o.P95), max(f.P99, o.P99), max(f.Max, o.Max)
	f.RequestBytes += o.RequestBytes
	f.ResponseBytes += o.ResponseBytes
	f.Clients = max(f.Clients, o.Clients)
}

// errors returns how many requests were answered with 5xx.
func (f *Figures) errors() int64 { return f.Classes[5] }
