package verify

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"
)

// Kind is what a Difference is of.
type Kind string

// The kinds.
const (
	KindValue    Kind = "value"    // a point of Graphite
	KindDocument Kind = "document" // one of Elasticsearch
	KindLine     Kind = "line"     // lines of a log that nobody has read
	KindLog      Kind = "log"      // files that do not fit what was read of them
	KindCounter  Kind = "counter"  // of a running gatemeter
)

// Difference is one thing that is not as the log says.
type Difference struct {
	Kind   Kind   `json:"kind"`
	Sink   string `json:"sink,omitempty"`
	Window *Time  `json:"window,omitempty"` // its start
	Series string `json:"series,omitempty"` // a whole name in Graphite; else the series that records are counted under
	Got    string `json:"got,omitempty"`    // what is there; none when nothing is
	Want   string `json:"want,omitempty"`   // what the log says

	Source string `json:"source,omitempty"`
	Log    string `json:"log,omitempty"`
	Offset int64  `json:"offset,omitempty"` // of the first line
	ID     string `json:"id,omitempty"`     // of the first document
	Lines  int    `json:"lines,omitempty"`  // how many this is about

	Reason string `json:"reason"` // what is likely
}

// at is the window's start; what has none comes first.
func (d *Difference) at() Time {
	if d.Window == nil {
		return math.MinInt64
	}
	return *d.Window
}

// Time is Unix seconds, in JSON as RFC 3339.
type Time int64

// String returns t as RFC 3339, UTC.
func (t Time) String() string { return time.Unix(int64(t), 0).UTC().Format(time.RFC3339) }

// MarshalJSON writes t as a string.
func (t Time) MarshalJSON() ([]byte, error) { return json.Marshal(t.String()) }

// String writes d on one line.
func (d *Difference) String() string {
	s := string(d.Kind)
	if d.Sink != "" {
		s = d.Sink
	}
	if d.Window != nil {
		s += " " + d.Window.String()
	}
	switch d.Kind {
	case KindValue, KindCounter:
		if d.Series != "" {
			s += " " + d.Series
		}
		if d.Want != "" {
			s += ": " + d.Got + ", the log says " + d.Want
		}
	case KindDocument:
		s += fmt.Sprintf(" %s of %.200q at offset %d", lines(d.Lines, "document"), d.Log, d.Offset)
		if d.ID != "" {
			s += ", from " + d.ID
		}
		if d.Series != "" {
			s += ", " + d.Series
		}
	case KindLine:
		s += fmt.Sprintf(" %s of %.200q from offset %d", lines(d.Lines, "line"), d.Log, d.Offset)
		if d.Series != "" {
			s += ", " + d.Series
		}
	case KindLog:
		s += fmt.Sprintf(" %.200q at offset %d", d.Log, d.Offset)
	}
	return s + ": " + d.Reason
}

func lines(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

// UnmarshalJSON reads what MarshalJSON has written.
func (t *Time) UnmarshalJSON(b []byte) error {
	var at time.Time
	if err := json.Unmarshal(b, &at); err != nil {
		return err
	}
	*t = Time(at.Unix())
	return nil
}

// Report is what a verification came to.
type Report struct {
	Agrees      bool         `json:"agrees"`
	Differences []Difference `json:"differences"` // the first of them
	Total       int          `json:"total"`       // of all
	Notes       []string     `json:"notes"`       // what was not compared, and why

	Lines     int64            `json:"lines"`     // read
	Reasons   map[string]int64 `json:"reasons"`   // of them not counted
	Counted   int64            `json:"counted"`   // records in windows
	Windows   int              `json:"windows"`   // compared
	Values    int64            `json:"values"`    // compared, over all sinks
	Documents int64            `json:"documents"` // compared, over all sinks
}

// maxKept is how many differences a Report holds.
const maxKept = 10_000

func (r *Report) add(d Difference) {
	r.Total++
	if len(r.Differences) < maxKept {
		r.Differences = append(r.Differences, d)
	}
}

func (r *Report) note(format string, args ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}

// WriteText writes r for people, with at most most differences.
func (r *Report) WriteText(w io.Writer, most int) error {
	p := func(err error, format string, args ...any) error {
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(w, format+"\n", args...)
		return err
	}
	var err error
	for i := range r.Differences[:min(most, len(r.Differences))] {
		err = p(err, "%s", r.Differences[i].String())
	}
	if r.Total > most {
		err = p(err, "… and %d more differences", r.Total-most)
	}
	for _, n := range r.Notes {
		err = p(err, "note: %s", n)
	}
	err = p(err, "%d lines read, %d records counted; compared: %d windows, %d values, %d documents", r.Lines, r.Counted, r.Windows, r.Values, r.Documents)
	if r.Agrees {
		return p(err, "all agree")
	}
	return p(err, "%d differences", r.Total)
}
