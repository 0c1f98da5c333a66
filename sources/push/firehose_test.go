package push

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// firehose returns the body that Firehose sends.
func firehose(id string, data ...[]byte) string {
	var records []string
	for _, d := range data {
		records = append(records, `{"data":"`+base64.StdEncoding.EncodeToString(d)+`"}`)
	}
	return `{"requestId":"` + id + `","timestamp":1578090901599,"records":[` + strings.Join(records, ",") + `]}`
}

func TestFirehose(t *testing.T) {
	now := time.UnixMilli(1795262400123)
	w := start(t, how{source: func(s *Settings) {
		s.AccessKey, s.Now = "topsecret", func() time.Time { return now }
	}})
	const id = "ed4acda5-034f-9f42-bba1-f29aea6d7d8f"
	f := func(body string, headers ...string) reply {
		t.Helper()
		return w.post(strings.NewReader(body), append([]string{
			firehoseID, id, "X-Amz-Firehose-Protocol-Version", "1.0", "X-Amz-Firehose-Source-Arn", "arn:aws:firehose:us-east-1:123456789:deliverystream/x",
			"X-Amz-Firehose-Access-Key", "topsecret", "Content-Type", "application/json", "X-Amz-Firehose-Common-Attributes", `{"commonAttributes":{}}`,
		}, headers...)...)
	}
	exact := func(r reply, status int, body string) {
		t.Helper()
		if r.status != status || r.body != body || r.header.Get("Content-Type") != "application/json" || r.header.Get("Content-Length") != fmt.Sprint(len(body)) {
			t.Errorf("answered %d %s %v, want %d %s", r.status, r.body, r.header, status, body)
		}
	}
	const fine = `{"requestId":"` + id + `","timestamp":1795262400123}`
	// The example of AWS' documentation.
	exact(f(`{"requestId":"`+id+`","timestamp":1578090901599,"records":[{"data":"aGVsbG8="},{"data":"aGVsbG8gd29ybGQ="}]}`), 200, fine)
	w.want("hello", "hello world")
	exact(f(`{"requestId":"`+id+`","timestamp":1578090901599,"records":[{"data":"aGVsbG8="},{"data":"aGVsbG8gd29ybGQ="}]}`), 200, fine) // tried again
	exact(f(firehose(id, []byte("another body under that id"))), 200, fine)
	w.want()
	if s := w.Stats(); s.Duplicates != 2 || s.Records != 2 {
		t.Errorf("%+v", s)
	}
	// API Gateway's lines, several in a record, and CloudWatch Logs' envelopes.
	const other = "another"
	event := func(message string) string { return `{"id":"1","timestamp":1,"message":` + quote(message) + `}` }
	cloudwatch := `{"messageType":"DATA_MESSAGE","owner":"1","logGroup":"g","logStream":"s","subscriptionFilters":["f"],"logEvents":[` +
		event(clf) + `,` + event(kong) + `]}`
	control := `{"messageType":"CONTROL_MESSAGE","owner":"CloudwatchLogs","logGroup":"","logStream":"","subscriptionFilters":[],"logEvents":[` + event("CWL CONTROL MESSAGE") + `]}`
	body := firehose(other, []byte(clf+"\n"), []byte(clf+"\n"+clf), nil, zip(control), zip(cloudwatch, cloudwatch), []byte(cloudwatch))
	exact(f(string(zip(body)), firehoseID, other, "Content-Encoding", "gzip"), 200, `{"requestId":"another","timestamp":1795262400123}`)
	w.want(clf, clf, clf, clf, kong, clf, kong, clf, kong)
	exact(f(firehose("empty"), firehoseID, "empty"), 200, `{"requestId":"empty","timestamp":1795262400123}`)

	bad := func(body string, status int, want string, headers ...string) {
		t.Helper()
		r := f(body, headers...)
		var answer firehoseAnswer
		if err := json.Unmarshal([]byte(r.body), &answer); err != nil || r.status != status || answer.RequestID != r.id(headers, id) ||
			answer.Timestamp != 1795262400123 || !strings.Contains(answer.Error, want) {
			t.Errorf("%.100q: %d %s, want %d %s", body, r.status, r.body, status, want)
		}
	}
	bad(`{`, 400, "unexpected end")
	bad(`[]`, 400, "read a request of Firehose")
	bad(firehose("x"), 400, "its id is")
	bad(`{"requestId":"`+id+`"}`, 400, "no records")
	bad(`{"requestId":"`+id+`","records":[{}]}`, 400, "record 0 has no data")
	bad(`{"requestId":"`+id+`","records":[{"data":"!"}]}`, 400, "record 0: illegal base64")
	bad(firehose("broken", zip(clf)[:20]), 400, "record 0: decompress", firehoseID, "broken")
	bad(firehose(id), 401, "shows no", "X-Amz-Firehose-Access-Key", "wrong")
	bad(strings.Repeat("x", 2<<20), 413, "too large")
	w.want()
}

// id returns the request id that headers give, else the usual one.
func (r reply) id(headers []string, usual string) string {
	if i := slices.Index(headers, firehoseID); i >= 0 {
		return headers[i+1]
	}
	return usual
}
