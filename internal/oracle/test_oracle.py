"""The oracle's own tests: what it says of lines and routes that a person has counted."""

import unittest

import lines
import oracle
import routes

COMBINED = '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"'
SECOND = 10**9


class Lines(unittest.TestCase):
    def test_combined(self):
        r = lines.nginx_text(COMBINED)(
            rb'192.0.2.7 - - [02/Jan/2026:03:04:05 +0100] "GET /a\x22b?c=d HTTP/1.1" 404 153 "-" "caf\xC3\xA9"')
        self.assertEqual((r["time"], r["method"], r["target"], r["status"], r["response_bytes"], r["client"]),
                         (1767319445 * SECOND, "GET", '/a"b?c=d', 404, 153, "192.0.2.7"))
        self.assertIsNone(r["duration"])
        self.assertEqual(oracle.path_of(r["target"]), '/a"b')

    def test_requests(self):
        def f(request, method, target):
            r = lines.nginx_text(COMBINED)(b'::1 - - [02/Jan/2026:03:04:05 +0000] "%s" 400 0 "-" "-"' % request)
            self.assertEqual((r["method"], r["target"]), (method, target))
        f(b"GET / HTTP/1.1", "GET", "/")
        f(b"GET /nine", "GET", "/nine")
        f(b"GET /a b HTTP/1.0", "GET", "/a b")
        f(b"GET  HTTP/1.1", "GET", None)
        f(b"-", None, None)
        f(rb"\x16\x03", None, "\x16\x03")
        f(b"", None, None)

    def test_timed(self):
        r = lines.nginx_text('[$time_local] $status $bytes_sent $request_time "$upstream_response_time"')(
            b'[02/Jan/2026:03:04:05 +0000] 200 17 0.125 "0.100, - : 0.020"')
        self.assertEqual((r["response_bytes"], r["duration"], r["upstream"], r["gateway"]), (17, 125000000, 120000000, 5000000))

    def test_malformed(self):
        read = lines.nginx_text(COMBINED)
        for line in (
            b"", b"x", b'192.0.2.7 - - [02/Jan/2026:03:04:05 +0000] "GET / HTTP/1.1" 200 1 "-" "-',
            b'192.0.2.7 - - [32/Jan/2026:03:04:05 +0000] "GET / HTTP/1.1" 200 1 "-" "-"',
            b'192.0.2.7 - - [02/Jan/2026:03:04:05 +0000] "GET / HTTP/1.1" 2x0 1 "-" "-"',
        ):
            with self.assertRaises(lines.Malformed):
                read(line)

    def test_json(self):
        r = lines.nginx_json('{"t":"$time_iso8601","s":$status,"u":"$request_uri","d":$request_time,"b":$body_bytes_sent,"up":$upstream_response_time}')(
            b'{"t":"2026-01-02T03:04:05+00:00","s":200,"u":"\\/a\\"b","d":0.007,"b":3,"up":}')
        self.assertEqual((r["time"], r["status"], r["target"], r["duration"], r["upstream"]), (1767323045 * SECOND, 200, '/a"b', 7000000, None))

    def test_kong(self):
        r = lines.kong(None)(
            b'{"started_at":1767323045123,"client_ip":"192.0.2.7","request":{"method":"PUT","uri":"\\/a?b","size":"77"},'
            b'"response":{"status":503,"size":12},"latencies":{"request":20.5,"kong":20,"proxy":-1},"service":{"name":null,"host":"h"},'
            b'"route":{"id":"r1"}}')
        self.assertEqual((r["time"], r["duration"], r["upstream"], r["gateway"]), (1767323045123 * 10**6, 20500000, None, 20000000))
        self.assertEqual((r["service"], r["route"], r["request_bytes"], r["response_bytes"], r["status"]), ("h", "r1", 77, 12, 503))


class Routes(unittest.TestCase):
    def test_template(self):
        def f(path, want, *patterns):
            self.assertEqual(routes.template(path, patterns), want)
        f("/api/v1/orders/4711?page=2", "/api/v1/orders/{id}")
        f("/users/3f2504e0-4f89-41d3-9a0c-0305e82c3301/avatar", "/users/{id}/avatar")
        f("/commits/9f86d081", "/commits/{id}")
        f("/commits/deadbeef", "/commits/deadbeef")
        f("/reports/2026-11-21", "/reports/{id}")
        f("/order-20931/a@b/v1", "/{id}/{id}/v1")
        f("http://host/a/1", "/a/{id}")
        f("host:443", "_invalid")
        f(None, "_none")
        f("/a/", "/a/")
        f("/a" * 14, "/a" * 12 + "/{rest}")
        f("/x" + "y" * 300, "/x" + "y" * 198)
        f("/orders/7", "/orders/{n}", "/{any}/7", "/orders/{n}")
        f("/files/a/b", "/files/{path...}", "/files/{path...}")


class Windows(unittest.TestCase):
    def test_values(self):
        s = oracle.Series()
        for ms, status in ((1, 200), (2, 200), (3, 301), (10, 503)):
            s.add(dict(lines.EMPTY, status=status, duration=ms * 10**6, response_bytes=5, client="a"))
        self.assertEqual(s.values([50, 99.9]), {
            "requests.count": 4, "requests.2xx": 2, "requests.3xx": 1, "requests.4xx": 0, "requests.5xx": 1,
            "latency.count": 4, "latency.mean": 0.004, "latency.min": 0.001, "latency.max": 0.01, "latency.p50": 0.002,
            "latency.p999": 0.01, "response_bytes.sum": 20, "clients.distinct": 1})

    def test_clean(self):
        self.assertEqual(oracle.clean("a.b/ü;\n"), "a_b_____")
        self.assertEqual(oracle.clean(""), "_")

    def test_path(self):
        for target, want in ((None, None), ("/a?b?c", "/a"), ("?b", "/"), ("http://h:1/a/b?c", "/a/b"), ("http://h", "/"), ("*", "*"),
                             ("/a://b", "/a://b")):
            self.assertEqual(oracle.path_of(target), want)


if __name__ == "__main__":
    unittest.main()
