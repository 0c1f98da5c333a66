package elasticsearch

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"testing"

	"github.com/gatemeter/gatemeter/pipeline"
	"github.com/gatemeter/gatemeter/pipeline/batch"
	"github.com/gatemeter/gatemeter/pipeline/ecs"
	"github.com/gatemeter/gatemeter/pipeline/record"
	"github.com/gatemeter/gatemeter/sinks/deadletter"
)

// BenchmarkAppend is what a worker spends on a record.
func BenchmarkAppend(b *testing.B) {
	k := &Sink{options: ecs.Options{Document: true}, action: []byte(`{"create":{"_id":"`)}
	k.target, _ = newTarget("", "")
	p := &batch.Partition{Source: "edge", Name: "/var/log/nginx/access.log", Shard: "web1", ID: "f-0123456789abcdef"}
	recs := make([]record.Record, 64)
	for i := range recs {
		recs[i] = fullRecord()
	}
	body := k.Append(nil, p, recs)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		body = k.Append(body[:0], p, recs)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(recs)), "ns/record")
}

// taker answers every bulk request at once: what is left is the sink's own cost.
type taker struct{ refuseEvery int }

func (t taker) RoundTrip(r *http.Request) (*http.Response, error) {
	n := 0
	buf := make([]byte, 64<<10)
	for {
		k, err := r.Body.Read(buf)
		n += bytes.Count(buf[:k], []byte{'\n'})
		if err != nil {
			break
		}
	}
	r.Body.Close()
	answer := []byte(`{"errors":false,"items":[`)
	if t.refuseEvery > 0 {
		answer = []byte(`{"errors":true,"items":[`)
	}
	for i := range n / 2 {
		if i > 0 {
			answer = append(answer, ',')
		}
		if t.refuseEvery > 0 && i%t.refuseEvery == 0 {
			answer = append(answer, `{"create":{"status":409,"error":{"type":"version_conflict_engine_exception","reason":"[f-0123456789abcdef-0]: version conflict, document already exists (current version [1])"}}}`...)
		} else {
			answer = append(answer, `{"create":{"status":201}}`...)
		}
	}
	answer = append(answer, `]}`...)
	return &http.Response{StatusCode: 200, Header: http.Header{"X-Elastic-Product": {"Elasticsearch"}}, Body: io.NopCloser(bytes.NewReader(answer))}, nil
}

// BenchmarkSubmit is the whole way of a record that is encoded already: one operation is a document.
func BenchmarkSubmit(b *testing.B) {
	f := func(name string, gzip bool, t taker) {
		b.Run(name, func(b *testing.B) {
			letters, err := deadletter.Open(b.TempDir(), "es", deadletter.Options{})
			if err != nil {
				b.Fatal(err)
			}
			c := DefaultConfig()
			c.URLs, c.Setup, c.Gzip = []string{"http://es.invalid:9200"}, false, gzip
			k, err := New(c, Settings{Name: "es", DeadLetters: letters, Log: slog.New(slog.DiscardHandler), Transport: t})
			if err != nil {
				b.Fatal(err)
			}
			const docs = 1000
			recs := make([]record.Record, docs)
			for i := range recs {
				recs[i] = fullRecord()
			}
			encoded := k.Append(nil, &batch.Partition{Source: "edge", Name: "/var/log/nginx/access.log", Shard: "web1", ID: "f-0123456789abcdef"}, recs)
			b.SetBytes(int64(len(encoded) / docs))
			b.ReportAllocs()
			b.ResetTimer()
			var done sync.WaitGroup
			for range (b.N + docs - 1) / docs {
				done.Add(1)
				if err := k.Submit(context.Background(), &pipeline.Body{Bytes: encoded, Docs: docs, Done: func(*pipeline.Body) { done.Done() }}); err != nil {
					b.Fatal(err)
				}
			}
			if err := k.Close(context.Background()); err != nil {
				b.Fatal(err)
			}
			done.Wait()
		})
	}
	f("plain", false, taker{})
	f("plain_one_of_ten_duplicate", false, taker{refuseEvery: 10})
	f("gzip", true, taker{})
}
