package parsers

import (
	"github.com/gatemeter/gatemeter/parsers/apache"
	"github.com/gatemeter/gatemeter/parsers/field"
	"github.com/gatemeter/gatemeter/parsers/nginx"
)

// Format is a format that has a name.
type Format struct {
	Name   string
	About  string // one line
	Sample string // a line of it
}

// Formats returns the formats that have names, in the order of the documentation.
func Formats() []Format {
	all := make([]Format, len(formats))
	for i := range formats {
		all[i] = formats[i].Format
	}
	return all
}

// row is a line of the table.
type row struct {
	Format
	compile func(fields map[string]field.Op) (func() Parser, error)
}

const (
	clf  = `203.0.113.7 - alice [10/Oct/2025:13:55:36 +0200] "GET /v1/orders/42?full=1 HTTP/1.1" 200 2326`
	clf2 = clf + ` "https://shop.example/" "curl/8.14.1"`
)

// formats is the table. It is never written.
var formats = [...]row{
	{Format{"auto", "any of these that can be told from the line", clf2}, compileAuto},
	{Format{"combined", "Common Log Format with referrer and user agent: nginx, Apache, Caddy and many more", clf2}, namedApache("combined", "clf", apache.Combined)},
	{Format{"common", "Common Log Format", clf}, namedApache("common", "clf", apache.Common)},
	{Format{"vhost_combined", "Debian's Apache: combined behind host and port, sizes with headers", "shop.example:443 " + clf2}, namedApache("vhost_combined", "apache", apache.VHostCombined)},
	{Format{"vhost_common", "Common Log Format behind the virtual host", "shop.example " + clf}, namedApache("vhost_common", "clf", apache.VHostCommon)},
	{Format{"ssl_request", "Apache's ssl_request_log, which has no status", `[10/Oct/2025:13:55:36 +0200] 203.0.113.7 TLSv1.3 TLS_AES_256_GCM_SHA384 "GET /v1/orders/42 HTTP/1.1" 2326`}, namedApache("ssl_request", "apache", apache.SSLRequest)},
	{Format{"nginx", "nginx's combined, its default", clf2}, named("nginx", "nginx", nginx.Combined)},
	{Format{"nginx_main", "main of nginx's packages: combined and X-Forwarded-For", clf2 + ` "198.51.100.2"`}, named("nginx_main", "nginx", nginx.Main)},
	{Format{"nginx_timed", "combined, $request_time and $upstream_response_time", clf2 + ` 0.043 0.041`}, named("nginx_timed", "nginx", nginx.Timed)},
	{Format{"ingress_nginx", "ingress-nginx's default", clf2 + ` 512 0.043 [shop-orders-8080] [] 10.0.0.1:8080, 10.0.0.2:8080 0, 2326 0.001, 0.041 502, 200 2f6946328ffc4946b8c9120704a4a155`}, named("ingress_nginx", "nginx", nginx.Ingress)},
	{Format{"kong_nginx", "Kong's proxy_access_log since 3.5", clf2 + ` kong_request_id: "2f6946328ffc4946b8c9120704a4a155"`}, named("kong_nginx", "kong", nginx.Kong)},
	{Format{"apisix_nginx", "APISIX's access_log", `203.0.113.7 - - [10/Oct/2025:13:55:36 +0200] shop.example "GET /v1/orders/42 HTTP/1.1" 200 2326 0.043 "-" "curl/8.14.1" 10.0.0.1:8080 200 0.041 "http://shop.example"`}, named("apisix_nginx", "apisix", nginx.APISIX)},
	{Format{"kong", "JSON of Kong's logging plugins, one object a line", `{"started_at":1760097336043,"client_ip":"203.0.113.7","request":{"method":"GET","uri":"\/v1\/orders\/42","size":512},"response":{"status":200,"size":2600},"latencies":{"request":43,"kong":2,"proxy":41,"receive":0},"service":{"name":"orders"},"route":{"name":"get-order"}}`}, compileKong},
	{Format{"json", "JSON by fields of the config, nginx's variable names and ECS names", `{"time_iso8601":"2025-10-10T13:55:36+02:00","remote_addr":"203.0.113.7","request":"GET /v1/orders/42 HTTP/1.1","status":200,"request_time":0.043,"upstream_response_time":"0.041"}`}, compileJSON},
}
