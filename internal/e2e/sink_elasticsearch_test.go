package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	strictsearch "github.com/gatemeter/gatemeter/internal/strict/elasticsearch"
	strictgraphite "github.com/gatemeter/gatemeter/internal/strict/graphite"
)

// TestElasticsearchGone: an Elasticsearch that is not there at the start, comes, goes in the midst of it, and comes again.
func TestElasticsearchGone(t *testing.T) {
	w := newWorld(t, 3000)
	w.addElasticsearch()
	w.addGraphite(strictgraphite.Options{})
	w.search.Leave()
	w.log.part(1, 4)
	w.start()
	w.await(func() error {
		if len(w.messages(t)) == 0 {
			return fmt.Errorf("nothing said")
		}
		return nil
	})
	w.ready("sink/elasticsearch")
	w.said(1, "Elasticsearch cannot be reached; trying again", "connection refused", "sink=elasticsearch")
	if err := w.search.Return(); err != nil {
		t.Fatal(err)
	}
	w.log.part(2, 4)
	w.settled()
	w.ready()

	w.search.Leave()
	w.log.part(3, 4)
	w.reaches(3, "gatemeter_index_failed_requests_total")
	w.reaches(1, "gatemeter_index_retried_documents_total", `reason="unreachable"`)
	w.ready("sink/elasticsearch")
	if err := w.search.Return(); err != nil {
		t.Fatal(err)
	}
	w.log.part(4, 4)
	w.settled()
	w.ready()
	w.said(1) // the same again within five minutes is no news
}

// TestElasticsearchRefuses: whatever an Elasticsearch that is there has against documents, it gets each of them once when it
// has not any more.
func TestElasticsearchRefuses(t *testing.T) {
	f := func(name string, b strictsearch.Behaviour, reason, message string) {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 2000)
			w.addElasticsearch()
			w.addGraphite(strictgraphite.Options{})
			w.start()
			w.log.part(1, 3)
			w.settled()
			w.ready()

			w.search.Behave(b)
			w.log.part(2, 3)
			w.reaches(1, "gatemeter_index_retried_documents_total", `reason="`+reason+`"`)
			if message != "" {
				w.ready("sink/elasticsearch")
				requests := w.metric(t, "gatemeter_index_requests_total")
				w.reaches(requests+2, "gatemeter_index_requests_total")
				w.said(1, message, "sink=elasticsearch")
			}
			w.search.Behave(strictsearch.Behaviour{})
			w.log.part(3, 3)
			w.settled()
			w.ready()
			if message != "" {
				w.said(1)
			} else {
				w.said(0)
			}
			if dead := w.metric(t, "gatemeter_index_settled_documents_total", `outcome="dead"`); dead != 0 {
				t.Errorf("%v dead letters", dead)
			}
		})
	}
	all := func(string) bool { return true }
	f("red", strictsearch.Behaviour{Red: all}, "unavailable", "Elasticsearch is not available")
	f("red as a whole", strictsearch.Behaviour{Status: 503}, "unavailable", "Elasticsearch is not available")
	f("read-only", strictsearch.Behaviour{Blocked: all}, "blocked", "Elasticsearch does not let the index be written to")
	f("disk full", strictsearch.Behaviour{Flooded: all}, "blocked", "Elasticsearch does not let the index be written to")
	f("busy", strictsearch.Behaviour{Reject: 1}, "overloaded", "Elasticsearch is too busy")
	f("busy for some", strictsearch.Behaviour{RejectItems: 0.3}, "overloaded", "")
	f("loses answers", strictsearch.Behaviour{Lose: 1}, "unreachable", "Elasticsearch cannot be reached")
	f("a proxy's page", strictsearch.Behaviour{Status: 404}, "refused", "Elasticsearch refuses the request")
}

// TestElasticsearchAppliedAnswerLost: a request that was carried out and of which the answer was lost is sent again, and its
// documents are duplicates.
func TestElasticsearchAppliedAnswerLost(t *testing.T) {
	w := newWorld(t, 1000)
	w.addElasticsearch()
	w.start()
	for i := range 4 {
		w.search.Behave(strictsearch.Behaviour{Lose: 1})
		w.log.part(i+1, 4)
		w.stored()
		w.search.Behave(strictsearch.Behaviour{})
		w.reaches(float64(w.log.next), "gatemeter_index_settled_documents_total")
	}
	w.settled()
	if got := w.metric(t, "gatemeter_index_settled_documents_total", `outcome="duplicate"`); got != float64(len(w.log.lines)) {
		t.Errorf("%v duplicates of %d documents", got, len(w.log.lines))
	}
	w.checkConservation(t, map[string]int{"edge": len(w.log.lines)})
}

// TestElasticsearchTooLarge: answers 413, which have no body and no product header, are answered by smaller requests.
func TestElasticsearchTooLarge(t *testing.T) {
	w := newWorld(t, 2000)
	w.addElasticsearch()
	w.search.Behave(strictsearch.Behaviour{MaxBody: 8 << 10})
	w.log.part(1, 1)
	w.start()
	w.settled()
	w.ready()
	w.reaches(1, "gatemeter_index_retried_documents_total", `reason="too_large"`)
	w.said(1, "too large", "sink=elasticsearch")
	w.said(1)
}

// TestDeadLetter: a document that is refused for good becomes a dead letter with reason and place; the others pass.
func TestDeadLetter(t *testing.T) {
	w := newWorld(t, 2000)
	w.addElasticsearch()
	w.addGraphite(strictgraphite.Options{})
	w.log.append([]byte(`203.0.113.9 - - [` + "10/Oct/2000:13:55:36 +0000" + `] "GET /unloved/path HTTP/1.1" 200 7 "-" "x" 0.010 0.009` + "\n"))
	w.search.Behave(strictsearch.Behaviour{Refuse: func(doc []byte) bool { return bytes.Contains(doc, []byte("unloved")) }})
	w.log.part(1, 1)
	w.start()
	w.wanted = ask(t, w.job)
	var id string
	rest := maps.Clone(w.wanted.documents)
	for k, d := range rest {
		if d.Path != nil && *d.Path == "/unloved/path" {
			id = k
			delete(rest, k)
		}
	}
	w.await(func() error { return w.compareStored(rest) })
	w.reaches(1, "gatemeter_index_settled_documents_total", `outcome="dead"`)
	w.reaches(1, "gatemeter_deadletter_written_letters_total", `sink="elasticsearch"`)
	w.await(func() error { return compareValues(w.wanted.values, w.points()) })
	w.said(1, "dead letters", "status=400", "document_parsing_exception", id)
	w.said(1)
	w.ready()
	w.checkConservation(t, map[string]int{"edge": len(w.log.lines) + 1})

	text, err := os.ReadFile(filepath.Join(w.dir, "data/deadletters/elasticsearch-00000001.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var letter struct {
		ID, Type, Reason, Partition string
		Status                      int
		Offset                      *int64
		Document                    json.RawMessage
	}
	if err := json.Unmarshal(text, &letter); err != nil {
		t.Fatalf("the dead letter is %q: %v", text, err)
	}
	if letter.ID != id || letter.Status != 400 || letter.Type == "" || letter.Reason == "" || letter.Offset == nil || *letter.Offset != 0 ||
		!strings.HasPrefix(id, letter.Partition) || !bytes.Contains(letter.Document, []byte("/unloved/path")) {
		t.Errorf("dead letter %s, want that of %s", text, id)
	}
}
