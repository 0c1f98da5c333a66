package verify

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// graphite is one Graphite sink and where it can be read.
type graphite struct {
	name    string // of the sink
	url     string // of graphite-web
	prefix  string
	shard   string
	tags    bool
	rollups map[string][]string
	width   int64 // of a window, seconds
	client  *http.Client

	coarse map[int64]bool // widths of slots wider than a window, that were met
	gone   int            // windows that Graphite keeps no more
}

// expected is what one window must be: path.metric.stat below the shard → value.
type expected struct {
	start  int64
	values map[string]value
}

// stored is what Graphite has: name → slot → value.
type stored map[string]*points

type points struct {
	step   int64
	values map[int64]*float64 // nil: the slot is empty
}

// render asks for all values of a target in slots from the first window's start to the last's.
func (g *graphite) render(ctx context.Context, target string, first, last int64) (stored, error) {
	q := url.Values{
		"target": {target}, "format": {"json"}, "noCache": {"true"},
		"from": {strconv.FormatInt(first-1, 10)}, "until": {strconv.FormatInt(last, 10)},
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(g.url, "/")+"/render", strings.NewReader(q.Encode()))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := g.client.Do(r)
	if err != nil {
		return nil, fmt.Errorf("ask Graphite: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 200))
		return nil, fmt.Errorf("ask Graphite for %s: %s: %.200q", target, resp.Status, text)
	}
	found := stored{}
	d := json.NewDecoder(resp.Body)
	if _, err := d.Token(); err != nil {
		return nil, fmt.Errorf("read Graphite's answer: %w", err)
	}
	for d.More() {
		var one struct {
			Target     string
			Datapoints [][2]*float64
		}
		if err := d.Decode(&one); err != nil {
			return nil, fmt.Errorf("read Graphite's answer: %w", err)
		}
		p := &points{values: map[int64]*float64{}}
		var before int64
		for i, point := range one.Datapoints {
			if point[1] == nil {
				return nil, errors.New("read Graphite's answer: a point without a time")
			}
			at := int64(*point[1])
			if i == 1 {
				p.step = at - before
			}
			before = at
			p.values[at] = point[0]
		}
		found[g.below(one.Target)] = p
	}
	return found, nil
}

// target is what all series of a rollup are called in Graphite.
func (g *graphite) target(rollup string) string {
	if g.tags {
		name := rollup
		if g.prefix != "" {
			name = g.prefix + "." + name
		}
		return fmt.Sprintf(`seriesByTag('name=~^%s\.','shard=%s')`, strings.ReplaceAll(name, ".", `\.`), clean(g.shard))
	}
	return g.full(rollup + strings.Repeat(".*", len(g.rollups[rollup])) + ".*.*")
}

// full is the name, in Graphite, of what is called path.metric.stat below the shard.
func (g *graphite) full(name string) string {
	all := clean(g.shard) + "." + name
	if g.prefix != "" {
		all = g.prefix + "." + all
	}
	return all
}

// below undoes full, and makes the same of a name with tags: rollup, values, metric, stat.
func (g *graphite) below(name string) string {
	if !g.tags {
		return strings.TrimPrefix(name, g.full(""))
	}
	parts := strings.Split(name, ";")
	tags := map[string]string{}
	for _, tag := range parts[1:] {
		k, v, _ := strings.Cut(tag, "=")
		tags[k] = v
	}
	rest := parts[0]
	if g.prefix != "" {
		rest = strings.TrimPrefix(rest, g.prefix+".")
	}
	rollup, stat, _ := strings.Cut(rest, ".")
	path := rollup
	for _, d := range g.rollups[rollup] {
		path += "." + tags[d]
	}
	return path + "." + stat
}

// shown is a name as Graphite users know it.
func (g *graphite) shown(name string) string {
	if !g.tags {
		return g.full(name)
	}
	parts := strings.Split(name, ".")
	s := strings.Join(slices.Concat([]string{parts[0]}, parts[len(parts)-2:]), ".") + ";shard=" + clean(g.shard)
	if g.prefix != "" {
		s = g.prefix + "." + s
	}
	for i, d := range g.rollups[parts[0]] {
		if i+1 < len(parts)-2 {
			s += ";" + d + "=" + parts[i+1]
		}
	}
	return s
}

// compare says what Graphite has that is not as windows, which are in order, want it. It asks for windows that lie close together
// at once.
func (g *graphite) compare(ctx context.Context, windows []expected, reasons func(*verdicts) string) (found []Difference, values int64, err error) {
	for len(windows) > 0 {
		n := 1
		for n < len(windows) && windows[n].start-windows[n-1].start <= 10*g.width && n < 360 {
			n++
		}
		d, v, err := g.compareRun(ctx, windows[:n], reasons)
		if err != nil {
			return nil, 0, err
		}
		found, values, windows = append(found, d...), values+v, windows[n:]
	}
	return found, values, nil
}

// compareRun is compare for windows that are asked for at once.
func (g *graphite) compareRun(ctx context.Context, windows []expected, reasons func(*verdicts) string) ([]Difference, int64, error) {
	first, last := windows[0].start, windows[len(windows)-1].start
	got := stored{}
	for _, rollup := range slices.Sorted(maps.Keys(g.rollups)) {
		part, err := g.render(ctx, g.target(rollup), first, last)
		if err != nil {
			return nil, 0, err
		}
		maps.Copy(got, part)
	}
	var found []Difference
	var values int64
	for i := range windows {
		w := &windows[i]
		v, kept := g.judge(w, got)
		if !kept {
			g.gone++
			continue
		}
		values += int64(len(w.values))
		found = append(found, v.differences(g, reasons)...)
	}
	return found, values, nil
}

// wrong is one value that does not agree.
type wrong struct {
	name      string
	got, want *float64
}

// verdicts is what of one window does not agree.
type verdicts struct {
	start   int64
	wrong   []wrong
	of      int  // values there must be
	missing int  // of wrong: not there
	counts  int  // of wrong: numbers of requests
	rollups int  // rollups of which a number of requests is wrong
	all     int  // rollups there are
	fewer   bool // the wrong numbers of requests are too low
}

// judge compares one window. kept is false when Graphite has no slot for it, or only wider ones.
func (g *graphite) judge(w *expected, got stored) (v *verdicts, kept bool) {
	v = &verdicts{start: w.start, of: len(w.values), all: len(g.rollups)}
	slots, known := false, false
	for _, p := range got {
		if p.step > g.width {
			g.coarse[p.step] = true
			return nil, false
		}
		known = known || len(p.values) > 0
		if _, ok := p.values[w.start]; ok {
			slots = true
		}
	}
	if known && !slots {
		return nil, false
	}
	rollups := map[string]bool{}
	note := func(name string, has, want *float64) {
		v.wrong = append(v.wrong, wrong{name, has, want})
		if has == nil {
			v.missing++
		}
		if path, ok := strings.CutSuffix(name, ".requests.count"); ok {
			v.counts++
			rollup, _, _ := strings.Cut(path, ".")
			rollups[rollup] = true
			v.fewer = v.fewer || want != nil && (has == nil || *has < *want)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(w.values)) {
		want := w.values[name]
		var has *float64
		if p := got[name]; p != nil {
			has = p.values[w.start]
		}
		if has == nil || !want.agrees(*has) {
			shown := cmp.Or(want.sketch, want.want)
			note(name, has, &shown)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(got)) {
		if has := got[name].values[w.start]; has != nil {
			if _, ok := w.values[name]; !ok {
				note(name, has, nil)
			}
		}
	}
	v.rollups = len(rollups)
	return v, true
}

// maxOfWindow is how many values of one window are named.
const maxOfWindow = 20

// differences names what is wrong, a window of which nothing is there as one.
func (v *verdicts) differences(g *graphite, reasons func(*verdicts) string) []Difference {
	if len(v.wrong) == 0 {
		return nil
	}
	at := Time(v.start)
	reason := reasons(v)
	if v.missing == v.of && v.missing == len(v.wrong) {
		return []Difference{{
			Kind: KindValue, Sink: g.name, Window: &at, Series: g.full("*"), Got: "nothing", Want: strconv.Itoa(v.of) + " values", Reason: reason,
		}}
	}
	var found []Difference
	for i, w := range v.wrong {
		if i == maxOfWindow {
			found = append(found, Difference{
				Kind: KindValue, Sink: g.name, Window: &at, Reason: fmt.Sprintf("%d more values of this window are not right", len(v.wrong)-i),
			})
			break
		}
		found = append(found, Difference{Kind: KindValue, Sink: g.name, Window: &at, Series: g.shown(w.name), Got: number(w.got), Want: number(w.want), Reason: reason})
	}
	return found
}

// number writes a value, or that there is none.
func number(v *float64) string {
	if v == nil {
		return "nothing"
	}
	return strconv.FormatFloat(*v, 'f', -1, 64)
}

// likely says why a window is not as the log says. hints are what else is known.
func (v *verdicts) likely(h *hints) string {
	switch {
	case v.missing == v.of && v.missing == len(v.wrong):
		return "nothing of the window arrived, or its series were deleted: it waits until Graphite is there again (gatemeter_sink_queued_panes), was dropped as Graphite was away for too long (gatemeter_sink_lost_panes_total), or Graphite lost what it had taken"
	case v.rollups < v.all && (v.rollups > 0 || v.counts == 0) && len(v.wrong) < v.of:
		if v.missing == len(v.wrong) {
			return "the point was deleted in Graphite, or lost by it: the rest of the window agrees"
		}
		return "the point was changed in Graphite: the rest of the window agrees with the log"
	}
	reason := "Graphite has more than the log: lines are gone from it, or another gatemeter writes under this prefix and shard"
	if v.fewer {
		reason = "Graphite has less than the log: lines were added behind gatemeter's back"
		if h.afterIdle > 0 {
			reason += fmt.Sprintf(", or came after their window was final (this process left out %d as after_idle)", h.afterIdle)
		} else {
			reason += ", or came after their window was final, or were ahead of the clock when they were read"
		}
	}
	if h.settings {
		reason += "; the config has changed since these windows were made"
	}
	return reason
}

// hints is what else is known that may explain a difference.
type hints struct {
	afterIdle int64 // records that the running process left out so
	settings  bool  // the cursor is of another config
}
