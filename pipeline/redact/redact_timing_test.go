package redact

import "testing"

func BenchmarkLine(b *testing.B) {
	r := redactor(b, Config{Query: DefaultNames()})
	for _, c := range []struct{ name, line string }{
		{"no_query", `203.0.113.7 - - [10/Oct/2000:13:55:36 -0700] "GET /api/v1/orders/4711 HTTP/1.1" 200 1234 "-" "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36"`},
		{"query", `203.0.113.7 - - [10/Oct/2000:13:55:36 -0700] "GET /api/v1/orders?page=2&sort=date%20asc&limit=50 HTTP/1.1" 200 1234 "https://shop.example.com/?utm_source=x" "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36"`},
		{"secret", `203.0.113.7 - - [10/Oct/2000:13:55:36 -0700] "GET /api/v1/orders?page=2&access_token=eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9 HTTP/1.1" 200 1234 "-" "Mozilla/5.0"`},
		{"json", `{"time":"2026-11-21T10:00:00+00:00","remote_addr":"203.0.113.7","request_method":"GET","request_uri":"/api/v1/orders?page=2","status":200,"body_bytes_sent":1234,"request_time":0.012,"http_user_agent":"Mozilla/5.0 (X11; Linux x86_64)"}`},
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
