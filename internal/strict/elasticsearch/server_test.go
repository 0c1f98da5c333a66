package elasticsearch

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// call sends one request to s and returns the answer.
func call(s *Server, method, path, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-ndjson")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

const good = `{"create":{"_id":"a"}}` + "\n" + `{"@timestamp":"2026-01-01T00:00:00Z","x":1}` + "\n"

func TestBulkGrammar(t *testing.T) {
	f := func(body, violation string) {
		t.Helper()
		s := NewHandler()
		w := call(s, "POST", "/logs-x/_bulk", body)
		v := s.Violations()
		if violation == "" {
			if len(v) != 0 || w.Code != 200 || s.Count() != 1 {
				t.Errorf("%q: status %d, violations %q", body, w.Code, v)
			}
			return
		}
		if len(v) != 1 || !strings.Contains(v[0], violation) || w.Code != 400 || s.Count() != 0 {
			t.Errorf("%q: status %d, violations %q, want %q", body, w.Code, v, violation)
		}
	}
	const doc = `{"@timestamp":"2026-01-01T00:00:00Z"}` + "\n"
	const create = `{"create":{"_id":"a"}}` + "\n"
	f(good, "")
	f(`{"create":{"_id":"a","_index":"logs-y"}}`+"\n"+doc, "")
	f("", "does not end in a newline")
	f(strings.TrimSuffix(good, "\n"), "does not end in a newline")
	f(create, "without its document")
	f("\n\n", "not a JSON object")
	f(`{"index":{"_id":"a"}}`+"\n"+doc, "not one create action")
	f(`{}`+"\n"+doc, "not one create action")
	f(`{"create":{}}`+"\n"+doc, "an _id of 0 bytes")
	f(`{"create":{"_id":"a","routing":"b"}}`+"\n"+doc, "unknown key")
	f(`{"create":{"_id":"a","_index":"Logs"}}`+"\n"+doc, "index name")
	f(good+good, "twice in one request")
	f(create+`{"x":1}`+"\n", "no @timestamp")
	f(create+`{"@timestamp":"yesterday"}`+"\n", "parsing time")
	f(create+`{"@timestamp":"2026-01-01T00:00:00Z","a":{"b":1,"b":2}}`+"\n", `key "b" twice`)
	f(create+`{"@timestamp":"2026-01-01T00:00:00Z","a":"`+"\xff"+`"}`+"\n", "UTF-8")
	f(create+`[1]`+"\n", "not a JSON object")
}

func TestBehaviour(t *testing.T) {
	f := func(b Behaviour, wantStatus int, want string, wantCount int) {
		t.Helper()
		s := NewHandler()
		s.Behave(b)
		w := call(s, "POST", "/logs-x/_bulk?filter_path=errors", good)
		if w.Code != wantStatus || !strings.Contains(w.Body.String(), want) || s.Count() != wantCount || len(s.Violations()) != 0 {
			t.Errorf("%+v: %d %s, %d stored, %q", b, w.Code, w.Body, s.Count(), s.Violations())
		}
		if genuine := w.Header().Get("X-Elastic-Product") != ""; genuine != (wantStatus != 413) {
			t.Errorf("%d: product header %v", wantStatus, genuine)
		}
	}
	all := func([]byte) bool { return true }
	f(Behaviour{}, 200, `{"errors":false,"items":[{"create":{"status":201}}]}`, 1)
	f(Behaviour{Status: 503}, 503, `"status":503`, 0)
	f(Behaviour{Authorization: "x"}, 401, "security_exception", 0)
	f(Behaviour{MaxBody: 10}, 413, "", 0)
	f(Behaviour{Reject: 1}, 429, "es_rejected_execution_exception", 0)
	f(Behaviour{RejectItems: 1}, 200, `"status":429`, 0)
	f(Behaviour{Refuse: all}, 200, `"status":400,"error":{"type":"document_parsing_exception"`, 0)
	f(Behaviour{Fail: all}, 200, `"status":500`, 0)
	f(Behaviour{Blocked: func(string) bool { return true }}, 200, `"status":403,"error":{"type":"cluster_block_exception"`, 0)
	f(Behaviour{Answer: bytes.ToUpper}, 200, `{"ERRORS":FALSE`, 1)
}

func TestLose(t *testing.T) {
	s, err := New()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	post := func() (*http.Response, error) {
		return http.Post(s.URL+"/logs-x/_bulk", "application/x-ndjson", strings.NewReader(good))
	}
	s.Behave(Behaviour{Lose: 1})
	if res, err := post(); err == nil {
		t.Errorf("status %d, want a cut connection", res.StatusCode)
	}
	s.Behave(Behaviour{})
	res, err := post()
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, _ := io.ReadAll(res.Body)
	if !bytes.Contains(b, []byte(`"status":409`)) || s.Count() != 1 {
		t.Errorf("the second time: %s", b)
	}
	var doc Doc
	if d := s.Docs(); len(d) == 1 {
		doc = d[0]
	}
	if doc.Index != "logs-x" || doc.ID != "a" || !json.Valid(doc.Source) {
		t.Errorf("stored %+v", doc)
	}
}

func TestOtherRequests(t *testing.T) {
	s := NewHandler()
	f := func(method, path, body string, wantStatus int, want string) {
		t.Helper()
		w := call(s, method, path, body)
		if w.Code != wantStatus || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s %s: %d %s, want %d %s", method, path, w.Code, w.Body, wantStatus, want)
		}
	}
	f("GET", "/", "", 200, `"number":"8.19.0"`)
	f("POST", "/logs-x/_bulk", good, 200, `"_id":"a"`)
	f("GET", "/logs-*/_count", "", 200, `"count":1`)
	f("GET", "/other/_count", "", 200, `"count":0`)
	f("GET", "/_count", "", 200, `"count":1`)
	f("POST", "/logs-x/_refresh", "", 200, "_shards")
	f("GET", "/logs-x/_doc/a", "", 200, `"x":1`)
	f("GET", "/logs-x/_doc/b", "", 404, `"found":false`)
	f("GET", "/_index_template/t", "", 404, "not found")
	f("PUT", "/_component_template/c", `{"template":{}}`, 200, "acknowledged")
	f("PUT", "/_index_template/t", `{"index_patterns":["a"],"composed_of":["c","d"],"ignore_missing_component_templates":["d"]}`, 200, "acknowledged")
	f("GET", "/_index_template/t", "", 200, `{"index_templates":[{"index_template":{"index_patterns"`)
	f("PUT", "/_ilm/policy/p", `{"policy":{"phases":{}}}`, 200, "acknowledged")
	f("GET", "/_ilm/policy/p", "", 200, `{"p":{"policy":{"phases"`)
	f("DELETE", "/_ilm/policy/p", "", 200, "acknowledged")
	f("GET", "/_ilm/policy/p", "", 404, "")
	if v := s.Violations(); len(v) != 0 {
		t.Errorf("violations %q", v)
	}
	if n := s.Requests("PUT /_index_template"); n != 1 {
		t.Errorf("%d requests", n)
	}
	f("PUT", "/_index_template/t", `{"index_patterns":["a"],"composed_of":["none"]}`, 400, "does not exist")
	f("PUT", "/_index_template/t", `{"index_patterns":["a"`, 400, "JSON")
	f("GET", "/_nonsense/a/b/c", "", 400, "no such request")
	if v := s.Violations(); len(v) != 3 {
		t.Errorf("violations %q", v)
	}
}

func TestKeepSources(t *testing.T) {
	s := NewHandler()
	s.KeepSources(0)
	call(s, "POST", "/logs-x/_bulk", good)
	if d := s.Docs(); len(d) != 1 || d[0].Source != nil {
		t.Errorf("%+v", d)
	}
}
