package statsd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatemeter/gatemeter/internal/strict/statsd"
	"github.com/gatemeter/gatemeter/pipeline"
	"github.com/gatemeter/gatemeter/pipeline/point"
	"github.com/gatemeter/gatemeter/sinks/oneway"
)

// await calls check until it returns nil.
func await(t *testing.T, check func() error) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		<-tick.C
	}
}

func start(t *testing.T, options statsd.Options) *statsd.Server {
	t.Helper()
	s, err := statsd.New(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func behave(t *testing.T, s *statsd.Server, b statsd.Behaviour) {
	t.Helper()
	if err := s.Behave(b); err != nil {
		t.Fatal(err)
	}
}

func newSink(t *testing.T, set Settings) *Sink {
	t.Helper()
	set.Prefix, set.Gauges, set.Log = "gateway", true, slog.New(slog.DiscardHandler)
	s, err := New(set)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func series(rollup string, dims, values []string) *point.Series {
	path := []byte(rollup)
	for _, v := range values {
		path = point.AppendClean(append(path, '.'), v)
	}
	return &point.Series{Rollup: rollup, Dimensions: dims, Values: values, Path: string(path)}
}

// hostile are values that would break a name if nobody saw to it.
var hostile = []string{
	"orders", "get order", "x:1|c\nadmin:9|c", ";tag=a", "a:1|c", "|#a:b,c:d", "..", "", "\x00", "größe", "~a", "/api/v1/{id}", "a.b.c",
}

// randomPane returns a pane of about n points. No two of its series have the same path.
func randomPane(r *rand.Rand, shard string, start int64, n int) *point.Pane {
	var points []point.Point
	paths := map[string]bool{}
	for len(points) < n {
		s := series("route", []string{"service", "route"}, []string{hostile[r.IntN(len(hostile))], fmt.Sprintf("%s%d", hostile[r.IntN(len(hostile))], r.IntN(1000))})
		if paths[s.Path] {
			continue
		}
		paths[s.Path] = true
		points = append(points,
			point.Point{Series: s, Name: &point.Name{Metric: "requests", Stat: "count"}, Count: 1 << 40, Change: r.Int64N(1000)},
			point.Point{Series: s, Name: &point.Name{Metric: "requests", Stat: "5xx"}, Count: 5, Change: r.Int64N(2)},
			point.Point{Series: s, Name: &point.Name{Metric: "latency", Stat: "p99", Kind: point.Gauge}, Value: math.Exp(20*r.Float64() - 15)},
		)
	}
	return point.NewPane(point.Pane{Shard: shard, Start: start, End: start + 10}, points...)
}

// sums is what a server should have.
type sums struct {
	counters map[string]int64
	gauges   map[string]float64
}

// add is the obvious way to say what a server has after pane.
func (a *sums) add(pane *point.Pane, dialect Dialect) {
	if a.counters == nil {
		a.counters, a.gauges = map[string]int64{}, map[string]float64{}
	}
	clean := func(s string) string { return string(point.AppendClean(nil, s)) }
	for p := range pane.All() {
		name := "gateway." + clean(pane.Shard) + "." + p.Series.Path + "." + p.Metric + "." + p.Stat
		if dialect == Dog {
			name = "gateway." + p.Series.Rollup + "." + p.Metric + "." + p.Stat + "|#shard:" + clean(pane.Shard)
			for i, v := range p.Series.Values {
				name += "," + p.Series.Dimensions[i] + ":" + clean(v)
			}
		}
		if p.Kind == point.Gauge {
			a.gauges[name] = p.Value
		} else if p.Change != 0 {
			a.counters[name] += p.Change
		}
	}
}

// seen waits until the server has read all that has left.
func seen(t *testing.T, sink *Sink, server *statsd.Server) {
	t.Helper()
	await(t, func() error {
		if got, has := sink.Stats(), server.Stats(); got.Bytes != has.Bytes {
			return fmt.Errorf("%+v, the server has seen %+v", got, has)
		}
		return nil
	})
}

func mustHave(t *testing.T, s *statsd.Server, want sums) {
	t.Helper()
	await(t, func() error {
		counters, gauges := s.Counters(), s.Gauges()
		if maps.Equal(want.counters, counters) && maps.Equal(want.gauges, gauges) {
			return nil
		}
		for name, n := range want.counters {
			if counters[name] != n {
				return fmt.Errorf("%s: %d, want %d", name, counters[name], n)
			}
		}
		return fmt.Errorf("%d counters, %d gauges, want %d and %d", len(counters), len(gauges), len(want.counters), len(want.gauges))
	})
	if v := s.Violations(); len(v) > 0 {
		t.Errorf("violations: %q", v)
	}
}

var _ pipeline.MetricSink = (*Sink)(nil)

var errNotYet = errors.New("not yet")

func TestNew(t *testing.T) {
	f := func(set Settings, want ...string) {
		t.Helper()
		_, err := New(set)
		if err == nil {
			t.Fatalf("%+v: no error", set)
		}
		for _, w := range want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%v, want %q", err, w)
			}
		}
	}
	f(Settings{}, "address: ")
	f(Settings{Address: "tls://h:1"}, "want udp://…, tcp://…, unixgram://…")
	f(Settings{Address: "h:1", Dialect: "influx", Prefix: "a b", MaxPacket: 100}, "address: ",
		`dialect: "influx" is neither statsd nor dogstatsd`, "prefix: ", "max_packet: 100 bytes are not between 512 and 65507")
	s, err := New(Settings{Address: "udp://localhost:8125"})
	if err != nil {
		t.Fatal(err)
	}
	if got := s.String(); got != "statsd at udp://localhost:8125" {
		t.Error(got)
	}
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Error(err)
	}
	if err := s.Send(t.Context(), nil); !errors.Is(err, ErrClosed) {
		t.Errorf("Send after Close: %v", err)
	}
}

// fitting is how many points a pane may have so that a socket's buffer of 64 KiB holds its datagrams, however long the reader
// is kept from reading.
const fitting = 500

// TestSameSums: what a server adds up is what was sent, over every network and in both dialects.
func TestSameSums(t *testing.T) {
	most := map[string]int{"udp": fitting, "tcp": 2000, "unixgram": 1000} // points of a pane
	f := func(network string, dialect Dialect) {
		t.Helper()
		r := rand.New(rand.NewPCG(3, 4))
		server := start(t, statsd.Options{Network: network, Dog: dialect == Dog, ReadBuffer: 64 << 10})
		sink := newSink(t, Settings{Address: server.Address, Dialect: dialect})
		var want sums
		for i := range 20 {
			pane := randomPane(r, []string{"web1", "web.2"}[i%2], int64(10*i), 1+r.IntN(most[network]))
			if err := sink.Send(t.Context(), []*point.Pane{pane}); err != nil {
				t.Fatal(err)
			}
			want.add(pane, dialect)
			seen(t, sink, server)
		}
		mustHave(t, server, want)
		if err := sink.Close(); err != nil {
			t.Error(err)
		}
		got, seen := sink.Stats(), server.Stats()
		if got.Points != seen.Lines || got.Bytes != seen.Bytes || got.Errors+got.Refused != 0 || network != "tcp" && got.Packets != seen.Datagrams {
			t.Errorf("%s: %+v, the server has seen %+v", network, got, seen)
		}
	}
	f("udp", Plain)
	f("tcp", Plain)
	f("unixgram", Plain)
	f("udp", Dog)
	f("tcp", Dog)
}

// TestLoss: the sums are off by what was lost on the way and nothing else, and the sink's counts are what left.
func TestLoss(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	lost := map[string]int64{}
	server := start(t, statsd.Options{ReadBuffer: 64 << 10})
	behave(t, server, statsd.Behaviour{Lose: func(datagram []byte) bool {
		if r.IntN(10) > 0 {
			return false
		}
		for line := range strings.SplitSeq(string(datagram), "\n") {
			name, rest, _ := strings.Cut(line, ":")
			if value, ok := strings.CutSuffix(rest, "|c"); ok {
				n, err := strconv.ParseInt(value, 10, 64)
				if err != nil {
					t.Error(err)
				}
				lost[name] += n
			}
		}
		return true
	}})
	sink := newSink(t, Settings{Address: server.Address})
	panes := rand.New(rand.NewPCG(7, 8))
	var want sums
	for i := range 50 {
		pane := randomPane(panes, "web1", int64(10*i), fitting)
		want.add(pane, Plain)
		if err := sink.Send(t.Context(), []*point.Pane{pane}); err != nil {
			t.Fatal(err)
		}
		seen(t, sink, server)
	}
	got := server.Counters()
	for name, n := range lost {
		got[name] += n
	}
	if d := cmp.Diff(want.counters, got); d != "" || server.Stats().Lost == 0 {
		t.Errorf("%d lost: %.2000s", server.Stats().Lost, d)
	}
}

func onePane(start, change int64) *point.Pane {
	return point.NewPane(point.Pane{Shard: "a", Start: start}, point.Point{Series: series("all", nil, nil), Name: &point.Name{Metric: "requests", Stat: "count"}, Change: change})
}

// TestServerIsAway: each Send to nobody is an error, so that the pipeline says it once and not at every other window; and
// the first one after the server is back is none.
func TestServerIsAway(t *testing.T) {
	for _, network := range []string{"udp", "tcp", "unixgram"} {
		server := start(t, statsd.Options{Network: network})
		sink := newSink(t, Settings{Address: server.Address})
		send := func(n int64) error { return sink.Send(t.Context(), []*point.Pane{onePane(n, 1<<n)}) }
		arrived := func(lines int64) { // what a server's socket holds dies with it
			t.Helper()
			await(t, func() error {
				if got := server.Stats().Lines; got != lines {
					return fmt.Errorf("%s: %d lines, want %d", network, got, lines)
				}
				return nil
			})
		}
		if err := send(0); err != nil {
			t.Fatal(err)
		}
		arrived(1)
		for round := range int64(2) {
			behave(t, server, statsd.Behaviour{Refuse: true})
			server.Cut()
			if network == "tcp" {
				<-sink.conn.Gone()
			}
			for i := range int64(5) {
				if err := send(1 + i); err == nil || !strings.HasPrefix(err.Error(), "send to "+server.Address+": ") {
					t.Errorf("%s: %v", network, err)
				}
			}
			if network != "udp" {
				if err := sink.Dial(t.Context()); err == nil {
					t.Errorf("%s: Dial reaches nobody", network)
				}
			}
			behave(t, server, statsd.Behaviour{})
			if err := send(20 + round); err != nil {
				t.Errorf("%s: %v", network, err)
			}
			arrived(2 + round)
			if err := sink.Dial(t.Context()); err != nil {
				t.Errorf("%s: %v", network, err)
			}
		}
		mustHave(t, server, sums{map[string]int64{"gateway.a.all.requests.count": 1 + 3<<20}, map[string]float64{}})
		if got := sink.Stats(); got.Errors != 10 || (got.Refused > 0) != (network == "udp") {
			t.Errorf("%s: %+v", network, got)
		}
	}
}

// TestLongNameIsSaidOnce: who runs it has to know, but not at each window.
func TestLongNameIsSaidOnce(t *testing.T) {
	server := start(t, statsd.Options{})
	var log strings.Builder
	sink := newSink(t, Settings{Address: server.Address})
	sink.log = slog.New(slog.NewTextHandler(&log, nil))
	long := slices.Repeat([]string{strings.Repeat("a", 200)}, 9)
	pane := point.NewPane(point.Pane{Shard: "a"}, point.Point{Series: series("tall", make([]string, 9), long), Name: &point.Name{Metric: "requests", Stat: "count"}, Change: 1})
	for range 3 {
		if err := sink.Send(t.Context(), []*point.Pane{pane}); err != nil {
			t.Fatal(err)
		}
	}
	if got := strings.Count(log.String(), "too long for a datagram"); got != 1 || sink.Stats().Oversize != 3 {
		t.Errorf("said %d times, %+v", got, sink.Stats())
	}
}

// TestSameSendAgain: at_least_once calls Send again with the same panes. Datagrams that have arrived are not sent again.
func TestSameSendAgain(t *testing.T) {
	for _, network := range []string{"udp", "unixgram"} {
		server := start(t, statsd.Options{Network: network})
		sink := newSink(t, Settings{Address: server.Address, WriteTimeout: 200 * time.Millisecond})
		r := rand.New(rand.NewPCG(9, 10))
		var panes []*point.Pane // half a second's datagrams at the pace of UDP
		for i := range 20 {
			panes = append(panes, randomPane(r, fmt.Sprint("shard", i), 10, 3000))
		}
		// The server dies when it has seen 50 datagrams.
		n, dead := 0, make(chan struct{})
		behave(t, server, statsd.Behaviour{Lose: func([]byte) bool {
			if n++; n == 50 {
				close(dead)
			}
			return n > 50
		}})
		go func() {
			<-dead
			_ = server.Behave(statsd.Behaviour{Refuse: true})
		}()
		if err := sink.Send(t.Context(), panes); err == nil {
			t.Fatalf("%s: the server's end was not noticed", network)
		}
		sentBefore := sink.Stats().Packets
		behave(t, server, statsd.Behaviour{})
		await(t, func() error { return sink.Send(t.Context(), panes) })
		all := sink.Stats().Packets
		e := newEncoder(Plain, "gateway", true, false, DefaultPacket)
		packetsOfAll, _ := packets(e, panes...)
		// One datagram may have left twice: the one that was refused.
		if over := all - int64(len(packetsOfAll)); over < 0 || over > 1 {
			t.Errorf("%s: %d datagrams before the failure, %d in all, %d are needed", network, sentBefore, all, len(packetsOfAll))
		}
		// Other panes begin at their own beginning.
		other := onePane(20, 5)
		if err := sink.Send(t.Context(), []*point.Pane{other}); err != nil {
			t.Fatal(err)
		}
		await(t, func() error {
			if server.Counters()["gateway.a.all.requests.count"] != 5 {
				return errNotYet
			}
			return nil
		})
		if v := server.Violations(); len(v) > 0 {
			t.Errorf("%s: %q", network, v)
		}
	}
}

// TestWhereSendingBeginsAgain: of a stream nobody knows what was read, so all is sent again; of datagrams, what did not arrive.
func TestWhereSendingBeginsAgain(t *testing.T) {
	panes := []*point.Pane{onePane(1, 1), onePane(2, 1), onePane(3, 1), onePane(4, 1)}
	f := func(address string, err error, want []*point.Pane) {
		t.Helper()
		sink := newSink(t, Settings{Address: address})
		sink.back(err, from(panes), from(panes[1:]), from(panes[2:]))
		if !slices.Equal(sink.enc.panes, want) {
			t.Errorf("%s: %d of %d panes are sent again after %v, want %d", address, len(sink.enc.panes), len(panes), err, len(want))
		}
	}
	cut := errors.New("cut")
	f("tcp://127.0.0.1:1", cut, panes)
	f("tcp://127.0.0.1:1", syscall.ECONNREFUSED, panes)
	f("udp://127.0.0.1:1", syscall.ECONNREFUSED, panes[1:])
	f("udp://127.0.0.1:1", cut, panes[2:])
	f("unixgram:///run/none.sock", cut, panes[2:])
}

// TestTCPServerRestarts: panes are not written into a dead connection.
func TestTCPServerRestarts(t *testing.T) {
	server := start(t, statsd.Options{Network: "tcp"})
	sink := newSink(t, Settings{Address: server.Address})
	var want sums
	for i := range int64(10) {
		pane := onePane(10*i, 1<<i)
		if err := sink.Send(t.Context(), []*point.Pane{pane}); err != nil {
			t.Fatal(err)
		}
		want.add(pane, Plain)
		mustHave(t, server, want)
		server.Cut()
		<-sink.conn.Gone()
	}
	if got := sink.Stats(); got.Connects != 10 || got.Errors != 0 {
		t.Errorf("%+v", got)
	}
}

// TestUnreadAtClose: a server that dies with lines unread is an error of Close, as nothing can be sent again.
func TestUnreadAtClose(t *testing.T) {
	server := start(t, statsd.Options{Network: "tcp"})
	sink := newSink(t, Settings{Address: server.Address})
	if err := sink.Send(t.Context(), []*point.Pane{onePane(0, 1)}); err != nil {
		t.Fatal(err)
	}
	mustHave(t, server, sums{map[string]int64{"gateway.a.all.requests.count": 1}, map[string]float64{}})
	stall := make(chan struct{})
	defer close(stall)
	behave(t, server, statsd.Behaviour{Stall: stall})
	if err := sink.Send(t.Context(), []*point.Pane{onePane(10, 1)}); err != nil {
		t.Fatal(err)
	}
	server.Cut()
	<-sink.conn.Gone()
	if err := sink.Close(); !errors.Is(err, oneway.ErrGone) {
		t.Errorf("Close: %v", err)
	}
}

// TestStalledServer: WriteTimeout and ctx end a Send that a server does not take.
func TestStalledServer(t *testing.T) {
	for _, network := range []string{"tcp", "unixgram"} {
		server := start(t, statsd.Options{Network: network})
		stall := make(chan struct{})
		behave(t, server, statsd.Behaviour{Stall: stall})
		big := randomPane(rand.New(rand.NewPCG(11, 12)), "a", 10, 3000)
		panes := make([]*point.Pane, 100)
		for i := range panes {
			panes[i] = big
		}
		sink := newSink(t, Settings{Address: server.Address, WriteTimeout: 100 * time.Millisecond})
		if err := sink.Send(t.Context(), panes); err == nil || !strings.Contains(err.Error(), "for 100ms") {
			t.Errorf("%s: %v", network, err)
		}
		patient := newSink(t, Settings{Address: server.Address, WriteTimeout: time.Hour})
		ctx, cancel := context.WithCancel(t.Context())
		sent := make(chan error)
		go func() { sent <- patient.Send(ctx, panes) }()
		cancel()
		if err := <-sent; err != context.Canceled { //nolint:errorlint // exactly ctx's error is promised
			t.Errorf("%s: %v", network, err)
		}
		close(stall)
	}
}

// TestRandomFaults: over a unix socket nothing is lost or doubled whatever happens, when Send is called until it succeeds.
func TestRandomFaults(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 14))
	server := start(t, statsd.Options{Network: "unixgram"})
	sink := newSink(t, Settings{Address: server.Address, WriteTimeout: 50 * time.Millisecond})
	var want sums
	for i := range 30 {
		pane := randomPane(r, "a", int64(10*i), 1+r.IntN(500))
		want.add(pane, Plain)
		fault := r.IntN(3)
		stall := make(chan struct{})
		switch fault {
		case 0:
			seen(t, sink, server) // what the socket holds would die with it
			behave(t, server, statsd.Behaviour{Refuse: true})
		case 1:
			behave(t, server, statsd.Behaviour{Stall: stall})
		}
		await(t, func() error {
			err := sink.Send(t.Context(), []*point.Pane{pane})
			if err != nil {
				behave(t, server, statsd.Behaviour{})
			}
			return err
		})
		close(stall)
	}
	behave(t, server, statsd.Behaviour{})
	mustHave(t, server, sums{maps.Clone(want.counters), want.gauges})
}
