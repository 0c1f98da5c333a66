package verify

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"

	"github.com/gatemeter/gatemeter/parsers"
	"github.com/gatemeter/gatemeter/pipeline/batch"
	"github.com/gatemeter/gatemeter/pipeline/cursor"
	"github.com/gatemeter/gatemeter/pipeline/record"
	"github.com/gatemeter/gatemeter/pipeline/route"
	"github.com/gatemeter/gatemeter/sources/file"
)

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
		if s.Type != "file" {
			continue
		}
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
					l.sinks = append(l.sinks, &documents{name: sink, remote: r, letters: stored, log: l, counter: v.counter, report: v.report})
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
