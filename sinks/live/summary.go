package live

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Summary is what is said at the end.
type Summary struct {
	Color   bool
	Elapsed time.Duration
	Read    int64 // lines
	Counted int64 // records
	Left    []Left
	Sinks   []SinkState
	Totals  *Totals
}

// topRoutes is how many routes each table of the summary has.
const topRoutes = 10

// fewRequests is below how many requests a route is not called slow.
const fewRequests = 20

// RenderSummary returns the summary of a run for that many columns.
func RenderSummary(s *Summary, width int) []byte {
	p := &page{width: max(width-1, 20), color: s.Color}
	t := s.Totals
	p.say(bold, fmt.Sprintf("%s lines in %s, %s a second", count(s.Read), age(s.Elapsed), count(int64(float64(s.Read)/max(s.Elapsed.Seconds(), 0.001)))))
	for _, l := range append([]Left{{"counted", s.Counted}}, s.Left...) {
		if l.N > 0 {
			p.say(plain, fmt.Sprintf("%s  %s", right(count(l.N), 14), l.Reason))
		}
	}
	for _, sink := range s.Sinks {
		p.sink(&sink)
	}
	if t.Windows == 0 {
		switch {
		case s.Counted > 0:
			p.paragraph("No window is complete yet: one is when lines come that are a few seconds newer than its end.")
		case s.Read > 0:
			p.paragraph("No window: nothing was counted. How is a line read? tail -n 3 LOG | gatemeter explain")
		default:
			p.say(plain, "No window: nothing was counted.")
		}
		return p.text
	}
	p.line()
	p.say(plain, fmt.Sprintf("%s of %ds, from %s to %s UTC", windows(t.Windows), t.Width, moment(t.First), moment(t.Last)))
	var mix strings.Builder
	for i := 1; i < len(t.All.Classes); i++ {
		if n := t.All.Classes[i]; n > 0 || i >= 2 {
			fmt.Fprintf(&mix, "%dxx %s (%s)  ", i, count(n), percent(n, t.All.Requests))
		}
	}
	p.paragraph(mix.String())
	if t.All.P99 >= 0 {
		p.paragraph(fmt.Sprintf("highest of a window: p50 %s, p95 %s, p99 %s",
			seconds(t.All.P50), seconds(t.All.P95), seconds(t.All.P99)))
		p.paragraph("slowest request: " + seconds(t.All.Max))
	}
	sent := volume(float64(t.All.ResponseBytes)) + " sent"
	if t.All.RequestBytes > 0 {
		sent += ", " + volume(float64(t.All.RequestBytes)) + " received"
	}
	p.paragraph(sent)

	requests := column{"requests", 12, plainly(func(f *Figures) string { return count(f.Requests) })}
	share := column{"share", 8, plainly(func(f *Figures) string { return percent(f.Requests, t.All.Requests) })}
	top := slices.Clone(t.Routes)
	byRequests(top)
	p.line()
	p.say(bold, "Busiest routes")
	p.routes([]column{requests, share, column5xx}, top[:min(len(top), topRoutes)], 0)

	slow := slices.DeleteFunc(top, func(r Route) bool { return r.P99 < 0 || r.Requests < fewRequests })
	if len(slow) == 0 {
		return p.text
	}
	slices.SortStableFunc(slow, func(a, b Route) int { return cmp.Compare(b.P99, a.P99) })
	p.line()
	p.say(bold, "Slowest routes, by the highest p99 of a window")
	p.routes([]column{columnP99, columnMax, requests}, slow[:min(len(slow), topRoutes)], 0)
	return p.text
}

// windows writes how many there are.
func windows(n int) string {
	if n == 1 {
		return "1 window"
	}
	return count(int64(n)) + " windows"
}

// paragraph appends s over as many lines as it needs.
func (p *page) paragraph(s string) {
	for _, l := range wrap(strings.TrimRight(s, " "), p.width) {
		p.say(plain, l)
	}
}
