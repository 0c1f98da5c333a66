package pipeline

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/parsers"
	"github.com/gatemeter/gatemeter/parsers/kong"
	"github.com/gatemeter/gatemeter/pipeline/batch"
	"github.com/gatemeter/gatemeter/pipeline/filter"
	"github.com/gatemeter/gatemeter/pipeline/record"
	"github.com/gatemeter/gatemeter/pipeline/redact"
	"github.com/gatemeter/gatemeter/pipeline/route"
)

// kongSettings are of a pipeline of Kong's JSON that masks names, and one sink that takes every record.
func kongSettings(t testing.TB, names []string, dimensions ...Dimension) Settings {
	t.Helper()
	r, err := redact.New(redact.Config{Query: names})
	if err != nil {
		t.Fatal(err)
	}
	m := testMetrics(1000)
	m.Rollups = []Rollup{{Name: "one", Dimensions: dimensions}}
	return Settings{
		Sources:     []SourceSettings{{Name: "test", NewParser: func() Parser { return kong.New() }}},
		RecordSinks: []RecordSinkSettings{{Name: "records", Sink: takesAll{}}},
		Metrics:     m, Redact: r, Routes: &route.Templater{}, Now: time.Now, Rand: func() float64 { return 0 }, Log: slog.New(slog.DiscardHandler),
	}
}

// takesAll is a record sink whose documents are the lines.
type takesAll struct{ RecordSink }

func (takesAll) Append(body []byte, _ *batch.Partition, recs []record.Record) []byte {
	for i := range recs {
		body = append(append(body, recs[i].Line...), '\n')
	}
	return body
}

func (takesAll) Offer(b *Body) bool {
	b.Done(b)
	return true
}

// routeSink is a record sink that keeps the routes of what it is given.
type routeSink struct {
	takesAll
	routes *[]string
}

func (s routeSink) Append(body []byte, _ *batch.Partition, recs []record.Record) []byte {
	for i := range recs {
		*s.routes = append(*s.routes, string(recs[i].Route))
	}
	return body
}

func (s routeSink) Submit(_ context.Context, b *Body) error {
	b.Done(b)
	return nil
}

// TestRecordsHaveRoutes, whatever is counted by, and those that a record lane forwards too.
func TestRecordsHaveRoutes(t *testing.T) {
	data := []byte(strings.Repeat(`{"started_at":1726783839538,"request":{"method":"GET","uri":"/orders/4711"},"response":{"status":200}}`+"\n", 100))
	want := slices.Repeat([]string{"/orders/{id}"}, 100)
	f := func(what string, run func(w *worker, t *task), dimensions ...Dimension) {
		t.Helper()
		var got []string
		set := kongSettings(t, nil, dimensions...)
		set.RecordSinks[0].Sink = routeSink{routes: &got}
		p, err := New(set)
		if err != nil {
			t.Fatal(err)
		}
		k := p.addPartition(&batch.Partition{Source: "test", Name: "a", Shard: "host", ID: "a"}, 0)
		b := &sharedBatch{Batch: &batch.Batch{Partition: k.Partition, Data: data, Next: int64(len(data))}, left: 2, pipe: p}
		run(p.workers[0], &task{partition: k, batch: b, to: b.Next, metrics: true, now: 2e18, spans: []*span{k.progress[0].begin(0, b.Next)}})
		if !slices.Equal(got, want) {
			t.Errorf("%s: routes %.200q", what, got)
		}
	}
	f("counted by route", (*worker).process, Service, Route, Method)
	f("counted by service", (*worker).process, Service)
	f("forwarded", func(w *worker, task *task) {
		if task.metrics = false; w.forward(t.Context(), task) != nil {
			t.Error("not forwarded")
		}
	}, Service, Route, Method)
}

// counted runs data through a worker of set and returns what was made of it: of each line the facts and series, and the counts.
// records: the records are wanted too.
func counted(t testing.TB, set Settings, data []byte, records bool) (facts []string, sample string) {
	t.Helper()
	p, err := New(set)
	if err != nil {
		t.Fatal(err)
	}
	k := p.addPartition(&batch.Partition{Source: "test", Name: "a", Shard: "host", ID: "a"}, 0)
	w := p.workers[0]
	b := &sharedBatch{Batch: &batch.Batch{Partition: k.Partition, Data: data, Next: int64(len(data))}, left: 1 << 40, pipe: p}
	task := &task{partition: k, batch: b, to: b.Next, metrics: true, now: 2e18, spans: []*span{nil}}
	if records {
		task.spans[0] = k.progress[0].begin(0, b.Next)
	}
	w.process(task)
	more := w.more
	for i := range w.facts {
		text := fmt.Sprintf("%+v", w.facts[i])
		if w.facts[i].visit >= 0 {
			for _, at := range append([]int32{w.facts[i].pair}, more[:len(p.chains)-1]...) {
				if at >= 0 {
					text += fmt.Sprintf(" %q", keyParts(w.pairs[at].series.key[1:]))
				}
			}
			more = more[len(p.chains)-1:]
		}
		facts = append(facts, text)
	}
	return append(facts, fmt.Sprintf("%+v", w.counts)), string(w.sample.line)
}

// TestCountsDoNotDependOnRecordSinks: lines are counted alike whether or not the records go anywhere, also those with secrets in
// what is counted.
func TestCountsDoNotDependOnRecordSinks(t *testing.T) {
	paths := []string{
		`\/a\/token=b\/c`, `\/a;jsessionid=b?c=d`, `\/a\/token%3Db`, `\/a\/{\"token\":\"b\"}`, `\/a\/token\u003Db`, `?token=b`, `\/a?token=b`, `\/v1\/orders\/17?a=b`,
	}
	random := rand.New(rand.NewPCG(1, 2))
	var log bytes.Buffer
	for i := range 500 {
		path := paths[random.IntN(len(paths))]
		member := []string{`"route":{"name":"r"}`, `"route":{"name":"token=r"}`, `"a":1`, `"session":{"sent":1}`, `"key":"token","value":{"name":"b"}`}[random.IntN(5)]
		fmt.Fprintf(&log, `{"started_at":%d,"client_ip":"10.0.0.%d","consumer":{"username":"u%d"},"service":{"name":"auth=%d"},%s,`+
			`"request":{"method":"GET","headers":{"host":"a.example"},"uri":"%s"},"latencies":{"request":%d},"response":{"status":200}}`,
			1726783839538+i, i%20, i%7, i%3, member, path, i)
		log.WriteByte('\n')
		if i%50 == 0 {
			fmt.Fprintf(&log, "{\"uri\":\"/?token=secret%d\"\n\n{}\n", i)
		}
	}
	f := func(names []string, rules []filter.Rule, dimensions ...Dimension) {
		t.Helper()
		set := kongSettings(t, names, dimensions...)
		if rules != nil {
			var err error
			if set.Filter, err = filter.Compile(rules); err != nil {
				t.Fatal(err)
			}
		}
		sameCounts(t, set, log.Bytes())
	}
	all := []Dimension{Service, Route, Method, Consumer, Stage, Domain, Kind, StatusClass, Cache}
	f(redact.DefaultNames(), nil, Service, Route, Method)
	f(redact.DefaultNames(), nil, all...)
	f(nil, nil, all...)
	f([]string{"consumer"}, nil, all...)
	f([]string{"username", "name"}, nil, all...)
	f([]string{"status", "uri"}, nil, all...)
	f(redact.DefaultNames(), []filter.Rule{{When: []filter.Condition{{Field: "url.query", Glob: "token=*"}}, Drop: record.DropMetrics}}, Service)
	f(redact.DefaultNames(), []filter.Rule{{When: []filter.Condition{{Field: "event.original", Matches: "secret|=b"}}, Drop: record.DropMetrics}}, Service)
	f(redact.DefaultNames(), []filter.Rule{{When: []filter.Condition{{Field: "gateway.route", Prefix: "/a/token=*"}}, Drop: record.DropMetrics}}, Route)
}

// The same of other formats.
func TestOtherFormatsCountTheSame(t *testing.T) {
	otherFormats(t, func(newParser func() Parser, log []byte) {
		for _, names := range [][]string{redact.DefaultNames(), nil, {"servicename", "x"}} {
			set := kongSettings(t, names, Service, Route, Method, Consumer, Stage, Domain, Kind, StatusClass, Cache)
			set.Sources[0].NewParser = newParser
			sameCounts(t, set, log)
		}
	})
}

// otherFormats calls f with parsers and logs of formats but Kong's, with secrets in all that is read.
func otherFormats(t *testing.T, f func(newParser func() Parser, log []byte)) {
	t.Helper()
	const clf = `203.0.113.7 - %s [31/Mar/2021:12:04:07 +0000] "GET %s HTTP/1.1" 200 612 `
	lines := map[string][]string{
		`$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer $upstream_cache_status" "$upstream_status" $host`: {
			clf + `"- HIT" "200" a.example`, clf + `"https://a/?token=my secret HIT" "200" a.example`, clf + `"- -" "token=a,b, 200" a.example`, clf + `"- MISS" "502, 200" token=a`,
		},
		"traefik_json": {
			`{"ClientHost":"203.0.113.7","ClientUsername":"%s","RequestPath":"%s","RequestMethod":"GET","OriginStatus":200,"Duration":95823000,"ServiceName":"shop@docker","StartUTC":"2016-09-21T18:15:29.217Z","RouterName":"r"}`,
			`{"ClientHost":"203.0.113.7","ClientUsername":"%s","RequestPath":"%s","RequestMethod":"GET","OriginStatus":200,"Duration":95823000,"ServiceName":"token=a","StartUTC":"2016-09-21T18:15:29.217Z","RouterName":"token\\u003dsecret"}`,
		},
	}
	random := rand.New(rand.NewPCG(3, 4))
	for format, all := range lines {
		newParser, err := parsers.New(format, parsers.Options{})
		if err != nil {
			t.Fatal(err)
		}
		var log bytes.Buffer
		for range 1000 {
			user := []string{"-", "bob", "token=bob"}[random.IntN(3)]
			path := []string{"/orders/17", "/a?token=b", "/a/token=b", "/?x", "/v1/x%3Dy"}[random.IntN(5)]
			fmt.Fprintf(&log, all[random.IntN(len(all))]+"\n", user, path)
		}
		f(func() Parser { return newParser() }, log.Bytes())
	}
}

// sameCounts checks that log is counted alike where its records go to a sink that stores their lines, to one that does not, for a while to
// none, and where there is none: then less is wanted of a line.
func sameCounts(t *testing.T, set Settings, log []byte) {
	t.Helper()
	want, wantSample := counted(t, set, bytes.Clone(log), true)
	f := func(records bool) {
		t.Helper()
		got, sample := counted(t, set, bytes.Clone(log), records)
		checkCounted(t, set, got, want, sample, wantSample)
	}
	f(false)
	set.RecordSinks = slices.Clone(set.RecordSinks)
	set.RecordSinks[0].Lineless = true
	f(true)
	set.RecordSinks = nil
	f(false)
}

func checkCounted(t *testing.T, set Settings, got, want []string, sample, wantSample string) {
	t.Helper()
	if sample != wantSample || strings.Contains(sample, "secret") && set.Redact.MasksMember("token") {
		t.Errorf("the malformed line to be shown is %s, with a sink of lines %s", sample, wantSample)
	}
	if len(got) < 2 || len(got) != len(want) {
		t.Fatalf("%d facts, with a sink of lines %d", len(got), len(want))
	}
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("fact %d is\n%s\nwith a sink of lines\n%s", i, got[i], want[i])
		}
	}
}

// TestLinesThatLeaveAreMasked: a record sink is given lines without secrets, also by a task that follows one without records.
func TestLinesThatLeaveAreMasked(t *testing.T) {
	p, err := New(kongSettings(t, redact.DefaultNames(), Service))
	if err != nil {
		t.Fatal(err)
	}
	w := p.workers[0]
	k := p.addPartition(&batch.Partition{Source: "test", Name: "a", Shard: "host", ID: "a"}, 0)
	line := []byte(`{"started_at":1726783839538,"request":{"querystring":{"token":"abc"}}}`)
	for i, records := range []bool{false, true, false} {
		data := bytes.Clone(line)
		b := &sharedBatch{Batch: &batch.Batch{Partition: k.Partition, Data: data, Next: int64(len(data))}, left: 1, pipe: p}
		task := &task{partition: k, batch: b, number: uint64(i), to: b.Next, metrics: true, now: 2e18, spans: []*span{nil}}
		if records {
			task.spans[0] = k.progress[0].begin(0, b.Next)
		}
		w.process(task)
		if masked := !bytes.Equal(data, line); masked != records {
			t.Errorf("task %d: the line is %s", i, data)
		}
	}
}

// tried counts the lines that are tried bare.
type tried struct {
	*kong.Parser
	lines *int
}

func (p tried) ParseBare(recs []record.Record) {
	*p.lines += len(recs)
	p.Parser.ParseBare(recs)
}

// TestVainTriesAreFew: lines that have to be masked are not read twice, but for those of a task now and then.
func TestVainTriesAreFew(t *testing.T) {
	f := func(data string, want int) {
		t.Helper()
		lines := 0
		set := kongSettings(t, redact.DefaultNames(), Service)
		set.Sources[0].NewParser = func() Parser { return tried{kong.New(), &lines} }
		p, err := New(set)
		if err != nil {
			t.Fatal(err)
		}
		k := p.addPartition(&batch.Partition{Source: "test", Name: "a", Shard: "host", ID: "a"}, 0)
		for i := range uint64(2 * (restAfterVain + 1)) {
			b := &sharedBatch{Batch: &batch.Batch{Partition: k.Partition, Data: []byte(data), Next: int64(len(data))}, left: 1, pipe: p}
			p.workers[0].process(&task{partition: k, batch: b, number: i, to: b.Next, metrics: true, now: 2e18, spans: []*span{nil}})
		}
		if lines != want {
			t.Errorf("%d lines are tried of\n%swant %d", lines, data, want)
		}
	}
	const good, bad = `{"started_at":1726783839538}` + "\n", `{"started_at":1726783839538,"service":{"name":"a=b"}}` + "\n"
	f(good+good+good, 3*2*(restAfterVain+1))
	f(good+good+bad, 3*2*(restAfterVain+1))
	f(good+bad, 2*2)
	f("no JSON\n", 2)
}

// panicking is a BareParser that panics at a line that is bare.
type panicking struct{ *kong.Parser }

func (p panicking) ParseBare(recs []record.Record) {
	p.Parser.ParseBare(recs[:1])
	panic("a bug")
}

// TestBareParserPanics: the lines are read as if they had been masked, and the log does not show them.
func TestBareParserPanics(t *testing.T) {
	set := kongSettings(t, redact.DefaultNames(), Service, Route)
	var log bytes.Buffer
	set.Log = slog.New(slog.NewTextHandler(&log, nil))
	data := []byte(strings.Repeat(`{"started_at":1726783839538,"request":{"uri":"\/x?token=secret"}}`+"\n", 3))
	want, _ := counted(t, set, bytes.Clone(data), true)
	set.Sources[0].NewParser = func() Parser { return panicking{kong.New()} }
	got, _ := counted(t, set, bytes.Clone(data), false)
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%q, want %q", got, want)
	}
	if text := log.String(); !strings.Contains(text, "a bug") || strings.Contains(text, "secret") {
		t.Errorf("the log has %s", text)
	}
}

// TestBareAllocatesNothing, be the lines read bare or masked after all.
func TestBareAllocatesNothing(t *testing.T) {
	var log bytes.Buffer
	for i := range 1000 {
		fmt.Fprintf(&log, `{"started_at":1726783839538,"service":{"name":"s%d"},"request":{"method":"GET","uri":"\/a%s%d"},"latencies":{"request":%d}}`+"\n",
			i%9, []string{"?token=", ";token="}[i%2], i, i)
	}
	set := kongSettings(t, redact.DefaultNames(), Service, Route)
	set.Metrics.StatusCodes = false
	p, err := New(set)
	if err != nil {
		t.Fatal(err)
	}
	k := p.addPartition(&batch.Partition{Source: "test", Name: "a", Shard: "host", ID: "a"}, 0)
	data := make([]byte, log.Len())
	b := &sharedBatch{Batch: &batch.Batch{Partition: k.Partition, Data: data, Next: int64(len(data))}, left: 1 << 40, pipe: p}
	task := &task{partition: k, batch: b, to: b.Next, metrics: true, now: 2e18}
	again := func() {
		copy(data, log.Bytes())
		task.number = k.turn
		p.workers[0].process(task)
	}
	for range 5 {
		again()
	}
	if n := testing.AllocsPerRun(20, again); n != 0 {
		t.Errorf("%v allocations for a thousand lines", n)
	}
}
