package graphite

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/internal/servers"
	"github.com/gatemeter/gatemeter/pipeline/point"
)

func TestHand(t *testing.T) {
	g := servers.StartGraphite(t, "10s:1d")
	base := (time.Now().Unix() - 3600) / 10 * 10
	for _, c := range []struct {
		shard, addr string
		p           Protocol
		tags        bool
	}{
		{"tcpplain", "tcp://" + g.Plaintext, Plaintext, false},
		{"udpplain", "udp://" + g.Plaintext, Plaintext, false},
		{"tcppickle", "tcp://" + g.Pickle, Pickle, false},
		{"tcptags", "tcp://" + g.Plaintext, Plaintext, true},
		{"pickletags", "tcp://" + g.Pickle, Pickle, true},
	} {
		s, err := New(Settings{Address: c.addr, Protocol: c.p, Tags: c.tags, Prefix: "gateway"})
		if err != nil {
			t.Fatal(err)
		}
		r := rand.New(rand.NewPCG(1, 2))
		want := map[string]map[int64]string{}
		first := randomPane(r, c.shard, base, 240)
		for i := range 5 {
			p := *first
			p.Start = base + int64(10*i)
			p.Points = append([]point.Point(nil), first.Points...)
			for j := range p.Points {
				p.Points[j].Count += int64(i)
				p.Points[j].Value *= float64(i + 1)
			}
			late := p // an older value first
			late.Points = append([]point.Point(nil), p.Points...)
			for j := range late.Points {
				late.Points[j].Count--
			}
			if err := s.Send(t.Context(), []*point.Pane{&late}); err != nil {
				t.Fatal(err)
			}
			if err := s.Send(t.Context(), []*point.Pane{&p}); err != nil {
				t.Fatal(err)
			}
			add(want, &p, c.tags)
		}
		begin := time.Now()
		err = s.Close()
		t.Logf("%s: Close after %v: %v; %+v", c.shard, time.Since(begin), err, s.Stats())
		target := "gateway." + c.shard + ".route.*.*.*.*"
		if c.tags {
			target = "seriesByTag('shard=" + c.shard + "')"
		}
		begin = time.Now()
		servers.Await(t, time.Minute, func() error {
			got, err := g.Query(target, time.Unix(base-10, 0), time.Unix(base+60, 0))
			if err != nil {
				return err
			}
			if len(got) != len(want) {
				return fmt.Errorf("%d series, want %d", len(got), len(want))
			}
			for name, values := range want {
				n := name
				if c.tags { // graphite sorts tags
					parts := strings.Split(name, ";")
					n = parts[0] + ";" + parts[3] + ";" + parts[2] + ";" + parts[1]
					n = parts[0] + ";" + parts[3] + ";" + parts[2][:0]
					n = parts[0] + ";" + parts[3] + ";" + parts[2] + ";" + parts[1]
					// route, service, shard -> sorted: route, service, shard
					n = parts[0] + ";" + parts[3] + ";" + parts[1] + ";" + parts[2]
					if _, ok := got[n]; !ok {
						n = parts[0] + ";" + parts[3] + ";" + parts[2] + ";" + parts[1]
					}
				}
				if len(got[n]) != len(values) {
					return fmt.Errorf("%s: %d values of %d", n, len(got[n]), len(values))
				}
				for _, p := range got[n] {
					w, _ := strconv.ParseFloat(values[p.Time], 64)
					if w != p.Value {
						return fmt.Errorf("%s at %d: %v want %v", n, p.Time, p.Value, w)
					}
				}
			}
			return nil
		})
		t.Logf("%s: %d series read back equal after %v", c.shard, len(want), time.Since(begin))
	}
	// carbon is killed between panes
	s, _ := New(Settings{Address: "tcp://" + g.Plaintext, Prefix: "gateway"})
	defer s.Close()
	r := rand.New(rand.NewPCG(3, 4))
	p := randomPane(r, "killed", base, 200)
	if err := s.Send(t.Context(), []*point.Pane{p}); err != nil {
		t.Fatal(err)
	}
	g.Carbon.Kill()
	g.Carbon.Start()
	servers.Await(t, time.Minute, func() error {
		if got, err := g.Query("gateway.killed.route.*.*.*.*", time.Unix(base-10, 0), time.Unix(base+60, 0)); len(got) < 200 || err != nil {
			return fmt.Errorf("%d series", len(got))
		}
		return nil
	})
	t.Logf("after SIGKILL of carbon, no further Send: %+v", s.Stats())
	b, _ := os.ReadFile(g.Dir + "/carbon.log")
	for _, l := range strings.Split(string(b), "\n") {
		if strings.Contains(l, "invalid") || strings.Contains(l, "rror") {
			t.Log(l)
		}
	}
}
