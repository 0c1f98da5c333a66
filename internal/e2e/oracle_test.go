package e2e

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// job is what the oracle is told: see ../oracle/oracle.py.
type job struct {
	Window      int                 `json:"window"` // seconds, as the next two
	Lateness    int                 `json:"lateness"`
	Amend       int                 `json:"amend"`
	Percentiles []float64           `json:"percentiles"`
	Rollups     map[string][]string `json:"rollups"`
	Routes      []string            `json:"routes,omitempty"`
	Partitions  []partition         `json:"partitions"`

	Metrics   string `json:"metrics"` // files it writes
	Documents string `json:"documents"`
}

// partition is one log and how it is read.
type partition struct {
	Source string   `json:"source"`
	Reader string   `json:"reader"` // nginx_text, nginx_json, kong
	Format string   `json:"format"` // a log_format string
	Shard  string   `json:"shard"`
	Path   string   `json:"path"`  // of the live file
	Files  []string `json:"files"` // oldest first
}

// expected is what the oracle says.
type expected struct {
	totals    map[string]int
	values    values
	documents map[string]document
}

// values maps a name below the shard, as service.orders.latency.p99, to its values by the window's start.
type values map[string]map[int64]float64

// document is what is compared of a record.
type document struct {
	Malformed bool
	Status    *int64
	Path      *string
	Bytes     *int64
	Duration  *int64 // nanoseconds
}

// counters returns the sum over all windows of every stat that adds up.
func (v values) counters() map[string]float64 {
	sums := map[string]float64{}
	for name, windows := range v {
		if kindOf(name) == counter {
			for _, n := range windows {
				sums[name] += n
			}
		}
	}
	return sums
}

// ask runs the oracle.
func ask(t *testing.T, j job) *expected {
	t.Helper()
	dir := t.TempDir()
	j.Metrics, j.Documents = filepath.Join(dir, "metrics.jsonl"), filepath.Join(dir, "documents.jsonl")
	text, err := json.Marshal(j)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "job.json")
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	oracle := exec.Command("/usr/bin/python3", "-B", "../oracle/oracle.py", name)
	oracle.Stderr = &said
	out, err := oracle.Output()
	if err != nil {
		t.Fatalf("oracle: %v\n%s", err, said.String())
	}
	e := &expected{values: values{}, documents: map[string]document{}}
	if err := json.Unmarshal(out, &e.totals); err != nil {
		t.Fatalf("oracle's totals: %v", err)
	}
	eachLine(t, j.Metrics, func(line []byte) error {
		var m struct {
			Series string
			Window int64
			Values map[string]float64
		}
		if err := json.Unmarshal(line, &m); err != nil {
			return err
		}
		for stat, v := range m.Values {
			e.values.set(m.Series+"."+stat, m.Window, v)
		}
		return nil
	})
	eachLine(t, j.Documents, func(line []byte) error {
		var d struct {
			ID string
			document
		}
		if err := json.Unmarshal(line, &d); err != nil {
			return err
		}
		e.documents[d.ID] = d.document
		return nil
	})
	t.Logf("oracle: %v; %d values' names, %d documents", e.totals, len(e.values), len(e.documents))
	return e
}

func (v values) set(name string, window int64, value float64) {
	if v[name] == nil {
		v[name] = map[int64]float64{}
	}
	v[name][window] = value
}

// eachLine calls f with each line of a file.
func eachLine(t *testing.T, name string, f func(line []byte) error) {
	t.Helper()
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if err := f(lines.Bytes()); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}
