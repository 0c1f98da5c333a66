package verify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/gatemeter/gatemeter/config"
	"github.com/gatemeter/gatemeter/pipeline/cursor"
	"github.com/gatemeter/gatemeter/pipeline/filter"
	"github.com/gatemeter/gatemeter/pipeline/redact"
	"github.com/gatemeter/gatemeter/sinks/elasticsearch"
	"github.com/gatemeter/gatemeter/sources/cursorfile"
)

// Options is what a verification needs besides the config.
type Options struct {
	Redact   *redact.Redactor                 // nil: nothing is masked
	Filter   *filter.Set                      // nil: nothing is left out
	Graphite map[string]string                // sink → URL of graphite-web; those not named are not compared
	Remotes  map[string]*elasticsearch.Remote // sink → its server; those not named are not compared
	Wait     time.Duration                    // how long what is missing in Graphite may be on its way
	Now      time.Time                        // what is in the future
	Progress func(done, total int64)          // bytes on disk; nil: nobody wants to know
}

// verification is one run.
type verification struct {
	config  *config.Config
	options Options
	report  *Report
	state   *cursorfile.Inspection
	cursor  *cursor.Cursor
	samples []sample // of the running process
	counter *counter
	logs    []*logState
	sinks   []*graphite
	hints   hints

	waiting  []expected
	values   int // in waiting
	open     int // windows that were not final
	partial  int // windows that begin before what is there of a log
	patience time.Duration
	total    int64
}

// Run verifies what c's sinks have of c's sources. An error says that it could not be found out.
func Run(ctx context.Context, c *config.Config, o Options) (*Report, error) {
	v := &verification{
		config: c, options: o, report: &Report{Differences: []Difference{}, Notes: []string{}, Reasons: map[string]int64{}},
		counter: newCounter(&c.Metrics), patience: o.Wait,
	}
	defer func() {
		for _, l := range v.logs {
			l.reader.close()
		}
	}()
	if err := v.begin(ctx); err != nil {
		return nil, err
	}
	if err := v.find(ctx); err != nil {
		return nil, err
	}
	if err := v.read(ctx); err != nil {
		return nil, err
	}
	if err := v.finish(ctx); err != nil {
		return nil, err
	}
	r := v.report
	slices.SortStableFunc(r.Differences, func(a, b Difference) int { return cmp.Compare(a.at(), b.at()) })
	r.Agrees = r.Total == 0
	return r, nil
}

// begin reads the cursor, asks the running process, and makes ready whom to ask.
func (v *verification) begin(ctx context.Context) error {
	c := v.config
	for _, name := range slices.Sorted(maps.Keys(c.Sources)) {
		switch s := c.Sources[name]; s.Type {
		case "file":
		case "kafka": // its partitions have windows of their own
			v.report.note("source %s was not compared: it is of Kafka", name)
		default:
			what := "of type " + s.Type
			if s.Type == "stdin" {
				what = "standard input"
			}
			return fmt.Errorf("source %s is %s, which cannot be read again from outside: its records are in the same windows as the files'", name, what)
		}
	}
	state, err := cursorfile.Inspect(c.DataDir)
	if err != nil {
		return err
	}
	if v.state = state; !state.Exists || state.Lost {
		return errors.New("there is no cursor: nothing is known to have been read")
	}
	for _, d := range state.Damage {
		v.report.note("the cursor file is damaged, and older cursors are used: %s", d)
	}
	for i := range state.Cursors {
		if state.Cursors[i].Shard == c.Shard {
			v.cursor = &state.Cursors[i]
		}
	}
	if len(state.Cursors) == 0 { // no log had a line yet
		v.cursor = &cursor.Cursor{Shard: c.Shard, Emitted: cursor.NoWatermark, Final: cursor.NoWatermark, Fingerprint: c.Fingerprint()}
	}
	if v.cursor == nil {
		return fmt.Errorf("the cursor knows nothing of shard %q", c.Shard)
	}
	if v.cursor.Fingerprint != c.Fingerprint() {
		v.hints.settings = true
		v.report.note("the config has changed since gatemeter last saved its cursor: windows of before may differ")
	}
	if state.Running && c.Listen != "" {
		if v.samples, err = scrape(ctx, c.Listen); err != nil {
			v.report.note("the running gatemeter's own counters were not compared: %v", err)
		}
		checkEquations(v.samples, v.report.add)
		v.hints.afterIdle = sum(v.samples, "gatemeter_window_left_out_records_total", "reason", "after_idle")
	}
	for _, name := range slices.Sorted(maps.Keys(c.Sinks)) {
		s := c.Sinks[name]
		switch url, ok := v.options.Graphite[name]; {
		case s.Type == "statsd":
			v.report.note("sink %s was not compared: StatsD cannot be asked", name)
		case s.Type == "graphite" && ok:
			v.sinks = append(v.sinks, &graphite{
				name: name, url: url, prefix: s.Prefix, shard: c.Shard, tags: s.Tags, rollups: c.Metrics.Rollups, width: v.counter.width,
				client: &http.Client{}, coarse: map[int64]bool{},
			})
		case v.options.Remotes[name] == nil:
			v.report.note("sink %s was not compared, as was asked for", name)
		}
	}
	if v.cursor.Final == cursor.NoWatermark && len(v.sinks) > 0 {
		v.report.note("no window is final yet")
	}
	return nil
}

// finish says what is left to say when all is read.
func (v *verification) finish(ctx context.Context) error {
	r := v.report
	compared := 0
	for _, l := range v.logs {
		r.Counted += l.counted
		for reason, n := range l.reasons {
			r.Reasons[reason.String()] += n
		}
		for _, sink := range l.sinks {
			if err := sink.finish(ctx); err != nil {
				return err
			}
			r.Documents += sink.asked
		}
		if err := v.appended(l); err != nil {
			return err
		}
		if v.unread(l) {
			continue
		}
		if len(v.samples) > 0 && checkCounts(v.samples, l, r.add) {
			compared++
		}
	}
	if len(v.samples) > 0 {
		r.note("the running gatemeter's counters add up as they must, or it is said above; those of %d of %d logs were compared one by one: it has read just these lines since it was started", compared, len(v.logs))
	}
	if v.open > 0 {
		r.note("%d windows can still change and were not compared", v.open)
	}
	if v.partial > 0 {
		r.note("%d windows may have had records of rotations that are gone, and were not compared", v.partial)
	}
	for _, g := range v.sinks {
		if g.gone > 0 {
			slots := ""
			for _, step := range slices.Sorted(maps.Keys(g.coarse)) {
				slots += fmt.Sprintf(" (it has slots of %d s)", step)
			}
			r.note("%s: %d windows are older than what Graphite keeps in slots of a window's width, and were not compared%s", g.name, g.gone, slots)
		}
	}
	return nil
}
