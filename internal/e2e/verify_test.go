package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/internal/servers"
)

// TestVerify has `gatemeter verify` look at a real Graphite and a real Elasticsearch: while gatemeter runs and after it, when
// nobody has meddled, and when one document was deleted, one point changed, one line appended.
func TestVerify(t *testing.T) {
	g, e := servers.StartGraphite(t, "1s:2h"), servers.StartElasticsearch(t)
	w := newSerialWorld(t, 1500)
	w.addSink("graphite", object{"type": "graphite", "address": "tcp://" + g.Plaintext, "prefix": "v", "render_url": g.URL})
	w.addSink("elasticsearch", object{"type": "elasticsearch", "urls": []string{e.URL}, "data_stream": index("verify"), "flush_interval": "50ms"})
	w.start()
	w.log.part(1, 2)
	w.reaches(750, "gatemeter_source_read_lines_total")
	if err := os.Rename(w.log.path, w.log.path+".1"); err != nil {
		t.Fatal(err)
	}
	w.log.part(2, 2)
	w.reaches(1500, "gatemeter_source_read_lines_total")
	config := w.write(t, "gatemeter.yaml", w.config)

	// agrees waits until verify says that all agree: the cursor is saved, and points are to be seen, a moment later.
	agrees := func(notes string, least float64) {
		t.Helper()
		w.await(func() error {
			out, err := exec.CommandContext(t.Context(), binary, "verify", "-c", config, "--json").Output()
			var r struct {
				Agrees                            bool
				Lines, Windows, Values, Documents float64
				Notes                             []string
			}
			if jsonErr := json.Unmarshal(out, &r); jsonErr != nil {
				return fmt.Errorf("%w: %s", jsonErr, out)
			}
			if err != nil || !r.Agrees || r.Lines != 1500 || r.Documents < 1480 || r.Windows < least || r.Values < 30*least || !strings.Contains(strings.Join(r.Notes, "\n"), notes) {
				return fmt.Errorf("%w: %.3000s", err, out)
			}
			return nil
		})
	}
	agrees("those of 1 of 1 logs were compared one by one", 4)
	w.process.Stop()
	if err := servers.Start(t, w.command("--once")).Wait(time.Minute); err != nil { // every window becomes final
		t.Fatal(err)
	}
	agrees("", 25)

	finds := func(want ...string) {
		t.Helper()
		fails(t, 1, []string{"verify", "-c", config, "--wait", "0s"}, append(want, "1 differences\n")...)
	}
	var gone servers.Document
	n := 0
	e.Each(index("verify"), func(d servers.Document) error {
		if n++; n == 700 {
			gone = d
		}
		return nil
	})
	if err := e.Do("DELETE", gone.Index+"/_doc/"+gone.ID+"?refresh=true", nil, nil); err != nil {
		t.Fatal(err)
	}
	finds("elasticsearch 20", "1 document of", gone.ID, "deleted from Elasticsearch")
	if err := e.Do("PUT", index("verify")+"/_create/"+gone.ID+"?refresh=true", gone.Source, nil); err != nil {
		t.Fatal(err)
	}
	agrees("", 25)

	const name = "v." + shard + ".all.requests.count"
	points := g.Render(name, time.Now().Add(-time.Hour), time.Now())[name]
	p := points[len(points)/2]
	set := func(v float64) { send(t, g.Plaintext, fmt.Sprintf("%s %v %d\n", name, v, p.Time)) }
	set(p.Value + 1)
	w.await(func() error {
		now := g.Render(name, time.Now().Add(-time.Hour), time.Now())[name]
		if !slices.Contains(now, servers.Point{Time: p.Time, Value: p.Value + 1}) {
			return fmt.Errorf("Graphite has %v", now)
		}
		return nil
	})
	finds("graphite "+time.Unix(p.Time, 0).UTC().Format(time.RFC3339), fmt.Sprintf("%s: %v, the log says %v", name, p.Value+1, p.Value), "the point was changed in Graphite")
	set(p.Value)
	agrees("", 25)

	appendTo(t, w.log.path+".1", w.log.lines[100])
	finds("line 20", "1 line of", "appended to "+w.log.path+".1 behind gatemeter's back")
	info, err := os.Stat(w.log.path + ".1")
	if err == nil {
		err = os.Truncate(w.log.path+".1", info.Size()-int64(len(w.log.lines[100])))
	}
	if err != nil {
		t.Fatal(err)
	}
	agrees("", 25)
	appendTo(t, w.log.path, w.log.lines[100])
	finds("line 20", "1 line of", "appended after gatemeter had read the log")
}
