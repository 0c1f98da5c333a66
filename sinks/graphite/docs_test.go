package graphite

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestAggregationInDocs holds the storage-aggregation.conf that users are told to take against the names that are sent:
// the first pattern that matches decides, as in carbon.
func TestAggregationInDocs(t *testing.T) {
	text, err := os.ReadFile("../../docs/sinks/graphite.md")
	if err != nil {
		t.Fatal(err)
	}
	type rule struct {
		pattern *regexp.Regexp
		method  string
	}
	var rules []rule
	entry := regexp.MustCompile(`pattern = (.+)\nxFilesFactor = 0\naggregationMethod = (\w+)\n`)
	for _, m := range entry.FindAllStringSubmatch(string(text), -1) {
		rules = append(rules, rule{regexp.MustCompile(m[1]), m[2]})
	}
	f := func(metric, method string) {
		t.Helper()
		for _, name := range []string{"gateway.web1.route.orders.get_order.GET." + metric, "gateway.web1.all." + metric, "gateway.route." + metric + ";shard=web1;service=count;route=max"} {
			got := "none"
			for _, r := range rules {
				if r.pattern.MatchString(name) {
					got = r.method
					break
				}
			}
			if got != method {
				t.Errorf("%s: %s, want %s", name, got, method)
			}
		}
	}
	for _, metric := range strings.Fields("requests.count requests.2xx requests.5xx requests.404 latency.count upstream_latency.count request_bytes.sum response_bytes.sum cache.hit cache.miss cache.other throttled.count") {
		f(metric, "sum")
	}
	for _, metric := range []string{"latency", "upstream_latency", "gateway_latency"} {
		f(metric+".min", "min")
		f(metric+".max", "max")
		f(metric+".p50", "max")
		f(metric+".p999", "max")
		f(metric+".mean", "average")
	}
	f("clients.distinct", "max")
	f("consumers.distinct", "max")
	f("unknown.stat", "none")
}
