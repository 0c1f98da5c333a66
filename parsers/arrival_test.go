package parsers

import (
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/pipeline/record"
)

// TestArrival: of a line without a time the formats take that of its arrival, if it is known, and never in place of its own.
func TestArrival(t *testing.T) {
	const arrival = 1_795_262_400_000_000_000
	f := func(format, line string, reason record.Reason, want int64) {
		t.Helper()
		newParser, err := New(format, Options{})
		if err != nil {
			t.Fatal(err)
		}
		recs := make([]record.Record, 1)
		recs[0].Reset()
		recs[0].Line, recs[0].ArrivalNanos = []byte(line), arrival
		newParser().Parse(recs)
		if recs[0].Reason != reason || reason == record.None && recs[0].TimeNanos != want {
			t.Errorf("%s %q: %v at %d, want %v at %d", format, line, recs[0].Reason, recs[0].TimeNanos, reason, want)
		}
	}
	f("json", `{"status":200,"remote_addr":"203.0.113.7","request":"GET / HTTP/1.1"}`, record.None, arrival)
	f("json", `{"status":200,"time_iso8601":"2025-10-10T13:55:36+02:00"}`, record.None, 1_760_097_336_000_000_000)
	f("kong", `{"request":{"method":"GET","uri":"/"},"response":{"status":200}}`, record.None, arrival)
	f("kong", `{"started_at":1760097336043,"request":{"method":"GET","uri":"/"}}`, record.None, 1_760_097_336_043_000_000)
	f("logfmt", `level=info method=GET path=/a status=200 duration=1ms`, record.None, arrival)
	f("haproxy", `<134>Sep 20 15:42:59 lb haproxy[24551]: Connect from 203.0.113.7:40780 to 10.0.0.1:5000 (main/HTTP)`, record.None, arrival)
	f("auto", `<134>Sep 20 15:42:59 lb haproxy[24551]: Connect from 203.0.113.7:40780 to 10.0.0.1:5000 (main/HTTP)`, record.None, arrival)
	f("haproxy", `Connect from 203.0.113.7:40780 to 10.0.0.1:5000`, record.Truncated, 0)
	f("haproxy", `Connect from 203.0.113.7:40780 at 10.0.0.1:5000`, record.Unexpected, 0)
	f("auto", `{"status":200,"remote_addr":"203.0.113.7"}`, record.UnknownFormat, 0)
}

// TestArrivalIsAdjusted: what is asked of times is done to a line's own, also when its message has the same, and not to that of its arrival.
func TestArrivalIsAdjusted(t *testing.T) {
	const arrival = 1_760_097_336_043_000_000
	f := func(format, line string, o Options, want int64) {
		t.Helper()
		newParser, err := New(format, o)
		if err != nil {
			t.Fatal(err)
		}
		recs := make([]record.Record, 1)
		recs[0].Reset()
		recs[0].Line, recs[0].ArrivalNanos = []byte(line), arrival
		newParser().Parse(recs)
		if r := &recs[0]; r.Reason != record.None || r.TimeNanos != want || r.ArrivalNanos != arrival {
			t.Errorf("%s %q: %v at %d, arrived at %d, want %d", format, line, r.Reason, r.TimeNanos, r.ArrivalNanos, want)
		}
	}
	end := Options{Time: "end"}
	f("kong", `{"started_at":1760097336043,"latencies":{"request":5000}}`, end, arrival+5e9)
	f("kong", `{"started_at":1760097336044,"latencies":{"request":5000}}`, end, arrival+5e9+1e6)
	f("kong", `{"latencies":{"request":5000}}`, end, arrival)
	f("auto", `{"started_at":1760097336043,"latencies":{"request":5000}}`, end, arrival+5e9)
	local := Options{Location: time.FixedZone("", 3600)}
	f("haproxy", `<134>Sep 20 15:42:59 lb haproxy[24551]: Connect from 203.0.113.7:40780 to 10.0.0.1:5000 (main/HTTP)`, local, arrival)
}
