package e2e

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/internal/servers"
	"github.com/gatemeter/gatemeter/sources/spool"
)

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

// TestIdleConnections: ten thousand connections that say little take little memory, and one more sender is heard at once.
func TestIdleConnections(t *testing.T) {
	line := clfLine("/idle") + "\n"
	t.Run("syslog", func(t *testing.T) {
		idleConnections(t, object{"type": "syslog", "format": "combined"}, "tcp://", line, 12<<10, "gatemeter_syslog_open_connections")
	})
	t.Run("http", func(t *testing.T) {
		post := fmt.Sprintf("POST / HTTP/1.1\r\nHost: g\r\nContent-Length: %d\r\n\r\n%s", len(line), line)
		idleConnections(t, object{"type": "http", "format": "combined", "dedupe": "never"}, "http://", post, 32<<10, "gatemeter_http_open_connections")
	})
}

// idleConnections has ten thousand connections say text, and nothing more; most is what each may take, in bytes.
func idleConnections(t *testing.T, source object, scheme, text string, most int64, open string) {
	const n = 10_000
	address := servers.FreeAddress(t)
	source["listen"], source["max_connections"] = []string{scheme + address}, n+1
	r := newReceiver(t, object{"in": source}, false)
	process := r.live(t)
	received := func(want int) {
		t.Helper()
		servers.Await(t, time.Minute, func() error {
			if got := r.metric(t, "gatemeter_source_read_lines_total"); got != float64(want) {
				return fmt.Errorf("%v lines of %d", got, want)
			}
			return nil
		})
	}
	say := func() net.Conn {
		t.Helper()
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		return conn
	}
	before := resident(t, process.PID())
	for range n {
		defer say().Close()
	}
	received(n)
	if got := r.metric(t, open); got != n {
		t.Errorf("%v connections are open", got)
	}
	each := (resident(t, process.PID()) - before) / n
	t.Logf("%d bytes of resident memory a connection", each)
	if each > most && !raced() { // what the collector has not taken yet is among it
		t.Errorf("an idle connection takes %d bytes", each)
	}
	defer say().Close()
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
