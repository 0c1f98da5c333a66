package pipeline

import (
	"log/slog"
	"testing"
	"time"
	"unsafe"

	"github.com/gatemeter/gatemeter/bench/loggen"
	"github.com/gatemeter/gatemeter/parsers"
	"github.com/gatemeter/gatemeter/pipeline/batch"
	"github.com/gatemeter/gatemeter/pipeline/record"
	"github.com/gatemeter/gatemeter/pipeline/redact"
	"github.com/gatemeter/gatemeter/pipeline/route"
)

// generatedSettings is a pipeline of generated nginx lines with the default rollups, without sinks.
func generatedSettings(tb testing.TB) Settings {
	tb.Helper()
	newParser, err := parsers.New("nginx_timed", parsers.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	r, err := redact.New(redact.Config{Query: redact.DefaultNames()})
	if err != nil {
		tb.Fatal(err)
	}
	m := testMetrics(1000)
	m.Window, m.Lateness, m.Amend = 10*time.Second, 5*time.Second, time.Minute
	m.StatusCodes, m.Percentiles = false, []float64{50, 90, 95, 99, 99.9}
	m.Rollups = []Rollup{{"all", nil}, {"service", []Dimension{Service}}, {"route", []Dimension{Service, Route, Method}}}
	return Settings{
		Sources: []SourceSettings{{Name: "edge", NewParser: func() Parser { return newParser() }}},
		Metrics: m, Redact: r, Routes: &route.Templater{}, Workers: 1,
		Now: func() time.Time { return time.Unix(2e9, 0) }, Rand: func() float64 { return 0 }, Log: slog.New(slog.DiscardHandler),
	}
}

// generatedLines returns n lines, one each interval.
func generatedLines(n int, interval time.Duration) []byte {
	g := loggen.New(loggen.Options{
		Format: loggen.NginxTimed, Seed: 1, Start: time.Unix(1767225600, 0), Interval: interval,
		Disorder: loggen.DefaultDisorder, Malformed: loggen.DefaultMalformed,
	})
	var data []byte
	for range n {
		data = g.Append(data)
	}
	return data
}

// replayParser gives again what a parser made of lines before, at next to no cost. It knows them by their offset.
type replayParser struct {
	at    map[int64]int
	all   []replayed
	i     int
	shift int64 // added to times
}

// replayed is what metrics need of a record.
type replayed struct {
	reason                      record.Reason
	column, status              int32
	time                        int64
	duration, upstream          int64
	requestBytes, responseBytes int64
	client, method, path        [2]int32
}

// learn reads all lines of data with parser.
func (p *replayParser) learn(parser Parser, data []byte) {
	p.at = map[int64]int{}
	part := func(line, field []byte) [2]int32 {
		if len(field) == 0 {
			return [2]int32{}
		}
		from := int32(uintptr(unsafe.Pointer(&field[0])) - uintptr(unsafe.Pointer(&line[0])))
		return [2]int32{from, from + int32(len(field))}
	}
	parser.Reset(&batch.Partition{})
	for offset := 0; offset < len(data); {
		end := offset
		for data[end] != '\n' {
			end++
		}
		var recs [1]record.Record
		r := &recs[0]
		r.Reset()
		r.Line = data[offset:end:end]
		parser.Parse(recs[:])
		p.at[int64(offset)] = len(p.all)
		p.all = append(p.all, replayed{
			r.Reason, r.Column, r.Status, r.TimeNanos, r.DurationNanos, r.UpstreamNanos, r.RequestBytes, r.ResponseBodyBytes,
			part(r.Line, r.ClientAddress), part(r.Line, r.Method), part(r.Line, r.Path),
		})
		offset = end + 1
	}
}

func (p *replayParser) Reset(*batch.Partition) { p.i = -1 }

func (p *replayParser) Parse(recs []record.Record) {
	if p.i < 0 {
		p.i = p.at[recs[0].Offset]
	}
	for i := range recs {
		r, k := &recs[i], &p.all[p.i]
		p.i++
		r.Reason, r.Column = k.reason, k.column
		if k.reason != record.None {
			continue
		}
		r.TimeNanos, r.Status, r.DurationNanos, r.UpstreamNanos = k.time+p.shift, k.status, k.duration, k.upstream
		r.RequestBytes, r.ResponseBodyBytes, r.Kind = k.requestBytes, k.responseBytes, "nginx"
		r.ClientAddress, r.Method, r.Path = r.Line[k.client[0]:k.client[1]], r.Line[k.method[0]:k.method[1]], r.Line[k.path[0]:k.path[1]]
	}
}

// BenchmarkCounting is all that is done with generated lines but to read and parse them: of a busy log, with fifty thousand to a window,
// and of one with five hundred, where the panes cost more than the lines.
func BenchmarkCounting(b *testing.B) {
	b.Run("busy", func(b *testing.B) { benchmarkCounting(b, 200*time.Microsecond) })
	b.Run("quiet", func(b *testing.B) { benchmarkCounting(b, 20*time.Millisecond) })
}

func benchmarkCounting(b *testing.B, interval time.Duration) {
	const lines, perBatch = 60000, 6000
	set := generatedSettings(b)
	data := generatedLines(lines, interval)
	replay := &replayParser{}
	replay.learn(set.Sources[0].NewParser(), data)
	set.Sources[0].NewParser = func() Parser { return replay }
	p, err := New(set)
	if err != nil {
		b.Fatal(err)
	}
	k := p.addPartition(&batch.Partition{Source: "edge", Name: "a", Shard: "host", ID: "a"}, 0)
	var cuts []int64
	n := 0
	for i, c := range data {
		if c == '\n' {
			if n++; n%perBatch == 0 {
				cuts = append(cuts, int64(i+1))
			}
		}
	}
	read := 0
	b.ReportAllocs()
	for b.Loop() { // an operation is a batch
		i := read % len(cuts)
		if i == 0 && read > 0 {
			replay.shift += lines * int64(interval)
		}
		from := int64(0)
		if i > 0 {
			from = cuts[i-1]
		}
		part := data[from:cuts[i]]
		shared := &sharedBatch{Batch: &batch.Batch{Partition: k.Partition, Data: part, First: from, Next: cuts[i]}, left: 2, pipe: p}
		p.workers[0].process(&task{
			partition: k, number: k.turn, batch: shared, from: from, to: cuts[i], metrics: true, now: 2e18, final: k.shard.final,
		})
		p.epoch(false)
		k.forget(p.windows, k.shard.final, k.shard.final)
		read++
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/perBatch, "ns/line")
	if c := k.counts; c.Counted < c.Read*9/10 {
		b.Fatalf("%d of %d lines counted", c.Counted, c.Read)
	}
}
