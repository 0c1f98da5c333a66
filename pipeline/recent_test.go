package pipeline

import (
	"bytes"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/pipeline/batch"
	"github.com/gatemeter/gatemeter/pipeline/record"
	"github.com/gatemeter/gatemeter/pipeline/redact"
	"github.com/gatemeter/gatemeter/pipeline/route"
)

// TestSeriesOfIsTheDictionarys: a record has the series that its values' key has, whatever was looked up before.
func TestSeriesOfIsTheDictionarys(t *testing.T) {
	patterns, err := route.New([]string{"/orders/{order}/items"})
	if err != nil {
		t.Fatal(err)
	}
	f := func(routes *route.Templater, dimensions ...Dimension) {
		t.Helper()
		m := testMetrics(100)
		m.Rollups = []Rollup{{"a", dimensions}}
		p, err := New(Settings{
			Sources: []SourceSettings{{Name: "test", NewParser: func() Parser { return testParser{} }}},
			Metrics: m, Routes: routes, Now: time.Now, Rand: func() float64 { return 0 }, Log: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		w, c := p.workers[0], p.chains[0]
		r := rand.New(rand.NewPCG(1, 2))
		some := func(of ...string) []byte {
			b := []byte(of[r.IntN(len(of))])
			return append(b, " and the rest of a line that is as long as this, or longer, than any path"[:r.IntN(70)]...)[:len(b)]
		}
		for i := range 20000 {
			var rec record.Record
			rec.Reset()
			rec.Service = some("edge", "a-service-of-many-letters", "a-service-of-many-more", "b")
			rec.Method = some("GET", "POST", "DELETE", "PROPPATCH", "", "GETT", "UPDATEREDIRECTREF", "\x16\x03")
			switch n := r.IntN(900); r.IntN(8) {
			case 0:
				rec.Route = some("/orders/{id}", "orders", "a-route-with-a-name-that-is-longer-than-anything-that-has-a-shape-of-its-own")
			case 1:
				rec.URL = some("", "/x?a=1", "*", "http://host/orders/7")
			case 2:
				rec.Path = some("/", "/1", "", "/a/b/c/d/e/f/g/h/i/j/k/l/m/n", "/1/2/3/4/5/6/7/8/9/0/1/2/3")
			default:
				id := fmt.Sprint(n)
				rec.Path = some("/orders/"+id, "/orders/"+id+"/items", "/v1/orders/"+id, "/v2/orders/"+id, "/media/5907df90de13b"+id+".jpg",
					"/u/3f2504e0-4f89-41d3-9a0c-0305e82c3301/notifications/3f2504e0-4f89-"+id, "/oauth/token", "/oauth/tokem", "/v1/x"+id+"y/z", "/orders/{id}")
			}
			plain, given := rec, string(rec.Route)
			if len(plain.Route) == 0 && (len(plain.Path) > 0 || len(plain.URL) > 0) {
				path := plain.Path
				if len(path) == 0 {
					path = plain.URL
				}
				plain.Route = routes.Append(nil, path)
			}
			w.setShape(i%ChunkLines, &rec)
			for range 2 { // put, and found
				if got, want := w.seriesOf(c, i%ChunkLines, &rec), w.series.of(c, &plain); got != want {
					t.Fatalf("%v of %+v: series %q, want %q", dimensions, plain, got.key, want.key)
				}
			}
			if !slices.Contains(dimensions, Route) && string(rec.Route) != given {
				t.Fatalf("%v: route %q is made for nothing", dimensions, rec.Route)
			}
			if r.IntN(5000) == 0 {
				w.recent.clear()
			}
			w.recent.fit(i)
		}
	}
	none := &route.Templater{}
	f(none, Service, Route, Method)
	f(none, Route)
	f(none, Method, Route)
	f(none, Service)
	f(none, Service, Route, Method, StatusClass)
	f(none, Kind, Route)
	f(patterns, Service, Route, Method)
}

// newTestPipeline is a pipeline of testParser's lines with these rollups, without sinks.
func newTestPipeline(t testing.TB, rollups ...Rollup) *Pipeline {
	t.Helper()
	m := testMetrics(100)
	m.Rollups = rollups
	p, err := New(Settings{
		Sources: []SourceSettings{{Name: "test", NewParser: func() Parser { return testParser{} }}},
		Metrics: m, Routes: &route.Templater{}, Now: time.Now, Rand: func() float64 { return 0 }, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestWhatMeetsInAPlace is told apart: chains, and no method from one that is spelled as the name for that. Of so many routes some
// twenty have one place for each two of these.
func TestWhatMeetsInAPlace(t *testing.T) {
	p := newTestPipeline(t, Rollup{"a", []Dimension{Service, Route}}, Rollup{"b", []Dimension{Route, Method}})
	w := p.workers[0]
	if len(p.chains) != 2 || !p.chains[0].quick || !p.chains[1].quick {
		t.Fatal("not two chains")
	}
	for i := range 20000 {
		for _, method := range []string{"", noValue, otherValue, ""} {
			for _, c := range p.chains {
				var rec record.Record
				rec.Reset()
				rec.Service, rec.Route, rec.Method = []byte("edge"), fmt.Appendf(nil, "/orders/%x", i), []byte(method)
				w.setShape(0, &rec)
				if got, want := w.seriesOf(c, 0, &rec), w.series.of(c, &rec); got != want {
					t.Fatalf("%v of %s, method %q: series %q of %v, want %q", c.dims, rec.Route, method, got.key, got.chain.dims, want.key)
				}
			}
		}
	}
}

// TestManySeriesHavePlaces: of a log of many series most are found in their places; of another there are few.
func TestManySeriesHavePlaces(t *testing.T) {
	f := func(series, places, found int) {
		t.Helper()
		p := newTestPipeline(t, Rollup{"a", []Dimension{Service, Route}})
		w, k := p.workers[0], p.addPartition(&batch.Partition{Source: "test", Name: "a", Shard: "host", ID: "a"}, 0)
		var text []byte
		for i := range series {
			text = fmt.Appendf(text, "1700000000000 s /orders/x%xy 200 9 9 client\n", i)
		}
		for range 2 {
			b := &sharedBatch{Batch: &batch.Batch{Partition: k.Partition, Data: text, Next: int64(len(text))}, left: 2, pipe: p}
			w.process(&task{partition: k, number: k.turn, batch: b, to: b.Next, metrics: true, now: 2e18})
		}
		n := 0
		for i := range w.recent.places {
			if w.recent.places[i].series != nil {
				n++
			}
		}
		if len(w.recent.places) != places || n < found {
			t.Errorf("%d series: %d have one of %d places, want %d of %d", w.series.n, n, len(w.recent.places), found, places)
		}
	}
	f(400, 1<<fewPlaces, 300)
	f(600, 1<<manyPlaces, 580)
	f(5000, 1<<manyPlaces, 4000)

	p := newTestPipeline(t, Rollup{"a", []Dimension{Service}}) // is never looked up in places
	if k := p.workers[0].recent; len(k.places) > 1<<fewPlaces {
		t.Errorf("%d places", len(k.places))
	} else if k.fit(10_000); len(k.places) > 1<<fewPlaces {
		t.Errorf("%d places that nobody uses", len(k.places))
	}
}

// TestForgottenSeriesAreNotRecent: what the dictionary has forgotten is in no place.
func TestForgottenSeriesAreNotRecent(t *testing.T) {
	p := newTestPipeline(t, Rollup{"a", []Dimension{Service, Route}})
	w, k := p.workers[0], p.addPartition(&batch.Partition{Source: "test", Name: "a", Shard: "host", ID: "a"}, 0)
	f := func(text string, want ...string) {
		t.Helper()
		b := &sharedBatch{Batch: &batch.Batch{Partition: k.Partition, Data: []byte(text), Next: int64(len(text))}, left: 2, pipe: p}
		w.series.sweep = 1
		w.process(&task{partition: k, number: k.turn, batch: b, to: b.Next, metrics: true, now: 2e18})
		var known []string
		for _, s := range w.series.slots {
			if s != nil {
				known = append(known, keyParts(s.key[1:])[1])
			}
		}
		slices.Sort(known)
		if !slices.Equal(known, want) {
			t.Errorf("series %q are known, want %q", known, want)
		}
		for i := range w.recent.places {
			if s := w.recent.places[i].series; s != nil && !slices.Contains(w.series.slots, s) {
				t.Errorf("series %q has a place and is not known", s.key)
			}
		}
	}
	f("1700000000000 s /counted 200 1 1 c\n1600000000000 s /late 200 1 1 c\n", "/counted", "/late")
	f("1700000000000 s /counted 200 1 1 c\n", "/counted")
}

// TestLinesAreThoseBetweenNewlines: however long they are and wherever stretches end; and those with secrets are masked.
func TestLinesAreThoseBetweenNewlines(t *testing.T) {
	redactor, err := redact.New(redact.Config{Query: []string{"token"}})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	p, err := New(Settings{
		Sources: []SourceSettings{{Name: "test", NewParser: func() Parser { return lineParser{&got} }}},
		Metrics: testMetrics(100), Redact: redactor, Routes: &route.Templater{}, Now: time.Now, Rand: func() float64 { return 0 }, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	w, k := p.workers[0], p.addPartition(&batch.Partition{Source: "test", Name: "a", Shard: "host", ID: "a"}, 0)
	r := rand.New(rand.NewPCG(3, 4))
	for round := range 60 {
		var data []byte
		for len(data) < 3*stretch {
			switch r.IntN(12) {
			case 0:
				data = append(data, "\r"...)
			case 1:
				data = append(data, "/a?token=secret"...)
			case 2:
				data = append(data, `"token": "secret"}`...)
			case 3:
				data = append(data, `x: {"token":"secret"} y`...)
			case 4:
				data = append(data, `token%3Dsecret `...)
			case 7:
				data = append(data, `token\u003dsecret `...)
			case 5:
				data = append(data, bytes.Repeat([]byte("long "), r.IntN(1+stretch/40*round))...)
			case 6:
				data = append(data, "\n\n \n"...)
			default:
				data = append(data, "some text"[:r.IntN(10)]...)
			}
			if r.IntN(3) == 0 {
				data = append(data, '\n')
			}
		}
		var want []string
		offset := 0
		for line := range bytes.Lines(data) {
			text := bytes.TrimSuffix(bytes.TrimSuffix(bytes.Clone(line), []byte("\n")), []byte("\r"))
			if len(bytes.TrimSpace(text)) > 0 && len(text) <= p.set.MaxLine {
				redactor.Line(text)
				want = append(want, fmt.Sprintf("%d %s", offset, text))
			}
			offset += len(line)
		}
		got = nil
		b := &sharedBatch{Batch: &batch.Batch{Partition: k.Partition, Data: data, Next: int64(len(data))}, left: 2, pipe: p}
		w.process(&task{partition: k, number: k.turn, batch: b, to: b.Next, metrics: true, now: 2e18})
		if !slices.Equal(got, want) {
			for i := range got {
				if i >= len(want) || got[i] != want[i] {
					t.Fatalf("line %d is %.100q, want %.100q", i, got[i], want[min(i, len(want)-1)])
				}
			}
			t.Fatalf("%d lines, want %d", len(got), len(want))
		}
	}
}

// lineParser keeps lines with their offsets.
type lineParser struct{ lines *[]string }

func (lineParser) Reset(*batch.Partition) {}

func (p lineParser) Parse(recs []record.Record) {
	for i := range recs {
		*p.lines = append(*p.lines, fmt.Sprintf("%d %s", recs[i].Offset, recs[i].Line))
		recs[i].Fail(record.Unexpected, 0)
	}
}

// TestLentValues: a series that is merged from one other alone has the same points as when it is counted by itself.
func TestLentValues(t *testing.T) {
	f := func(what string, lines ...string) {
		t.Helper()
		panes := func(rollups ...Rollup) (points []string) {
			p := newTestPipeline(t, rollups...)
			k := p.addPartition(&batch.Partition{Source: "test", Name: "a", Shard: "host", ID: "a"}, 0)
			for round := range 3 { // the second and third time of values that were used before, and the last of some of the series
				var data []byte
				for i, line := range lines {
					for n := range 150 {
						if round < 2 || i == 0 {
							data = fmt.Appendf(data, "1700000000000 %s 200 %d 9 client%d\n", line, 1000+n*i, n*(i+1))
						}
					}
				}
				b := &sharedBatch{Batch: &batch.Batch{Partition: k.Partition, Data: data, Next: int64(len(data))}, left: 2, pipe: p}
				p.workers[0].process(&task{partition: k, number: k.turn, batch: b, to: b.Next, metrics: true, now: 2e18})
				due := dueWindow{key: windowKey{k.shard.index, 1700000000}, shard: k.shard}
				due.parts = append(due.parts, p.workers[0].detach(due.key))
				pane := p.collector.makePane(&due)
				for at := range pane.All() {
					points = append(points, fmt.Sprint(round, at.Series.Path, at.Metric, at.Stat, at.Kind, at.Count, at.Change, at.Value))
				}
			}
			return points
		}
		all, service, route := Rollup{"all", nil}, Rollup{"service", []Dimension{Service}}, Rollup{"route", []Dimension{Service, Route, Method}}
		got := panes(all, service, route)
		want := slices.Concat(panes(all), panes(service), panes(route))
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s: points together\n%q\neach by itself\n%q", what, got, want)
		}
	}
	f("one", "s /a")
	f("two routes", "s /a", "s /b")
	f("two services", "s /a", "t /a")
	f("all", "s /a", "s /b", "t /a", "u /a", "u /b")
}
