package e2e

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/internal/servers"
	strictsearch "github.com/gatemeter/gatemeter/internal/strict/elasticsearch"
	strictgraphite "github.com/gatemeter/gatemeter/internal/strict/graphite"
	"github.com/gatemeter/gatemeter/sources/spool"
)

// receiver is a gatemeter that others send to, with a strict Graphite, and if asked for a strict Elasticsearch.
type receiver struct {
	*instance
	t        *testing.T
	graphite *strictgraphite.Server
	search   *strictsearch.Server
}

// newReceiver returns one with these sources. Windows stay open for an hour, so that nothing leaves the spools meanwhile.
func newReceiver(t *testing.T, sources object, withSearch bool) *receiver {
	t.Helper()
	r := &receiver{t: t}
	var err error
	if r.graphite, err = strictgraphite.New(strictgraphite.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		r.graphite.Close()
		clean(t, "Graphite", r.graphite.Violations())
	})
	sinks := object{"graphite": object{"type": "graphite", "address": "tcp://" + r.graphite.Address, "prefix": "w"}}
	if withSearch {
		if r.search, err = strictsearch.New(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			r.search.Close()
			clean(t, "Elasticsearch", r.search.Violations())
		})
		sinks["elasticsearch"] = object{"type": "elasticsearch", "urls": []string{r.search.URL}, "data_stream": index("w"), "flush_interval": "50ms"}
	}
	r.instance = newInstance(t, object{
		"sources": sources, "sinks": sinks, "log": object{"format": "json"},
		"metrics": object{"window": "1s", "lateness": "2s", "amend": "1h", "idle_timeout": "1s", "rollups": object{"service": []string{"service"}}},
	})
	return r
}

// totals returns how many requests Graphite has of each service.
func (r *receiver) totals() map[string]int {
	r.t.Helper()
	totals := map[string]int{}
	for name, points := range r.graphite.Values() {
		service, ok := strings.CutPrefix(name, "w."+shard+".service.")
		if service, ok = strings.CutSuffix(service, ".requests.count"); !ok {
			continue
		}
		for _, text := range points {
			n, err := strconv.Atoi(text)
			if err != nil {
				r.t.Fatalf("Graphite has %q for %s", text, name)
			}
			totals[service] += n
		}
	}
	return totals
}

// wantTotals waits until Graphite has so many requests of each service, and of no other.
func (r *receiver) wantTotals(want map[string]int) {
	r.t.Helper()
	servers.Await(r.t, time.Minute, func() error {
		if got := r.totals(); !maps.Equal(got, want) {
			return fmt.Errorf("Graphite has %v, want %v", got, want)
		}
		return nil
	})
}

// finish counts what is still in the spools and makes every window final.
func (r *receiver) finish() {
	r.t.Helper()
	if err := servers.Start(r.t, r.command("--once")).Wait(2 * time.Minute); err != nil {
		r.t.Fatalf("run --once: %v", err)
	}
}

// clfLine is a line of the combined format, of now.
func clfLine(path string) string {
	return `203.0.113.7 - - [` + time.Now().UTC().Format("02/Jan/2006:15:04:05 -0700") + `] "GET ` + path + ` HTTP/1.1" 200 7 "-" "agent"`
}

// TestSyslogSenders has nginx, HAProxy, rsyslog and syslog-ng send the lines they send, each in its ways.
func TestSyslogSenders(t *testing.T) {
	const requests, lines = 1000, 2000
	c := servers.MakeCertificates(t)
	tls := object{"cert": c.ServerCert, "key": c.ServerKey, "ca": c.CA}
	socket := filepath.Join(t.TempDir(), "log")
	at := map[string]string{}
	sources := object{}
	for name, scheme := range map[string]string{
		"nginx": "udp", "haproxy_3164": "udp", "haproxy_5424": "udp", "rsyslog_udp": "udp", "rsyslog_lines": "tcp", "rsyslog_counted": "tcp",
		"rsyslog_tls": "tls", "ng_lines": "tcp", "ng_counted": "tcp", "ng_tls": "tls", "ng_udp": "udp",
	} {
		at[name] = servers.FreeAddress(t)
		source := object{"type": "syslog", "listen": []string{scheme + "://" + at[name]}, "format": "combined"}
		if strings.HasPrefix(name, "haproxy") {
			source["format"] = "haproxy"
		}
		if scheme == "tls" {
			source["tls"] = tls
			if name == "rsyslog_tls" { // shows no certificate
				source["tls"] = object{"cert": c.ServerCert, "key": c.ServerKey}
			}
		}
		sources[name] = source
	}
	sources["nginx_socket"] = object{"type": "syslog", "listen": []string{"unixgram://" + socket}, "format": "combined"}
	r := newReceiver(t, sources, false)
	process := r.live(t)

	nginx := servers.StartNginx(t, `access_log syslog:server=`+at["nginx"]+`,tag=nginx combined;
		access_log syslog:server=unix:`+socket+`,nohostname combined; server { listen LISTEN; location / { return 200 "yes\n"; } }`)
	haproxy := servers.StartHAProxy(t, nginx.Address, "  log "+at["haproxy_3164"]+" format rfc3164 local0 info\n  log "+at["haproxy_5424"]+" len 4096 format rfc5424 local0 info")
	input := filepath.Join(t.TempDir(), "input.log")
	if err := os.WriteFile(input, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	host := func(name string) string {
		a, p, _ := net.SplitHostPort(at[name])
		return fmt.Sprintf("target=%q port=%q ", a, p)
	}
	servers.StartRsyslog(t, input, c,
		host("rsyslog_udp")+`protocol="udp" template="RSYSLOG_SyslogProtocol23Format"`,
		host("rsyslog_lines")+`protocol="tcp" template="RSYSLOG_TraditionalForwardFormat" TCP_Framing="traditional"`,
		host("rsyslog_counted")+`protocol="tcp" template="RSYSLOG_SyslogProtocol23Format" TCP_Framing="octet-counted"`,
		strings.Replace(host("rsyslog_tls"), "127.0.0.1", "localhost", 1)+`protocol="tcp" template="RSYSLOG_SyslogProtocol23Format" TCP_Framing="octet-counted"
			StreamDriver="ossl" StreamDriverMode="1" StreamDriverAuthMode="x509/name" StreamDriverPermittedPeers="localhost"`)
	port := func(name string) string { _, p, _ := net.SplitHostPort(at[name]); return p }
	servers.StartSyslogNG(t, input,
		`network("127.0.0.1" port(`+port("ng_udp")+`) transport("udp") ts-format(rfc3164))`,
		`network("127.0.0.1" port(`+port("ng_lines")+`) transport("tcp") ts-format(rfc3164))`,
		`syslog("127.0.0.1" port(`+port("ng_counted")+`) transport("tcp"))`,
		fmt.Sprintf(`syslog("localhost" port(%s) transport("tls") tls(ca-file(%q) key-file(%q) cert-file(%q) peer-verify(required-trusted)))`,
			port("ng_tls"), c.CA, c.ClientKey, c.ClientCert))

	if err := servers.Load(t, haproxy.URL+"/through/haproxy", requests); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(input, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	for i := range lines {
		if _, err := f.WriteString(clfLine(fmt.Sprintf("/n/%d", i)) + "\n"); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	// A unix socket's queue holds net.unix.max_dgram_qlen messages, often ten; nginx does not wait, and says what it left out.
	text, err := os.ReadFile(filepath.Join(nginx.Dir, "error.log"))
	if err != nil {
		t.Fatal(err)
	}
	refused := bytes.Count(text, []byte("send() to syslog failed"))
	t.Logf("nginx left out %d of %d messages to the unix socket", refused, requests)
	want := map[string]int{"nginx": requests, "nginx_socket": requests - refused, "be": 2 * requests}
	for name := range at {
		if strings.HasPrefix(name, "rsyslog") || strings.HasPrefix(name, "ng_") {
			want[name] = lines
		}
	}
	servers.Await(t, time.Minute, func() error {
		received := map[string]float64{}
		for labels, n := range r.ownMetrics(t)["gatemeter_syslog_appended_messages_total"] {
			received[labels] = n
		}
		sum := 0.0
		for _, n := range received {
			sum += n
		}
		if wanted := float64(4*requests - refused + 8*lines); sum != wanted {
			return fmt.Errorf("%v messages of %v: %v", sum, wanted, received)
		}
		return nil
	})
	if drops := r.metric(t, "gatemeter_syslog_kernel_dropped_datagrams_total"); drops != 0 {
		t.Errorf("%v datagrams were dropped", drops)
	}
	for labels, n := range r.ownMetrics(t)["gatemeter_parser_malformed_lines_total"] {
		if n > 0 {
			t.Errorf("malformed: %s: %v", labels, n)
		}
	}
	process.Stop()
	r.finish()
	r.wantTotals(want)
}

// TestSyslogKilledUnderLoad: of what comes over TCP while gatemeter is killed again and again, all that was in the spool is
// counted once.
func TestSyslogKilledUnderLoad(t *testing.T) {
	address := servers.FreeAddress(t)
	r := newReceiver(t, object{"tcp": object{"type": "syslog", "listen": []string{"tcp://" + address}, "format": "combined"}}, true)
	ctx, cancel := context.WithCancel(t.Context())
	var sending sync.WaitGroup
	var sent atomic.Int64
	for i := range 3 {
		sending.Go(func() {
			var conn net.Conn
			pace := time.NewTicker(300 * time.Microsecond)
			defer pace.Stop()
			for n := 0; ctx.Err() == nil; n++ {
				<-pace.C
				if conn == nil {
					var err error
					if conn, err = net.Dial("tcp", address); err != nil {
						conn = nil
						select {
						case <-time.After(10 * time.Millisecond):
						case <-ctx.Done():
						}
						continue
					}
				}
				message := "<190>Nov 21 10:00:00 web1 nginx: " + clfLine(fmt.Sprintf("/load/%d-%d", i, n))
				if i == 0 {
					message = fmt.Sprintf("%d %s", len(message), message)
				} else {
					message += "\n"
				}
				if _, err := conn.Write([]byte(message)); err != nil {
					conn.Close()
					conn = nil
					continue
				}
				sent.Add(1)
			}
			if conn != nil {
				conn.Close()
			}
		})
	}
	seen := 0.0
	process := r.live(t)
	for range 6 {
		before := r.metric(t, "gatemeter_syslog_appended_messages_total")
		servers.Await(t, time.Minute, func() error {
			if got := r.metric(t, "gatemeter_syslog_appended_messages_total"); got < before+2000 {
				return fmt.Errorf("%v appended", got)
			}
			return nil
		})
		seen += r.metric(t, "gatemeter_syslog_appended_messages_total")
		process.Kill()
		process.Start()
	}
	cancel()
	sending.Wait()
	process.Stop()
	r.finish()

	kept, err := spool.Open(spool.Settings{Dir: filepath.Join(r.dir, "data", "spool", "tcp"), Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer kept.Close()
	reader := kept.NewReader(0, 1<<20)
	defer reader.Close()
	records := map[string]bool{}
	for run := (spool.Run{Data: make([]byte, 0, 1<<20)}); !run.CaughtUp; {
		if err := reader.Read(&run); err != nil {
			t.Fatal(err)
		}
		begin := int32(0)
		for _, end := range run.Ends {
			line := string(run.Data[begin:end])
			if !strings.HasPrefix(line, "203.0.113.7 ") || !strings.HasSuffix(line, `"agent"`) {
				t.Fatalf("no such message was sent: %q", line)
			}
			records[line] = true
			begin = end
		}
	}
	t.Logf("%d sent, %v known to be appended, %d in the spool", sent.Load(), seen, len(records))
	if float64(len(records)) < seen || int64(len(records)) > sent.Load()+3 {
		t.Errorf("%d messages in the spool: %v were there before the kills, %d were sent", len(records), seen, sent.Load())
	}
	r.wantTotals(map[string]int{"tcp": len(records)})
	if got := r.search.Count(); got != len(records) {
		t.Errorf("Elasticsearch has %d documents, want %d", got, len(records))
	}
}

// TestDatagramBurst: of a hundred thousand datagrams at once, each is received or known to be dropped by the kernel.
func TestDatagramBurst(t *testing.T) {
	const datagrams = 100_000
	address := servers.FreeAddress(t)
	r := newReceiver(t, object{"udp": object{
		"type": "syslog", "listen": []string{"udp://" + address}, "format": "combined", "receive_buffer": "256KiB",
	}}, false)
	process := r.live(t)
	conn, err := net.Dial("udp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	message := []byte("<190>Nov 21 10:00:00 web1 nginx: " + clfLine("/burst"))
	for range datagrams {
		if _, err := conn.Write(message); err != nil {
			t.Fatal(err)
		}
	}
	servers.Await(t, time.Minute, func() error {
		received, dropped := r.metric(t, "gatemeter_syslog_received_messages_total"), r.metric(t, "gatemeter_syslog_kernel_dropped_datagrams_total")
		if received+dropped != datagrams {
			return fmt.Errorf("%v received and %v dropped of %d", received, dropped, datagrams)
		}
		return nil
	})
	received := r.metric(t, "gatemeter_syslog_received_messages_total")
	t.Logf("%v of %d were dropped by the kernel", datagrams-received, datagrams)
	process.Stop()
	r.finish()
	r.wantTotals(map[string]int{"udp": int(received)})
}

// TestPostsAreStoredOnce posts what Kong and Firehose post, as often as it takes to be answered, to a gatemeter that is killed at
// each place where that matters: each record is counted once and indexed once.
func TestPostsAreStoredOnce(t *testing.T) {
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

// TestIdleConnections: ten thousand connections that say little take little memory, and one more sender is heard at once.
func TestIdleConnections(t *testing.T) {
	const n = 10_000
	address := servers.FreeAddress(t)
	r := newReceiver(t, object{"tcp": object{"type": "syslog", "listen": []string{"tcp://" + address}, "format": "combined", "max_connections": n + 1}}, false)
	process := r.live(t)
	line := clfLine("/idle") + "\n"
	received := func(want int) {
		t.Helper()
		servers.Await(t, time.Minute, func() error {
			if got := r.metric(t, "gatemeter_syslog_appended_messages_total"); got != float64(want) {
				return fmt.Errorf("%v messages of %d", got, want)
			}
			return nil
		})
	}
	before := resident(t, process.PID())
	for range n {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := conn.Write([]byte(line)); err != nil {
			t.Fatal(err)
		}
	}
	received(n)
	if open := r.metric(t, "gatemeter_syslog_open_connections"); open != n {
		t.Errorf("%v connections are open", open)
	}
	each := (resident(t, process.PID()) - before) / n
	t.Logf("%d bytes of resident memory a connection", each)
	if each > 12<<10 { // what the collector has not taken yet is among it
		t.Errorf("an idle connection takes %d bytes", each)
	}
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte(line)); err != nil {
		t.Fatal(err)
	}
	received(n + 1)
	process.Stop()
}

// resident returns how much memory a process has resident, in bytes.
func resident(t *testing.T, pid int) int64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		t.Fatal(err)
	}
	var size, pages int64
	if _, err := fmt.Sscan(string(text), &size, &pages); err != nil {
		t.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}
