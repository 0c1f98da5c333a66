package parsers

import (
	"strings"
	"testing"
)

// TestOverlay maps keys over what a format makes of them.
func TestOverlay(t *testing.T) {
	f := func(spec string, fields map[string]string, line, want string) {
		t.Helper()
		newParser, err := New(spec, Options{Fields: fields})
		if err != nil {
			t.Errorf("%s: %v", spec, err)
			return
		}
		p := newParser()
		if got := flat(p.Format(), one(p, line)); !strings.Contains(got, want+"\n") {
			t.Errorf("%s reads %s as\n%swant %s", spec, line, got, want)
		}
	}
	tenant := map[string]string{"request.headers.x-tenant": "service.name", "took": "event.duration:ms"}
	f("apisix", tenant, `{"start_time":1700000000000,"request":{"method":"GET","headers":{"x-tenant":["acme"]}},"service_id":"a"}`, `service.name "acme"`)
	f("apisix", tenant, ` [{"start_time":1700000000000,"request":{"method":"GET","headers":{"x-tenant":"acme"}},"service_id":"a"}]`, `service.name "acme"`)
	f("apisix", tenant, `[{"start_time":1700000000000,"request":{"method":"GET"},"service_id":"a","latency":7,"took":"x"}]`, `error bad_number at column 93`)
	f("apisix", tenant, `[{"start_time":1700000000000,"request":{"method":"GET"},"service_id":"a","latency":7,"took":8}]`, `event.duration 8000000`)
	f("apisix", tenant, `[{"start_time":1700000000000,"request":{"method":"GET"},"service_id":"a"},{}]`, `error unexpected at column 74`)
	f("tyk_pump", map[string]string{"api_id": "service.name"}, `time="x" r="{\"method\":\"GET\",\"timestamp\":1700000000,\"api_name\":\"a\",\"api_id\":\"b\"}"`, `service.name "a"`)
	f("tyk_pump", map[string]string{"api_id": "service.name"}, `{"method":"GET","timestamp":1700000000,"api_name":"a","api_id":"b"}`, `service.name "b"`)
	f("caddy", map[string]string{"duration": "event.duration:ms"}, `{"ts":1700000000,"request":{"uri":"/"},"duration":12.5}`, `event.duration 12500000`)
	f("tyk_access_json", map[string]string{"a": "service.name"}, `{"level":"info","a":"b"}`, `error blank at column 0`)
}
