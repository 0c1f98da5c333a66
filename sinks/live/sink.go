package live

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gatemeter/gatemeter/pipeline"
	"github.com/gatemeter/gatemeter/pipeline/point"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// Settings is what a Sink is made of.
type Settings struct {
	Out   io.Writer
	Title string // what is read, for the heading
	Name  string // of the sink itself, which is not shown among the others

	// Size returns how many columns and lines the terminal has that Out is. nil: Out is no terminal.
	Size  func() (width, height int)
	Color bool // on a terminal only

	Now func() time.Time
}

// Sink shows panes. It implements pipeline.MetricSink, as a discarding one.
type Sink struct {
	set   Settings
	begin time.Time

	mu     sync.Mutex
	title  string
	newest map[string]*Window // of each shard
	totals *Totals

	stop   chan struct{}
	closed sync.Once
	redraw sync.WaitGroup
}

var _ pipeline.MetricSink = (*Sink)(nil)

// New returns a sink that shows nothing yet.
func New(set Settings) *Sink {
	return &Sink{set: set, begin: set.Now(), title: set.Title, newest: map[string]*Window{}, totals: newTotals(), stop: make(chan struct{})}
}

// redrawn is how often the screen is drawn anew.
const redrawn = time.Second

// SetTitle changes what the heading says, from the next screen on.
func (s *Sink) SetTitle(title string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.title = title
}

// Watch draws the screen each second until Close; off a terminal it does nothing. stats is asked from another goroutine.
func (s *Sink) Watch(stats func() pipeline.Stats) {
	if s.set.Size == nil {
		return
	}
	s.redraw.Go(func() {
		ticker := time.NewTicker(redrawn)
		defer ticker.Stop()
		screen := screen{out: s.set.Out}
		var read int64
		at := s.begin
		for {
			select {
			case <-ticker.C:
			case <-s.stop:
				screen.erase()
				return
			}
			now, all := s.set.Now(), stats()
			state := s.state(&all, now)
			if span := now.Sub(at).Seconds(); span > 0 {
				state.PerSec = int64(float64(state.Read-read)/span + 0.5)
			}
			read, at = state.Read, now
			width, height := s.set.Size()
			screen.draw(RenderScreen(state, width, height), width)
		}
	})
}

// Send shows panes: at once as lines, or with the next screen. An error is one of Out.
func (s *Sink) Send(_ context.Context, panes []*point.Pane) error {
	for _, pane := range panes {
		w := windowOf(pane)
		s.mu.Lock()
		s.totals.add(pane)
		if old := s.newest[pane.Shard]; old == nil || old.Start <= pane.Start {
			s.newest[pane.Shard] = w
		}
		s.mu.Unlock()
		if s.set.Size != nil {
			continue
		}
		if _, err := s.set.Out.Write(RenderLine(w)); err != nil {
			return fmt.Errorf("write a window: %w", err)
		}
	}
	return nil
}

// Close ends the screen and takes it off the terminal. It may be called again.
func (s *Sink) Close() error {
	s.closed.Do(func() { close(s.stop) })
	s.redraw.Wait()
	return nil
}

// WriteSummary writes what came of the whole run. Call it after Close.
func (s *Sink) WriteSummary(stats *pipeline.Stats) error {
	now := s.set.Now()
	state := s.state(stats, now)
	summary := &Summary{Color: state.Color, Elapsed: state.Elapsed, Read: state.Read, Left: state.Left, Sinks: state.Sinks, Totals: s.totals}
	for _, p := range stats.Partitions {
		summary.Counted += p.Counted
	}
	width := 100
	if s.set.Size != nil {
		width, _ = s.set.Size()
	}
	_, err := s.set.Out.Write(RenderSummary(summary, width))
	return err
}

// state returns what there is to show. PerSec is left to the caller.
func (s *Sink) state(stats *pipeline.Stats, now time.Time) *State {
	state := &State{Color: s.set.Color && s.set.Size != nil, Elapsed: now.Sub(s.begin)}
	var reasons [record.NumReasons]int64
	for _, p := range stats.Partitions {
		state.Read += p.Read
		for r, n := range p.Reasons {
			reasons[r] += n
		}
	}
	state.Left = leftOf(&reasons)
	for _, l := range stats.Lanes {
		if l.Name != s.set.Name {
			state.Sinks = append(state.Sinks, SinkState{Name: l.Name, Points: l.Points, Queued: l.QueuedPoints, Error: l.LastError})
		}
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	state.Title = s.title
	var start int64
	for _, w := range s.newest {
		start = max(start, w.Start)
	}
	var newest []*Window
	for _, w := range s.newest {
		if w.Start == start {
			newest = append(newest, w)
		}
	}
	slices.SortFunc(newest, func(a, b *Window) int { return strings.Compare(a.Shard, b.Shard) })
	if len(newest) > 0 {
		state.Window = merged(newest)
		// A log of the past is not behind, it is old.
		if behind := now.Sub(time.Unix(state.Window.End, 0)); behind > 0 && behind < time.Hour {
			state.Behind = behind
		}
	}
	return state
}

// leftOf returns the reasons that occurred, in their order. The malformed ones come as one, with what they were.
func leftOf(reasons *[record.NumReasons]int64) []Left {
	var left []Left
	var malformed int64
	which := ""
	for r := record.Blank; r < record.NumReasons; r++ {
		switch n := reasons[r]; {
		case n == 0:
		case r.Malformed():
			malformed += n
			if which != "" {
				which += ", "
			}
			which += count(n) + " " + r.String()
		default:
			left = append(left, Left{Reason: r.String(), N: n})
		}
	}
	if malformed > 0 {
		left = append(left, Left{Reason: "malformed (" + which + ")", N: malformed})
	}
	return left
}

// screen is the part of a terminal that is drawn over and over.
type screen struct {
	out   io.Writer
	lines int // drawn
	width int // of the terminal then
}

// draw replaces what was drawn by text. What comes of writing to a terminal that is gone is of no use to anyone.
func (s *screen) draw(text []byte, width int) {
	if s.lines > 0 && s.width != width { // the terminal has wrapped the old lines anew
		s.out.Write([]byte("\x1b[H\x1b[2J"))
		s.lines = 0
	}
	s.out.Write(append(s.up(), text...))
	s.lines, s.width = 0, width
	for _, c := range text {
		if c == '\n' {
			s.lines++
		}
	}
}

func (s *screen) erase() { s.out.Write(s.up()) }

// up returns what moves the cursor to the first line drawn and clears from there.
func (s *screen) up() []byte {
	if s.lines == 0 {
		return nil
	}
	return fmt.Appendf(nil, "\x1b[%dA\r\x1b[J", s.lines)
}
