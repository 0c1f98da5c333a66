package verify

import (
	"context"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/gatemeter/gatemeter/pipeline/record"
)

// read reads all logs, each time some lines of the one that is furthest behind in event time, so that few windows are open.
func (v *verification) read(ctx context.Context) error {
	for {
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
	if len(v.counter.families) == 0 {
		return ""
	}
	path := ""
	for _, r := range v.counter.families[0].rollups {
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
		begun, gone := time.Now(), g.gone
		err := again(ctx, v.patience, func() (done bool, err error) {
			g.gone = gone
			if found, n, err = g.compare(ctx, v.waiting, func(w *verdicts) string { return w.likely(&v.hints) }); err != nil {
				return false, fmt.Errorf("sink %s: %w", g.name, err)
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
