// Package elasticsearch is a strict stand-in for an Elasticsearch node: it takes bulk requests as the real one does, checks
// them harder, remembers what it stored and misbehaves on demand. Tests and the demo use it where a real node is too slow
// to start or cannot be made to fail at the right moment. Its answers follow those recorded from version 8.19.
//
// It stores documents under their ids, per index or data stream (a data stream has one backing index here: no rollover), and
// knows nothing of mappings: a Behaviour says which documents are refused.
package elasticsearch

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// Behaviour says how the server answers from now on. The zero value is a healthy server.
type Behaviour struct {
	Status        int     // not 0: every request is answered with it: 401, 403, 429, 503 …
	Authorization string  // not "": a request with another Authorization header is answered 401
	MaxBody       int     // not 0: a bulk request with a longer body is answered 413, without body and product header
	Reject        float64 // the share of bulk requests answered 429
	Lose          float64 // the share of bulk requests that are carried out, and the connection closed without an answer
	RejectItems   float64 // the share of items answered 429

	Refuse  func(doc []byte) bool      // items answered 400, as on a mapping conflict
	Fail    func(doc []byte) bool      // items answered 500
	Blocked func(target string) bool   // indices that are read-only: items answered 403
	Flooded func(target string) bool   // indices read-only as the disk is full: items answered 429
	Red     func(target string) bool   // indices without a primary shard: items answered 503
	Stall   <-chan struct{}            // not nil: requests wait until it is closed or the client gives up
	Answer  func(answer []byte) []byte // changes the answer to a bulk request
}

// Server is a node. Its methods are safe for concurrent use.
type Server struct {
	URL string // http://127.0.0.1:port; empty when made by NewHandler

	mu         sync.Mutex
	http       *http.Server // nil while nobody listens
	running    sync.WaitGroup
	behaviour  Behaviour
	rand       *rand.Rand
	indices    map[string]*index // by the name documents are sent to
	objects    map[string]map[string]json.RawMessage
	keep       int
	twice      bool // ids may stand twice in one request
	violations []string
	requests   map[string]int
}

// Doc is a stored document.
type Doc struct {
	Index  string // or data stream: as it was sent to
	ID     string
	Source []byte
}

// index holds documents by id. Past Server.keep a source is nil.
type index struct {
	order []string
	docs  map[string][]byte
}

// New starts a server on a free port of 127.0.0.1.
func New() (*Server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start the strict Elasticsearch: %w", err)
	}
	s := NewHandler()
	s.URL = "http://" + l.Addr().String()
	s.serve(l)
	return s, nil
}

// serve answers what comes to l. s.mu is held or not needed yet.
func (s *Server) serve(l net.Listener) {
	h := &http.Server{Handler: s}
	s.http = h
	s.running.Go(func() { _ = h.Serve(l) }) // ends with its Close
}

// NewHandler returns a server that listens nowhere: call its ServeHTTP.
func NewHandler() *Server {
	return &Server{
		rand:     rand.New(rand.NewPCG(1, 2)),
		indices:  map[string]*index{},
		objects:  map[string]map[string]json.RawMessage{},
		keep:     int(^uint(0) >> 1),
		requests: map[string]int{},
	}
}

// Close stops the server and cuts its connections.
func (s *Server) Close() {
	s.mu.Lock()
	s.shut()
	s.mu.Unlock()
	s.running.Wait()
}

// shut ends listening and cuts connections. s.mu is held.
func (s *Server) shut() {
	if s.http != nil {
		_ = s.http.Close() // nothing is in it that could fail to get out
		s.http = nil
	}
}

// Leave ends listening and cuts all connections: nobody is there until Return. It is not for what NewHandler made.
func (s *Server) Leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shut()
}

// Return listens again where the server did before, after a Leave.
func (s *Server) Return() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, err := net.Listen("tcp", strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		return fmt.Errorf("listen again: %w", err)
	}
	s.serve(l)
	return nil
}

// Behave changes how the server answers.
func (s *Server) Behave(b Behaviour) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.behaviour = b
}

// KeepSources bounds how many documents are kept whole; of the others only the ids.
func (s *Server) KeepSources(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keep = n
}

// TakeTwice makes the server take ids that stand twice in one request, as Elasticsearch does: it answers the second with 409. A log
// that goes to another process and comes back may bring them.
func (s *Server) TakeTwice() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.twice = true
}

// Docs returns the stored documents, each index's in the order they came.
func (s *Server) Docs() []Doc {
	s.mu.Lock()
	defer s.mu.Unlock()
	var docs []Doc
	for _, name := range s.indexNames() {
		for _, id := range s.indices[name].order {
			docs = append(docs, Doc{name, id, s.indices[name].docs[id]})
		}
	}
	return docs
}

// Count returns how many documents are stored.
func (s *Server) Count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, x := range s.indices {
		n += len(x.docs)
	}
	return n
}

// Requests returns how many requests came whose method and path begin with prefix: "POST /logs-x/_bulk", "PUT /_ilm".
func (s *Server) Requests(prefix string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for request, times := range s.requests {
		if strings.HasPrefix(request, prefix) {
			n += times
		}
	}
	return n
}

// Violations returns what requests did wrong, in words. A client without mistakes causes none, whatever the Behaviour.
func (s *Server) Violations() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.violations)
}

// maxViolations is how many are kept.
const maxViolations = 100

// violate notes a violation and answers 400 in its words. s.mu is held.
func (s *Server) violate(w http.ResponseWriter, kind, format string, args ...any) {
	reason := fmt.Sprintf(format, args...)
	if len(s.violations) < maxViolations {
		s.violations = append(s.violations, reason)
	}
	fail(w, http.StatusBadRequest, kind, reason)
}

func (s *Server) indexNames() []string {
	var names []string
	for name := range s.indices {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	b := s.behaviour
	s.requests[r.Method+" "+r.URL.Path]++
	s.mu.Unlock()

	if b.Stall != nil {
		select {
		case <-b.Stall:
		case <-r.Context().Done():
			panic(http.ErrAbortHandler)
		}
	}
	if b.MaxBody > 0 && r.ContentLength > int64(b.MaxBody) {
		w.WriteHeader(http.StatusRequestEntityTooLarge) // as netty refuses it, before Elasticsearch sees it
		return
	}
	w.Header().Set("X-Elastic-Product", "Elasticsearch")
	w.Header().Set("Content-Type", "application/json")
	if b.Authorization != "" && r.Header.Get("Authorization") != b.Authorization {
		fail(w, http.StatusUnauthorized, "security_exception", "missing authentication credentials for REST request ["+r.URL.Path+"]")
		return
	}
	if b.Status != 0 {
		fail(w, b.Status, errorType(b.Status), "behaves so")
		return
	}
	s.route(w, r, &b)
}

func errorType(status int) string {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return "security_exception"
	case http.StatusTooManyRequests:
		return "es_rejected_execution_exception"
	case http.StatusServiceUnavailable:
		return "no_master_block_exception"
	}
	return "status_exception"
}

func (s *Server) route(w http.ResponseWriter, r *http.Request, b *Behaviour) {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	last := parts[len(parts)-1]
	switch {
	case r.URL.Path == "/":
		answer(w, map[string]any{"name": "strict", "cluster_name": "strict", "version": map[string]any{"number": "8.19.0"}, "tagline": "You Know, for Search"})
	case last == "_bulk" && len(parts) <= 2 && (r.Method == http.MethodPost || r.Method == http.MethodPut):
		target := ""
		if len(parts) == 2 {
			target = parts[0]
		}
		s.bulk(w, r, target, b)
	case r.URL.Path == "/_cluster/health":
		answer(w, map[string]any{"status": "green"})
	case last == "_refresh":
		answer(w, map[string]any{"_shards": map[string]any{"failed": 0}})
	case last == "_count":
		s.count(w, r, parts[0])
	case last == "_search" && len(parts) == 2 && r.Method == http.MethodPost:
		s.search(w, r, parts[0])
	case len(parts) == 3 && parts[1] == "_doc" && r.Method == http.MethodGet:
		s.get(w, parts[0], parts[2])
	case isObject(parts):
		s.object(w, r, strings.Join(parts[:len(parts)-1], "/"), last)
	default:
		s.mu.Lock()
		defer s.mu.Unlock()
		s.violate(w, "illegal_argument_exception", "no such request: %s %s", r.Method, r.URL.Path)
	}
}

func (s *Server) get(w http.ResponseWriter, name, id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if x := s.indices[name]; x != nil {
		if source, ok := x.docs[id]; ok {
			answer(w, map[string]any{"_index": name, "_id": id, "found": true, "_source": json.RawMessage(source)})
			return
		}
	}
	w.WriteHeader(http.StatusNotFound)
	answer(w, map[string]any{"_index": name, "_id": id, "found": false})
}

func answer(w http.ResponseWriter, v any) {
	_ = json.NewEncoder(w).Encode(v) // a client that has gone is no concern
}

func fail(w http.ResponseWriter, status int, kind, reason string) {
	w.WriteHeader(status)
	cause := map[string]any{"type": kind, "reason": reason}
	answer(w, map[string]any{"error": map[string]any{"root_cause": []any{cause}, "type": kind, "reason": reason}, "status": status})
}

// matches reports whether name fits pattern, in which `*` stands for any bytes.
func matches(pattern, name string) bool {
	head, rest, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == name
	}
	name, ok := strings.CutPrefix(name, head)
	if !ok {
		return false
	}
	for i := 0; i <= len(name); i++ {
		if matches(rest, name[i:]) {
			return true
		}
	}
	return false
}
