package e2e

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/internal/servers"
)

// TestPostsAreStoredOnce posts what Kong and Firehose post, as often as it takes to be answered, to a gatemeter that is killed at
// each place where that matters: each record is counted once and indexed once.
func TestPostsAreStoredOnce(t *testing.T) {
	t.Parallel()
	program := buildWithFaults(t)
	kongAt, firehoseAt := servers.FreeAddress(t), servers.FreeAddress(t)
	small := object{"max_size": "80MiB"}
	r := newReceiver(t, object{
		"kong":     object{"type": "http", "listen": "http://" + kongAt, "format": "kong", "token": "topsecret", "max_body": "16MiB", "spool": small},
		"firehose": object{"type": "http", "listen": "http://" + firehoseAt, "format": "combined", "access_key": "topsecret", "max_body": "16MiB", "spool": small},
	}, true)

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var posting sync.WaitGroup
	var posted, repeated [2]atomic.Int64
	client := &http.Client{Timeout: 10 * time.Second}
	// post posts until it is answered with 200, and reports whether it was.
	post := func(kind int, address string, body []byte, headers ...string) bool {
		for attempt := 0; ; attempt++ {
			request, err := http.NewRequest(http.MethodPost, "http://"+address, bytes.NewReader(body))
			if err != nil {
				t.Error(err)
				return false
			}
			for i := 0; i < len(headers); i += 2 {
				request.Header.Set(headers[i], headers[i+1])
			}
			answer, err := client.Do(request)
			if err == nil {
				text, failed := io.ReadAll(answer.Body)
				answer.Body.Close()
				if failed == nil && answer.StatusCode == http.StatusOK {
					return true
				}
				if answer.StatusCode != http.StatusServiceUnavailable && answer.StatusCode != http.StatusTooManyRequests {
					t.Errorf("%s: %s", answer.Status, text)
					return false
				}
			}
			repeated[kind].Add(1)
			select {
			case <-time.After(5 * time.Millisecond):
			case <-t.Context().Done():
				return false
			}
		}
	}
	for i := range 2 {
		pace := time.NewTicker(4 * time.Millisecond) // of both
		defer pace.Stop()
		posting.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				<-pace.C
				records := make([]string, 0, 3)
				for k := range 3 {
					records = append(records, fmt.Sprintf(`{"started_at":%d,"client_ip":"203.0.113.7","request":{"method":"GET","uri":"\/kong\/%d-%d-%d","size":1},"response":{"status":200,"size":1},"latencies":{"request":1,"kong":0,"proxy":1}}`,
						time.Now().UnixMilli(), i, n, k))
				}
				if post(0, kongAt, []byte("["+strings.Join(records, ",")+"]"), "Authorization", "Bearer topsecret", "Content-Type", "application/json") {
					posted[0].Add(3)
				}
			}
		})
		posting.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				<-pace.C
				id := fmt.Sprintf("request-%d-%d", i, n)
				data := clfLine(fmt.Sprintf("/firehose/%d-%d-0", i, n)) + "\n" + clfLine(fmt.Sprintf("/firehose/%d-%d-1", i, n)) + "\n"
				body, err := json.Marshal(map[string]any{
					"requestId": id, "timestamp": time.Now().UnixMilli(),
					"records": []any{map[string]string{"data": base64.StdEncoding.EncodeToString([]byte(data))}},
				})
				if err != nil {
					t.Error(err)
					return
				}
				if post(1, firehoseAt, body, "X-Amz-Firehose-Request-Id", id, "X-Amz-Firehose-Access-Key", "topsecret") {
					posted[1].Add(2)
				}
			}
		})
	}
	for _, faults := range []string{
		"post.stored:kill:7", "spool.written:kill:5", "spool.synced:kill:6", "spool.writing:kill:8", "batch.read:kill:6", "post.stored:kill:1",
		"spool.written:kill:1", "spool.synced:kill:1", "cursor.written:kill:2", "cursor.synced:kill:2", "post.stored:kill:40", "panes.sent:kill:2",
		"bulk.answered:kill:3", "spool.writing:fail:3-30,post.stored:fail:5-20,post.stored:kill:60",
	} {
		began := time.Now()
		c := exec.CommandContext(t.Context(), program, "run", "-c", filepath.Join(r.dir, "gatemeter.yaml"))
		c.Env = append(os.Environ(), "GATEMETER_FAULTS="+faults)
		out, err := c.CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
			t.Fatalf("%s: %v\n%s", faults, err, out)
		}
		t.Logf("%s: killed after %v", faults, time.Since(began).Round(time.Millisecond))
	}
	process := r.live(t)
	cancel()
	posting.Wait()
	process.Stop()
	r.finish()

	t.Logf("kong: %d records, %d posts tried again; firehose: %d and %d", posted[0].Load(), repeated[0].Load(), posted[1].Load(), repeated[1].Load())
	r.wantTotals(map[string]int{"kong": int(posted[0].Load()), "firehose": int(posted[1].Load())})
	paths := map[string]int{}
	for _, doc := range r.search.Docs() {
		var source struct {
			URL struct{ Path string }
		}
		if err := json.Unmarshal(doc.Source, &source); err != nil {
			t.Fatal(err)
		}
		paths[source.URL.Path]++
	}
	for path, n := range paths {
		if n != 1 {
			t.Errorf("%s is indexed %d times", path, n)
		}
	}
	if want := int(posted[0].Load() + posted[1].Load()); len(paths) != want {
		t.Errorf("%d documents, want %d", len(paths), want)
	}
}

// TestReloadOfReceivers: a new config is taken over under load, also one that cannot be run, and each post that was answered is
// counted once.
func TestReloadOfReceivers(t *testing.T) {
	address, taken := servers.FreeAddress(t), servers.FreeAddress(t)
	occupied, err := net.Listen("tcp", taken)
	if err != nil {
		t.Fatal(err)
	}
	defer occupied.Close()
	source := object{"type": "http", "listen": []string{"http://" + address}, "format": "combined"}
	r := newReceiver(t, object{"api": source}, false)
	process := r.live(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var posting sync.WaitGroup
	var posted atomic.Int64
	pace := time.NewTicker(2 * time.Millisecond) // of all three
	defer pace.Stop()
	for i := range 3 {
		posting.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				<-pace.C
				body := clfLine(fmt.Sprintf("/reload/%d-%d", i, n))
				for answered := false; !answered && t.Context().Err() == nil; {
					request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+address, strings.NewReader(body))
					if err != nil {
						t.Error(err)
						return
					}
					request.Header.Set("Idempotency-Key", fmt.Sprintf("%d-%d", i, n))
					if answer, err := http.DefaultClient.Do(request); err == nil {
						answered = answer.StatusCode == http.StatusOK
						answer.Body.Close()
					} else {
						<-time.After(time.Millisecond)
					}
				}
				posted.Add(1)
			}
		})
	}
	// reload changes the config, tells the process, and waits until it says how it went.
	reload := func(change func(), outcome string) {
		t.Helper()
		before := r.metric(t, "gatemeter_config_reloads_total", `outcome="`+outcome+`"`)
		change()
		r.write(t, "gatemeter.yaml", r.config)
		if err := syscall.Kill(process.PID(), syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		servers.Await(t, time.Minute, func() error {
			all, err := r.scrape() // between two configs nobody answers
			if err != nil {
				return err
			}
			if now := all["gatemeter_config_reloads_total"][`outcome="`+outcome+`"`]; now != before+1 {
				return fmt.Errorf("%v reloads are %s, want %v", now, outcome, before+1)
			}
			return nil
		})
		already := posted.Load()
		servers.Await(t, time.Minute, func() error {
			if n := posted.Load(); n < already+50 {
				return fmt.Errorf("%d posted, %d before", n, already)
			}
			return nil
		})
	}
	reload(func() { source["max_connections"] = 100 }, "done")
	reload(func() { source["listen"] = []string{"http://" + address, "http://" + taken} }, "failed")
	reload(func() { source["listen"] = []string{"http://" + address}; source["max_body"] = "1MiB" }, "done")
	reload(func() { source["max_boddy"] = "1MiB" }, "failed")
	reload(func() { delete(source, "max_boddy"); source["dedupe"] = "id" }, "done")
	cancel()
	posting.Wait()
	process.Stop()
	r.finish()
	r.wantTotals(map[string]int{"api": int(posted.Load())})
}
