package verify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"slices"
	"time"

	"github.com/gatemeter/gatemeter/config"
	"github.com/gatemeter/gatemeter/parsers"
	"github.com/gatemeter/gatemeter/pipeline/batch"
	"github.com/gatemeter/gatemeter/pipeline/cursor"
	"github.com/gatemeter/gatemeter/pipeline/filter"
	"github.com/gatemeter/gatemeter/pipeline/record"
	"github.com/gatemeter/gatemeter/pipeline/redact"
	"github.com/gatemeter/gatemeter/pipeline/route"
	"github.com/gatemeter/gatemeter/sinks/elasticsearch"
	"github.com/gatemeter/gatemeter/sources/cursorfile"
	"github.com/gatemeter/gatemeter/sources/file"
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

// logState is one log while it is read.
type logState struct {
	cursor cursor.Partition
	shard  string
	whole  bool // from its first line on
	odd    bool // its files do not fit what was read of them
	judge  *judge
	reader *reader
	clock  *clock
	sinks  []*documents
	id     *batch.Partition

	from    int64 // windows that begin before it may have records that are gone; Unix seconds
	extra   []piece
	ended   bool
	lines   int64
	counted int64
	reasons map[record.Reason]int64
	wanted  int64 // documents below indexed
	unread  unread
}

// unread is lines that are there and were not read.
type unread struct {
	lines  int
	offset int64
	first  outcome
}

func (u *unread) add(offset int64, o outcome) {
	if u.lines == 0 {
		u.offset, u.first = offset, o
	}
	u.lines++
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
	for name, s := range c.Sources {
		if s.Type != "file" {
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

// find finds the logs and where in them reading begins.
func (v *verification) find(ctx context.Context) error {
	known := map[string][]string{} // source → live paths
	for i := range v.cursor.Partitions {
		p := &v.cursor.Partitions[i]
		known[p.Source] = append(known[p.Source], p.Name)
		if v.config.Sources[p.Source] == nil {
			v.report.note("%q of source %s is in the cursor and not in the config: its records are missing in the windows counted here", p.Name, p.Source)
		}
	}
	stored, err := letters(v.config.DataDir)
	if err != nil {
		return err
	}
	routes, err := route.New(v.config.Metrics.Routes)
	if err != nil {
		return err
	}
	maxLine := 0
	for _, s := range v.config.Sources {
		maxLine = max(maxLine, int(s.MaxLine))
	}
	for _, r := range v.options.Remotes {
		if err := r.Refresh(ctx); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(v.config.Sources)) {
		s := v.config.Sources[name]
		logs, err := file.Logs(s.Paths, known[name])
		if err != nil {
			return fmt.Errorf("source %s: %w", name, err)
		}
		newParser, err := parsers.New(s.Format, parsers.Options{Escape: s.Escape, Fields: s.Fields})
		if err != nil {
			return fmt.Errorf("source %s: format: %w", name, err)
		}
		for _, live := range slices.Sorted(maps.Keys(logs)) {
			files := logs[live]
			l := &logState{shard: v.config.Shard, clock: newClock(), reasons: map[record.Reason]int64{}, from: math.MinInt64}
			l.judge = &judge{
				parser: newParser(), redact: v.options.Redact, filter: v.options.Filter, routes: routes, service: cmp.Or(s.Service, name),
				maxFuture: v.config.Metrics.MaxFuture, now: v.options.Now,
			}
			at := slices.IndexFunc(v.cursor.Partitions, func(p cursor.Partition) bool { return p.Source == name && p.Name == live })
			if at < 0 {
				l.cursor = cursor.Partition{Source: name, Name: live}
			} else {
				l.cursor = v.cursor.Partitions[at]
			}
			l.id = &batch.Partition{Source: name, Name: live, Shard: l.shard, ID: l.cursor.ID}
			l.judge.partition = l.id
			var pieces []piece
			if at < 0 {
				for _, f := range files {
					pieces = append(pieces, piece{file: f, end: -1})
				}
				l.extra, pieces = pieces, nil
			} else {
				found, err := layOut(&l.cursor, l.shard, files)
				if err != nil {
					return fmt.Errorf("source %s: %w", name, err)
				}
				for _, d := range found.odd {
					v.report.add(d)
				}
				pieces, l.extra, l.whole, l.odd = found.pieces, found.extra, found.whole, len(found.odd) > 0
				for sink, r := range v.options.Remotes {
					l.sinks = append(l.sinks, &documents{name: sink, remote: r, letters: stored, log: l, counter: v.counter, report: v.report.add})
				}
				if s.Start != "beginning" && l.whole {
					if pieces, err = v.skipUnread(ctx, l, pieces, maxLine); err != nil {
						return err
					}
				}
			}
			l.reader = &reader{pieces: pieces, maxLine: maxLine}
			if !l.whole && at >= 0 {
				v.beginLate(l, pieces, maxLine)
			}
			for _, p := range pieces {
				v.total += p.file.Size
			}
			v.logs = append(v.logs, l)
		}
	}
	for i := range v.cursor.Partitions {
		p := &v.cursor.Partitions[i]
		if v.config.Sources[p.Source] != nil && !slices.ContainsFunc(v.logs, func(l *logState) bool { return l.cursor.Source == p.Source && l.cursor.Name == p.Name }) {
			v.report.add(Difference{Kind: KindLog, Source: p.Source, Log: p.Name, Reason: "no file of this log is there any more: what was read of it cannot be counted again"})
		}
	}
	return nil
}

// beginLate finds out from which window on all records of l are there, as older rotations are gone: none of those can be further
// ahead of the first ones here than they would have made late.
func (v *verification) beginLate(l *logState, pieces []piece, maxLine int) {
	if len(pieces) == 0 {
		l.from = math.MaxInt64
		return
	}
	r := &reader{pieces: slices.Clone(pieces), maxLine: maxLine}
	defer r.close()
	highest := int64(math.MinInt64)
	for range firstLines {
		line, err := r.next()
		if err != nil {
			break
		}
		if o := l.judge.line(line); o.moves {
			highest = max(highest, o.time)
		}
	}
	if highest != math.MinInt64 {
		l.from = v.counter.start(v.counter.over(v.counter.start(highest))+int64(v.counter.lateness)) + v.counter.width
	}
	v.report.note("older rotations of %q are gone: compared is what comes after offset %d, and windows from %v on", l.cursor.Name, pieces[0].from, Time(l.from))
}

// firstLines are enough for one among them not to be late.
const firstLines = 50

// skipUnread finds the first line that was read, of a source that was not to begin at the beginning: Elasticsearch has its record.
func (v *verification) skipUnread(ctx context.Context, l *logState, pieces []piece, maxLine int) ([]piece, error) {
	l.whole = false
	if len(l.sinks) == 0 {
		v.report.note("where reading of %q began (start: %s) only Elasticsearch could tell: compared is what comes after its first file", l.cursor.Name, v.config.Sources[l.cursor.Source].Start)
		return pieces[1:], nil
	}
	r := &reader{pieces: slices.Clone(pieces), maxLine: maxLine}
	defer r.close()
	var before []string // ids of the lines since the last that was asked for
	offsets := map[string]int64{}
	for {
		line, err := r.next()
		if err != nil && err != io.EOF {
			return nil, err
		}
		if err == nil && l.judge.line(line).document {
			id := string(l.id.AppendID(nil, line.offset))
			before = append(before, id)
			offsets[id] = line.offset
		}
		if len(before) < askAtOnce && err == nil {
			continue
		}
		if len(before) > 0 {
			found, askErr := l.sinks[0].remote.Present(ctx, before)
			if askErr != nil {
				return nil, askErr
			}
			for _, id := range before {
				if found[id] == 0 {
					continue
				}
				for len(pieces) > 1 && pieces[1].base <= offsets[id] {
					pieces = pieces[1:]
				}
				pieces = slices.Clone(pieces)
				pieces[0].from = max(pieces[0].from, offsets[id])
				return pieces, nil
			}
		}
		if err == io.EOF {
			return nil, nil
		}
		before = before[:0]
		clear(offsets)
	}
}

// read reads all logs, each time some lines of the one that is furthest behind in event time, so that few windows are open.
func (v *verification) read(ctx context.Context) error {
	for turn := 0; ; turn++ {
		var l *logState
		for _, k := range v.logs {
			if !k.ended && (l == nil || k.clock.watermark < l.clock.watermark) {
				l = k
			}
		}
		if l == nil {
			return v.close(ctx, math.MaxInt64)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		for range 1000 {
			if err := v.line(ctx, l); err == io.EOF {
				l.ended = true
				break
			} else if err != nil {
				return err
			}
		}
		v.counter.forget(l.clock)
		lowest := int64(math.MaxInt64)
		for _, k := range v.logs {
			if !k.ended {
				lowest = min(lowest, k.clock.watermark)
			}
		}
		if err := v.close(ctx, lowest); err != nil {
			return err
		}
		if v.options.Progress != nil {
			done := int64(0)
			for _, k := range v.logs {
				done += k.reader.progress()
			}
			v.options.Progress(done, v.total)
		}
	}
}

// line reads one line of l.
func (v *verification) line(ctx context.Context, l *logState) error {
	line, err := l.reader.next()
	if err != nil {
		return err
	}
	o := l.judge.line(line)
	if line.offset >= l.cursor.Read {
		l.unread.add(line.offset, o)
		return nil
	}
	l.lines++
	v.report.Lines++
	reason := o.reason
	if o.moves {
		if reason == record.None && v.counter.count(l.clock, &o.event) {
			reason = record.Late
		}
		v.counter.move(l.clock, o.time)
	}
	if reason == record.None {
		l.counted++
	} else {
		l.reasons[reason]++
	}
	if o.document && line.offset < l.cursor.Indexed {
		l.wanted++
		doc := document{id: string(l.id.AppendID(nil, line.offset)), offset: line.offset, time: o.time, series: v.seriesOf(&o)}
		for _, sink := range l.sinks {
			if err := sink.add(ctx, doc); err != nil {
				return err
			}
		}
	}
	return nil
}

// seriesOf returns the finest series that a record counts under, or why it counts under none.
func (v *verification) seriesOf(o *outcome) string {
	if o.reason != record.None {
		return o.reason.String()
	}
	f := &v.counter.families[0]
	path := ""
	for _, r := range f.rollups {
		path = r.name
		for _, d := range r.dimensions {
			path += "." + clean(o.event.values[d])
		}
	}
	return path
}

// close compares the windows that are over when every log is at watermark.
func (v *verification) close(ctx context.Context, watermark int64) error {
	for _, start := range slices.Sorted(maps.Keys(v.counter.windows)) {
		if watermark != math.MaxInt64 && v.counter.over(start) > watermark {
			break
		}
		w := v.counter.windows[start]
		delete(v.counter.windows, start)
		switch {
		case start+v.counter.width > v.cursor.Final:
			v.open++
			continue
		case slices.ContainsFunc(v.logs, func(l *logState) bool { return start < l.from }):
			v.partial++
			continue
		}
		v.report.Windows++
		if len(v.sinks) == 0 {
			continue
		}
		e := expected{start: start, values: map[string]value{}}
		for path, s := range w {
			s.each(v.config.Metrics.Percentiles, v.config.Metrics.StatusCodes, func(stat string, value value) { e.values[path+"."+stat] = value })
		}
		v.waiting = append(v.waiting, e)
		if v.values += len(e.values); v.values >= maxWaiting {
			if err := v.compare(ctx); err != nil {
				return err
			}
		}
	}
	if watermark == math.MaxInt64 {
		return v.compare(ctx)
	}
	return nil
}

// maxWaiting is how many values wait until Graphite is asked.
const maxWaiting = 100_000

// compare compares the windows that wait with what each Graphite has. What is missing there may be on its way: it is asked again
// for a while.
func (v *verification) compare(ctx context.Context) error {
	for _, g := range v.sinks {
		var found []Difference
		var n int64
		begun := time.Now()
		err := again(ctx, v.patience, func() (done bool, err error) {
			gone := g.gone
			if found, n, err = g.compare(ctx, v.waiting, func(w *verdicts) string { return w.likely(&v.hints) }); err != nil {
				return false, fmt.Errorf("sink %s: %w", g.name, err)
			}
			if len(found) > 0 {
				g.gone = gone
			}
			return len(found) == 0, nil
		})
		if err != nil {
			return err
		}
		if len(found) > 0 {
			v.patience = max(0, v.patience-time.Since(begun))
		}
		v.report.Values += n
		for _, d := range found {
			v.report.add(d)
		}
	}
	v.waiting, v.values = nil, 0
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
			if err := sink.finish(ctx, l.wanted); err != nil {
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

// appended reports lines that stand where gatemeter had left the file, or in a log it does not know.
func (v *verification) appended(l *logState) error {
	for _, p := range l.extra {
		var u unread
		r := &reader{pieces: []piece{p}, maxLine: l.reader.maxLine}
		for {
			line, err := r.next()
			if err == io.EOF {
				break
			}
			if err != nil {
				r.close()
				return err
			}
			u.add(line.offset, l.judge.line(line))
		}
		r.close()
		if u.lines == 0 {
			continue
		}
		reason := fmt.Sprintf("appended to %s behind gatemeter's back: it had left that file", p.file.Path)
		if l.cursor.ID == "" {
			if v.state.Running {
				v.report.note("%s has %d lines and was not begun yet", p.file.Path, u.lines)
				continue
			}
			reason = fmt.Sprintf("%s was never read, and no gatemeter is running that would", p.file.Path)
		}
		v.report.add(v.unreadOf(l, &u, reason))
	}
	return nil
}

// unread reports lines after those that were read, and whether there are any.
func (v *verification) unread(l *logState) bool {
	switch {
	case l.unread.lines == 0:
		return false
	case v.state.Running:
		v.report.note("%q goes on for %d lines past what the running gatemeter had read when it last saved its cursor", l.cursor.Name, l.unread.lines)
	default:
		v.report.add(v.unreadOf(l, &l.unread, "appended after gatemeter had read the log, and it is not running: the next run reads them"))
	}
	return true
}

func (v *verification) unreadOf(l *logState, u *unread, reason string) Difference {
	d := Difference{Kind: KindLine, Source: l.cursor.Source, Log: l.cursor.Name, Offset: u.offset, Lines: u.lines, Series: v.seriesOf(&u.first), Reason: reason}
	if u.first.time != 0 {
		at := Time(v.counter.start(u.first.time))
		d.Window = &at
	}
	return d
}
