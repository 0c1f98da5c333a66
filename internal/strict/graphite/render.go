package graphite

import (
	"encoding/json"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Render answers /render?format=json as graphite-web does, from slots of step seconds: with the values of the series that the
// targets name by globs or by seriesByTag of patterns and equal tags.
func (s *Server) Render(step int64) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		from, err1 := strconv.ParseInt(r.FormValue("from"), 10, 64)
		until, err2 := strconv.ParseInt(r.FormValue("until"), 10, 64)
		if r.URL.Path != "/render" || r.FormValue("format") != "json" || err1 != nil || err2 != nil {
			http.Error(w, "no such request", http.StatusBadRequest)
			return
		}
		all := s.Values()
		var names []string
		for name := range all {
			if slices.ContainsFunc(r.Form["target"], func(target string) bool { return isTarget(target, name) }) {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		answer := []any{}
		for _, name := range names {
			points := [][2]any{}
			for at := from - from%step + step; at <= until; at += step {
				var v any
				if text, ok := all[name][at]; ok {
					v = json.Number(text)
				}
				points = append(points, [2]any{v, at})
			}
			answer = append(answer, map[string]any{"target": sortedTags(name), "datapoints": points})
		}
		_ = json.NewEncoder(w).Encode(answer) // a client that has gone is no concern
	})
}

// isTarget reports whether target names the series called name.
func isTarget(target, name string) bool {
	tagged, ok := strings.CutPrefix(target, "seriesByTag(")
	if !ok {
		// In a glob of Graphite `*` stops at a dot, as that of package path does at a slash.
		ok, err := path.Match(strings.ReplaceAll(target, ".", "/"), strings.ReplaceAll(name, ".", "/"))
		return ok && err == nil
	}
	parts := strings.Split(name, ";")
	parts[0] = "name=" + parts[0]
	for _, condition := range strings.Split(strings.TrimSuffix(tagged, ")"), ",") {
		condition = strings.Trim(condition, "'")
		if tag, pattern, ok := strings.Cut(condition, "=~"); ok {
			matches := func(part string) bool {
				value, ok := strings.CutPrefix(part, tag+"=")
				found, err := regexp.MatchString(pattern, value)
				return ok && found && err == nil
			}
			if !slices.ContainsFunc(parts, matches) {
				return false
			}
		} else if !slices.Contains(parts, condition) {
			return false
		}
	}
	return true
}

// sortedTags is a name as graphite-web shows it.
func sortedTags(name string) string {
	parts := strings.Split(name, ";")
	slices.Sort(parts[1:])
	return strings.Join(parts, ";")
}

// Set writes a value into a slot, or takes it away when the text is empty, as somebody does who is not gatemeter.
func (s *Server) Set(name string, at int64, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if text == "" {
		delete(s.values[name], at)
		return
	}
	if s.values[name] == nil {
		s.values[name] = map[int64]string{}
	}
	s.values[name][at] = text
}
