package envelope

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func zip(t testing.TB, members ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	for _, m := range members {
		w := gzip.NewWriter(&b)
		if _, err := w.Write([]byte(m)); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

const (
	clf  = `203.0.113.7 - - [10/Oct/2025:13:55:36 +0200] "GET / HTTP/1.1" 200 2326`
	kong = `{"started_at":1760097336043,"request":{"uri":"\/","headers":{"x":"{\"}"}},"response":{"status":200},"latencies":{"request":43}}`
)

func TestSplit(t *testing.T) {
	f := func(mode Mode, payload string, want ...string) {
		t.Helper()
		s := &Splitter{Mode: mode}
		for range 2 { // the second finds what the first has left
			var got []string
			if err := s.Split([]byte(payload), func(r []byte) { got = append(got, string(r)) }); err != nil {
				t.Errorf("%.200q: %v", payload, err)
			}
			if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
				t.Errorf("%.200q:\n got %q\nwant %q", payload, got, want)
			}
		}
	}
	// Lines.
	f(Auto, "")
	f(Auto, " \r\n\n\t\n")
	f(Auto, clf, clf)
	f(Auto, clf+"\r\n\n"+clf+"\n", clf, clf)
	f(Auto, "\ufeff"+clf, clf)
	f(Auto, "  indented\n", "  indented")
	f(Auto, "[10/Oct/2025:13:55:36 +0200] a\n[b]\n", "[10/Oct/2025:13:55:36 +0200] a", "[b]")
	f(Auto, `["not closed`, `["not closed`)
	f(Auto, "[{\"a\":1}\n[{\"b\":2}", `[{"a":1}`, `[{"b":2}`)
	f(None, kong+"\n"+`{"message":"x"}`+"\n\n", kong, `{"message":"x"}`)
	f(None, `[{"a":1},{"b":2}]`, `[{"a":1},{"b":2}]`)

	// Objects, one after the other.
	f(Auto, kong, kong)
	f(Auto, kong+"\n"+kong+"\n", kong, kong)
	f(Auto, kong+kong+" "+kong, kong, kong, kong)
	f(Auto, "{\n  \"a\": 1,\n  \"b\": [\n 2]\n}\n{}\n", "{\n  \"a\": 1,\n  \"b\": [\n 2]\n}", "{}")
	f(Auto, `{"a":"\"}{\\"}`+"\n", `{"a":"\"}{\\"}`)
	// A broken one costs no other.
	f(Auto, kong+"\n"+`{"status":,"a":"`+"\n"+kong+"\n", kong, `{"status":,"a":"`, kong)
	f(Auto, `{"a":1`+"\n"+kong+"\n"+`{"b":`+"\n"+`{"message":"m"}`, `{"a":1`, kong, `{"b":`, "m")
	f(Auto, `{"a":1} trailing`+"\n"+kong, `{"a":1} trailing`, kong)
	f(Auto, kong+"\n"+clf+"\n"+kong, kong, clf, kong)
	f(Auto, `{"a":1},{"b":2}`, `{"a":1},{"b":2}`)
	f(Auto, strings.Repeat("{", 400)+"\n{}", strings.Repeat("{", 400), "{}")

	// Arrays.
	f(Auto, "[]")
	f(Auto, " [ ] \n")
	f(Auto, "["+kong+", "+kong+"]\n", kong, kong)
	f(Auto, "[\n"+kong+",\n{\"log\":\"a\\n\"}\n]", kong, "a")
	f(Auto, `["a \"quoted\" line","b\n"," "]`, `a "quoted" line`, "b")
	f(Auto, `[{"a":1},2,null]`, `{"a":1}`, "2", "null")

	// Envelopes.
	f(Auto, `{"@timestamp":"2026-11-21T10:00:00.000Z","@metadata":{"beat":"filebeat","type":"_doc","version":"8.19.0"},"message":`+quote(clf)+
		`,"input":{"type":"filestream"},"log":{"offset":0,"file":{"path":"/var/log/nginx/access.log"}},"ecs":{"version":"8.0.0"},"host":{"name":"web1"},"agent":{"type":"filebeat"}}`, clf)
	f(Auto, `[{"date":1795255200.123456,"log":`+quote(kong+"\n")+`}]`, kong)
	f(Auto, `{"log":`+quote(clf+"\n")+`,"stream":"stdout","time":"2026-11-21T10:00:00Z","kubernetes":{"pod_name":"kong-0"}}`, clf)
	f(Auto, `{"file":"/var/log/nginx/access.log","host":"web1","message":`+quote(clf)+`,"source_type":"file","timestamp":"2026-11-21T10:00:00Z"}`, clf)
	f(Auto, `{"@version":"1","message":`+quote(clf+"\r")+`,"path":"/var/log/nginx/access.log","host":"web1","@timestamp":"2026-11-21T10:00:00.000Z"}`, clf)
	f(Auto, `{"message":"\u00e9\ud83d\ude00\ud83d \/\b\f\r\t"}`, "é😀\ufffd /\b\f\r\t")
	f(Auto, `{"message":"two\nlines"}`, "two\nlines") // a line end in a framed record begins no other
	f(Auto, `{"message":""}`)
	f(Auto, `{"message":"\x"}`, `{"message":"\x"}`)
	f(Auto, `{"message":{"a":1}}`, `{"message":{"a":1}}`)
	// A record that has such a name itself.
	f(Auto, `{"message":"GET /","http":{"request":{"method":"GET"}}}`, `{"message":"GET /","http":{"request":{"method":"GET"}}}`)
	f(Auto, `{"log":"x","status":200}`, `{"log":"x","status":200}`)
	f(Auto, `{"message":"GET /","http.request.method":"GET"}`, `{"message":"GET /","http.request.method":"GET"}`)
	f(Auto, `{"message":"GET /","url.path":"/"}`, `{"message":"GET /","url.path":"/"}`)
	f(Message, `{"message":"GET /","http":{}}`, "GET /")
	f(Message, `{"log":"a"}`, `{"log":"a"}`)
	f(Log, `{"log":"a","message":"b","status":1}`+"\n"+`{"log":"c"}`, "a", "c")

	// CloudWatch Logs.
	data := `{"messageType":"DATA_MESSAGE","owner":"1","logGroup":"g","logStream":"s","subscriptionFilters":["f"],"logEvents":[` +
		`{"id":"1","timestamp":1,"message":` + quote(clf) + `},{"id":"2","timestamp":2,"message":` + quote(kong) + `}]}`
	control := `{"messageType":"CONTROL_MESSAGE","owner":"CloudwatchLogs","logGroup":"","logStream":"","subscriptionFilters":[],"logEvents":[{"id":"","timestamp":1,"message":"CWL CONTROL MESSAGE: Checking health of destination Firehose."}]}`
	f(Auto, data, clf, kong)
	f(Auto, control+data, clf, kong)
	f(Auto, string(zip(t, data)), clf, kong)
	f(Auto, string(zip(t, control, data, data)), clf, kong, clf, kong)
	f(Auto, string(zip(t, clf+"\n"+clf+"\n")), clf, clf)
	// Requests of OpenTelemetry.
	otlp := func(resource string, logs ...string) string {
		return `{"resourceLogs":[{` + resource + `"scopeLogs":[{"logRecords":[` + strings.Join(logs, ",") + `]}]}]}`
	}
	const resource = `"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"orders"}}]},`
	f(Auto, otlp(resource, `{"a":1}`, `{"b":2}`), otlp(resource, `{"a":1}`), otlp(resource, `{"b":2}`))
	f(Auto, otlp("", `{"a":1}`, `{"b":2}`), otlp("", `{"a":1}`), otlp("", `{"b":2}`))
	f(Auto, `{"resourceLogs": [ {"scopeLogs":[{"scope":{},"logRecords":[{"a":1}]},{"logRecords":[{"b":2}],"schemaUrl":"x"}], `+resource+`"x":1}, {"scopeLogs":[ {"logRecords":[{"c":3}]}]}]}`,
		otlp(resource, `{"a":1}`), otlp(resource, `{"b":2}`), otlp("", `{"c":3}`))
	f(Auto, `{"resourceLogs":[{`+resource[:len(resource)-1]+`},{"scopeLogs":[{"scope":{}},{"logRecords":[{"a":1},{"b":2}]}]}]}`, otlp("", `{"a":1}`), otlp("", `{"b":2}`)) // empty lists are left out
	for _, as := range []string{
		otlp(resource, `{"a":1}`), otlp(resource), `{"resourceLogs":[]}`, `{"resourceLogs":{}}`, otlp(resource, `{"a":1}`, "2"),
		`{"resourceLogs":[{"scopeLogs":[{"logRecords":[{},{}]}]},{"scopeLogs":7}]}`,
		otlp(`"resource":"`+strings.Repeat("x", 1000)+`",`, `{}`+strings.Repeat(`,{}`, 1000)), // would be a thousand times as long
	} {
		f(Auto, as, as)
	}
	// Azure's diagnostic settings.
	f(Auto, `{"records":[{"a":1},{"b":2}]}`, `{"a":1}`, `{"b":2}`)
	f(Auto, `{"records":[1]}`, `{"records":[1]}`)
}

func quote(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return string(b)
}

// TestSubscriptionOfTheDocs is the event that AWS' own SDK is tested with.
func TestSubscriptionOfTheDocs(t *testing.T) {
	const data = "H4sIAAAAAAAAAHWPwQqCQBCGX0Xm7EFtK+smZBEUgXoLCdMhFtKV3akI8d0bLYmibvPPN3wz00CJxmQnTO41whwWQRIctmEcB6sQbFC3CjW3XW8kxpOpP+OC22d1Wml1qZkQGtoMsScxaczKN3plG8zlaHIta5KqWsozoTYw3/djzwhpLwivWFGHGpAFe7DL68JlBUk+l7KSN7tCOEJ4M3/qOI49vMHj+zCKdlFqLaU2ZHV2a4Ct/an0/ivdX8oYc1UVX860fQDQiMdxRQEAAA=="
	payload, err := base64.StdEncoding.DecodeString(data)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	if err := new(Splitter).Split(payload, func(r []byte) { got = append(got, string(r)) }); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(got) != "[[ERROR] First test message [ERROR] Second test message]" {
		t.Errorf("%q", got)
	}
}

func TestCompressed(t *testing.T) {
	f := func(what string, payload []byte, want error) {
		t.Helper()
		s := &Splitter{MaxBytes: 1000}
		err := s.Split(payload, func([]byte) {})
		if err == nil || want != nil && !errors.Is(err, want) {
			t.Errorf("%s: %v", what, err)
		}
	}
	whole := zip(t, strings.Repeat("a\n", 400))
	f("a bomb", zip(t, strings.Repeat("a", 1001)), ErrTooLarge)
	f("a bomb of members", zip(t, strings.Repeat("a", 600), strings.Repeat("a", 600)), ErrTooLarge)
	f("cut", whole[:len(whole)-3], nil)
	f("no gzip", []byte("\x1f\x8bgarbage"), nil)
	f("garbage behind", append(bytes.Clone(whole), "garbage"...), nil)
	n := 0
	if err := (&Splitter{MaxBytes: 1000}).Split(whole, func([]byte) { n++ }); err != nil || n != 400 {
		t.Errorf("%d records, %v", n, err)
	}
}

// TestManyBrokenLines: lines that look like objects without an end do not make one another slow.
func TestManyBrokenLines(t *testing.T) {
	payload := bytes.Repeat([]byte("{\"a\":\n"), 300_000)
	n := 0
	if err := new(Splitter).Split(payload, func([]byte) { n++ }); err != nil || n != 300_000 {
		t.Errorf("%d records, %v", n, err)
	}
}

func TestParseMode(t *testing.T) {
	for i, name := range Modes() {
		if m, err := ParseMode(name); err != nil || m != Mode(i) {
			t.Errorf("%s: %v, %v", name, m, err)
		}
	}
	if _, err := ParseMode("filebeat"); err == nil {
		t.Error("an unknown mode is taken")
	}
}

// TestRepeatedIsBounded: records that repeat their resource are no longer all together than a payload may be, however many requests it has.
func TestRepeatedIsBounded(t *testing.T) {
	const most = 1 << 20
	request := `{"resourceLogs":[{"resource":{"a":"` + strings.Repeat("x", 10_000) + `"},"scopeLogs":[{"logRecords":[{}` + strings.Repeat(",{}", 30) + `]}]}]}`
	f := func(requests, taken int) {
		t.Helper()
		payload := strings.Repeat(request+"\n", requests)
		s := &Splitter{MaxBytes: most}
		for range 2 { // and each payload has as much
			size, whole := 0, 0
			if err := s.Split([]byte(payload), func(r []byte) {
				size += len(r)
				if string(r) == request {
					whole++
				}
			}); err != nil || whole != requests-taken || size > most+len(payload) {
				t.Errorf("%d requests of %d bytes: %d bytes in all, %d are whole, %v", requests, len(request), size, whole, err)
			}
		}
	}
	f(1, 1)
	f(3, 3)
	f(20, 3)
}

func TestNoAllocation(t *testing.T) {
	s := new(Splitter)
	payloads := [][]byte{[]byte(clf), []byte(kong), []byte("[" + kong + "," + kong + "]"), []byte(`{"message":` + quote(clf) + `}`), []byte(`{"resourceLogs":[{"scopeLogs":[{"logRecords":[{},{}]}]}]}`)}
	n := 0
	emit := func(r []byte) { n += len(r) }
	for _, p := range payloads {
		if got := testing.AllocsPerRun(100, func() { _ = s.Split(p, emit) }); got != 0 {
			t.Errorf("%.40q: %v allocations", p, got)
		}
	}
}

// FuzzSingle: what Single returns is all that Split emits.
func FuzzSingle(f *testing.F) {
	for _, seed := range []string{clf, clf + "\n", clf + "\r\n", clf + "\n\n", "a\nb", "a\r\r", " a", "\n", kong, "[a]", "\xef\xbb\xbfa", "\x1f\x8b"} {
		for mode := range numModes {
			f.Add([]byte(seed), uint8(mode))
		}
	}
	f.Fuzz(func(t *testing.T, payload []byte, mode uint8) {
		s := &Splitter{Mode: Mode(mode) % numModes, MaxBytes: 1 << 20}
		line, single := s.Single(payload)
		if !single {
			return
		}
		var got []string
		if err := s.Split(payload, func(r []byte) { got = append(got, string(r)) }); err != nil || len(got) != 1 || got[0] != string(line) {
			t.Errorf("%q, mode %d: split %q, %v; single %q", payload, s.Mode, got, err, line)
		}
	})
}

// FuzzSplit holds Split against encoding/json: the elements of an array of objects come out one by one, and of a text nothing
// is left out.
func FuzzSplit(f *testing.F) {
	for _, seed := range []string{
		`{"resourceLogs":[{"resource":{"a":1},"scopeLogs":[{"logRecords":[{"b":1},{"c":2}]}]}]}`, clf, kong, "[" + kong + "," + kong + "]", kong + "\n{\n", `{"message":"a\u00e9\n"}`, `["a\"b"]`, "[ ]", "\x1f\x8b",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		var got [][]byte
		s := &Splitter{MaxBytes: 1 << 20}
		err := s.Split(payload, func(r []byte) {
			if len(bytes.TrimSpace(r)) == 0 && len(r) == 0 {
				t.Fatalf("a blank record of %q", payload)
			}
			got = append(got, bytes.Clone(r))
		})
		if err != nil {
			return
		}
		var array []json.RawMessage
		if json.Unmarshal(payload, &array) == nil && len(array) > 0 && array[0][0] == '{' {
			s := &Splitter{Mode: Message} // of objects without a message
			var elements [][]byte
			if err := s.Split(payload, func(r []byte) { elements = append(elements, bytes.Clone(r)) }); err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(payload, []byte("message")) || bytes.Contains(payload, []byte(`"`)) && bytes.Contains(payload, []byte(`\`)) {
				return
			}
			i := 0
			for _, e := range array {
				if e[0] == '"' && len(bytes.TrimSpace(e[1:len(e)-1])) == 0 {
					continue
				}
				if i >= len(elements) || e[0] == '{' && !bytes.Equal(elements[i], e) {
					t.Fatalf("element %d of %q: %q", i, payload, elements)
				}
				i++
			}
		}
		if json.Valid(payload) || bytes.HasPrefix(payload, []byte("\x1f\x8b")) {
			return
		}
		none := &Splitter{Mode: None}
		size := 0
		_ = none.Split(payload, func(r []byte) { size += len(r) })
		total := 0
		for _, r := range got {
			total += len(r)
		}
		if total > len(payload)*3 && !bytes.Contains(payload, []byte("resourceLogs")) {
			t.Fatalf("%d bytes of %d: %q", total, size, got)
		}
	})
}
