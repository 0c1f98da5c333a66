package parsers

import (
	"strings"

	"github.com/gatemeter/gatemeter/parsers/apache"
	"github.com/gatemeter/gatemeter/parsers/aws"
	"github.com/gatemeter/gatemeter/parsers/columns"
	"github.com/gatemeter/gatemeter/parsers/envoy"
	"github.com/gatemeter/gatemeter/parsers/field"
	"github.com/gatemeter/gatemeter/parsers/nginx"
	"github.com/gatemeter/gatemeter/parsers/pairs"
	"github.com/gatemeter/gatemeter/parsers/squid"
	"github.com/gatemeter/gatemeter/parsers/traefik"
	"github.com/gatemeter/gatemeter/parsers/w3c"
)

// Format is a format that has a name.
type Format struct {
	Name   string
	About  string // one line
	Sample string // a line of it
	Time   When   // which moment of a request its times are
	Sign   string // what auto tells its lines by; "" when it does not
	Page   string // of docs/formats
}

// Spec returns a format: of a source's config that reads f.Sample: the name, with an argument where one is needed.
func (f *Format) Spec() string {
	switch f.Name {
	case "csv":
		return "csv ts,client_ip,method,path,status_code,user_agent"
	case "grok":
		return "grok %{TIMESTAMP_ISO8601:@timestamp} %{IP:source.ip} %{WORD:http.request.method} %{NOTSPACE:url.original} %{INT:http.response.status_code}"
	case "regex":
		return `regex ^(?P<ts>\S+) (?P<client_ip>\S+) (?P<method>[A-Z]+) (?P<path>\S+) (?P<status>\d+)$`
	}
	return f.Name
}

// When is a moment of a request.
type When uint8

// The moments.
const (
	Either When = iota // the format does not say, or those who write it choose
	Start              // when the request came
	End                // when it was answered and the line was written
)

// String returns a word for it.
func (w When) String() string { return [...]string{"either", "start", "end"}[w] }

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
	gin  = `[GIN] 2025/10/10 - 11:55:36 | 200 |   43.1291ms |     203.0.113.7 | GET      "/v1/orders/42?full=1"`

	byKeys = "an object with keys that only its records have"
)

// formats is the table. It is never written.
var formats = [...]row{
	{Format{"auto", "any of these that can be told from the line", clf2, Either, "", "auto"}, compileAuto},
	{Format{"combined", "Common Log Format with referrer and user agent: nginx, Apache, Caddy and many more", clf2, Either, `client ident user [time] "request" status size "referrer" "agent"`, "apache"}, namedApache("combined", "clf", apache.Combined)},
	{Format{"common", "Common Log Format", clf, Either, `client ident user [time] "request" status size`, "apache"}, namedApache("common", "clf", apache.Common)},
	{Format{"vhost_combined", "Debian's Apache: combined behind host and port, sizes with headers", "shop.example:443 " + clf2, Start, `a host and port before the client`, "apache"}, namedApache("vhost_combined", "apache", apache.VHostCombined)},
	{Format{"vhost_common", "Common Log Format behind the virtual host", "shop.example " + clf, Start, `a host before the client`, "apache"}, namedApache("vhost_common", "clf", apache.VHostCommon)},
	{Format{"ssl_request", "Apache's ssl_request_log, which has no status", `[10/Oct/2025:13:55:36 +0200] 203.0.113.7 TLSv1.3 TLS_AES_256_GCM_SHA384 "GET /v1/orders/42 HTTP/1.1" 2326`, Start, `[time] client TLSv1.3 cipher "request" size`, "apache"}, namedApache("ssl_request", "apache", apache.SSLRequest)},
	{Format{"nginx", "nginx's combined, its default", clf2, End, "", "nginx"}, named("nginx", "nginx", nginx.Combined)},
	{Format{"nginx_main", "main of nginx's packages: combined and X-Forwarded-For", clf2 + ` "198.51.100.2"`, End, `combined and one more value in quotes`, "nginx"}, named("nginx_main", "nginx", nginx.Main)},
	{Format{"nginx_timed", "combined, $request_time and $upstream_response_time", clf2 + ` 0.043 0.041`, End, `combined and seconds with three digits: $request_time, $upstream_response_time`, "nginx"}, named("nginx_timed", "nginx", nginx.Timed)},
	{Format{"ingress_nginx", "ingress-nginx's default", clf2 + ` 512 0.043 [shop-orders-8080] [] 10.0.0.1:8080, 10.0.0.2:8080 0, 2326 0.001, 0.041 502, 200 2f6946328ffc4946b8c9120704a4a155`, End, `combined and ingress-nginx's nine values`, "nginx"}, named("ingress_nginx", "nginx", nginx.Ingress)},
	{Format{"kong_nginx", "Kong's proxy_access_log since 3.5", clf2 + ` kong_request_id: "2f6946328ffc4946b8c9120704a4a155"`, End, `combined and kong_request_id`, "nginx"}, named("kong_nginx", "kong", nginx.Kong)},
	{Format{"kong_stream", "Kong's log of TCP and TLS streams, nginx's example of one", `203.0.113.7 [10/Oct/2025:13:55:36 +0200] TCP 200 2326 512 0.043`, End, "client [time] TCP or UDP", "nginx"}, named("kong_stream", "nginx", nginx.Stream)},
	{Format{"apisix_nginx", "APISIX's access_log", `203.0.113.7 - - [10/Oct/2025:13:55:36 +0200] shop.example "GET /v1/orders/42 HTTP/1.1" 200 2326 0.043 "-" "curl/8.14.1" 10.0.0.1:8080 200 0.041 "http://shop.example"`, End, `a host between [time] and "request"`, "nginx"}, named("apisix_nginx", "apisix", nginx.APISIX)},
	{Format{"kong", "JSON of Kong's logging plugins, one object a line", `{"started_at":1760097336043,"client_ip":"203.0.113.7","request":{"method":"GET","uri":"\/v1\/orders\/42","size":512},"response":{"status":200,"size":2600},"latencies":{"request":43,"kong":2,"proxy":41,"receive":0},"service":{"name":"orders"},"route":{"name":"get-order"}}`, Start, `an object with started_at`, "kong"}, compileKong},
	{Format{"nginx_json", "nginx's escape=json with the variables' names as keys", `{"time_iso8601":"2025-10-10T13:55:36+02:00","remote_addr":"203.0.113.7","request":"GET /v1/orders/42?full=1 HTTP/1.1","status":200,"body_bytes_sent":2326,"request_time":0.043,"upstream_response_time":"0.041","http_user_agent":"curl/8.14.1"}`, End, byKeys, "nginx"}, jsonLog("nginx_json")},
	{Format{"tyk_pump", "Tyk Pump's records: stdout, kafka, elasticsearch", `{"method":"GET","host":"shop.example","path":"/v1/orders/42","raw_path":"/v1/orders/42","content_length":0,"user_agent":"curl/8.14.1","response_code":200,"timestamp":"2025-10-10T11:55:36.043Z","api_name":"orders","api_id":"845b8ed1ae964ea5a6eccab6abf3f3de","request_time":43,"ip_address":"203.0.113.7","latency":{"total":43,"upstream":41,"gateway":2},"alias":"acme"}`, End, byKeys, "tyk"}, jsonLog("tyk_pump")},
	{Format{"tyk_access_json", "Tyk's access log, TYK_LOGFORMAT=json", `{"api_id":"845b8ed1ae964ea5a6eccab6abf3f3de","api_name":"orders","client_ip":"203.0.113.7","host":"shop.example","latency_gateway":2,"latency_total":43,"level":"info","method":"GET","path":"/v1/orders/42","prefix":"access-log","protocol":"HTTP/1.1","status":200,"time":"2025-10-10T11:55:36Z","upstream_latency":41}`, End, byKeys, "tyk"}, jsonLog("tyk_access_json")},
	{Format{"aws_apigw_json", "Amazon API Gateway's access log as JSON, under its users' own keys", `{"requestId":"48752d0f-c99d-4cfa-a5a7-f3c6834d19e5","ip":"203.0.113.7","requestTime":"10/Oct/2025:11:55:36 +0000","httpMethod":"GET","routeKey":"GET /v1/orders/{id}","status":"200","protocol":"HTTP/1.1","responseLength":"2326","responseLatency":"43","integrationLatency":"41"}`, Start, byKeys, "aws_apigateway"}, jsonLog("aws_apigw_json")},
	{Format{"envoy_json", "Envoy's access log as JSON", `{"start_time":"2025-10-10T11:55:36.043Z","method":"GET","path":"/v1/orders/42","protocol":"HTTP/2","response_code":200,"response_flags":"-","bytes_received":0,"bytes_sent":2326,"duration":43,"upstream_service_time":"41","x_forwarded_for":"203.0.113.7","authority":"shop.example","upstream_host":"10.0.0.1:8080","upstream_cluster":"orders"}`, Start, byKeys, "envoy"}, jsonLog("envoy_json")},
	{Format{"istio_json", "the JSON access log of Istio's proxies", `{"start_time":"2025-10-10T11:55:36.043Z","method":"GET","path":"/v1/orders/42","protocol":"HTTP/1.1","response_code":200,"response_flags":"-","bytes_received":0,"bytes_sent":2326,"duration":43,"upstream_service_time":"41","x_forwarded_for":null,"authority":"orders:8080","upstream_host":"10.0.0.1:8080","upstream_cluster":"outbound|8080||orders.shop.svc.cluster.local","route_name":"default","downstream_remote_address":"10.0.0.9:41342","requested_server_name":null,"upstream_transport_failure_reason":null}`, Start, byKeys, "envoy"}, jsonLog("istio_json")},
	{Format{"traefik_json", "Traefik's access log, format: json", `{"ClientAddr":"203.0.113.7:63251","ClientHost":"203.0.113.7","ClientPort":"63251","DownstreamContentSize":2326,"DownstreamStatus":200,"Duration":43184335,"OriginDuration":41349966,"OriginStatus":200,"Overhead":1834369,"RequestHost":"shop.example","RequestMethod":"GET","RequestPath":"/v1/orders/42","RequestProtocol":"HTTP/2.0","RouterName":"orders@docker","ServiceName":"orders@docker","StartUTC":"2025-10-10T11:55:36.043803974Z"}`, Start, byKeys, "traefik"}, jsonLog("traefik_json")},
	{Format{"caddy", "Caddy's access log", `{"level":"info","ts":1760097336.043,"logger":"http.log.access","msg":"handled request","request":{"remote_ip":"203.0.113.7","remote_port":"41342","client_ip":"203.0.113.7","proto":"HTTP/2.0","method":"GET","host":"shop.example","uri":"/v1/orders/42","headers":{"User-Agent":["curl/8.14.1"]}},"bytes_read":0,"user_id":"","duration":0.043929675,"size":2326,"status":200,"resp_headers":{}}`, End, byKeys, "caddy"}, jsonLog("caddy")},
	{Format{"apisix", "what APISIX's loggers write: http-logger, file-logger, kafka-logger", `{"start_time":1760097336043,"client_ip":"203.0.113.7","latency":43.1,"upstream_latency":41,"apisix_latency":2.1,"upstream":"10.0.0.1:8080","service_id":"orders","route_id":"get-order","request":{"method":"GET","uri":"/v1/orders/42","url":"http://shop.example/v1/orders/42","size":512},"response":{"status":200,"size":2600}}`, Start, byKeys, "apisix"}, jsonLog("apisix")},
	{Format{"krakend_json", "KrakenD's access log made to write JSON", `{"time":"2025-10-10T11:55:36.043Z","statusCode":200,"latencyMs":43,"clientIP":"203.0.113.7","method":"GET","path":"/v1/orders/42"}`, End, byKeys, "krakend"}, jsonLog("krakend_json")},
	{Format{"gravitee", "Gravitee's metrics.json, and its documents in Elasticsearch", `{"timestamp":1760097336043,"requestId":"076aea69-6024-4590-aaea-6960247590a0","transactionId":"076aea69-6024-4590-aaea-6960247590a0","apiId":"5f67b38f-0700-4557-a7b3-8f0700855779","applicationId":"acme","httpMethod":"GET","remoteAddress":"203.0.113.7","host":"shop.example","uri":"/v1/orders/42","status":200,"gatewayResponseTimeMs":43,"endpointResponseTimeMs":41,"gatewayLatencyMs":2}`, Start, byKeys, "gravitee"}, jsonLog("gravitee")},
	{Format{"azure_apim", "Azure API Management's GatewayLogs", `{"time":"2025-10-10T11:55:36.043Z","category":"GatewayLogs","durationMs":43,"callerIpAddress":"203.0.113.7","correlationId":"48752d0f-c99d-4cfa-a5a7-f3c6834d19e5","properties":{"method":"GET","url":"https://shop.example/v1/orders/42","responseCode":200,"responseSize":2600,"cache":"none","backendTime":41,"backendResponseCode":200,"apiId":"orders","operationId":"get-order"}}`, Start, byKeys, "azure"}, jsonLog("azure_apim")},
	{Format{"azure_appgw", "Azure Application Gateway's access log, version 1 and 2", `{"timeStamp":"2025-10-10T11:55:36Z","category":"ApplicationGatewayAccessLog","properties":{"instanceId":"appgw_2","clientIP":"203.0.113.7","clientPort":46886,"httpMethod":"GET","requestUri":"/v1/orders/42","httpStatus":200,"httpVersion":"HTTP/1.1","receivedBytes":65,"sentBytes":553,"timeTaken":0.043,"sslEnabled":"on","host":"shop.example","serverRouted":"10.4.0.4:443","serverStatus":"200","serverResponseLatency":"0.041"}}`, End, byKeys, "azure"}, jsonLog("azure_appgw")},
	{Format{"azure_frontdoor", "Azure Front Door's access log", `{"time":"2025-10-10T11:55:36.0438Z","category":"FrontDoorAccessLog","properties":{"clientIp":"203.0.113.7","clientPort":"50382","httpMethod":"GET","httpStatusCode":"200","httpVersion":"2.0.0.0","requestUri":"https://shop.example:443/v1/orders/42","requestBytes":"512","responseBytes":"2600","timeTaken":"0.043","cacheStatus":"MISS","routingRuleName":"orders","trackingReference":"0k1y5YQAAAAAWd0Uc"}}`, Start, byKeys, "azure"}, jsonLog("azure_frontdoor")},
	{Format{"gcp_lb", "entries of Cloud Logging with an httpRequest: Google's load balancers, Cloud Run", `{"timestamp":"2025-10-10T11:55:36.043651Z","httpRequest":{"requestMethod":"GET","requestUrl":"https://shop.example/v1/orders/42","requestSize":"512","status":200,"responseSize":"2600","remoteIp":"203.0.113.7","latency":"0.043123s"},"resource":{"type":"http_load_balancer","labels":{"backend_service_name":"orders"}}}`, Start, byKeys, "google"}, jsonLog("gcp_lb")},
	{Format{"gcp_endpoints", "Google's API Gateway and Cloud Endpoints", `{"timestamp":"2025-10-10T11:55:36.043651Z","jsonPayload":{"url":"/v1/orders/42","api_name":"orders.endpoints.shop.cloud.goog","api_method":"GetOrder","http_method":"GET","http_response_code":200,"request_size_in_bytes":"0","response_size_in_bytes":"2326","request_latency_in_ms":"43","client_ip":"203.0.113.7"}}`, Start, byKeys, "google"}, jsonLog("gcp_endpoints")},
	{Format{"cloudflare", "Cloudflare Logpush, http_requests", `{"ClientIP":"203.0.113.7","ClientRequestHost":"shop.example","ClientRequestMethod":"GET","ClientRequestURI":"/v1/orders/42","EdgeStartTimestamp":1760097336000000000,"EdgeEndTimestamp":1760097336043000000,"EdgeResponseStatus":200,"EdgeResponseBytes":2600,"OriginResponseStatus":200,"OriginResponseDurationMs":41,"CacheCacheStatus":"miss","RayID":"710e98d9367f357d","ZoneName":"shop.example"}`, Start, byKeys, "cloudflare"}, jsonLog("cloudflare")},
	{Format{"fastly_json", "JSON of Fastly's log format strings", `{"service_id":"orders","time_start":1760097336000,"time_end":1760097336043,"time_elapsed":43123,"client_ip":"203.0.113.7","request":"GET","protocol":"HTTP/2","host":"shop.example","url":"/v1/orders/42","is_tls":true,"status":"200","resp_body_size":"2326","cache_status":"MISS"}`, Start, byKeys, "fastly"}, jsonLog("fastly_json")},
	{Format{"ecs", "documents of the Elastic Common Schema, gatemeter's own too", `{"@timestamp":"2025-10-10T11:55:36.043Z","source":{"ip":"203.0.113.7"},"http":{"request":{"method":"GET"},"response":{"status_code":200}},"url":{"original":"/v1/orders/42"},"event":{"duration":43000000}}`, Either, byKeys, "ecs"}, jsonLog("ecs")},
	{Format{"otel", "OpenTelemetry log records with attributes for HTTP", `{"timeUnixNano":"1760097336043000000","attributes":[{"key":"http.request.method","value":{"stringValue":"GET"}},{"key":"url.path","value":{"stringValue":"/v1/orders/42"}},{"key":"http.route","value":{"stringValue":"/v1/orders/{id}"}},{"key":"http.response.status_code","value":{"intValue":"200"}},{"key":"client.address","value":{"stringValue":"203.0.113.7"}}],"traceId":"4bf92f3577b34da6a3ce929d0e0e4736"}`, Either, byKeys, "otel"}, jsonLog("otel")},
	{Format{"json", "JSON by fields of the config, ECS names, nginx's and names in common use", `{"ts":"2025-10-10T13:55:36+02:00","client_ip":"203.0.113.7","method":"GET","path":"/v1/orders/42","protocol":"HTTP/1.1","status_code":200,"user_agent":"curl/8.14.1"}`, Either, `an object with a time and a request under known names`, "json"}, compileJSON},
	{Format{"wso2", "WSO2 API Manager's HTTP access log, of which only requests count", "- " + strings.Replace(clf2, " 200 ", " - ", 1), Start, "combined behind a dash", "apache"}, compileWSO2},
	{Format{"tomcat", "Tomcat's AccessLogValve, its common; another pattern behind the name", clf, Start, "", "apache"}, compileTomcat("")},
	{Format{"envoy", "Envoy's default text format", `[2025-10-10T11:55:36.043Z] "GET /v1/orders/42?full=1 HTTP/2" 200 - 0 2326 43 41 "203.0.113.7" "curl/8.14.1" "cc21d9b0-cf5c-432b-8c7e-98aeb7988cd2" "shop.example" "10.0.0.1:8080"`, Start, `[time in ISO 8601] "request" status flags, a quote at the end`, "envoy"}, namedEnvoy("envoy", envoy.Default)},
	{Format{"istio", "the text access log of Istio's proxies", `[2025-10-10T11:55:36.043Z] "GET /v1/orders/42?full=1 HTTP/1.1" 200 - via_upstream - "-" 0 2326 43 41 "203.0.113.7" "curl/8.14.1" "cc21d9b0-cf5c-432b-8c7e-98aeb7988cd2" "orders:8080" "10.0.0.1:8080" outbound|8080||orders.shop.svc.cluster.local 10.0.0.9:37652 10.0.0.7:8080 10.0.0.9:46520 - default`, Start, `[time in ISO 8601] "request" status flags, words at the end`, "envoy"}, namedEnvoy("istio", envoy.Istio)},
	{Format{"traefik", "Traefik's access log, format: common", clf2 + ` 7 "orders@docker" "http://10.0.0.1:8080" 43ms`, Start, `combined, a number, "router" "service" and milliseconds`, "traefik"}, plain(func() Parser { return traefik.New() })},
	{Format{"haproxy", "HAProxy's httplog, httpslog, tcplog and failed connections, with or without a syslog header", `Oct 10 13:55:36 lb1 haproxy[14389]: 203.0.113.7:33317 [10/Oct/2025:13:55:36.043] https-in~ orders/srv1 0/0/1/40/43 200 2326 - - ---- 1/1/1/1/0 0/0 {shop.example} {} "GET /v1/orders/42?full=1 HTTP/1.1"`, Start, "client:port [time without a zone] frontend backend/server", "haproxy"}, compileHAProxy},
	{Format{"haproxy_clf", "HAProxy's option httplog clf and tcplog clf", strings.Replace(strings.Replace(clf, "alice", "-", 1), "+0200", "+0000", 1) + ` "" "" 41342 043 "https-in~" "orders" "web1" 0 0 1 40 43 ---- 1 1 1 1 0 0 0 "" ""`, Start, `combined without referrer and agent, and HAProxy's twenty-one values`, "haproxy"}, compileHAProxyCLF},
	{Format{"krakend", "KrakenD's access log, which is Gin's", gin, End, "[GIN]", "krakend"}, compileKrakend},
	{Format{"aws_alb", "Amazon's Application Load Balancer", `https 2025-10-10T11:55:36.086641Z app/shop/50dc6c495c0c9188 203.0.113.7:2817 10.0.0.1:80 0.001 0.041 0.001 200 200 512 2600 "GET https://shop.example:443/v1/orders/42?full=1 HTTP/1.1" "curl/8.14.1" ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2 arn:aws:elasticloadbalancing:us-east-2:123456789012:targetgroup/orders/73e2d6bc24d8a067 "Root=1-58337281-1d84f3d73c47ec4e58577259" "shop.example" "-" 1 2025-10-10T11:55:36.043000Z "forward" "-" "-" "10.0.0.1:80" "200" "-" "-"`, Start, "http, https, h2, grpcs, ws or wss, and a time", "aws_elb"}, ofLayout(aws.ALB)},
	{Format{"aws_clb", "Amazon's Classic Load Balancer", `2025-10-10T11:55:36.043958Z shop 203.0.113.7:2817 10.0.0.1:80 0.000073 0.041048 0.000057 200 200 0 2326 "GET http://shop.example:80/v1/orders/42?full=1 HTTP/1.1" "curl/8.14.1" - -`, Start, "a time in ISO 8601, a name and an address", "aws_elb"}, ofLayout(aws.CLB)},
	{Format{"aws_nlb", "TLS connections of Amazon's Network Load Balancer", `tls 2.0 2025-10-10T11:55:36 net/shop/c6e77e28c25b2234 g3d4b5e8bb8464cd 203.0.113.7:51341 10.0.0.1:443 43 2 98 2326 - arn:aws:acm:us-east-2:123456789012:certificate/2a108f19 - ECDHE-RSA-AES128-GCM-SHA256 tlsv12 - shop.example h2 h2 "h2","http/1.1" 2025-10-10T11:55:36`, End, "tls, a version and a time", "aws_elb"}, ofLayout(aws.NLB)},
	{Format{"aws_cloudfront", "CloudFront's standard log", strings.ReplaceAll("2025-10-10|11:55:36|LAX1|2600|203.0.113.7|GET|d111111abcdef8.cloudfront.net|/v1/orders/42|200|-|curl/8.14.1|full=1|-|Miss|SOX4xwn4XV6Q4rgb7XiVGOHms_BGlTAC4KyHmureZmBNrjGdRLiNIQ==|shop.example|https|512|0.043|-|TLSv1.3|TLS_AES_128_GCM_SHA256|Miss|HTTP/2.0|-|-|11040|0.041|Miss|application/json|2326|-|-", "|", "\t"), End, "a date, a tab and a time", "aws_cloudfront"}, ofLayout(w3c.NewCloudFront)},
	{Format{"aws_apigw_rest_clf", "Amazon API Gateway, REST, CLF", `203.0.113.7 - - [10/Oct/2025:11:55:36 +0000] "GET /v1/orders/{id} HTTP/1.1" 200 2326 48752d0f-c99d-4cfa-a5a7-f3c6834d19e5 GQIVriFLIAMEMsA=`, Start, "common and two ids", "aws_apigateway"}, namedGateway("aws_apigw_rest_clf", aws.RestCLF)},
	{Format{"aws_apigw_http_clf", "Amazon API Gateway, HTTP, CLF", `203.0.113.7 - - [10/Oct/2025:11:55:36 +0000] "GET GET /v1/orders/{id} HTTP/1.1" 200 2326 48752d0f-c99d-4cfa-a5a7-f3c6834d19e5`, Start, "common and an id", "aws_apigateway"}, namedGateway("aws_apigw_http_clf", aws.HTTPCLF)},
	{Format{"aws_apigw_rest_csv", "Amazon API Gateway, REST, CSV", "203.0.113.7,-,-,10/Oct/2025:11:55:36 +0000,GET,/v1/orders/{id},HTTP/1.1,200,2326,48752d0f-c99d-4cfa-a5a7-f3c6834d19e5,GQIVriFLIAMEMsA=", Start, "commas, the time after the third", "aws_apigateway"}, namedGateway("aws_apigw_rest_csv", aws.RestCSV)},
	{Format{"aws_apigw_http_csv", "Amazon API Gateway, HTTP, CSV", "203.0.113.7,10/Oct/2025:11:55:36 +0000,GET,GET /v1/orders/{id},HTTP/1.1,200,2326,48752d0f-c99d-4cfa-a5a7-f3c6834d19e5", Start, "commas, the time after the first", "aws_apigateway"}, namedGateway("aws_apigw_http_csv", aws.HTTPCSV)},
	{Format{"aws_apigw_rest_xml", "Amazon API Gateway, REST, XML", `<request id="48752d0f-c99d-4cfa-a5a7-f3c6834d19e5"> <extendedRequestId>GQIVriFLIAMEMsA=</extendedRequestId> <ip>203.0.113.7</ip> <caller>-</caller> <user>-</user> <requestTime>10/Oct/2025:11:55:36 +0000</requestTime> <httpMethod>GET</httpMethod> <resourcePath>/v1/orders/{id}</resourcePath> <status>200</status> <protocol>HTTP/1.1</protocol> <responseLength>2326</responseLength> </request>`, Start, "<request> with <extendedRequestId>", "aws_apigateway"}, namedGateway("aws_apigw_rest_xml", aws.RestXML)},
	{Format{"aws_apigw_http_xml", "Amazon API Gateway, HTTP, XML", `<request id="48752d0f-c99d-4cfa-a5a7-f3c6834d19e5"> <ip>203.0.113.7</ip> <requestTime>10/Oct/2025:11:55:36 +0000</requestTime> <httpMethod>GET</httpMethod> <routeKey>GET /v1/orders/{id}</routeKey> <status>200</status> <protocol>HTTP/1.1</protocol> <responseLength>2326</responseLength> </request>`, Start, "<request>", "aws_apigateway"}, namedGateway("aws_apigw_http_xml", aws.HTTPXML)},
	{Format{"iis", "Microsoft IIS, by the shape of its lines", "2025-10-10 11:55:36 W3SVC1 10.0.0.7 GET /v1/orders/42 full=1 443 - 203.0.113.7 HTTP/1.1 curl/8.14.1 - shop.example 200 0 0 2600 512 43", End, "a date, a space, a time, and IIS' columns in their order", "iis"}, compileW3C},
	{Format{"w3c", "any W3C extended log, by its #Fields lines, or with one as the format", "2025-10-10 11:55:36 10.0.0.7 GET /v1/orders/42 full=1 443 - 203.0.113.7 curl/8.14.1 - 200 0 0 43", End, "", "iis"}, compileW3C},
	{Format{"squid", "Squid's native log", "1760097336.043     43 203.0.113.7 TCP_MISS/200 2600 GET http://shop.example/v1/orders/42?full=1 - HIER_DIRECT/10.0.0.1 application/json", End, "seconds with three digits, milliseconds, a client", "squid"}, ofLayout(squid.New)},
	{Format{"tyk_access", "Tyk Gateway's access log as text", `time="2025-10-10T11:55:36Z" level=info api_id=b1a41c9a api_name=orders client_ip=203.0.113.7 host=shop.example latency_gateway=2 latency_total=43 method=GET original_path="/v1/orders/42?full=1" path=/v1/orders/42 prefix=access-log protocol=HTTP/1.1 remote_addr="203.0.113.7:63251" status=200 upstream_addr="http://10.0.0.1:8080/v1/orders/42" upstream_latency=41 user_agent=curl/8.14.1`, End, "logfmt with prefix=access-log", "tyk"}, ofPairs(pairs.TykAccess)},
	{Format{"tyk_pump_csv", "files of Tyk Pump's csv", "GET,shop.example,/v1/orders/42,/v1/orders/42,0,curl/8.14.1,10,October,2025,11,200,00000000,2025-10-10 11:55:36.043 +0000 UTC,Non Versioned,orders,845b8ed1,,,43,,,203.0.113.7,,0,,0,0,,0,0,512,2600,43,41,2,key-00000000;api-845b8ed1,acme,false,2025-10-17 11:55:36.043 +0000 UTC,,/v1/orders/42,/", End, "commas, a method first, Go's time twelve columns on", "tyk"}, ofLayout(columns.TykCSV)},
	{Format{"tyk_pump_syslog", "what Tyk Pump sends to syslog", "map[alias:acme api_id:845b8ed1 api_key:00000000 api_name:orders api_version:Non Versioned content_length:%!s(int64=0) host:shop.example ip_address:203.0.113.7 method:GET oauth_id: org_id: path:/v1/orders/42 raw_path:/v1/orders/42 raw_request: raw_response: request_time_ms:%!s(int64=43) response_code:%!s(int=200) timestamp:2025-10-10 11:55:36.043 +0000 UTC user_agent:curl/8.14.1]", End, "map[", "tyk"}, ofPairs(pairs.TykPump)},
	{Format{"logfmt", "key=value by fields of the config and names in common use", `ts=2025-10-10T11:55:36.043Z level=info method=GET path="/v1/orders/42?full=1" status=200 duration=43.1ms client_ip=203.0.113.7`, Either, "key=value", "logfmt"}, compileLogfmt},
	{Format{"ltsv", "Labeled Tab-separated Values, by the labels of ltsv.org", strings.ReplaceAll("time:[10/Oct/2025:13:55:36 +0200]|host:203.0.113.7|req:GET /v1/orders/42?full=1 HTTP/1.1|status:200|size:2326|referer:-|ua:curl/8.14.1|reqtime:0.043|apptime:0.041|vhost:shop.example", "|", "\t"), End, "label:value and tabs", "logfmt"}, compileLTSV},
	{Format{"csv", "comma-separated values: their columns stand behind the name", `2025-10-10T11:55:36.043Z,203.0.113.7,GET,/v1/orders/42?full=1,200,"curl/8.14.1"`, Either, "", "own"}, needsArgument},
	{Format{"regex", "a regular expression (RE2) with named groups, behind the name", "2025-10-10T11:55:36.043Z 203.0.113.7 GET /v1/orders/42?full=1 200", Either, "", "own"}, needsArgument},
	{Format{"grok", "a grok pattern, behind the name", "2025-10-10T11:55:36.043Z 203.0.113.7 GET /v1/orders/42?full=1 200", Either, "", "own"}, needsArgument},
}
