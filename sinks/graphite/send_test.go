package graphite

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/internal/strict/graphite"
	"github.com/gatemeter/gatemeter/pipeline"
	"github.com/gatemeter/gatemeter/pipeline/point"
	"github.com/gatemeter/gatemeter/sinks/oneway"
)

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
	f(Settings{Address: "unixgram:///run/x"}, "want tcp://…, tls://…, udp://…")
	f(Settings{Address: "udp://h:1", Protocol: Pickle}, "protocol: carbon reads pickle over TCP only")
	f(Settings{Address: "tcp://h:1", Protocol: "protobuf"}, `protocol: "protobuf" is neither plaintext nor pickle`)
	f(Settings{Address: "h:1", Protocol: "x", Prefix: "a..b"}, "address: ", "protocol: ", "prefix: ")
	s, err := New(Settings{Address: "tcp://carbon:2003"})
	if err != nil {
		t.Fatal(err)
	}
	if got := s.String(); got != "graphite at tcp://carbon:2003" {
		t.Error(got)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := s.Send(t.Context(), nil); !errors.Is(err, ErrClosed) {
		t.Errorf("Send after Close: %v", err)
	}
}

var _ pipeline.MetricSink = (*Sink)(nil)

// TestLongNameIsSaidOnce: who runs it has to know, but not at each window.
func TestLongNameIsSaidOnce(t *testing.T) {
	server := start(t, graphite.Options{})
	var log strings.Builder
	sink := newSink(t, Settings{Address: "udp://" + server.Address})
	sink.log = slog.New(slog.NewTextHandler(&log, nil))
	long := slices.Repeat([]string{strings.Repeat("a", 200)}, 9)
	pane := point.NewPane(point.Pane{Shard: "a"}, point.Point{Series: series("tall", make([]string, 9), long), Name: &point.Name{Metric: "requests", Stat: "count"}})
	for range 3 {
		mustSend(t, sink, pane)
	}
	if got := strings.Count(log.String(), "too long for a datagram"); got != 1 || sink.Stats().Oversize != 3 {
		t.Errorf("said %d times, %+v", got, sink.Stats())
	}
}

// TestSameSet: what arrives is what was sent, in every protocol.
func TestSameSet(t *testing.T) {
	f := func(network string, protocol Protocol, tags bool) {
		t.Helper()
		r := rand.New(rand.NewPCG(3, 4))
		server := start(t, graphite.Options{Pickle: protocol == Pickle})
		sink := newSink(t, Settings{Address: network + "://" + server.Address, Protocol: protocol, Tags: tags})
		want := map[string]map[int64]string{}
		var points int64
		for i := range 20 {
			shard := []string{"web1", "web.2", "topic-1"}[i%3]
			panes := []*point.Pane{randomPane(r, shard, int64(1700000000+10*i), 1+r.IntN(200)), randomPane(r, "x", int64(1700000000+10*(i/2)), 30)}
			mustSend(t, sink, panes...)
			for _, p := range panes {
				add(want, p, tags)
				points += int64(p.Len())
			}
			await(t, func() error { // so that no buffer of UDP can overflow
				if server.Stats().Bytes != sink.Stats().Bytes {
					return errNotYet
				}
				return nil
			})
		}
		mustHave(t, server, want)
		if err := sink.Close(); err != nil {
			t.Error(err)
		}
		got, seen := sink.Stats(), server.Stats()
		if got.Points != points || got.Bytes != seen.Bytes || got.Connects != 1 || got.Errors != 0 || got.Again != 0 || seen.Points != points {
			t.Errorf("%+v, the server has seen %+v", got, seen)
		}
		if network == "udp" && got.Packets != seen.Datagrams {
			t.Errorf("%d datagrams, the server has seen %d", got.Packets, seen.Datagrams)
		}
	}
	f("tcp", Plaintext, false)
	f("tcp", Plaintext, true)
	f("udp", Plaintext, false)
	f("udp", Plaintext, true)
	f("tcp", Pickle, false)
	f("tcp", Pickle, true)
}

// TestResetAfterAnyByte: the server dies again and again, wherever in the stream; in the end it has everything, and never
// took half a line for a whole one.
func TestResetAfterAnyByte(t *testing.T) {
	var resets int64
	f := func(seed uint64, protocol Protocol) {
		t.Helper()
		r := rand.New(rand.NewPCG(seed, 5))
		server := start(t, graphite.Options{Pickle: protocol == Pickle})
		sink := newSink(t, Settings{Address: "tcp://" + server.Address, Protocol: protocol})
		want := map[string]map[int64]string{}
		for i := range 30 {
			if r.IntN(2) == 0 {
				behave(t, server, graphite.Behaviour{ResetAfter: 1 + r.Int64N(20_000)})
			}
			pane := randomPane(r, "web1", int64(1700000000+10*i), 1+r.IntN(100))
			add(want, pane, false)
			await(t, func() error {
				err := sink.Send(t.Context(), []*point.Pane{pane})
				if err != nil && r.IntN(3) == 0 {
					behave(t, server, graphite.Behaviour{ResetAfter: 1 + r.Int64N(100_000)})
				}
				if err != nil && r.IntN(3) == 0 {
					behave(t, server, graphite.Behaviour{})
				}
				return err
			})
		}
		behave(t, server, graphite.Behaviour{})
		if seed%2 == 0 {
			if err := sink.Close(); err != nil {
				t.Error(err)
			}
		} // else it heals by itself
		mustHave(t, server, want)
		resets += server.Stats().Resets
	}
	for seed := range uint64(10) {
		f(seed, Plaintext)
		f(seed, Pickle)
	}
	if resets < 20 {
		t.Errorf("only %d streams were reset", resets)
	}
}

// lose makes the server acknowledge what Send writes, and die before it reads it.
func lose(t *testing.T, server *graphite.Server, send func()) {
	t.Helper()
	stall := make(chan struct{})
	behave(t, server, graphite.Behaviour{Stall: stall})
	send()
	server.Cut()
	close(stall)
}

func TestUnreadPanesAreSentAgain(t *testing.T) {
	f := func(how string, then func(sink *Sink, want map[string]map[int64]string)) {
		t.Helper()
		r := rand.New(rand.NewPCG(6, 7))
		server := start(t, graphite.Options{})
		sink := newSink(t, Settings{Address: "tcp://" + server.Address})
		want := map[string]map[int64]string{}
		mustSend(t, sink, randomPane(r, "web1", 10, 5))
		await(t, func() error { // the stream is accepted, so that Cut meets it
			if server.Stats().Points == 0 {
				return errNotYet
			}
			return nil
		})
		for name, values := range server.Values() {
			want[name] = values
		}
		lose(t, server, func() {
			for i := range 3 {
				pane := randomPane(r, "web1", int64(20+10*i), 50)
				add(want, pane, false)
				mustSend(t, sink, pane)
			}
		})
		then(sink, want)
		mustHave(t, server, want)
		if got := sink.Stats(); got.Again < 150 || got.Connects != 2 {
			t.Errorf("%s: %+v", how, got)
		}
	}
	f("with the next Send", func(sink *Sink, want map[string]map[int64]string) {
		pane := randomPane(rand.New(rand.NewPCG(8, 9)), "web1", 100, 5)
		add(want, pane, false)
		retry(t, sink, pane)
	})
	f("without one", func(*Sink, map[string]map[int64]string) {})
	f("at Close", func(sink *Sink, _ map[string]map[int64]string) {
		if err := sink.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestNewestPaneWins: what is sent again does not undo what a late pane has changed.
func TestNewestPaneWins(t *testing.T) {
	server := start(t, graphite.Options{})
	sink := newSink(t, Settings{Address: "tcp://" + server.Address})
	pane := func(n int64) *point.Pane {
		return point.NewPane(point.Pane{Shard: "a", Start: 10}, point.Point{Series: series("all", nil, nil), Name: &point.Name{Metric: "requests", Stat: "count"}, Count: n})
	}
	for i := range int64(20) {
		retry(t, sink, pane(i))
		if i%5 == 4 {
			server.Cut()
		}
	}
	mustHave(t, server, map[string]map[int64]string{"gateway.a.all.requests.count": {10: "19"}})
	<-sink.turn
	defer sink.release()
	if n := len(sink.kept.panes); n != 1 {
		t.Errorf("%d panes of one window are kept", n)
	}
}

func TestServerIsAway(t *testing.T) {
	r := rand.New(rand.NewPCG(10, 11))
	server := start(t, graphite.Options{})
	behave(t, server, graphite.Behaviour{Refuse: true})
	for _, network := range []string{"tcp", "udp"} {
		behave(t, server, graphite.Behaviour{Refuse: true})
		sink := newSink(t, Settings{Address: network + "://" + server.Address})
		pane := randomPane(r, network, 10, 3)
		for range 3 {
			err := sink.Send(t.Context(), []*point.Pane{pane})
			if !oneway.IsRefused(err) || !strings.HasPrefix(err.Error(), "send to "+network+"://"+server.Address+": ") {
				t.Errorf("%s: %v", network, err)
			}
		}
		if got := sink.Stats(); got.Errors != 3 {
			t.Errorf("%s: %+v", network, got)
		}
		behave(t, server, graphite.Behaviour{})
		mustSend(t, sink, pane)
		want := map[string]map[int64]string{}
		add(want, pane, false)
		await(t, func() error {
			for name, values := range want {
				if server.Value(name, 10) != values[10] {
					return errNotYet
				}
			}
			return nil
		})
		if err := sink.Dial(t.Context()); err != nil {
			t.Errorf("%s: Dial: %v", network, err)
		}
	}
	behave(t, server, graphite.Behaviour{Refuse: true})
	if err := newSink(t, Settings{Address: "tcp://" + server.Address}).Dial(t.Context()); !oneway.IsRefused(err) {
		t.Errorf("Dial: %v", err)
	}
}

// TestBlackHole: a server that takes nothing is an error in time, and ctx ends the wait for it.
func TestBlackHole(t *testing.T) {
	server := start(t, graphite.Options{})
	stall := make(chan struct{})
	behave(t, server, graphite.Behaviour{Stall: stall})
	big := randomPane(rand.New(rand.NewPCG(12, 13)), "a", 10, 5000)
	var panes []*point.Pane
	for range 60 { // more than the two sockets hold
		panes = append(panes, big)
	}
	sink := newSink(t, Settings{Address: "tcp://" + server.Address, WriteTimeout: 100 * time.Millisecond})
	if err := sink.Send(t.Context(), panes); err == nil || !strings.Contains(err.Error(), "for 100ms") {
		t.Errorf("Send: %v", err)
	}
	patient := newSink(t, Settings{Address: "tcp://" + server.Address, WriteTimeout: time.Hour})
	ctx, cancel := context.WithCancel(t.Context())
	sent := make(chan error)
	go func() { sent <- patient.Send(ctx, panes) }()
	await(t, func() error {
		if patient.Stats().Bytes == 0 {
			return errNotYet
		}
		return nil
	})
	cancel()
	if err := <-sent; err != context.Canceled { //nolint:errorlint // exactly ctx's error is promised
		t.Errorf("Send: %v", err)
	}
	close(stall)
	want := map[string]map[int64]string{}
	add(want, big, false)
	retry(t, sink, big)
	mustHave(t, server, want)
}

// TestIdleConnection: a connection that the server ends long after the last pane is not made again until one is needed.
func TestIdleConnection(t *testing.T) {
	server := start(t, graphite.Options{})
	sink := newSink(t, Settings{Address: "tcp://" + server.Address})
	r := rand.New(rand.NewPCG(14, 15))
	mustSend(t, sink, randomPane(r, "a", 10, 3))
	await(t, func() error {
		if server.Stats().Points == 0 {
			return errNotYet
		}
		return nil
	})
	<-sink.turn
	sink.now = func() time.Time { return time.Now().Add(time.Hour) }
	conn := sink.conn
	sink.release()
	server.Cut()
	await(t, func() error {
		select {
		case <-sink.turn:
			defer sink.release()
			if sink.conn == conn {
				return errNotYet
			}
			return nil
		default:
			return errNotYet
		}
	})
	if got := sink.Stats(); got.Connects != 1 {
		t.Errorf("%+v", got)
	}
	mustSend(t, sink, randomPane(r, "a", 20, 3))
	if got := sink.Stats(); got.Connects != 2 {
		t.Errorf("%+v", got)
	}
}

func TestRecentIsBounded(t *testing.T) {
	var r recent
	pane := func(shard string, start int64, points int) *point.Pane {
		return point.NewPane(point.Pane{Shard: shard, Start: start}, slices.Repeat([]point.Point{{Series: &point.Series{}, Name: &point.Name{}}}, points)...)
	}
	f := func(wantPanes, wantPoints int) {
		t.Helper()
		if len(r.panes) != wantPanes || len(r.at) != wantPanes || r.points != wantPoints {
			t.Errorf("%d panes, %d times, %d points, want %d panes of %d", len(r.panes), len(r.at), r.points, wantPanes, wantPoints)
		}
	}
	now := time.Unix(0, 0)
	r.add([]*point.Pane{pane("a", 10, 20_000), pane("b", 10, 20_000)}, now)
	f(2, 40_000)
	r.add([]*point.Pane{pane("a", 10, 25_000)}, now)
	f(2, 45_000)
	r.add([]*point.Pane{pane("a", 20, 10_000)}, now)
	f(2, 35_000)
	if r.panes[0].Shard != "a" || r.panes[0].Start != 10 {
		t.Errorf("kept %s %d first", r.panes[0].Shard, r.panes[0].Start)
	}
	now = now.Add(maxRecentAge)
	r.add([]*point.Pane{pane("c", 30, 1)}, now)
	f(3, 35_001)
	r.again(now)
	r.add([]*point.Pane{pane("c", 40, 1)}, now.Add(time.Second))
	f(4, 35_002)
	r.add([]*point.Pane{pane("c", 50, 1)}, now.Add(maxRecentAge+time.Nanosecond))
	f(2, 2)
	r.add([]*point.Pane{pane("c", 60, maxRecentPoints+1)}, now)
	f(0, 0)
}
