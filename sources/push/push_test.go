package push

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/gatemeter/gatemeter/internal/servers"
	"github.com/gatemeter/gatemeter/sources/listen"
)

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
