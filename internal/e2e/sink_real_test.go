package e2e

import (
	"testing"

	"github.com/gatemeter/gatemeter/internal/servers"
)

// TestRealElasticsearch makes a real Elasticsearch refuse in each of the ways that are its own, and lifts what it was made to
// refuse by. Each case has a data stream of its own.
func TestRealElasticsearch(t *testing.T) {
	t.Parallel()
	e := servers.StartElasticsearch(t, "http.max_content_length=700kb")
	do := func(method, path string, body any) {
		t.Helper()
		if err := e.Do(method, path, body, nil); err != nil {
			t.Fatal(err)
		}
	}
	// begin returns a running gatemeter that sends to a data stream of its own.
	begin := func(t *testing.T, name string, more object) *world {
		t.Helper()
		w := newSerialWorld(t, 2000)
		sink := w.addSink("elasticsearch", object{
			"type": "elasticsearch", "urls": []string{e.URL}, "data_stream": index(name), "flush_interval": "50ms",
		})
		for k, v := range more {
			sink[k] = v
		}
		w.start()
		return w
	}
	settled := func(w *world, name string) {
		w.t.Helper()
		w.wanted = ask(w.t, w.job)
		w.await(func() error {
			if err := e.Refresh(index(name)); err != nil {
				return err
			}
			return compareDocuments(w.t, e, index(name), w.wanted.documents)
		})
		w.ready()
	}
	// refused waits until documents were sent again for a reason, and the operator was told so once.
	refused := func(w *world, reason, message string) {
		w.t.Helper()
		w.reaches(1, "gatemeter_index_retried_documents_total", `reason="`+reason+`"`)
		w.ready("sink/elasticsearch")
		requests := w.metric(w.t, "gatemeter_index_requests_total")
		w.reaches(requests+2, "gatemeter_index_requests_total")
		w.said(1, message, "sink=elasticsearch")
		w.said(1)
	}
	block := func(setting string, on any) func(w *world, name string) {
		return func(w *world, name string) { do("PUT", index(name)+"/_settings", object{setting: on}) }
	}
	f := func(name string, begins, ends func(w *world, name string), reason, message string) {
		t.Run(name, func(t *testing.T) {
			w := begin(t, name, nil)
			w.log.part(1, 3)
			settled(w, name)
			begins(w, name)
			w.log.part(2, 3)
			refused(w, reason, message)
			ends(w, name)
			w.log.part(3, 3)
			settled(w, name)
			w.said(1)
		})
	}
	f("readonly", block("index.blocks.write", true), block("index.blocks.write", false), "blocked", "does not let the index be written to")
	f("flooded", block("index.blocks.read_only_allow_delete", true), block("index.blocks.read_only_allow_delete", nil), "blocked", "does not let the index be written to")

	t.Run("red", func(t *testing.T) {
		// No node has that name, so the first index gets no primary shard.
		do("PUT", "_component_template/gatemeter@custom", object{"template": object{"settings": object{"index.routing.allocation.require._name": "none"}}})
		w := begin(t, "red", object{"timeout": "6s"})
		w.log.part(1, 3)
		refused(w, "unavailable", "Elasticsearch is not available")
		do("DELETE", "_component_template/gatemeter@custom", nil)
		do("PUT", index("red")+"/_settings", object{"index.routing.allocation.require._name": nil})
		w.log.part(2, 3)
		settled(w, "red")
		w.said(1)
	})

	t.Run("toolarge", func(t *testing.T) {
		w := begin(t, "toolarge", nil)
		w.log.part(1, 1)
		settled(w, "toolarge")
		w.reaches(1, "gatemeter_index_retried_documents_total", `reason="too_large"`)
		w.said(1, "too large")
		w.said(1)
	})

	t.Run("deadletter", func(t *testing.T) {
		// Whoever added this to the mapping thinks that paths are numbers.
		do("PUT", "_component_template/gatemeter@custom", object{"template": object{"mappings": object{"properties": object{
			"url": object{"properties": object{"path": object{"type": "long"}}},
		}}}})
		w := begin(t, "deadletter", nil)
		w.log.append([]byte(`203.0.113.9 - - [10/Oct/2000:13:55:36 +0000] "GET 42 HTTP/1.1" 200 7 "-" "x" 0.010 0.009` + "\n"))
		w.log.part(1, 3)
		w.reaches(float64(w.log.next+1), "gatemeter_index_settled_documents_total")
		dead := w.metric(t, "gatemeter_index_settled_documents_total", `outcome="dead"`)
		created := w.metric(t, "gatemeter_index_settled_documents_total", `outcome="created"`)
		if dead == 0 || created == 0 || e.Count(index("deadletter")) != int(created) {
			t.Errorf("%v dead, %v created, Elasticsearch has %d", dead, created, e.Count(index("deadletter")))
		}
		w.reaches(dead, "gatemeter_deadletter_written_letters_total")
		w.said(1, "dead letters", "status=400", "document_parsing_exception")
		w.said(1)
		do("DELETE", "_component_template/gatemeter@custom", nil)
	})
}

// TestRealGraphiteGone: carbon is killed while it is written to, and comes again; with the pane queue and what the sink keeps of
// the last minute nothing is missing.
func TestRealGraphiteGone(t *testing.T) {
	g := servers.StartGraphite(t, "1s:2h")
	w := newSerialWorld(t, 3000)
	w.addSink("graphite", object{"type": "graphite", "address": "tcp://" + g.Plaintext, "prefix": "w"})
	w.start()
	for i := range 3 {
		w.log.part(2*i+1, 6)
		w.reaches(1, "gatemeter_sink_sent_panes_total")
		g.Carbon.Kill()
		w.log.part(2*i+2, 6)
		w.ready("sink/graphite")
		g.Carbon.Start()
		w.ready()
	}
	want := ask(t, w.job)
	w.await(func() error { return compareValues(want.values, graphiteValues(t, g, "w", w.job.Rollups, want.values)) })
	if n := len(w.messages(t, "sink=graphite")); n > 3 {
		t.Errorf("said %d times for three deaths", n)
	}
}
