package elasticsearch

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/gatemeter/gatemeter/pipeline/ecs"
)

// Remote asks the server of a Config about what is stored there, and stores single documents. Each call is one attempt. It is
// safe for concurrent use.
type Remote struct {
	config  Config
	target  string // a pattern, when the index is dated
	client  *client
	closing func()
}

// NewRemote returns a Remote. It does not connect yet.
func NewRemote(c Config) (*Remote, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	to, err := newTarget(c.DataStream, c.Index)
	if err != nil {
		return nil, err
	}
	base, err := newHTTPTransport(&c)
	if err != nil {
		return nil, err
	}
	client, err := newClient(&c, &transport{base})
	if err != nil {
		return nil, fmt.Errorf("make the Elasticsearch client: %w", err)
	}
	pattern, _ := to.pattern()
	return &Remote{config: c, target: pattern, client: client, closing: base.CloseIdleConnections}, nil
}

// Target returns the data stream or index documents are in, a pattern when it is dated.
func (r *Remote) Target() string { return r.target }

// Close ends connections that nobody uses.
func (r *Remote) Close() { r.closing() }

// do makes a request of the index called so and decodes its answer into out, unless that is nil.
func (r *Remote) do(ctx context.Context, index, name string, query url.Values, body []byte, header http.Header, out any) error {
	ctx, cancel := context.WithTimeout(ctx, r.config.RequestTimeout)
	defer cancel()
	var reader io.Reader
	if body != nil {
		reader = bytes.NewReader(body)
	}
	res, err := r.client.post(ctx, index, name, query, reader, header)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	if res.StatusCode/100 != 2 {
		var a answerReader
		kind, reason := a.failure(answer)
		return statusError(res.StatusCode, kind, reason)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	return nil
}

// Refresh makes all that was stored visible to Count and Present. No index yet is no error.
func (r *Remote) Refresh(ctx context.Context) error {
	if err := r.do(ctx, r.target, "_refresh", wherever(), nil, nil, nil); err != nil {
		return fmt.Errorf("refresh %s: %w", r.target, err)
	}
	return nil
}

// Log tells the documents of one log below an offset from all others.
type Log struct {
	Shard, Source, Path string // as Append writes them: gateway.shard, event.dataset, log.file.path
	Below               int64
}

// Count returns how many documents of l are stored.
func (r *Remote) Count(ctx context.Context, l Log) (int64, error) {
	term := func(field, value string) map[string]any {
		return map[string]any{"term": map[string]any{field: value}}
	}
	query, err := json.Marshal(map[string]any{"query": map[string]any{"bool": map[string]any{"filter": []any{
		term("gateway.shard", l.Shard), term("event.dataset", l.Source), term("log.file.path", l.Path),
		map[string]any{"range": map[string]any{"log.offset": map[string]any{"lt": l.Below}}},
	}}}})
	if err != nil {
		return 0, err
	}
	var answer struct{ Count int64 }
	if err := r.do(ctx, r.target, "_count", wherever(), query, nil, &answer); err != nil {
		return 0, fmt.Errorf("count %s: %w", r.target, err)
	}
	return answer.Count, nil
}

// MostIDs is how many ids one Present may ask for: with each of them stored twice, the answer is what a server gives at most.
const MostIDs = 5000

// Present returns how often each of ids is stored, for those that are. More than once is possible in a data stream that
// rolled over between two attempts.
func (r *Remote) Present(ctx context.Context, ids []string) (map[string]int, error) {
	if len(ids) > MostIDs {
		panic("BUG: more ids than a search may ask for")
	}
	query, err := json.Marshal(map[string]any{
		"query": map[string]any{"ids": map[string]any{"values": ids}}, "_source": false, "track_total_hits": false, "size": 2 * len(ids),
	})
	if err != nil {
		return nil, err
	}
	var answer struct {
		Hits struct {
			Hits []struct {
				ID string `json:"_id"`
			}
		}
	}
	only := wherever()
	only.Set("filter_path", "hits.hits._id")
	if err := r.do(ctx, r.target, "_search", only, query, nil, &answer); err != nil {
		return nil, fmt.Errorf("search %s: %w", r.target, err)
	}
	found := make(map[string]int, len(answer.Hits.Hits))
	for _, h := range answer.Hits.Hits {
		found[h.ID]++
	}
	return found, nil
}

// Document is one that Create stores.
type Document struct {
	Index, ID string
	Source    []byte // JSON on one line
}

// Created is what became of a Document.
type Created struct {
	Stored, Existed bool // Existed: under its id there is one already, and it stays as it is
	Status          int
	Type, Reason    string // why it was not stored
}

// Create stores documents unless their ids are there, and returns what became of each. After an error nothing is known of any.
func (r *Remote) Create(ctx context.Context, documents []Document) ([]Created, error) {
	var body []byte
	for _, d := range documents {
		body = append(body, `{"create":{"_index":`...)
		body = ecs.AppendString(body, d.Index)
		body = append(body, `,"_id":`...)
		body = ecs.AppendString(body, d.ID)
		body = append(body, "}}\n"...)
		body = append(append(body, d.Source...), '\n')
	}
	var answer json.RawMessage
	header := http.Header{"Content-Type": {"application/x-ndjson"}}
	if err := r.do(ctx, "", "_bulk", bulkQuery(0), body, header, &answer); err != nil {
		return nil, fmt.Errorf("store documents: %w", err)
	}
	results := make([]Created, len(documents))
	var a answerReader
	items, err := a.read(answer, len(documents))
	if err != nil {
		return nil, fmt.Errorf("store documents: %w", err)
	}
	for i := range results {
		if items == nil {
			results[i] = Created{Stored: true, Status: http.StatusCreated}
			continue
		}
		class := items[i].class
		results[i] = Created{
			Stored: class == created || class == duplicate, Existed: class == duplicate,
			Status: items[i].status, Type: items[i].kind, Reason: items[i].reason,
		}
	}
	return results, nil
}
