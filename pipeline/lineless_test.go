package pipeline

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/gatemeter/gatemeter/pipeline/batch"
	"github.com/gatemeter/gatemeter/pipeline/ecs"
	"github.com/gatemeter/gatemeter/pipeline/record"
	"github.com/gatemeter/gatemeter/pipeline/redact"
)

// documentSink keeps the documents of what it is given, and counts the lines it could have stored of records that were read, of which none
// may have anything to mask.
type documentSink struct {
	takesAll
	redact    *redact.Redactor
	documents *[]string
	lines     *int
	open      *string // a line that is not masked
}

func (s documentSink) Append(body []byte, _ *batch.Partition, recs []record.Record) []byte {
	for i := range recs {
		if r := &recs[i]; r.Reason == record.None && r.Line != nil {
			*s.lines++
			masked := bytes.Clone(r.Line)
			if s.redact.Line(masked); !bytes.Equal(masked, r.Line) {
				*s.open = string(r.Line)
			}
		}
		*s.documents = append(*s.documents, string(ecs.Append(nil, &recs[i], &ecs.Options{Document: true})))
	}
	return body
}

// TestDocumentsWithoutLines: a sink that stores no lines gets the documents that one would get that does, with the same masked, and no line
// that is not masked.
func TestDocumentsWithoutLines(t *testing.T) {
	const line = `{"started_at":1726783839538,"client_ip":"192.0.2.7","request":{"id":"4711","method":"GET","uri":"/orders/17?a","url":"https://h:8443/orders/17",` +
		`"headers":{"user-agent":"curl/8","referer":"/","host":"h"},"tls":{"version":"TLSv1.3","cipher":"AES"}},"tries":[{"ip":"10.0.0.9","port":80}],` +
		`"consumer":{"username":"ann"},"service":{"name":"orders"},"route":{"name":"get"},"trace_id":"0af7","response":{"status":200,"size":17},"latencies":{"request":3}}`
	parts := []string{
		`token=b\/c`, `;jsessionid=b`, `?token=b`, `token%3Db`, `token\u003Db`, `{\"token\":\"b\"}`, `"token":"b",`, `"headers":{"authorization":"b"},`, `"tls":{"key":["b"]},`,
		`"key":"token","value":"b",`, `\"`, `\`, `"`, "=", ":", "{", "é", "\xff", `"trace_id":{"w3c":"b"},`, `"correlation_id":"c",`, `"session":{},`,
	}
	random := rand.New(rand.NewPCG(1, 2))
	var log bytes.Buffer
	for range 3000 {
		l := line
		for range random.IntN(3) {
			at := random.IntN(len(l))
			if i := strings.Index(l[at:], `,"`); i >= 0 && random.IntN(2) == 0 {
				at += i + 1
			}
			l = l[:at] + parts[random.IntN(len(parts))] + l[at:]
		}
		log.WriteString(l + "\n")
	}
	set := kongSettings(t, redact.DefaultNames(), Service, Route)
	want, all := documentsOf(t, set, log.Bytes(), false)
	if all < 1000 || len(want) != 3000 {
		t.Errorf("%d documents, %d with a line", len(want), all)
	}
	got, lines := documentsOf(t, set, log.Bytes(), true)
	sameDocuments(t, got, want)
	if lines > all/2 || !slices.ContainsFunc(got, func(d string) bool { return strings.Contains(d, "token=*") }) {
		t.Errorf("%d lines were masked to be read", lines)
	}
}

// The same of other formats.
func TestDocumentsOfOtherFormats(t *testing.T) {
	otherFormats(t, func(newParser func() Parser, log []byte) {
		for _, names := range [][]string{redact.DefaultNames(), nil, {"servicename", "x"}} {
			set := kongSettings(t, names, Service, Route)
			set.Sources[0].NewParser = newParser
			want, _ := documentsOf(t, set, log, false)
			got, _ := documentsOf(t, set, log, true)
			sameDocuments(t, got, want)
		}
	})
}

// documentsOf returns the documents that a sink gets of log, and how many lines it could have stored of records.
func documentsOf(t *testing.T, set Settings, log []byte, lineless bool) (documents []string, lines int) {
	t.Helper()
	open := ""
	set.RecordSinks = []RecordSinkSettings{{Name: "records", Sink: documentSink{redact: set.Redact, documents: &documents, lines: &lines, open: &open}, Lineless: lineless}}
	if counted(t, set, bytes.Clone(log), true); open != "" {
		t.Errorf("a sink is given a line that is not masked: %s", open)
	}
	return documents, lines
}

func sameDocuments(t *testing.T, got, want []string) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d documents, with lines %d", len(got), len(want))
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("got  %s\nwant %s", got[i], want[i])
		}
	}
}
