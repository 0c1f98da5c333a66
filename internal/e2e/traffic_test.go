package e2e

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/internal/servers"
)

// What nginx writes. timedFormat is a usual one; jsonFormat has numbers without quotes where they are always there.
const (
	combinedFormat = `$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"`
	timedFormat    = combinedFormat + ` $request_length $request_time "$upstream_response_time" "$upstream_status"`
	jsonFormat     = `{"time":"$time_iso8601","remote_addr":"$remote_addr","server_name":"$server_name","request_method":"$request_method",` +
		`"request_uri":"$request_uri","status":$status,"bytes_sent":$bytes_sent,"request_length":$request_length,` +
		`"request_time":$request_time,"upstream_response_time":"$upstream_response_time","user_agent":"$http_user_agent"}`
)

// startNginx starts an nginx in front of two upstreams, one of which is never there. Every request is written to five logs:
// access, timed and json, and twice more as combined, to lossy and to whole.
func startNginx(t *testing.T) *servers.Nginx {
	socket := t.TempDir() + "/up"
	return servers.StartNginx(t, `
  log_format timed '`+timedFormat+`';
  log_format as_json escape=json '`+jsonFormat+`';
  access_log access.log combined;
  access_log timed.log timed;
  access_log json.log as_json;
  access_log whole-json.log as_json;
  access_log lossy.log combined;
  access_log whole.log combined;
  client_max_body_size 1k;
  keepalive_requests 100000;
  upstream api { server unix:`+socket+`.dead max_fails=0; server unix:`+socket+`; }
  server {
    listen unix:`+socket+`;
    access_log off;
    location / { return 200 "upstream's answer\n"; }
    location /api/missing { return 404 "no such thing\n"; }
  }
  server {
    listen LISTEN;
    server_name shop.example.com;
    location / { return 200 "yes\n"; }
    location /static/ { return 304; }
    location /old { return 301 /new; }
    location /made { return 201 "made\n"; }
    location /limit { return 429; }
    location /broken { return 503; }
    location /silent { return 444; }
    location /api/ { proxy_pass http://api; }
  }`)
}

// sendOdd sends n requests such as the internet sends: methods, targets and headers that a log must survive. Some are refused
// by nginx; each is a line in its logs.
func sendOdd(address string, n int, seed uint64) error {
	c := &oddClient{address: address, random: rand.New(rand.NewPCG(seed, 0))}
	defer c.close()
	for i := range n {
		if err := c.send(i); err != nil {
			return fmt.Errorf("odd request %d: %w", i, err)
		}
	}
	return nil
}

// oddClient sends requests that net/http's client would not.
type oddClient struct {
	address string
	random  *rand.Rand
	conn    net.Conn
	answers *bufio.Reader
}

func (c *oddClient) close() {
	if c.conn != nil {
		_ = c.conn.Close()
		c.conn = nil
	}
}

func (c *oddClient) send(i int) error {
	if c.conn == nil {
		conn, err := net.Dial("tcp", c.address)
		if err != nil {
			return err
		}
		c.conn, c.answers = conn, bufio.NewReader(conn)
	}
	method, text := c.request(i)
	_ = c.conn.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := c.conn.Write([]byte(text)); err != nil {
		return err
	}
	resp, err := http.ReadResponse(c.answers, &http.Request{Method: method})
	if err != nil { // nginx has closed, as /silent tells it to, or answered in HTTP/0.9
		c.close()
		return nil
	}
	var body strings.Builder
	if _, err := bufio.NewReader(resp.Body).WriteTo(&body); err != nil {
		return err
	}
	_ = resp.Body.Close()
	if resp.Close {
		c.close()
	}
	return nil
}

// request draws a request. It returns the method too, without which an answer cannot be read.
func (c *oddClient) request(i int) (method, text string) {
	pick := func(list []string) string { return list[c.random.IntN(len(list))] }
	if i%97 == 0 {
		return "GET", pick([]string{
			"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", // TLS on the wrong port
			"GET /nine\r\n", "nonsense\r\n\r\n", "GET  HTTP/1.1\r\n\r\n", "get / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\n\r\n",
		})
	}
	method = pick([]string{"GET", "GET", "GET", "GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "PROPFIND", "BREW"})
	target := pick([]string{
		"/", "/made", "/limit", "/broken", "/old", "/silent", "/static/app.js?v=3", "/api/missing",
		fmt.Sprintf("/api/v1/orders/%d", c.random.IntN(100000)), fmt.Sprintf("/api/v1/users/%d/cart?token=s3cret&page=%d", i, i%7),
		fmt.Sprintf("/api/items/%08x-1234-4abc-8def-0123456789ab", c.random.Uint32()),
		"/a%20b/%22quoted%22", `/semi;colon.dots..and;more`, "/quote\"in\"path", `/back\slash`, "/caf\xc3\xa9", "/latin-caf\xe9",
		"/a.b.c/d?e=f&e=g", "/../../etc/passwd", "//double//slash", "/?only=query", "/x?y?z", "/%00", "/new\tline",
		"http://proxy.example.com/absolute?form=1", "*", "/" + strings.Repeat("long", 500),
	})
	agent := pick([]string{
		"curl/8.5.0", `say "hi"`, `back\slash`, "M\xc3\xbcnchen/1.0", "latin\xe9", "-", "", "tab\there", "a;b=c",
		"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
	})
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: shop.example.com\r\nUser-Agent: %s\r\n", method, target, agent)
	if c.random.IntN(5) == 0 {
		fmt.Fprintf(&b, "Authorization: Basic amFuZTp4\r\nReferer: https://example.com/a\"b?c=[d]\r\n")
	}
	if method == "POST" || method == "PUT" || method == "PATCH" {
		size := c.random.IntN(1500) // past 1k nginx answers 413
		fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", size, strings.Repeat("x", size))
	} else {
		b.WriteString("\r\n")
	}
	return method, b.String()
}
