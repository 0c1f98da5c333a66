package pipeline

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/pipeline/batch"
	"github.com/gatemeter/gatemeter/pipeline/cursor"
	"github.com/gatemeter/gatemeter/pipeline/point"
	"github.com/gatemeter/gatemeter/pipeline/record"
	"github.com/gatemeter/gatemeter/pipeline/route"
)

// testLog is one partition's lines: "MILLISECONDS SERVICE ROUTE STATUS MICROSECONDS BYTES CLIENT".
type testLog struct {
	name string
	data []byte
}

// testParser reads testLog's lines, slowly.
type testParser struct{}

func (testParser) Reset(*batch.Partition) {}

func (testParser) Parse(recs []record.Record) {
	for i := range recs {
		r := &recs[i]
		f := bytes.Fields(r.Line)
		if len(f) != 7 {
			r.Fail(record.Truncated, len(r.Line))
			continue
		}
		n := func(i int) int64 { v, _ := strconv.ParseInt(string(f[i]), 10, 64); return v }
		r.TimeNanos, r.Service, r.Route, r.Method = n(0)*1e6, f[1], f[2], []byte("GET")
		r.Status, r.DurationNanos, r.ResponseBytes, r.ClientAddress = int32(n(3)), n(4)*1e3, n(5), f[6]
		if string(r.Route) == "/health" {
			r.Drop = record.DropMetrics
		}
	}
}

// testSource plays logs from memory in batches of random size, its partitions in random turn.
type testSource struct {
	logs       []*testLog
	rand       *rand.Rand
	partitions []*batch.Partition
	offsets    []int64
	linger     bool // do not end: stay silent at the end until told to stop
	calm       bool // no pauses
}

func (s *testSource) Open(_ context.Context, saved []cursor.Partition) ([]Opened, error) {
	var opened []Opened
	for _, l := range s.logs {
		p := &batch.Partition{Source: "test", Name: l.name, Shard: "host", ID: "id-" + l.name}
		offset := int64(0)
		for _, c := range saved {
			if c.Name == l.name {
				offset = c.Start()
			}
		}
		s.partitions, s.offsets = append(s.partitions, p), append(s.offsets, offset)
		opened = append(opened, Opened{p, offset})
	}
	return opened, nil
}

func (s *testSource) Run(ctx context.Context, out chan<- *batch.Batch) error {
	ended := make([]bool, len(s.logs))
	for left := len(s.logs); left > 0; {
		i := s.rand.IntN(len(s.logs))
		if ended[i] {
			continue
		}
		data := s.logs[i].data[s.offsets[i]:]
		n := 0
		for range 1 + s.rand.IntN(40) {
			if k := bytes.IndexByte(data[n:], '\n'); k >= 0 {
				n += k + 1
			}
		}
		b := &batch.Batch{Partition: s.partitions[i], Data: bytes.Clone(data[:n]), First: s.offsets[i], Next: s.offsets[i] + int64(n)}
		s.offsets[i] = b.Next
		if n == len(data) {
			b.Ended, b.CaughtUp = !s.linger, true
			ended[i] = true
			left--
		}
		select {
		case out <- b:
		case <-ctx.Done():
			return nil
		}
		if !s.calm && s.rand.IntN(4) == 0 { // let epochs in between
			select {
			case <-time.After(time.Duration(s.rand.IntN(3)) * time.Second):
			case <-ctx.Done():
				return nil
			}
		}
	}
	if s.linger {
		<-ctx.Done()
	}
	return nil
}

var errCrash = errors.New("the process is no more")

// world is what a crash does not touch: what the sinks hold, and the saved cursor. left counts effects down to the crash.
type world struct {
	mu       sync.Mutex
	graphite map[string]string // path and window → value
	statsd   map[string]int64  // path → sum of changes
	ids      map[string]int
	cursors  []cursor.Cursor
	left     int
	dead     bool
	die      context.CancelFunc
	kinds    map[point.PaneKind]int
	loses    *rand.Rand // not nil: a quarter of the answers of metric sinks are lost
}

// answer is what a sink says that has done what it was asked to: now and then nothing.
func (w *world) answer() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.loses != nil && w.loses.IntN(4) == 0 {
		return errors.New("connection reset")
	}
	return nil
}

// label is what the pane's series begin with.
func (w *world) label(pane *point.Pane) string {
	if pane.Shard == "host" {
		return ""
	}
	return pane.Shard + "."
}

func newWorld() *world {
	return &world{graphite: map[string]string{}, statsd: map[string]int64{}, ids: map[string]int{}, left: 1 << 60, kinds: map[point.PaneKind]int{}}
}

// effect runs f, unless the process has died; at the last effect it dies, half of the time just after f.
func (w *world) effect(f func()) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.dead {
		return errCrash
	}
	w.left--
	if w.left == 0 {
		f()
	}
	if w.left <= 0 {
		w.dead = true
		w.die()
		return errCrash
	}
	f()
	return nil
}

// nameOf returns what p is called at `at`. Package fmt would take most of the tests' time.
func nameOf(p *point.Point, at string) string {
	return p.Series.Path + "." + p.Metric + "." + p.Stat + "@" + at
}

// valueOf returns a point's values as text.
func valueOf(count int64, value float64) string {
	return strconv.FormatInt(count, 10) + " " + strconv.FormatFloat(value, 'g', -1, 64)
}

type graphiteSink struct{ *world }

func (s graphiteSink) Send(_ context.Context, panes []*point.Pane) error {
	for _, pane := range panes {
		for half := range 2 { // a crash may fall into the middle of a pane
			err := s.effect(func() {
				if half == 0 {
					s.kinds[pane.Kind]++
				}
				at := strconv.FormatInt(pane.Start, 10)
				points := slices.Collect(pane.All())
				for _, p := range points[len(points)*half/2 : len(points)*(half+1)/2] {
					s.graphite[s.label(pane)+nameOf(&p, at)] = valueOf(p.Count, p.Value)
				}
			})
			if err != nil {
				return err
			}
		}
	}
	return s.answer()
}
func (graphiteSink) Close() error { return nil }

type statsdSink struct{ *world }

func (s statsdSink) Send(_ context.Context, panes []*point.Pane) error {
	for _, pane := range panes {
		if err := s.effect(func() {
			at := strconv.FormatInt(pane.Start, 10)
			for p := range pane.All() {
				if p.Kind == point.Counter {
					s.statsd[s.label(pane)+nameOf(&p, at)] += p.Change
				}
			}
		}); err != nil {
			return err
		}
	}
	return s.answer()
}
func (statsdSink) Close() error { return nil }

type recordSink struct {
	*world
	held    []*Body
	rand    *rand.Rand
	down    bool // no room, under mu
	refuses int  // one Offer of so many finds no room, if not 0
}

func (s *recordSink) Append(body []byte, p *batch.Partition, recs []record.Record) []byte {
	for i := range recs {
		body = append(p.AppendPartID(body, recs[i].Offset, recs[i].Part), '\n')
	}
	return body
}

// Offer takes bodies as long as it is neither down nor out of luck.
func (s *recordSink) Offer(b *Body) bool {
	s.mu.Lock()
	no := s.down || s.refuses > 0 && s.rand.IntN(s.refuses) == 0
	s.mu.Unlock()
	return !no && s.Submit(context.Background(), b) == nil
}

func (s *recordSink) Roomy() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.down
}

// Submit confirms bodies out of order: it holds a few back.
func (s *recordSink) Submit(_ context.Context, b *Body) error {
	s.mu.Lock()
	s.held = append(s.held, b)
	var b2 *Body
	if len(s.held) > s.rand.IntN(6) {
		i := s.rand.IntN(len(s.held))
		b2 = s.held[i]
		s.held = append(s.held[:i], s.held[i+1:]...)
	}
	s.mu.Unlock()
	if b2 == nil {
		return nil
	}
	return s.store(b2)
}

func (s *recordSink) store(b *Body) error {
	err := s.effect(func() {
		for _, id := range strings.Fields(string(b.Bytes)) {
			s.ids[id]++
		}
	})
	if err == nil {
		b.Done(b)
	}
	return err
}

func (s *recordSink) Close(context.Context) error {
	for len(s.held) > 0 {
		b := s.held[0]
		s.held = s.held[1:]
		if err := s.store(b); err != nil {
			return err
		}
	}
	return nil
}

// testRun is how one process is set up.
type testRun struct {
	seed      uint64
	workers   int
	atLeast   bool
	maxSeries int
	linger    bool
	change    func(*Settings)
	started   func(*Pipeline)
}

// settings sets one process up.
func (w *world) settings(logs []*testLog, r testRun) Settings {
	random := rand.New(rand.NewPCG(r.seed, 1))
	s := Settings{
		Sources: []SourceSettings{{Name: "test", Source: &testSource{logs: logs, rand: random, linger: r.linger}, NewParser: func() Parser { return testParser{} }}},
		MetricSinks: []MetricSinkSettings{
			{Name: "graphite", Sink: graphiteSink{w}},
			{Name: "statsd", Sink: statsdSink{w}, Discarding: true, AtLeastOnce: r.atLeast},
		},
		RecordSinks: []RecordSinkSettings{{Name: "records", Sink: &recordSink{world: w, rand: rand.New(rand.NewPCG(r.seed, 2))}}},
		Metrics:     testMetrics(r.maxSeries),
		Routes:      &route.Templater{},
		Workers:     r.workers, Once: !r.linger, Saved: w.cursors,
		Save: func(c []cursor.Cursor) error { return w.effect(func() { w.cursors = c }) },
		Now:  time.Now, Rand: func() float64 { return 0 }, Log: slog.New(slog.DiscardHandler),
	}
	if r.change != nil {
		r.change(&s)
	}
	return s
}

// run lets one process work on logs until they end or it dies. It reports whether it lived.
func (w *world) run(t *testing.T, logs []*testLog, r testRun) bool {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	w.mu.Lock()
	w.dead, w.die = false, cancel
	w.mu.Unlock()
	p, err := New(w.settings(logs, r))
	if err != nil {
		t.Fatal(err)
	}
	if r.seed%2 == 0 {
		p.collector.packFrom = 1
	}
	if r.started != nil {
		r.started(p)
	}
	err = p.Run(ctx)
	if err != nil && !w.dead {
		t.Fatalf("seed %d: %v", r.seed, err)
	}
	checkConservation(t, p.Stats())
	w.mu.Lock()
	defer w.mu.Unlock()
	return !w.dead
}

func testMetrics(maxSeries int) MetricsSettings {
	return MetricsSettings{
		Window: 10 * time.Second, Lateness: 5 * time.Second, Amend: 20 * time.Second, MaxFuture: 100 * 365 * 24 * time.Hour, Idle: 5 * time.Second,
		MaxSeries: maxSeries, Percentiles: []float64{50, 99.9}, StatusCodes: true, Fingerprint: "test",
		Rollups: []Rollup{
			{"route", []Dimension{Service, Route, Method}},
			{"service", []Dimension{Service}},
			{"all", nil},
			{"class", []Dimension{StatusClass}},
		},
	}
}

func checkConservation(t *testing.T, s Stats) {
	t.Helper()
	for _, p := range s.Partitions {
		read := p.Reasons[record.Blank] + p.Reasons[record.Oversize] + p.Parsed
		for r := record.None + 1; r < record.NumReasons; r++ {
			if r.Malformed() {
				read += p.Reasons[r]
			}
		}
		parsed := p.Reasons[record.Filtered] + p.Reasons[record.Future] + p.Reasons[record.Late] + p.Reasons[record.AfterIdle] + p.Counted
		if p.Read != read || p.Parsed != parsed {
			t.Errorf("partition %s: read %d is not %d, or parsed %d is not %d", p.Name, p.Read, read, p.Parsed, parsed)
		}
	}
}
