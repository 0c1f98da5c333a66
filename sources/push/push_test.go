package push

import (
	"bytes"
	"compress/zlib"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/gatemeter/gatemeter/internal/servers"
	"github.com/gatemeter/gatemeter/pipeline/batch"
	"github.com/gatemeter/gatemeter/sources/listen"
	"github.com/gatemeter/gatemeter/sources/spool"
)

// logBuffer is what was logged.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// world is a source that runs.
type world struct {
	*Source
	t      *testing.T
	logs   *logBuffer
	spool  *spool.Spool
	url    string
	client *http.Client
	stop   func()

	mu    sync.Mutex
	lines []string
}

// how a world begins.
type how struct {
	dir    string // of the spool; empty: a new one
	spool  func(*spool.Settings)
	source func(*Settings)
	unread bool // nobody takes what is in the spool
	scheme string
}

func start(t *testing.T, h how) *world {
	t.Helper()
	w := &world{t: t, logs: &logBuffer{}, client: &http.Client{Timeout: time.Minute, Transport: &http.Transport{}}}
	log := slog.New(slog.NewTextHandler(w.logs, nil))
	spooling := spool.Settings{Dir: h.dir, MaxBytes: 64 << 20, FsyncEvery: time.Millisecond, Keys: 1000, Now: time.Now, Log: log}
	if spooling.Dir == "" {
		spooling.Dir = t.TempDir()
	}
	if h.spool != nil {
		h.spool(&spooling)
	}
	var err error
	if w.spool, err = spool.Open(spooling); err != nil {
		t.Fatal(err)
	}
	reader, err := spool.NewSource(spool.SourceSettings{
		Name: "api", Shard: "web1", Spool: w.spool, MaxLine: 1000, Pool: batch.NewPool(64<<10, 1<<20), Log: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	if h.scheme == "" {
		h.scheme = "http"
	}
	set := Settings{
		Name: "api", Spool: w.spool, Reader: reader, MaxMessage: 1000, MaxBody: 1 << 20, Now: time.Now, Log: log,
		Listen: []listen.Address{{Scheme: h.scheme, Host: "127.0.0.1:0"}},
	}
	if h.source != nil {
		h.source(&set)
	}
	if w.Source, err = New(set); err != nil {
		t.Fatal(err)
	}
	if err := w.Listen(); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Open(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	w.url = h.scheme + "://" + w.Addresses()[0].String() + "/logs"
	ctx, cancel := context.WithCancel(context.Background())
	out := make(chan *batch.Batch)
	var running sync.WaitGroup
	running.Go(func() {
		if err := w.Run(ctx, out); err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("Run: %v", err)
		}
		close(out)
	})
	if !h.unread {
		running.Go(func() {
			for b := range out {
				w.take(b)
			}
		})
	}
	w.stop = sync.OnceFunc(func() {
		w.client.CloseIdleConnections()
		closed := w.Close()
		cancel()
		running.Wait()
		if err := errors.Join(closed, w.spool.Close()); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(w.stop)
	return w
}

func (w *world) take(b *batch.Batch) {
	w.mu.Lock()
	defer w.mu.Unlock()
	begin := int32(0)
	for _, end := range b.Ends {
		w.lines = append(w.lines, string(b.Data[begin:end]))
		begin = end
	}
	for range b.Oversize {
		w.lines = append(w.lines, "oversize")
	}
	b.Release()
}

// want waits for lines and forgets them.
func (w *world) want(lines ...string) {
	w.t.Helper()
	servers.Await(w.t, 30*time.Second, func() error {
		w.mu.Lock()
		defer w.mu.Unlock()
		if !slices.Equal(w.lines, lines) {
			return fmt.Errorf("read %.200q, want %.200q\n%s", w.lines, lines, w.logs)
		}
		return nil
	})
	w.mu.Lock()
	w.lines = nil
	w.mu.Unlock()
}

// reply is what a request was answered with.
type reply struct {
	status int
	body   string
	header http.Header
}

// post posts body with headers, name and value by turns.
func (w *world) post(body io.Reader, headers ...string) reply {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.url, body)
	if err != nil {
		w.t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	answer, err := w.client.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return reply{answer.StatusCode, string(text), answer.Header}
}

func (w *world) wantStatus(r reply, status int, text string) {
	w.t.Helper()
	if r.status != status || !strings.Contains(r.body, text) || !json.Valid([]byte(r.body)) || r.header.Get("Content-Type") != "application/json" {
		w.t.Errorf("answered %d %s, want %d %s", r.status, r.body, status, text)
	}
}

const (
	clf  = `203.0.113.7 - - [10/Oct/2025:13:55:36 +0200] "GET / HTTP/1.1" 200 2326`
	kong = `{"started_at":1760097336043,"request":{"uri":"\/"},"response":{"status":200},"latencies":{"request":43}}`
)

func quote(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return string(b)
}

func zip(parts ...string) []byte {
	var b bytes.Buffer
	for _, p := range parts {
		z := gzip.NewWriter(&b)
		_, _ = z.Write([]byte(p)) // a buffer takes everything
		_ = z.Close()
	}
	return b.Bytes()
}

func TestBodies(t *testing.T) {
	w := start(t, how{source: func(s *Settings) { s.Dedupe = Never }})
	f := func(body string, lines ...string) {
		t.Helper()
		w.wantStatus(w.post(strings.NewReader(body)), 200, "{}")
		w.want(lines...)
	}
	f(clf+"\n"+clf+"\n\n", clf, clf)
	f(kong, kong)
	f("["+kong+","+kong+"]", kong, kong)
	f(kong+"\n"+kong+"\n", kong, kong)
	f(`[{"date":1795255200.1,"log":`+quote(clf+"\n")+`}]`, clf)
	f(`{"message":`+quote(clf)+`,"source_type":"file","timestamp":"2026-11-21T10:00:00Z"}`, clf)
	f("")
	f("\n\n")
	f(strings.Repeat("x", 2000)+"\n"+clf, "oversize", clf)
	if s := w.Stats(); s.Requests[200] != 9 || s.Records != 11 || s.Oversize != 1 || s.Duplicates != 0 {
		t.Errorf("%+v", s)
	}

	z := new(bytes.Buffer)
	deflate := zlib.NewWriter(z)
	_, _ = deflate.Write([]byte(clf))
	_ = deflate.Close()
	w.wantStatus(w.post(z, "Content-Encoding", "deflate"), 200, "")
	w.want(clf)
	encoder, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	w.wantStatus(w.post(bytes.NewReader(encoder.EncodeAll([]byte(kong), nil)), "Content-Encoding", "zstd"), 200, "")
	w.want(kong)
	w.wantStatus(w.post(bytes.NewReader(zip(clf, "\n"+kong)), "Content-Encoding", "gzip"), 200, "")
	w.want(clf, kong)
	w.wantStatus(w.post(bytes.NewReader(zip(clf))), 200, "") // said to be nothing, and gzip all the same
	w.want(clf)
	for _, encoding := range []string{"gzip", "deflate", "zstd"} {
		w.wantStatus(w.post(strings.NewReader(""), "Content-Encoding", encoding), 200, "")
		w.wantStatus(w.post(strings.NewReader("this is not compressed"), "Content-Encoding", encoding), 400, "said to be "+encoding)
	}
	w.wantStatus(w.post(strings.NewReader(clf), "Content-Encoding", "br"), 415, "gzip, deflate, zstd and identity")
	w.wantStatus(w.post(bytes.NewReader(zip(clf)[:20]), "Content-Encoding", "gzip"), 400, "unexpected EOF")
	w.want()
}

func TestMethods(t *testing.T) {
	w := start(t, how{})
	for _, method := range []string{"GET", "HEAD", "DELETE", "PUT"} {
		r, err := http.NewRequest(method, w.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := w.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		want := 405
		if method == "PUT" {
			want = 200
		}
		if answer.StatusCode != want {
			t.Errorf("%s: %s", method, answer.Status)
		}
	}
}

func TestTooLarge(t *testing.T) {
	w := start(t, how{})
	w.wantStatus(w.post(bytes.NewReader(make([]byte, 1<<20+1))), 413, "too large")
	w.wantStatus(w.post(io.LimitReader(neverEnding('a'), 8<<20)), 413, "too large") // no Content-Length
	w.wantStatus(w.post(strings.NewReader(strings.Repeat(clf+"\n", (1<<20)/(len(clf)+1)))), 200, "")
	encoder, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	w.wantStatus(w.post(bytes.NewReader(encoder.EncodeAll(make([]byte, 64<<20), nil)), "Content-Encoding", "zstd"), 413, "when decompressed")
	if w.reserved.Load() != 0 {
		t.Errorf("%d bytes are still reserved", w.reserved.Load())
	}
}

type neverEnding byte

func (b neverEnding) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(b)
	}
	return len(p), nil
}

// TestBomb: a gibibyte in a mebibyte is refused with as little memory as anything too large, whichever way it is wrapped.
func TestBomb(t *testing.T) {
	w := start(t, how{})
	part := zip(string(make([]byte, 1<<20)))
	bomb := bytes.Repeat(part, 1<<10)
	if len(bomb) > 1<<20 || len(bomb) < 1<<19 {
		bomb = bytes.Repeat(part, (1<<20)/len(part))
	}
	allocated := func() uint64 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.TotalAlloc
	}
	before := allocated()
	w.wantStatus(w.post(bytes.NewReader(bomb), "Content-Encoding", "gzip"), 413, "when decompressed")
	w.wantStatus(w.post(bytes.NewReader(bomb)), 413, "when decompressed")
	firehose := `{"requestId":"1","timestamp":1,"records":[{"data":"` + base64.StdEncoding.EncodeToString(bomb[:len(bomb)/2]) + `"}]}`
	w.wantStatus(w.post(strings.NewReader(firehose), firehoseID, "1"), 413, "when decompressed")
	// Many records that are small enough each.
	record := `{"data":"` + base64.StdEncoding.EncodeToString(zip(strings.Repeat(strings.Repeat("x", 99)+"\n", 9000))) + `"}`
	firehose = `{"requestId":"2","timestamp":1,"records":[` + strings.TrimSuffix(strings.Repeat(record+",", 100), ",") + `]}`
	w.wantStatus(w.post(strings.NewReader(firehose), firehoseID, "2"), 413, "when decompressed")
	if got := allocated() - before; got > 64<<20 {
		t.Errorf("%d MB were allocated", got>>20)
	}
	if w.spool.Next() != 0 || w.reserved.Load() != 0 {
		t.Errorf("%d records, %d bytes reserved", w.spool.Next(), w.reserved.Load())
	}
}

// TestMemoryIsShared: what requests hold together is bounded; who finds nothing left is told to try again.
func TestMemoryIsShared(t *testing.T) {
	w := start(t, how{})
	w.reserved.Store(budget*w.set.MaxBody - 10<<10)
	big := strings.Repeat(clf+"\n", 1000)
	r := w.post(strings.NewReader(big))
	w.wantStatus(r, 429, "try again")
	if r.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	w.reserved.Store(0)
	w.wantStatus(w.post(strings.NewReader(big)), 200, "")
}

func TestAuthentication(t *testing.T) {
	basic := func(user, password string) string {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
	}
	secrets := []string{"topsecret-password", "topsecret-token", "topsecret-key"}
	all := start(t, how{source: func(s *Settings) {
		s.Username, s.Password, s.Token, s.AccessKey = "kong", secrets[0], secrets[1], secrets[2]
	}})
	f := func(w *world, status int, headers ...string) {
		t.Helper()
		r := w.post(strings.NewReader(clf), headers...)
		w.wantStatus(r, status, "")
		if status == 401 && r.header.Get("WWW-Authenticate") == "" {
			t.Error("no challenge")
		}
	}
	f(all, 401)
	f(all, 200, "Authorization", basic("kong", secrets[0]))
	f(all, 401, "Authorization", basic("kong", "wrong"))
	f(all, 401, "Authorization", basic("wrong", secrets[0]))
	f(all, 401, "Authorization", basic("kong", ""))
	f(all, 200, "Authorization", "Bearer "+secrets[1])
	f(all, 200, "authorization", "bearer "+secrets[1])
	f(all, 401, "Authorization", "Bearer "+secrets[1][:5])
	f(all, 401, "Authorization", secrets[1])
	f(all, 200, "X-Amz-Firehose-Access-Key", secrets[2])
	f(all, 401, "X-Amz-Firehose-Access-Key", secrets[1])
	f(all, 401, "X-Amz-Firehose-Access-Key", "")
	one := start(t, how{source: func(s *Settings) { s.AccessKey = secrets[2] }})
	f(one, 401, "Authorization", basic("", ""))
	f(one, 401, "Authorization", "Bearer ")
	f(one, 200, "X-Amz-Firehose-Access-Key", secrets[2])
	for _, s := range secrets {
		if strings.Contains(all.logs.String(), s) {
			t.Errorf("a secret is logged: %s", all.logs)
		}
	}
	stranger := start(t, how{source: func(s *Settings) {
		var err error
		if s.Peers, err = listen.ParsePeers([]string{"10.0.0.0/8"}); err != nil {
			t.Fatal(err)
		}
	}})
	f(stranger, 403)
	if got := stranger.Stats(); got.Requests[403] != 1 || got.Records != 0 {
		t.Errorf("%+v", got)
	}
}

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

func TestDedupe(t *testing.T) {
	for d := range numDedupes {
		dir := t.TempDir()
		h := how{dir: dir, source: func(s *Settings) { s.Dedupe = d }}
		w := start(t, h)
		f := func(body string, once bool, headers ...string) {
			t.Helper()
			before := w.spool.Next()
			for range 3 {
				w.wantStatus(w.post(strings.NewReader(body), headers...), 200, "")
			}
			if n := w.spool.Next() - before; n != 1 && once || n != 3 && !once {
				t.Errorf("%s: %.60q %v is stored %d times", dedupeNames[d], body, headers, n)
			}
		}
		f(clf, d == Body)
		f(kong, d == Body || d == Auto)
		f(clf+" with an id", d != Never, "Idempotency-Key", "1")
		f(clf+" with a long id", d != Never, "Idempotency-Key", strings.Repeat("1", 1000))
		f(firehose("2", []byte(clf)), d != Never, firehoseID, "2")
		w.stop()
		w = start(t, h)
		before := w.spool.Next()
		w.wantStatus(w.post(strings.NewReader(kong)), 200, "")
		w.wantStatus(w.post(strings.NewReader(firehose("2", []byte(clf))), firehoseID, "2"), 200, "")
		n := w.spool.Next() - before
		if want := map[Dedupe]int64{Auto: 0, ID: 1, Body: 0, Never: 2}[d]; n != want {
			t.Errorf("%s: after a restart %d records are stored again, want %d", dedupeNames[d], n, want)
		}
		w.stop()
	}
	if _, err := ParseDedupe("sometimes"); err == nil {
		t.Error("an unknown way is taken")
	}
	for i, name := range Dedupes() {
		if d, err := ParseDedupe(name); err != nil || d != Dedupe(i) {
			t.Errorf("%s: %v, %v", name, d, err)
		}
	}
}

// TestFull: a full spool is answered with 429, and nothing that was answered with 200 is lost.
func TestFull(t *testing.T) {
	w := start(t, how{unread: true, spool: func(s *spool.Settings) { s.MaxBytes = 4 << 20 }})
	body := strings.Repeat(clf+"\n", 5000)
	stored := int64(0)
	for {
		r := w.post(strings.NewReader(body))
		if r.status == 429 {
			w.wantStatus(r, 429, "the spool is full")
			if r.header.Get("Retry-After") != "1" {
				t.Errorf("Retry-After is %q", r.header.Get("Retry-After"))
			}
			break
		}
		w.wantStatus(r, 200, "")
		stored += 5000
		if stored > 100_000 {
			t.Fatal("a bounded spool takes everything")
		}
	}
	if w.spool.Next() != stored {
		t.Errorf("%d records in the spool, %d answered", w.spool.Next(), stored)
	}
	w.spool.Trim(w.spool.Durable())
	w.wantStatus(w.post(strings.NewReader(body)), 200, "")
}

func TestClosedSpool(t *testing.T) {
	w := start(t, how{unread: true})
	if err := w.spool.Close(); err != nil {
		t.Fatal(err)
	}
	r := w.post(strings.NewReader(clf))
	w.wantStatus(r, 503, "cannot be kept")
	if r.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}

func TestTLS(t *testing.T) {
	c := servers.MakeCertificates(t)
	w := start(t, how{scheme: "https", source: func(s *Settings) {
		s.TLS = listen.TLS{CertFile: c.ServerCert, KeyFile: c.ServerKey, ClientCAFile: c.CA}
	}})
	transport := &http.Transport{TLSClientConfig: c.ClientConfig(t, c.ClientCert, c.ClientKey), ForceAttemptHTTP2: true}
	w.client.Transport = transport
	w.wantStatus(w.post(strings.NewReader(clf)), 200, "")
	w.want(clf)
	for _, files := range [][2]string{{"", ""}, {c.OldCert, c.OldKey}, {c.StrangeCert, c.StrangeKey}} {
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: c.ClientConfig(t, files[0], files[1]), DisableKeepAlives: true}}
		if answer, err := client.Post(w.url, "text/plain", strings.NewReader(clf)); err == nil {
			answer.Body.Close()
			t.Errorf("%v is let in: %s", files, answer.Status)
		}
	}
	w.want()
}

func TestConnections(t *testing.T) {
	w := start(t, how{source: func(s *Settings) { s.Connections = 2 }})
	address := w.Addresses()[0].String()
	var open []net.Conn
	for range 2 {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, conn)
	}
	servers.Await(t, 30*time.Second, func() error {
		if s := w.Stats(); s.Connections != 2 {
			return fmt.Errorf("%+v", s)
		}
		return nil
	})
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("one too many: %v", err)
	}
	for _, c := range open {
		c.Close()
	}
	servers.Await(t, 30*time.Second, func() error {
		if s := w.Stats(); s.Connections != 0 || s.Refused != 1 {
			return fmt.Errorf("%+v", s)
		}
		return nil
	})
}

// TestStopsUnderLoad: what was answered with 200 is in the spool, whatever was at hand when the source was told to stop.
func TestStopsUnderLoad(t *testing.T) {
	dir := t.TempDir()
	w := start(t, how{dir: dir, source: func(s *Settings) { s.Dedupe = Never }})
	var sending sync.WaitGroup
	var mu sync.Mutex
	answered := map[string]bool{}
	for i := range 4 {
		sending.Go(func() {
			for j := 0; ; j++ {
				line := fmt.Sprintf("%d/%d", i, j)
				answer, err := http.Post(w.url, "text/plain", strings.NewReader(line))
				if err != nil {
					return
				}
				answer.Body.Close()
				if answer.StatusCode != 200 {
					t.Errorf("%s", answer.Status)
				}
				mu.Lock()
				answered[line] = true
				mu.Unlock()
			}
		})
	}
	servers.Await(t, 30*time.Second, func() error {
		if w.spool.Next() < 200 {
			return fmt.Errorf("%d records", w.spool.Next())
		}
		return nil
	})
	w.stop()
	sending.Wait()
	w = start(t, how{dir: dir})
	servers.Await(t, 30*time.Second, func() error {
		w.mu.Lock()
		defer w.mu.Unlock()
		missing := len(answered)
		for _, l := range w.lines {
			if answered[l] {
				missing--
			}
		}
		if missing > 0 {
			return fmt.Errorf("%d of %d are missing", missing, len(answered))
		}
		return nil
	})
}

func TestNew(t *testing.T) {
	if _, err := New(Settings{}); err == nil {
		t.Error("no spool")
	}
	set := start(t, how{}).set
	f := func(want string, change func(*Settings)) {
		t.Helper()
		s := set
		change(&s)
		if _, err := New(s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	f("nothing to listen on", func(s *Settings) { s.Listen = nil })
	f("belong together", func(s *Settings) { s.Username = "x" })
	f("tls needs a certificate", func(s *Settings) { s.Listen = []listen.Address{{Scheme: "https", Host: "127.0.0.1:0"}} })
	f("quarter of the spool", func(s *Settings) { s.MaxBody = 32 << 20 })
	f("out of range", func(s *Settings) { s.MaxBody = 2 << 30 })
}
