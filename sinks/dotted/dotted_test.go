package dotted

import (
	"strings"
	"testing"

	"github.com/gatemeter/gatemeter/pipeline/point"
)

var (
	graphiteTags = Tags{First: ";", Next: ";", Is: "="}
	dogTags      = Tags{First: "|#", Next: ",", Is: ":"}
)

func series(rollup string, dims, values []string) *point.Series {
	path := []byte(rollup)
	for _, v := range values {
		path = point.AppendClean(append(path, '.'), v)
	}
	return &point.Series{Rollup: rollup, Dimensions: dims, Values: values, Path: string(path)}
}

func TestNames(t *testing.T) {
	route := series("route", []string{"service", "route", "method"}, []string{"orders", "get.order", "GET"})
	all := series("all", nil, nil)
	f := func(prefix string, tags Tags, shard string, s *point.Series, wantName, wantTags string) {
		t.Helper()
		n := New(prefix, tags)
		n.Pane(&point.Pane{Shard: shard})
		got := string(n.Append([]byte("x "), &point.Point{Series: s, Name: &point.Name{Metric: "requests", Stat: "2xx"}}))
		if got != "x "+wantName || string(n.Tags()) != wantTags {
			t.Errorf("%q %q, want %q %q", got, n.Tags(), "x "+wantName, wantTags)
		}
	}
	f("gateway", Tags{}, "web1", route, "gateway.web1.route.orders.get_order.GET.requests.2xx", "")
	f("a.b", Tags{}, "web1.example.com", all, "a.b.web1_example_com.all.requests.2xx", "")
	f("", Tags{}, "topic-3", all, "topic-3.all.requests.2xx", "")
	f("gateway", graphiteTags, "web1", route, "gateway.route.requests.2xx", ";shard=web1;service=orders;route=get_order;method=GET")
	f("gateway", graphiteTags, "", all, "gateway.all.requests.2xx", ";shard=_")
	f("gateway", dogTags, "web1", route, "gateway.route.requests.2xx", "|#shard:web1,service:orders,route:get_order,method:GET")
	f("", dogTags, "web1", all, "all.requests.2xx", "|#shard:web1")
}

// TestOneSeriesOfTwoShards: what is kept of a series must not outlive its pane.
func TestOneSeriesOfTwoShards(t *testing.T) {
	p := &point.Point{Series: series("all", nil, nil), Name: &point.Name{Metric: "requests", Stat: "count"}}
	n := New("gateway", Tags{})
	for _, shard := range []string{"a", "b", "a"} {
		n.Pane(&point.Pane{Shard: shard})
		if got, want := string(n.Append(nil, p)), "gateway."+shard+".all.requests.count"; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestCheckPrefix(t *testing.T) {
	f := func(prefix, want string) {
		t.Helper()
		err := CheckPrefix(prefix)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, want %q", prefix, err, want)
		}
	}
	f("", "")
	f("gateway", "")
	f("stats.gateways.eu-1", "")
	f(".gateway", "two in a row")
	f("gateway.", "two in a row")
	f("a..b", "two in a row")
	f("a b", `"a b" has bytes`)
	f("a\nb", "has bytes")
	f("a;b=c", "has bytes")
	f(strings.Repeat("a", 201), "too many")
}

// FuzzNames: whatever the values, a name has as many nodes and tags as its rollup says.
func FuzzNames(f *testing.F) {
	for _, v := range []string{"orders", "", "a.b", "a b", "x 1 1\nadmin 0 9", ";tag=", ":1|c", "..", "\x00", "ü", "~a", strings.Repeat("a.", 400)} {
		f.Add("web1", v, "/orders")
		f.Add(v, "orders", v)
	}
	f.Fuzz(func(t *testing.T, shard, service, route string) {
		s := series("route", []string{"service", "route"}, []string{service, route})
		p := &point.Point{Series: s, Name: &point.Name{Metric: "requests", Stat: "2xx"}}
		for _, tags := range []Tags{{}, graphiteTags, dogTags} {
			n := New("gateway", tags)
			n.Pane(&point.Pane{Shard: shard})
			name := string(n.Append(nil, p))
			nodes := strings.Split(name, ".")
			if want := map[bool]int{true: 7, false: 4}[tags == Tags{}]; len(nodes) != want {
				t.Errorf("%q has %d nodes, want %d", name, len(nodes), want)
			}
			for _, node := range nodes {
				mustBeClean(t, node)
			}
			rest, found := strings.CutPrefix(string(n.Tags()), tags.First)
			if !found || tags == (Tags{}) && rest != "" {
				t.Errorf("tags %q", n.Tags())
			}
			if rest == "" {
				continue
			}
			list := strings.Split(rest, tags.Next)
			if len(list) != 3 {
				t.Fatalf("%q has %d tags, want 3", rest, len(list))
			}
			for i, tag := range list {
				name, value, _ := strings.Cut(tag, tags.Is)
				if name != []string{"shard", "service", "route"}[i] {
					t.Errorf("tag %q", tag)
				}
				mustBeClean(t, value)
			}
		}
	})
}

func mustBeClean(t *testing.T, node string) {
	t.Helper()
	if node == "" || len(node) > 200 {
		t.Errorf("a node of %d bytes", len(node))
	}
	for _, c := range []byte(node) {
		if !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-", rune(c)) {
			t.Errorf("%q has a byte %#x", node, c)
		}
	}
}
