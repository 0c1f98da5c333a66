package elasticsearch

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	strict "github.com/gatemeter/gatemeter/internal/strict/elasticsearch"
)

func TestRemote(t *testing.T) {
	server, err := strict.New()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	c := DefaultConfig()
	c.URLs, c.Index = []string{server.URL}, "access-%Y.%m.%d"
	r, err := NewRemote(c)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if r.Target() != "access-*" {
		t.Errorf("target %q", r.Target())
	}

	var documents []Document
	for n := range 4 {
		documents = append(documents, Document{
			Index: "access-2026.11.21", ID: fmt.Sprintf("p-%012x", 10*n),
			Source: fmt.Appendf(nil, `{"@timestamp":"2026-11-21T00:00:00Z","log":{"file":{"path":"/a.log"},"offset":%d},"event":{"dataset":"edge"},"gateway":{"shard":"web1"}}`, 10*n),
		})
	}
	server.Behave(strict.Behaviour{Refuse: func(doc []byte) bool { return bytes.Contains(doc, []byte(`"offset":30}`)) }})
	for round := range 2 {
		got, err := r.Create(t.Context(), documents[:4-2*round])
		if err != nil {
			t.Fatal(err)
		}
		var said []string
		for _, d := range got {
			said = append(said, fmt.Sprint(d.Stored, d.Existed, d.Status))
		}
		want := [][]string{{"true false 201", "true false 201", "true false 201", "false false 400"}, {"true true 409", "true true 409"}}[round]
		if diff := cmp.Diff(want, said); diff != "" {
			t.Error(diff)
		}
	}
	if err := r.Refresh(t.Context()); err != nil {
		t.Error(err)
	}
	found, err := r.Present(t.Context(), []string{"p-000000000000", "p-00000000000a", "p-00000000001e", "other"})
	if diff := cmp.Diff(map[string]int{"p-000000000000": 1, "p-00000000000a": 1}, found); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	for below, want := range map[int64]int64{0: 0, 11: 2, 1000: 3} {
		if n, err := r.Count(t.Context(), Log{Shard: "web1", Source: "edge", Path: "/a.log", Below: below}); n != want || err != nil {
			t.Errorf("below %d: %d, want %d (%v)", below, n, want, err)
		}
	}
	if n, err := r.Count(t.Context(), Log{Shard: "web2", Source: "edge", Path: "/a.log", Below: 100}); n != 0 || err != nil {
		t.Errorf("%d of another shard (%v)", n, err)
	}
	server.Behave(strict.Behaviour{Status: 403})
	if _, err := r.Create(t.Context(), documents); err == nil || !strings.Contains(err.Error(), "403") {
		t.Errorf("got %v", err)
	}
	if _, err := r.Present(t.Context(), []string{"x"}); err == nil || !strings.Contains(err.Error(), "security_exception") {
		t.Errorf("got %v", err)
	}
	if v := server.Violations(); len(v) > 0 {
		t.Error(v)
	}
}
