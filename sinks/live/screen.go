package live

import (
	"fmt"
	"strings"
	"time"
)

// State is what the screen shows.
type State struct {
	Title string // what is read
	Color bool

	Elapsed time.Duration
	Read    int64 // lines
	PerSec  int64 // lines a second, of late
	Left    []Left
	Window  *Window       // the newest; nil before the first
	Behind  time.Duration // of the newest window to the clock; 0: not live
	Sinks   []SinkState
}

// Left is how many lines or records were not counted for a reason.
type Left struct {
	Reason string
	N      int64
}

// SinkState is how one of the other sinks does.
type SinkState struct {
	Name   string
	Points int64 // sent
	Queued int   // points
	Error  string
}

// RenderScreen returns the live table for a terminal of that many columns and lines, without moves of the cursor. No line is
// wider, and there are fewer than height of them.
func RenderScreen(s *State, width, height int) []byte {
	p := &page{width: max(width-1, 20), color: s.Color} // terminals differ in what a full line does
	p.heading(s)
	p.say(plain, s.progress())
	for _, sink := range s.Sinks {
		p.sink(&sink)
	}
	p.line()
	w := s.Window
	if w == nil {
		p.say(dim, "No window is complete yet.")
		return p.text
	}
	span := float64(w.End - w.Start)
	p.figures([]column{
		columnRate(span),
		{"2xx", 7, class(2)},
		{"3xx", 7, class(3)},
		{"4xx", 7, class(4)},
		column5xx, columnP50, columnP95, columnP99,
		{"out/s", 8, plainly(func(f *Figures) string { return volume(float64(f.ResponseBytes) / span) })},
		{"clients", 9, plainly(func(f *Figures) string { return count(f.Clients) })},
	}, &w.All)
	p.line()
	if left := height - p.lines - 2; left > 0 && len(w.Routes) > 0 {
		p.routes([]column{columnRate(span), column5xx, columnP50, columnP99}, w.Routes, left)
	}
	return p.text
}

// heading appends the title, and at the right the window's time.
func (p *page) heading(s *State) {
	at := ""
	if w := s.Window; w != nil {
		at = fmt.Sprintf("%s UTC, %ds", moment(w.Start), w.End-w.Start)
	}
	const name = "gatemeter"
	at = cut(at, p.width-len(name)-2)
	title := cut(clean(s.Title), p.width-len(name)-2-len(at)-2)
	p.put(bold, name)
	p.put(plain, "  "+title)
	if at != "" {
		p.put(dim, right(at, p.width-len(name)-2-width(title)))
	}
	p.line()
}

// progress says what was read.
func (s *State) progress() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s lines, %s/s", count(s.Read), count(s.PerSec))
	for _, l := range s.Left {
		if l.N > 0 {
			fmt.Fprintf(&b, ", %s %s", count(l.N), l.Reason)
		}
	}
	if s.Behind > 0 {
		fmt.Fprintf(&b, ", %s behind", s.Behind.Round(time.Second))
	}
	return b.String()
}

// sink says how a sink does.
func (p *page) sink(s *SinkState) {
	text := fmt.Sprintf("%s: %s points sent", clean(s.Name), count(s.Points))
	if s.Queued > 0 {
		text += fmt.Sprintf(", %s wait", count(int64(s.Queued)))
	}
	if s.Error != "" {
		p.say(red, text+"; fails: "+clean(s.Error))
		return
	}
	p.say(plain, text)
}
