package elasticsearch

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"
	"github.com/google/go-cmp/cmp"
)

// Requests are those that the official client's generated API makes.
func TestRequestsAreTheLibrarys(t *testing.T) {
	type seen struct{ Method, URL, Type, Body string }
	var last seen
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		last = seen{r.Method, r.URL.String(), r.Header.Get("Content-Type"), string(body)}
		w.Header().Set("X-Elastic-Product", "Elasticsearch")
		_, _ = io.WriteString(w, `{"errors":false,"items":[{"create":{"status":201}}]}`) // what is asked for besides is not there
	}))
	defer server.Close()
	c := DefaultConfig()
	c.URLs, c.DataStream = []string{server.URL}, "logs-x-y"
	remote, err := NewRemote(c)
	if err != nil {
		t.Fatal(err)
	}
	defer remote.Close()
	f := func(ours error, library func(body io.Reader) esapi.Request) {
		t.Helper()
		got := last
		if ours != nil {
			t.Fatal(ours)
		}
		var body io.Reader
		if got.Body != "" {
			body = strings.NewReader(got.Body)
		}
		res, err := library(body).Do(t.Context(), remote.client)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if d := cmp.Diff(last, got); d != "" {
			t.Errorf("-library +ours\n%s", d)
		}
	}
	yes, index := true, []string{"logs-x-y"}
	ndjson := http.Header{"Content-Type": {"application/x-ndjson"}}
	f(remote.Refresh(t.Context()), func(io.Reader) esapi.Request {
		return esapi.IndicesRefreshRequest{Index: index, IgnoreUnavailable: &yes, AllowNoIndices: &yes}
	})
	_, err = remote.Count(t.Context(), Log{Shard: "s", Source: "edge", Path: "/var/log/a.log", Below: 17})
	f(err, func(body io.Reader) esapi.Request {
		return esapi.CountRequest{Index: index, Body: body, IgnoreUnavailable: &yes, AllowNoIndices: &yes}
	})
	_, err = remote.Present(t.Context(), []string{"a", "b"})
	f(err, func(body io.Reader) esapi.Request {
		return esapi.SearchRequest{Index: index, Body: body, IgnoreUnavailable: &yes, AllowNoIndices: &yes, FilterPath: []string{"hits.hits._id"}}
	})
	_, err = remote.Create(t.Context(), []Document{{Index: "logs-x-y", ID: "a", Source: []byte(`{"@timestamp":"2026-11-21T08:00:00Z"}`)}})
	f(err, func(body io.Reader) esapi.Request {
		return esapi.BulkRequest{Body: body, FilterPath: filterPath, Header: ndjson}
	})
	res, err := remote.client.post(t.Context(), "logs-x-y", "_bulk", bulkQuery(15*time.Second), strings.NewReader("{}\n"), ndjson)
	if err == nil {
		res.Body.Close()
	}
	f(err, func(body io.Reader) esapi.Request {
		return esapi.BulkRequest{Index: "logs-x-y", Body: body, FilterPath: filterPath, Header: ndjson, Timeout: 15 * time.Second}
	})
}
