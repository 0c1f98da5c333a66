package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	strictsearch "github.com/gatemeter/gatemeter/internal/strict/elasticsearch"
	strictgraphite "github.com/gatemeter/gatemeter/internal/strict/graphite"
	strictstatsd "github.com/gatemeter/gatemeter/internal/strict/statsd"
)

// refusals says which documents a server refuses for good: a share of them, always the same.
type refusals struct {
	oneIn uint64

	mu   sync.Mutex
	seen map[string]int // of refused documents, how often
}

func (r *refusals) refuse(doc []byte) bool {
	h := fnv.New64a()
	_, _ = h.Write(doc)
	if h.Sum64()%r.oneIn != 0 {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seen == nil {
		r.seen = map[string]int{}
	}
	r.seen[string(doc)]++
	return true
}

// count returns how many documents were refused, and how often the one that came most often came.
func (r *refusals) count() (documents, most int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, n := range r.seen {
		most = max(most, n)
	}
	return len(r.seen), most
}

// letters returns the dead letters of Elasticsearch's sink: id, then reason.
func (w *world) letters() map[string]string {
	w.t.Helper()
	files, err := filepath.Glob(filepath.Join(w.dir, "data/deadletters/elasticsearch-*.jsonl"))
	if err != nil {
		w.t.Fatal(err)
	}
	all := map[string]string{}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			w.t.Fatal(err)
		}
		for line := range bytes.Lines(text) {
			var l struct{ ID, Reason string }
			if err := json.Unmarshal(line, &l); err != nil {
				w.t.Fatalf("dead letter %q: %v", line, err)
			}
			if _, twice := all[l.ID]; twice {
				w.t.Errorf("two dead letters of %s", l.ID)
			}
			all[l.ID] = l.Reason
		}
	}
	return all
}

// provenBut is proven for a run in which documents became dead letters, each of them once and for a reason. Its trials are the
// requests.
func (w *world) provenBut(r *refusals, fault string) {
	w.t.Helper()
	w.wanted = ask(w.t, w.job)
	lines := len(w.wanted.documents)
	w.reaches(float64(lines), "gatemeter_index_settled_documents_total")
	letters := w.letters()
	if refused, _ := r.count(); refused != len(letters) {
		w.t.Errorf("%d dead letters, %d documents were refused", len(letters), refused)
	}
	maps.DeleteFunc(w.wanted.documents, func(id string, _ document) bool {
		reason, dead := letters[id]
		if dead && reason == "" {
			w.t.Errorf("the dead letter of %s has no reason", id)
		}
		return dead
	})
	w.await(w.compare)
	o := outcome{fault: fault, trials: int(w.metric(w.t, "gatemeter_index_requests_total")), lines: lines}
	o.lost, o.doubled = w.difference()
	note(w.t, o)
	if in := w.metric(w.t, "gatemeter_index_in_flight_documents"); in != 0 {
		w.t.Errorf("%v documents in flight at the end", in)
	}
}

// TestFaultElasticsearchMixed: of the documents a fifth is answered 429, a hundredth refused for good; of the requests one in
// twenty is carried out and not answered.
func TestFaultElasticsearchMixed(t *testing.T) {
	w := newWorld(t, size(8000, 500_000))
	w.addElasticsearch()["request_bytes"] = "64KiB"
	r := &refusals{oneIn: 100}
	w.search.Behave(strictsearch.Behaviour{RejectItems: 0.2, Lose: 0.05, Refuse: r.refuse})
	w.log.part(1, 1)
	w.start()
	w.provenBut(r, "Elasticsearch: 20 % answered 429, 1 % refused, 5 % of answers lost")
	for _, reason := range []string{"overloaded", "unreachable"} {
		w.reaches(1, "gatemeter_index_retried_documents_total", `reason="`+reason+`"`)
	}
}

// TestFaultElasticsearchStorm: half of the documents conflict with the mapping, requests are too large, the index is read-only
// for a while: no document is sent without end, and the others pass.
func TestFaultElasticsearchStorm(t *testing.T) {
	w := newWorld(t, size(8000, 200_000))
	w.addElasticsearch()["dead_letters"] = "1GiB" // half of all
	r := &refusals{oneIn: 2}
	storm := strictsearch.Behaviour{MaxBody: 100_000, Refuse: r.refuse}
	blocked := storm
	blocked.Blocked = func(string) bool { return true }
	w.search.Behave(storm)
	w.start()
	w.log.part(1, 3)
	w.reaches(float64(w.log.next), "gatemeter_index_settled_documents_total")
	w.search.Behave(blocked)
	w.log.part(2, 3)
	w.reaches(1, "gatemeter_index_retried_documents_total", `reason="blocked"`)
	w.search.Behave(storm)
	w.log.part(3, 3)
	w.provenBut(r, "Elasticsearch: every other document refused, 413, a read-only block lifted")
	if _, most := r.count(); most > 2 {
		t.Errorf("a document that is refused for good was sent %d times", most)
	}
	if requests, least := w.metric(t, "gatemeter_index_requests_total"), w.metric(t, "gatemeter_index_sent_bytes_total")/100_000; requests > 4*least+100 {
		t.Errorf("%v requests where %v would do", requests, least)
	}
}

// TestFaultGraphiteStalls: a Graphite that takes nothing more, and does not say so, is noticed; when it goes on all is there.
func TestFaultGraphiteStalls(t *testing.T) {
	w := newWorld(t, size(4000, 100_000))
	w.addGraphite(strictgraphite.Options{ReadBuffer: 4096})["timeout"] = "500ms"
	w.addElasticsearch()
	w.start()
	trials := size(2, 30)
	for i := range trials {
		go_on := make(chan struct{})
		w.graphiteBehaves(strictgraphite.Behaviour{Stall: go_on})
		w.log.part(i+1, trials)
		w.ready("sink/graphite")
		w.stored() // no other waits for it
		close(go_on)
		w.graphiteBehaves(strictgraphite.Behaviour{})
		w.settled()
		w.ready()
	}
	w.proven("Graphite takes nothing for a while", trials)
	w.said(trials, "sink failed", "for 500ms", "sink=graphite")
}

// TestFaultGraphiteCut: connections are reset after any number of bytes, in any state of the sink.
func TestFaultGraphiteCut(t *testing.T) {
	w := newWorld(t, size(4000, 200_000))
	w.addGraphite(strictgraphite.Options{})["protocol"] = "plaintext"
	w.start()
	trials := size(10, 200)
	for i := range trials {
		w.graphiteBehaves(strictgraphite.Behaviour{ResetAfter: int64(1 + i*i*37%20_011)})
		w.log.part(i+1, trials)
		resets := w.graphite.Stats().Resets
		w.await(func() error {
			if w.graphite.Stats().Resets == resets {
				return fmt.Errorf("no reset")
			}
			return nil
		})
	}
	w.graphiteBehaves(strictgraphite.Behaviour{})
	w.proven("Graphite resets after any number of bytes", trials)
}

// kernelDrops returns how many datagrams found no room in the socket at the address.
func kernelDrops(t *testing.T, address string) int64 {
	t.Helper()
	_, port, _ := strings.Cut(strings.TrimPrefix(address, "udp://"), ":")
	number, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("/proc/net/udp")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) == 13 && strings.HasSuffix(f[1], fmt.Sprintf(":%04X", number)) {
			n, err := strconv.ParseInt(f[12], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("/proc/net/udp has no socket at %s", address)
	return 0
}

// TestFaultStatsDLoss: a receiver with a socket of 64 KiB, and a network that loses one datagram in ten. All that was sent is
// counted, all that arrives is whole, and what is missing is what was lost.
func TestFaultStatsDLoss(t *testing.T) {
	w := newWorld(t, size(5000, 300_000))
	w.addStatsD(strictstatsd.Options{ReadBuffer: 64 << 10})
	n, lines := 0, 0
	lost := map[string]float64{}
	w.statsdBehaves(strictstatsd.Behaviour{Lose: func(datagram []byte) bool { // called one at a time
		if n++; n%10 != 0 {
			return false
		}
		for line := range strings.SplitSeq(string(datagram), "\n") {
			lines++
			name, rest, _ := strings.Cut(line, ":")
			if value, counter := strings.CutSuffix(rest, "|c"); counter {
				v, err := strconv.ParseFloat(value, 64)
				if err != nil {
					t.Errorf("lost line %q: %v", line, err)
				}
				lost[strings.TrimPrefix(name, "w."+shard+".")] += v
			}
		}
		return true
	}})
	w.start()
	parts := 5
	for i := range parts {
		w.log.part(i+1, parts)
		w.await(func() error {
			if got := w.metric(t, "gatemeter_window_counted_records_total") + w.metric(t, "gatemeter_parser_malformed_lines_total"); got != float64(w.log.next) {
				return fmt.Errorf("%v lines counted", got)
			}
			return nil
		})
	}
	w.wanted = ask(t, w.job)
	want := w.wanted.values.counters()
	w.await(func() error {
		if n := kernelDrops(t, w.statsd.Address); n > 0 { // the machine is too busy for the receiver: nobody knows what was in them
			t.Logf("the kernel has dropped %d datagrams", n)
			if sent, seen := w.metric(t, "gatemeter_sink_sent_packets_total"), w.statsd.Stats().Datagrams+n; sent != float64(seen) {
				return fmt.Errorf("%v datagrams sent, %d seen or dropped", sent, seen)
			}
			return nil
		}
		got := map[string]float64{}
		for name, v := range w.statsd.Counters() {
			got[name] = float64(v)
		}
		s := w.statsd.Stats() // after which Lose is not called any more if the sums are right
		for name, v := range lost {
			got["w."+shard+"."+name] += v
		}
		if err := compareCounters(want, got, "w."+shard+"."); err != nil {
			return err
		}
		for metric, received := range map[string]int64{
			"gatemeter_sink_sent_packets_total": s.Datagrams, "gatemeter_sink_sent_bytes_total": s.Bytes, "gatemeter_sink_sent_lines_total": s.Lines + int64(lines),
		} {
			if sent := w.metric(t, metric); sent != float64(received) {
				return fmt.Errorf("%s is %v, StatsD has seen %d", metric, sent, received)
			}
		}
		return nil
	})
	note(t, outcome{fault: "StatsD: one datagram in ten lost on the way: beside those", trials: n, lines: w.wanted.totals["read"]})
	w.said(0)
}
