package parsers

import (
	"strings"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/bench/loggen"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// TestRoundTrip reads generated lines of each format, by its name and JSON by auto, and comes to what the generator meant.
func TestRoundTrip(t *testing.T) {
	spec := map[loggen.Format]string{
		loggen.NginxCombined: "combined", loggen.NginxTimed: "nginx_timed",
	}
	start := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	for _, name := range loggen.FormatNames() {
		t.Run(name, func(t *testing.T) {
			f, err := loggen.ParseFormat(name)
			if err != nil {
				t.Fatal(err)
			}
			format := spec[f]
			if format == "" {
				format = name
			}
			g := loggen.New(loggen.Options{Format: f, Seed: 5, Start: start, Interval: 7 * time.Millisecond, Malformed: 0.02, Disorder: time.Second})
			var log []byte
			for range 4000 {
				log = g.Append(log)
			}
			readers := []string{format}
			if log[0] == '{' { // a line of text that was cut may be one of a shorter format
				readers = append(readers, "auto")
			}
			for _, by := range readers {
				newParser, err := New(by, Options{})
				if err != nil {
					t.Fatal(err)
				}
				p, got := newParser(), loggen.Truth{Lines: 4000, Bytes: int64(len(log))}
				for line := range strings.Lines(string(log)) {
					r := one(p, strings.TrimSuffix(line, "\n"))
					if r.Reason != record.None {
						got.Malformed++
						continue
					}
					if p.Format() != format {
						t.Fatalf("%s reads a line as %q: %s", by, p.Format(), line)
					}
					got.Status[r.Status]++
					if f == loggen.Kong {
						got.ResponseBytes += r.ResponseBytes
					} else if f != loggen.TykPump {
						got.ResponseBytes += r.ResponseBodyBytes
					}
					if f != loggen.NginxCombined {
						got.Millis += r.DurationNanos / 1e6
					}
					at := time.Unix(0, r.TimeNanos)
					if at.Before(start) || at.After(start.Add(28*time.Second)) || len(r.Path) == 0 || len(r.Method) == 0 || len(r.ClientAddress) == 0 {
						t.Fatalf("%s reads %s as\n%s", by, line, flat(p.Format(), r))
					}
				}
				want := g.Truth()
				if f == loggen.NginxCombined {
					want.Millis = 0
				}
				if got != want {
					t.Errorf("%s: got %+v\nwant %+v", by, got, want)
				}
			}
		})
	}
}
