package redact

import "testing"

func BenchmarkLine(b *testing.B) {
	r := redactor(b, Config{Query: DefaultNames()})
	for _, c := range []struct{ name, line string }{
		{"no_query", `203.0.113.7 - - [10/Oct/2000:13:55:36 -0700] "GET /api/v1/orders/4711 HTTP/1.1" 200 1234 "-" "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36"`},
		{"timed", `203.0.113.7 - - [10/Oct/2000:13:55:36 -0700] "GET /api/v1/orders/4711 HTTP/1.1" 200 1234 "-" "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36" rt=0.012 uct="0.001" uht="0.011" urt="0.011"`},
		{"query", `203.0.113.7 - - [10/Oct/2000:13:55:36 -0700] "GET /api/v1/orders?page=2&sort=date%20asc&limit=50 HTTP/1.1" 200 1234 "https://shop.example.com/?utm_source=x" "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36"`},
		{"secret", `203.0.113.7 - - [10/Oct/2000:13:55:36 -0700] "GET /api/v1/orders?page=2&access_token=eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9 HTTP/1.1" 200 1234 "-" "Mozilla/5.0"`},
		{"json", `{"time":"2026-11-21T10:00:00+00:00","remote_addr":"203.0.113.7","request_method":"GET","request_uri":"/api/v1/orders?page=2","status":200,"body_bytes_sent":1234,"request_time":0.012,"http_user_agent":"Mozilla/5.0 (X11; Linux x86_64)"}`},
		{"kong", kongLine},
	} {
		b.Run(c.name, func(b *testing.B) {
			line := make([]byte, len(c.line))
			b.SetBytes(int64(len(line)))
			b.ReportAllocs()
			for b.Loop() {
				copy(line, c.line)
				r.Line(line)
			}
		})
	}
}

const kongLine = `{"response":{"size":9982,"headers":{"access-control-allow-origin":"*","via":"1.1 kong/3.8.0.0-enterprise-edition","x-cache-status":"Hit"},"status":200},"route":{"updated_at":1726782477,"tags":[],"protocols":["http","https"],"service":{"id":"fb4eecf8-dec2-40ef-b779-16de7e2384c7"},"name":"example_route","id":"0f1a4101-3327-4274-b1e4-484a4ab0c030","paths":["/example-route"]},"workspace_name":"default","tries":[{"balancer_start":1726783839539,"balancer_start_ns":1.7267838395395e+18,"ip":"34.237.204.224","balancer_latency":0,"port":80,"balancer_latency_ns":27904}],"client_ip":"192.168.65.1","request":{"id":"2f6946328ffc4946b8c9120704a4a155","headers":{"accept":"*/*","authorization":"Bearer abcdefghijklmnopqrstuvwxyz","x-forwarded-for":"203.0.113.7","x-request-id":"2f6946328ffc4946b8c9120704a4a155","accept-encoding":"gzip, deflate, br","user-agent":"HTTPie/3.2.3","host":"localhost:8000","referer":["https://a/","https://b/"]},"uri":"/example-route?a=b","size":139,"method":"GET","querystring":{},"url":"http://localhost:8000/example-route","tls":{"version":"TLSv1.3","cipher":"TLS_AES_256_GCM_SHA384","client_verify":"NONE"}},"upstream_uri":"/","started_at":1726783839538,"source":"upstream","upstream_status":"500, 200 : 200, 204","latencies":{"kong":1,"proxy":171.5,"request":173,"receive":1},"service":{"host":"httpbin.konghq.com","name":"example_service","id":"fb4eecf8-dec2-40ef-b779-16de7e2384c7","port":80},"consumer":{"id":"c1","username":"ann","custom_id":"4711"},"trace_id":{"b3":"1","w3c":"0af7651916cd43dd8448eb211c80319c"}}`
