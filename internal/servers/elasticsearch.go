package servers

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Elasticsearch is a node of Elasticsearch 8.19: a cluster of one, without security. What it has and lacks is in
// elasticsearch/README.md.
type Elasticsearch struct {
	*Server
	URL string // http://127.0.0.1:PORT
}

// StartElasticsearch starts a node. settings are the node's, as "name=value".
func StartElasticsearch(t testing.TB, settings ...string) *Elasticsearch {
	t.Helper()
	dir, address := t.TempDir(), FreeAddress(t)
	e := &Elasticsearch{URL: "http://" + address}
	e.Server = Start(t, Command{
		Name:   "elasticsearch",
		Args:   append([]string{installed(t, "elasticsearch/start.sh"), dir, port(address)}, settings...),
		Output: filepath.Join(dir, "output.log"),
		Logs:   []string{filepath.Join(dir, "logs/elasticsearch.log")},
		Ready: func() error {
			resp, err := http.Get(e.URL + "/_cluster/health?wait_for_status=yellow&timeout=1s")
			if err != nil {
				return err
			}
			defer resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				return fmt.Errorf("GET _cluster/health: %s", resp.Status)
			}
			return nil
		},
	})
	return e
}

// Do sends a request and decodes the JSON answer into out, unless that is nil. body is nil, or becomes JSON. Any status but
// 2xx is an error. It is safe for concurrent use.
func (e *Elasticsearch) Do(method, path string, body, out any) error {
	var send io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("%s %s: %w", method, path, err)
		}
		send = bytes.NewReader(b)
	}
	req, err := http.NewRequest(method, e.URL+"/"+strings.TrimPrefix(path, "/"), send)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	client := http.Client{Timeout: time.Minute}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s: %s: %.500s", method, path, resp.Status, answer)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	return nil
}

// Refresh makes all that was indexed visible to Count and Search. It is safe for concurrent use.
func (e *Elasticsearch) Refresh(index string) error { return e.Do("POST", index+"/_refresh", nil, nil) }

// Count refreshes index, which may be a data stream or a pattern, and returns how many documents it has.
func (e *Elasticsearch) Count(index string) int {
	e.t.Helper()
	var answer struct{ Count int }
	err := e.Refresh(index)
	if err == nil {
		err = e.Do("GET", index+"/_count", nil, &answer)
	}
	if err != nil {
		e.t.Fatalf("count %s: %v\n%s", index, err, e.Tails())
	}
	return answer.Count
}

// Document is one document as Elasticsearch has it.
type Document struct {
	Index  string          `json:"_index"`
	ID     string          `json:"_id"`
	Source json.RawMessage `json:"_source"`
}

// Each refreshes index and calls f with every document of it, ordered by index and then as stored, until f returns an error.
func (e *Elasticsearch) Each(index string, f func(Document) error) {
	e.t.Helper()
	if err := e.each(index, f); err != nil {
		e.t.Fatalf("read %s: %v\n%s", index, err, e.Tails())
	}
}

func (e *Elasticsearch) each(index string, f func(Document) error) error {
	if err := e.Refresh(index); err != nil {
		return err
	}
	var pit struct{ ID string }
	if err := e.Do("POST", index+"/_pit?keep_alive=5m", nil, &pit); err != nil {
		return err
	}
	defer func() { _ = e.Do("DELETE", "_pit", map[string]any{"id": pit.ID}, nil) }()
	search := map[string]any{
		"size": 10000, "track_total_hits": false, "query": map[string]any{"match_all": map[string]any{}},
		"pit": map[string]any{"id": pit.ID, "keep_alive": "5m"}, "sort": []string{"_shard_doc"},
	}
	for {
		var page struct {
			Hits struct {
				Hits []struct {
					Document
					Sort []any `json:"sort"`
				}
			}
		}
		if err := e.Do("POST", "_search", search, &page); err != nil {
			return err
		}
		hits := page.Hits.Hits
		if len(hits) == 0 {
			return nil
		}
		for _, hit := range hits {
			if err := f(hit.Document); err != nil {
				return err
			}
		}
		search["search_after"] = hits[len(hits)-1].Sort
	}
}
