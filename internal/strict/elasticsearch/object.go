package elasticsearch

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/valyala/fastjson"
)

// The named things a client sets up, by the path before their name.
const (
	componentTemplates = "_component_template"
	indexTemplates     = "_index_template"
	policies           = "_ilm/policy"
	dataStreams        = "_data_stream"
)

func isObject(parts []string) bool {
	switch strings.Join(parts[:len(parts)-1], "/") {
	case componentTemplates, indexTemplates, policies, dataStreams:
		return true
	}
	return false
}

// Object returns what was put under a path like "_index_template/logs", nil when nothing was.
func (s *Server) Object(path string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := strings.LastIndexByte(path, '/')
	return s.objects[path[:i]][path[i+1:]]
}

// Put stores body under a path like that, unchecked.
func (s *Server) Put(path string, body []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := strings.LastIndexByte(path, '/')
	s.put(path[:i], path[i+1:], body)
}

func (s *Server) put(kind, name string, body []byte) {
	if s.objects[kind] == nil {
		s.objects[kind] = map[string]json.RawMessage{}
	}
	s.objects[kind][name] = body
}

// object puts, gets or deletes one of them.
func (s *Server) object(w http.ResponseWriter, r *http.Request, kind, name string) {
	body, err := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	stored, ok := s.objects[kind][name]
	switch {
	case r.Method == http.MethodPut:
		if kind != dataStreams {
			if err == nil {
				_, err = parseObject(&fastjson.Parser{}, body)
			}
			if err != nil {
				s.violate(w, "x_content_parse_exception", "%s %s: %v", kind, name, err)
				return
			}
		}
		if kind == indexTemplates && !s.checkTemplate(w, name, body) {
			return
		}
		s.put(kind, name, body)
		answer(w, map[string]any{"acknowledged": true})
	case !ok:
		fail(w, http.StatusNotFound, "resource_not_found_exception", kind+" matching ["+name+"] not found")
	case r.Method == http.MethodDelete:
		delete(s.objects[kind], name)
		answer(w, map[string]any{"acknowledged": true})
	case r.Method == http.MethodGet || r.Method == http.MethodHead:
		answer(w, wrap(kind, name, stored))
	default:
		s.violate(w, "illegal_argument_exception", "%s %s/%s", r.Method, kind, name)
	}
}

// checkTemplate refuses an index template whose component templates are not there. s.mu is held.
func (s *Server) checkTemplate(w http.ResponseWriter, name string, body []byte) bool {
	var t struct {
		Patterns []string `json:"index_patterns"`
		Composed []string `json:"composed_of"`
		Missing  []string `json:"ignore_missing_component_templates"`
	}
	if err := json.Unmarshal(body, &t); err != nil || len(t.Patterns) == 0 {
		s.violate(w, "x_content_parse_exception", "index template %s: %v, patterns %q", name, err, t.Patterns)
		return false
	}
	for _, c := range t.Composed {
		if s.objects[componentTemplates][c] == nil && !slices.Contains(t.Missing, c) {
			s.violate(w, "invalid_index_template_exception", "index template %s: component template %s does not exist", name, c)
			return false
		}
	}
	return true
}

// wrap returns an object as Elasticsearch shows it.
func wrap(kind, name string, stored json.RawMessage) any {
	switch kind {
	case componentTemplates:
		return map[string]any{"component_templates": []any{map[string]any{"name": name, "component_template": stored}}}
	case indexTemplates:
		return map[string]any{"index_templates": []any{map[string]any{"name": name, "index_template": stored}}}
	case dataStreams:
		return map[string]any{"data_streams": []any{map[string]any{"name": name}}}
	}
	var policy map[string]json.RawMessage
	_ = json.Unmarshal(stored, &policy) // was checked when it was put
	return map[string]any{name: map[string]any{"version": 1, "policy": policy["policy"]}}
}
