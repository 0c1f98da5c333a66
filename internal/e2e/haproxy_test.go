package e2e

import (
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/internal/servers"
)

// TestHAProxyFormats has HAProxy write `option httplog clf` and a log-format with sample expressions, also of requests that are none or that
// try to write the line themselves.
func TestHAProxyFormats(t *testing.T) {
	const logFormat = `log-format "%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %U %CC %CS %tsc %ac/%fc/%bc/%sc/%rc %si:%sp %hr %hs ` +
		`%HM %HPO %HQ %HV %{+Q}r %ID %T.%ms %[var(txn.tenant)] \"%[capture.req.hdr(1)]\" %[status] \"%{+E}[capture.req.hdr(1)]\""`
	capture := []string{
		"capture request header Host len 64", "capture request header User-Agent len 128", "capture response header Server len 32", "capture cookie SID len 32",
	}
	custom := append([]string{
		"unique-id-format %{+X}o%ci:%cp_%Ts_%rt", "http-request set-var(txn.tenant) req.hdr(x-tenant)", logFormat,
	}, capture...)
	listen := map[string]string{}
	sources := object{}
	for name, source := range map[string]object{
		"clf":      {"format": "haproxy_clf"},
		"captured": {"format": "haproxy_clf", "fields": object{"request.1": "url.domain", "request.2": "user_agent.original"}},
		"auto":     {"format": "auto"},
		"custom": {"format": "haproxy " + logFormat, "fields": object{
			"request.1": "url.domain", "var(txn.tenant)": "gateway.stage", `capture.req.hdr(1)`: "user_agent.original",
		}},
	} {
		listen[name] = servers.FreeAddress(t)
		source["type"], source["listen"] = "syslog", []string{"udp://" + listen[name]}
		sources[name] = source
	}
	r := newReceiver(t, sources, true)
	process := r.live(t)
	nginx := servers.StartNginx(t, `server { listen LISTEN; location / { return 200 "yes\n"; } }`)
	to := func(names ...string) string {
		lines := ""
		for i, name := range names {
			lines += "  log " + listen[name] + " len 8192 format " + []string{"rfc3164", "rfc5424"}[i%2] + " local0 info\n"
		}
		return lines
	}
	plain := servers.StartHAProxy(t, nginx.Address, to("clf", "auto"), "option httplog clf")
	captured := servers.StartHAProxy(t, nginx.Address, to("captured"), append(capture, "option httplog clf")...)
	own := servers.StartHAProxy(t, nginx.Address, to("custom"), custom...)

	const rest = " HTTP/1.1\r\nHost: shop.example\r\nX-Tenant: acme\r\nConnection: close\r\n"
	long := "/" + strings.Repeat("a", 1100)
	good := []string{
		"GET /v1/orders?full=1" + rest + "User-Agent: Mozilla/5.0 (a; b)\r\n\r\n",
		"GET /plain" + rest + "\r\n",
		"GET /q\"uote{|}?a=\"b\"" + rest + "User-Agent: a\"b \\ ]c#d{e|f}\r\nCookie: SID=a\"b c; y=1\r\n\r\n",
		"GET /line" + rest + "User-Agent: x\" 500 \"y\" 500 \"z\r\n\r\n",
		"GET " + long + rest + "\r\n",
		"GET /%C3%A9" + rest + "User-Agent: B\xc3\xb6tchen\r\n\r\n",
	}
	bad := []string{"NONSENSE\r\n\r\n", "GET /\xc3\xa9" + rest + "\r\n", "GET /a#b" + rest + "\r\n", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"}
	for _, h := range []*servers.HAProxy{plain, captured, own} {
		for _, request := range append(good, bad...) {
			exchange(t, h.Address, request)
		}
	}
	each := len(good) + len(bad)
	servers.Await(t, time.Minute, func() error {
		if got := r.metric(t, "gatemeter_syslog_appended_messages_total"); got != float64(4*each) {
			return fmt.Errorf("%v messages of %d", got, 4*each)
		}
		return nil
	})
	for labels, n := range r.ownMetrics(t)["gatemeter_parser_malformed_lines_total"] {
		if n > 0 {
			t.Errorf("malformed: %s: %v", labels, n)
		}
	}
	process.Stop()
	r.finish()
	r.wantTotals(map[string]int{"be": 4 * len(good), "fe": 4 * len(bad)}) // those that are none come to no backend

	type document struct {
		Source    struct{ IP string }
		URL       struct{ Original, Domain string }
		UserAgent struct{ Original string } `json:"user_agent"`
		HTTP      struct {
			Request  struct{ Method, ID string }
			Response struct {
				Status int `json:"status_code"`
				Bytes  int
			}
		}
		Service struct{ Name string }
		Gateway struct {
			Kind, Stage, Flags string
			Upstream           struct{ Address string }
		}
	}
	agents := map[string]int{}
	own200 := 0
	for _, doc := range r.search.Docs() {
		var d document
		if err := json.Unmarshal(doc.Source, &d); err != nil {
			t.Fatal(err)
		}
		agents[d.UserAgent.Original]++
		ok := d.HTTP.Response.Status == 200 && d.Service.Name == "be" && d.HTTP.Request.Method == "GET" && d.HTTP.Response.Bytes > 0 && d.Gateway.Flags == "" &&
			strings.HasPrefix(d.URL.Original, "/")
		refused := d.HTTP.Response.Status == 400 && d.Service.Name == "fe" && d.HTTP.Request.Method == "" && d.Gateway.Flags == "PR--"
		if d.Gateway.Kind != "haproxy" || d.Source.IP != "127.0.0.1" || !ok && !refused {
			t.Errorf("a document is %s", doc.Source)
		}
		if d.HTTP.Request.ID != "" && ok {
			own200++
			if d.Gateway.Stage != "acme" || d.URL.Domain != "shop.example" || d.Gateway.Upstream.Address != nginx.Address {
				t.Errorf("a document of the log-format is %s", doc.Source)
			}
		}
		if strings.HasPrefix(d.URL.Original, "/q") && d.URL.Original != `/q"uote{|}?a="b"` || strings.HasPrefix(d.URL.Original, "/aaa") && len(d.URL.Original) < 1000 {
			t.Errorf("a document is %s", doc.Source)
		}
	}
	if own200 != len(good) {
		t.Errorf("%d documents are whole, want %d", own200, len(good))
	}
	for _, agent := range []string{"Mozilla/5.0 (a; b)", `a"b \ ]c#d{e|f}`, `x" 500 "y" 500 "z`, "B\xc3\xb6tchen"} {
		if agents[agent] != 2 {
			t.Errorf("%d documents have the agent %q, want 2: %v", agents[agent], agent, agents)
		}
	}
}

// exchange sends a request and reads what is answered, to its end.
func exchange(t *testing.T, address, request string) {
	t.Helper()
	conn, err := net.DialTimeout("tcp", address, 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write([]byte(request)); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 4096)
	for n := 0; ; {
		m, err := conn.Read(answer)
		if n += m; err != nil {
			if n == 0 {
				t.Fatalf("%.40q is not answered: %v", request, err)
			}
			return
		}
	}
}
