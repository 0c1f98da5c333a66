package pipeline

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/gatemeter/gatemeter/pipeline/cursor"
	"github.com/gatemeter/gatemeter/pipeline/filter"
	"github.com/gatemeter/gatemeter/pipeline/record"
	"github.com/gatemeter/gatemeter/pipeline/redact"
	"github.com/gatemeter/gatemeter/pipeline/route"
)

// Settings is all that a Pipeline is made of. What code passes; what users write is in package config.
type Settings struct {
	Sources     []SourceSettings
	MetricSinks []MetricSinkSettings
	RecordSinks []RecordSinkSettings
	Metrics     MetricsSettings

	Redact *redact.Redactor // nil: nothing is masked
	Filter *filter.Set      // nil: nothing is left out
	Routes *route.Templater

	Workers int  // goroutines that parse and count; at least 1
	MaxLine int  // bytes; longer lines are counted as oversize
	Once    bool // the sources end; then every window becomes final

	Saved []cursor.Cursor             // of the run before
	Save  func([]cursor.Cursor) error // makes cursors durable; nil: nothing is saved. Called by one goroutine
	Epoch time.Duration               // between two sendings; 0: a second
	Drain time.Duration               // how long to wait for sinks at the end; 0: ten seconds
	Now   func() time.Time            // the clock
	Rand  func() float64              // in [0, 1): jitter of retries
	Log   *slog.Logger
}

// SourceSettings is one source and how its lines are read.
type SourceSettings struct {
	Name      string
	Service   string // service of records that name none; empty: Name
	Source    Source
	NewParser func() Parser // one for each worker

	// Values are text fields that batches bring besides their lines: those of the message a line was in. A value that is there
	// takes the place of the line's own.
	Values []record.Field

	// Save makes cursors durable, all those of the source at once, for sources whose shards move between processes: it takes the place of Settings.Save. It is
	// called by one goroutine. An error is tried again, as long as the partition is not revoked. nil: Settings.Save is used.
	Save func([]cursor.Cursor) error

	// Again returns another Source of the same logs, for a record sink that was left behind: its Open is given the offsets to
	// begin at, and it runs until it is told to stop. nil: the logs cannot be read again, and a record sink that has no room
	// holds everything up.
	Again func() (Source, error)
}

// MetricSinkSettings is one metric sink and what is promised for it.
type MetricSinkSettings struct {
	Name string
	Sink MetricSink

	Discarding  bool          // it adds up what it gets: give it changes, each once
	AtLeastOnce bool          // for a discarding sink: send, then save (else save, then send)
	MaxAge      time.Duration // a discarding sink's panes that end longer ago are not sent; 0: no limit
	MaxPoints   int           // held while the sink is down; past that the oldest panes go to Spool, or are dropped. 0: 200,000
	Spool       PaneSpool     // of an accumulating sink; nil: none
}

// RecordSinkSettings is one record sink.
type RecordSinkSettings struct {
	Name string
	Sink RecordSink

	// Lineless: its documents have the Line of no record but of malformed ones. Then lines of which it is certain what would be in them need
	// not be masked, and such a record's Line is nil.
	Lineless bool
}

// MetricsSettings shapes the windows.
type MetricsSettings struct {
	Window      time.Duration // width, whole seconds
	Lateness    time.Duration // the watermark is the highest event time less this
	Amend       time.Duration // a window can change until the watermark is this far past its end
	MaxFuture   time.Duration // records further ahead of the clock are not counted
	Idle        time.Duration // a partition silent for this long does not hold the windows up
	MaxSeries   int           // of a rollup, in one window of one partition
	Rollups     []Rollup
	Percentiles []float64 // 0 < p < 100
	StatusCodes bool      // count each status code too
	Fingerprint string    // of all that shapes the windows
}

// Rollup is a named list of dimensions that records are grouped by.
type Rollup struct {
	Name       string
	Dimensions []Dimension
}

func (s *Settings) check() error {
	m := &s.Metrics
	switch {
	case len(s.Sources) == 0:
		return errors.New("pipeline: no source")
	case m.Window < time.Second || m.Window%time.Second != 0:
		return fmt.Errorf("pipeline: window %v is not whole seconds", m.Window)
	case m.Lateness < 0 || m.Amend < 0 || m.MaxSeries < 1:
		return errors.New("pipeline: lateness, amend or max_series out of range")
	case s.Now == nil || s.Rand == nil || s.Log == nil || s.Routes == nil:
		return errors.New("pipeline: clock, randomness, log or routes not given")
	}
	s.Workers = max(s.Workers, 1)
	if s.Epoch == 0 {
		s.Epoch = time.Second
	}
	if s.Drain == 0 {
		s.Drain = 10 * time.Second
	}
	if s.MaxLine == 0 {
		s.MaxLine = 64 << 10
	}
	for i := range s.MetricSinks {
		if s.MetricSinks[i].MaxPoints == 0 {
			s.MetricSinks[i].MaxPoints = 200_000
		}
	}
	return nil
}
