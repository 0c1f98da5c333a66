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
	{Format{"nginx_json", "nginx's escape=json with the variables' names as keys", `{"time_iso8601":"2025-10-10T13:55:36+02:00","remote_addr":"203.0.113.7","request":"GET /v1/orders/42?full=1 HTTP/1.1","status":200,"body_bytes_sent":2326,"request_time":0.043,"upstream_response_time":"0.041","http_user_agent":"curl/8.14.1"}`}, jsonLog("nginx_json")},
	{Format{"tyk_pump", "Tyk Pump's records: stdout, kafka, elasticsearch", `{"method":"GET","host":"shop.example","path":"/v1/orders/42","raw_path":"/v1/orders/42","content_length":0,"user_agent":"curl/8.14.1","response_code":200,"timestamp":"2025-10-10T11:55:36.043Z","api_name":"orders","api_id":"845b8ed1ae964ea5a6eccab6abf3f3de","request_time":43,"ip_address":"203.0.113.7","latency":{"total":43,"upstream":41,"gateway":2},"alias":"acme"}`}, jsonLog("tyk_pump")},
	{Format{"tyk_access_json", "Tyk's access log, TYK_LOGFORMAT=json", `{"api_id":"845b8ed1ae964ea5a6eccab6abf3f3de","api_name":"orders","client_ip":"203.0.113.7","host":"shop.example","latency_gateway":2,"latency_total":43,"level":"info","method":"GET","path":"/v1/orders/42","prefix":"access-log","protocol":"HTTP/1.1","status":200,"time":"2025-10-10T11:55:36Z","upstream_latency":41}`}, jsonLog("tyk_access_json")},
	{Format{"aws_apigw_json", "Amazon API Gateway's access log as JSON, under its users' own keys", `{"requestId":"48752d0f-c99d-4cfa-a5a7-f3c6834d19e5","ip":"203.0.113.7","requestTime":"10/Oct/2025:11:55:36 +0000","httpMethod":"GET","routeKey":"GET /v1/orders/{id}","status":"200","protocol":"HTTP/1.1","responseLength":"2326","responseLatency":"43","integrationLatency":"41"}`}, jsonLog("aws_apigw_json")},
	{Format{"envoy_json", "Envoy's access log as JSON", `{"start_time":"2025-10-10T11:55:36.043Z","method":"GET","path":"/v1/orders/42","protocol":"HTTP/2","response_code":200,"response_flags":"-","bytes_received":0,"bytes_sent":2326,"duration":43,"upstream_service_time":"41","x_forwarded_for":"203.0.113.7","authority":"shop.example","upstream_host":"10.0.0.1:8080","upstream_cluster":"orders"}`}, jsonLog("envoy_json")},
	{Format{"istio_json", "the JSON access log of Istio's proxies", `{"start_time":"2025-10-10T11:55:36.043Z","method":"GET","path":"/v1/orders/42","protocol":"HTTP/1.1","response_code":200,"response_flags":"-","bytes_received":0,"bytes_sent":2326,"duration":43,"upstream_service_time":"41","x_forwarded_for":null,"authority":"orders:8080","upstream_host":"10.0.0.1:8080","upstream_cluster":"outbound|8080||orders.shop.svc.cluster.local","route_name":"default","downstream_remote_address":"10.0.0.9:41342","requested_server_name":null,"upstream_transport_failure_reason":null}`}, jsonLog("istio_json")},
	{Format{"traefik_json", "Traefik's access log, format: json", `{"ClientAddr":"203.0.113.7:63251","ClientHost":"203.0.113.7","ClientPort":"63251","DownstreamContentSize":2326,"DownstreamStatus":200,"Duration":43184335,"OriginDuration":41349966,"OriginStatus":200,"Overhead":1834369,"RequestHost":"shop.example","RequestMethod":"GET","RequestPath":"/v1/orders/42","RequestProtocol":"HTTP/2.0","RouterName":"orders@docker","ServiceName":"orders@docker","StartUTC":"2025-10-10T11:55:36.043803974Z"}`}, jsonLog("traefik_json")},
	{Format{"caddy", "Caddy's access log", `{"level":"info","ts":1760097336.043,"logger":"http.log.access","msg":"handled request","request":{"remote_ip":"203.0.113.7","remote_port":"41342","client_ip":"203.0.113.7","proto":"HTTP/2.0","method":"GET","host":"shop.example","uri":"/v1/orders/42","headers":{"User-Agent":["curl/8.14.1"]}},"bytes_read":0,"user_id":"","duration":0.043929675,"size":2326,"status":200,"resp_headers":{}}`}, jsonLog("caddy")},
	{Format{"apisix", "what APISIX's loggers write: http-logger, file-logger, kafka-logger", `{"start_time":1760097336043,"client_ip":"203.0.113.7","latency":43.1,"upstream_latency":41,"apisix_latency":2.1,"upstream":"10.0.0.1:8080","service_id":"orders","route_id":"get-order","request":{"method":"GET","uri":"/v1/orders/42","url":"http://shop.example/v1/orders/42","size":512},"response":{"status":200,"size":2600}}`}, jsonLog("apisix")},
	{Format{"krakend_json", "KrakenD's access log made to write JSON", `{"time":"2025-10-10T11:55:36.043Z","statusCode":200,"latencyMs":43,"clientIP":"203.0.113.7","method":"GET","path":"/v1/orders/42"}`}, jsonLog("krakend_json")},
	{Format{"gravitee", "Gravitee's metrics.json, and its documents in Elasticsearch", `{"timestamp":1760097336043,"requestId":"076aea69-6024-4590-aaea-6960247590a0","transactionId":"076aea69-6024-4590-aaea-6960247590a0","apiId":"5f67b38f-0700-4557-a7b3-8f0700855779","applicationId":"acme","httpMethod":"GET","remoteAddress":"203.0.113.7","host":"shop.example","uri":"/v1/orders/42","status":200,"gatewayResponseTimeMs":43,"endpointResponseTimeMs":41,"gatewayLatencyMs":2}`}, jsonLog("gravitee")},
	{Format{"azure_apim", "Azure API Management's GatewayLogs", `{"time":"2025-10-10T11:55:36.043Z","category":"GatewayLogs","durationMs":43,"callerIpAddress":"203.0.113.7","correlationId":"48752d0f-c99d-4cfa-a5a7-f3c6834d19e5","properties":{"method":"GET","url":"https://shop.example/v1/orders/42","responseCode":200,"responseSize":2600,"cache":"none","backendTime":41,"backendResponseCode":200,"apiId":"orders","operationId":"get-order"}}`}, jsonLog("azure_apim")},
	{Format{"azure_appgw", "Azure Application Gateway's access log, version 1 and 2", `{"timeStamp":"2025-10-10T11:55:36Z","category":"ApplicationGatewayAccessLog","properties":{"instanceId":"appgw_2","clientIP":"203.0.113.7","clientPort":46886,"httpMethod":"GET","requestUri":"/v1/orders/42","httpStatus":200,"httpVersion":"HTTP/1.1","receivedBytes":65,"sentBytes":553,"timeTaken":0.043,"sslEnabled":"on","host":"shop.example","serverRouted":"10.4.0.4:443","serverStatus":"200","serverResponseLatency":"0.041"}}`}, jsonLog("azure_appgw")},
	{Format{"azure_frontdoor", "Azure Front Door's access log", `{"time":"2025-10-10T11:55:36.0438Z","category":"FrontDoorAccessLog","properties":{"clientIp":"203.0.113.7","clientPort":"50382","httpMethod":"GET","httpStatusCode":"200","httpVersion":"2.0.0.0","requestUri":"https://shop.example:443/v1/orders/42","requestBytes":"512","responseBytes":"2600","timeTaken":"0.043","cacheStatus":"MISS","routingRuleName":"orders","trackingReference":"0k1y5YQAAAAAWd0Uc"}}`}, jsonLog("azure_frontdoor")},
	{Format{"gcp_lb", "entries of Cloud Logging with an httpRequest: Google's load balancers, Cloud Run", `{"timestamp":"2025-10-10T11:55:36.043651Z","httpRequest":{"requestMethod":"GET","requestUrl":"https://shop.example/v1/orders/42","requestSize":"512","status":200,"responseSize":"2600","remoteIp":"203.0.113.7","latency":"0.043123s"},"resource":{"type":"http_load_balancer","labels":{"backend_service_name":"orders"}}}`}, jsonLog("gcp_lb")},
	{Format{"gcp_endpoints", "Google's API Gateway and Cloud Endpoints", `{"timestamp":"2025-10-10T11:55:36.043651Z","jsonPayload":{"url":"/v1/orders/42","api_name":"orders.endpoints.shop.cloud.goog","api_method":"GetOrder","http_method":"GET","http_response_code":200,"request_size_in_bytes":"0","response_size_in_bytes":"2326","request_latency_in_ms":"43","client_ip":"203.0.113.7"}}`}, jsonLog("gcp_endpoints")},
	{Format{"cloudflare", "Cloudflare Logpush, http_requests", `{"ClientIP":"203.0.113.7","ClientRequestHost":"shop.example","ClientRequestMethod":"GET","ClientRequestURI":"/v1/orders/42","EdgeStartTimestamp":1760097336000000000,"EdgeEndTimestamp":1760097336043000000,"EdgeResponseStatus":200,"EdgeResponseBytes":2600,"OriginResponseStatus":200,"OriginResponseDurationMs":41,"CacheCacheStatus":"miss","RayID":"710e98d9367f357d","ZoneName":"shop.example"}`}, jsonLog("cloudflare")},
	{Format{"fastly_json", "JSON of Fastly's log format strings", `{"service_id":"orders","time_start":1760097336000,"time_end":1760097336043,"time_elapsed":43123,"client_ip":"203.0.113.7","request":"GET","protocol":"HTTP/2","host":"shop.example","url":"/v1/orders/42","is_tls":true,"status":"200","resp_body_size":"2326","cache_status":"MISS"}`}, jsonLog("fastly_json")},
	{Format{"ecs", "documents of the Elastic Common Schema, gatemeter's own too", `{"@timestamp":"2025-10-10T11:55:36.043Z","source":{"ip":"203.0.113.7"},"http":{"request":{"method":"GET"},"response":{"status_code":200}},"url":{"original":"/v1/orders/42"},"event":{"duration":43000000}}`}, jsonLog("ecs")},
	{Format{"otel", "OpenTelemetry log records with attributes for HTTP", `{"timeUnixNano":"1760097336043000000","attributes":[{"key":"http.request.method","value":{"stringValue":"GET"}},{"key":"url.path","value":{"stringValue":"/v1/orders/42"}},{"key":"http.route","value":{"stringValue":"/v1/orders/{id}"}},{"key":"http.response.status_code","value":{"intValue":"200"}},{"key":"client.address","value":{"stringValue":"203.0.113.7"}}],"traceId":"4bf92f3577b34da6a3ce929d0e0e4736"}`}, jsonLog("otel")},
	{Format{"json", "JSON by fields of the config, ECS names, nginx's and names in common use", `{"ts":"2025-10-10T13:55:36+02:00","client_ip":"203.0.113.7","method":"GET","path":"/v1/orders/42","protocol":"HTTP/1.1","status_code":200,"user_agent":"curl/8.14.1"}`}, compileJSON},
}
