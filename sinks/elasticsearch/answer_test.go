package elasticsearch

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReadAnswer(t *testing.T) {
	f := func(answer string, n int, want []item, wantErr string) {
		t.Helper()
		var a answerReader
		got, err := a.read([]byte(answer), n)
		if fmt.Sprint(err) != wantErr && (err == nil || wantErr == "" || !strings.Contains(err.Error(), wantErr)) && (err != nil || wantErr != "") {
			t.Errorf("%s: error %v, want %q", answer, err, wantErr)
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(item{})); diff != "" {
			t.Errorf("%s: %s", answer, diff)
		}
	}
	f(`{"errors":false,"items":[{"create":{"status":201}}]}`, 1, nil, "")
	f(`{"took":3,"errors":false,"items":[{"create":{"_index":"x","status":201}}]}`, 1, []item{{class: created, status: 201}}, "")
	// As a real 8.19 answers.
	f(`{"errors":true,"took":12,"items":[{"create":{"_index":".ds-logs-x-000001","_id":"a","status":400,"error":{"type":"document_parsing_exception",`+
		`"reason":"[1:59] failed to parse field [status] of type [long] in document with id 'a'. Preview of field's value: 'abc'","caused_by":{"type":"illegal_argument_exception","reason":"For input string: \"abc\""}}}},`+
		`{"create":{"status":201}},{"create":{"status":409,"error":{"type":"version_conflict_engine_exception","reason":"r"}}},`+
		`{"create":{"status":429,"error":{"type":"es_rejected_execution_exception","reason":"r"}}},`+
		`{"create":{"status":403,"error":{"type":"cluster_block_exception","reason":"r"}}},`+
		`{"create":{"status":500,"error":{"type":"illegal_state_exception","reason":"r"}}},`+
		`{"create":{"status":404,"error":{"type":"index_not_found_exception","reason":"r"}}},`+
		`{"create":{"status":413,"error":"text"}}]}`, 8, []item{
		{dead, 400, "document_parsing_exception", "[1:59] failed to parse field [status] of type [long] in document with id 'a'. Preview of field's value: 'abc'"},
		{created, 201, "", ""},
		{duplicate, 409, "", ""},
		{again, 429, "es_rejected_execution_exception", "r"},
		{again, 403, "cluster_block_exception", "r"},
		{doubtful, 500, "illegal_state_exception", "r"},
		{doubtful, 404, "index_not_found_exception", "r"},
		{dead, 413, "", ""},
	}, "")
	f(`{"errors":true,"items":[{"create":{"status":400,"error":{"reason":"`+strings.Repeat("é", 150)+`"}}}]}`, 1,
		[]item{{class: dead, status: 400, reason: strings.Repeat("é", 100) + "…"}}, "")
	f(`{"errors":true,"items":[{"create":{"status":400,"error":{"reason":"x`+strings.Repeat("é", 150)+`"}}}]}`, 1,
		[]item{{class: dead, status: 400, reason: "x" + strings.Repeat("é", 99) + "…"}}, "")
	f(``, 1, nil, "not JSON")
	f(`{"errors":false,"items":[{"create":{"sta`, 1, nil, "not JSON")
	f(`<html>`, 1, nil, "not JSON")
	f(`{}`, 1, nil, "about 0 documents, 1 were sent")
	f(`{"errors":true,"items":[]}`, 2, nil, "about 0 documents, 2 were sent")
	f(`{"errors":true,"items":[{}]}`, 1, nil, "without status")
	f(`{"errors":true,"items":[{"index":{"status":201}}]}`, 1, nil, "without status")
	f(`{"errors":true,"items":[null]}`, 1, nil, "without status")
	f(`[]`, 1, nil, "about 0 documents")
}

// Whatever a server answers, the reader says as many items as were sent, each with a status, or that it does not understand.
func FuzzReadAnswer(f *testing.F) {
	f.Add([]byte(`{"errors":true,"items":[{"create":{"status":400,"error":{"type":"t","reason":"r"}}},{"create":{"status":201}}]}`), 2)
	f.Add([]byte(`{"errors":false,"items":[{"create":{"status":201}}]}`), 1)
	f.Add([]byte(`{"errors":false,]}`), 1)
	f.Fuzz(func(t *testing.T, answer []byte, n int) {
		var a answerReader
		got, err := a.read(answer, n)
		if err != nil {
			if got != nil {
				t.Error("items and an error")
			}
			return
		}
		if got == nil {
			return // all were created: by the answer's first and last bytes
		}
		if len(got) != n {
			t.Fatalf("%d items of %d", len(got), n)
		}
		for _, i := range got {
			if i.status == 0 || len(i.reason) > maxReason+len("…") || i.class == created && (i.status < 200 || i.status > 299) {
				t.Fatalf("item %+v", i)
			}
		}
	})
}
