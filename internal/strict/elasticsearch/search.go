package elasticsearch

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
)

// maxResult is index.max_result_window, as it is when nobody has set it.
const maxResult = 10_000

// query is the queries that are known here: ids, and term and range filters of numbers and strings.
type query struct {
	IDs  *ids `json:"ids"`
	Bool *struct {
		Filter []query `json:"filter"`
	} `json:"bool"`
	Term  map[string]json.RawMessage `json:"term"`
	Range map[string]struct {
		LT *float64 `json:"lt"`
	} `json:"range"`
}

// ids is a query for some documents.
type ids struct {
	Values []string `json:"values"`
	known  map[string]bool
}

func (q *ids) has(id string) bool {
	if q.known == nil {
		q.known = map[string]bool{}
		for _, v := range q.Values {
			q.known[v] = true
		}
	}
	return q.known[id]
}

// matches reports whether the query finds a document.
func (q *query) matches(id string, source []byte) (bool, error) {
	if q.Bool != nil {
		for i := range q.Bool.Filter {
			if ok, err := q.Bool.Filter[i].matches(id, source); !ok {
				return false, err
			}
		}
	}
	if q.IDs != nil && !q.IDs.has(id) {
		return false, nil
	}
	if q.Term == nil && q.Range == nil {
		return true, nil
	}
	var doc any
	if err := json.Unmarshal(source, &doc); err != nil {
		return false, fmt.Errorf("a stored document: %w", err)
	}
	for name, want := range q.Term {
		got, err := json.Marshal(field(doc, name))
		if err != nil || string(got) != string(want) {
			return false, err
		}
	}
	for name, bounds := range q.Range {
		got, ok := field(doc, name).(float64)
		if !ok || bounds.LT != nil && got >= *bounds.LT {
			return false, nil
		}
	}
	return true, nil
}

// field returns the value of a.b.c in doc, nil when there is none.
func field(doc any, name string) any {
	for part := range strings.SplitSeq(name, ".") {
		object, ok := doc.(map[string]any)
		if !ok {
			return nil
		}
		doc = object[part]
	}
	return doc
}

// find calls f with each document that pattern and the request's query find.
func (s *Server) find(w http.ResponseWriter, r *http.Request, pattern string, f func(Doc)) (size int, ok bool) {
	var request struct {
		Query query `json:"query"`
		Size  *int  `json:"size"`

		Source any `json:"_source"`
		Total  any `json:"track_total_hits"`
	}
	text, err := io.ReadAll(r.Body)
	if err == nil && len(text) > 0 {
		decoder := json.NewDecoder(strings.NewReader(string(text)))
		decoder.DisallowUnknownFields()
		err = decoder.Decode(&request)
	}
	size = 10
	if request.Size != nil {
		size = *request.Size
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil || size > maxResult {
		s.violate(w, "parsing_exception", "query %.200q of size %d: %v", text, size, err)
		return 0, false
	}
	for _, name := range s.indexNames() {
		if pattern != "_count" && !matches(pattern, name) {
			continue
		}
		for _, id := range s.indices[name].order {
			source := s.indices[name].docs[id]
			found := true
			if len(text) > 0 {
				if found, err = request.Query.matches(id, source); err != nil {
					s.violate(w, "parsing_exception", "query %.200q: %v", text, err)
					return 0, false
				}
			}
			if found {
				f(Doc{name, id, source})
			}
		}
	}
	return size, true
}

func (s *Server) count(w http.ResponseWriter, r *http.Request, pattern string) {
	n := 0
	if _, ok := s.find(w, r, pattern, func(Doc) { n++ }); ok {
		answer(w, map[string]any{"count": n, "_shards": map[string]any{"failed": 0}})
	}
}

// search answers with the ids of what is found, in the order it came, as far as the size asked for goes.
func (s *Server) search(w http.ResponseWriter, r *http.Request, pattern string) {
	hits := []any{}
	size, ok := s.find(w, r, pattern, func(d Doc) { hits = append(hits, map[string]any{"_index": d.Index, "_id": d.ID}) })
	if ok {
		answer(w, map[string]any{"hits": map[string]any{"hits": hits[:min(size, len(hits))]}})
	}
}

// Delete removes the document with that id from all indices, and reports whether there was one.
func (s *Server) Delete(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := false
	for _, x := range s.indices {
		if _, ok := x.docs[id]; ok {
			found = true
			delete(x.docs, id)
			x.order = slices.DeleteFunc(x.order, func(other string) bool { return other == id })
		}
	}
	return found
}
