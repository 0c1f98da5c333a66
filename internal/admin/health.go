package admin

import (
	"cmp"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"
)

// Check is one thing that must work for gatemeter to be ready.
type Check struct {
	Name  string // sink/graphite, source/edge, state
	Error string // what is wrong; empty: nothing. It is shown to whoever asks, so it holds no secret
}

func serveLive(w http.ResponseWriter, _ *http.Request) { writeText(w, http.StatusOK, "ok\n") }

// readiness is the answer of /readyz as JSON.
type readiness struct {
	Ready  bool         `json:"ready"`
	Checks []checkState `json:"checks"`
}

type checkState struct {
	Name  string `json:"name"`
	OK    bool   `json:"ok"`
	Error string `json:"error,omitempty"`
}

// serveReady says whether all checks pass: as JSON to who accepts that, else a line for each check.
func serveReady(w http.ResponseWriter, r *http.Request, checks []Check) {
	slices.SortStableFunc(checks, func(a, b Check) int { return cmp.Compare(a.Name, b.Name) })
	state := readiness{Ready: true, Checks: []checkState{}}
	for _, c := range checks {
		state.Ready = state.Ready && c.Error == ""
		state.Checks = append(state.Checks, checkState{Name: c.Name, OK: c.Error == "", Error: c.Error})
	}
	status := http.StatusOK
	if !state.Ready {
		status = http.StatusServiceUnavailable
	}
	if wantsJSON(r) {
		body, err := json.Marshal(state)
		if err != nil {
			panic("BUG: readiness is no JSON: " + err.Error())
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		w.Write(append(body, '\n'))
		return
	}
	var text strings.Builder
	if state.Ready {
		text.WriteString("ready\n")
	} else {
		text.WriteString("not ready\n")
	}
	for _, c := range state.Checks {
		if c.OK {
			fmt.Fprintf(&text, "  ok    %s\n", c.Name)
		} else {
			fmt.Fprintf(&text, "  fails %s: %s\n", c.Name, oneLine(c.Error))
		}
	}
	writeText(w, status, text.String())
}

func wantsJSON(r *http.Request) bool {
	return r.URL.Query().Get("format") == "json" || strings.Contains(r.Header.Get("Accept"), "application/json")
}

// oneLine keeps an error that quotes a server's answer from looking like several checks.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

func writeText(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	w.Write([]byte(text))
}

var page = template.Must(template.New("page").Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8"><title>gatemeter</title>
<h1>gatemeter {{.}}</h1>
<ul>
<li><a href="/livez">/livez</a>: the process serves
<li><a href="/readyz">/readyz</a>: sources, sinks and the state folder do their work, or which does not
<li><a href="/metrics">/metrics</a>: gatemeter's own metrics
<li><a href="/debug/pprof/">/debug/pprof/</a>: profiles
</ul>
</html>
`))

func servePage(w http.ResponseWriter, version string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'")
	if err := page.Execute(w, version); err != nil {
		return // the reader is gone
	}
}
