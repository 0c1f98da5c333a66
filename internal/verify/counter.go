package verify

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gatemeter/gatemeter/pipeline/record"
)

// sample is one line of /metrics.
type sample struct {
	name   string
	labels map[string]string
	value  float64
}

// scrape reads the metrics of a gatemeter at address.
func scrape(ctx context.Context, address string) ([]sample, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("GET http://%s/metrics: %s", address, resp.Status)
	}
	return readSamples(io.LimitReader(resp.Body, 256<<20))
}

// readSamples reads the text format of Prometheus, as far as our own names need it.
func readSamples(in io.Reader) ([]sample, error) {
	var samples []sample
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		text := lines.Text()
		if !strings.HasPrefix(text, "gatemeter_") {
			continue
		}
		s := sample{labels: map[string]string{}}
		end := strings.IndexAny(text, "{ ")
		if end < 0 {
			return nil, fmt.Errorf("read metrics: %.200q", text)
		}
		s.name, text = text[:end], text[end:]
		if strings.HasPrefix(text, "{") {
			text = text[1:]
			for !strings.HasPrefix(text, "}") {
				name, rest, ok := strings.Cut(text, "=")
				quoted, err := strconv.QuotedPrefix(rest)
				if !ok || err != nil {
					return nil, fmt.Errorf("read metrics: labels of %s: %.200q", s.name, text)
				}
				value, err := strconv.Unquote(quoted)
				if err != nil {
					return nil, fmt.Errorf("read metrics: labels of %s: %w", s.name, err)
				}
				s.labels[name] = value
				text = strings.TrimPrefix(rest[len(quoted):], ",")
			}
			text = text[1:]
		}
		v, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
		if err != nil {
			return nil, fmt.Errorf("read metrics: %s: %w", s.name, err)
		}
		s.value = v
		samples = append(samples, s)
	}
	return samples, lines.Err()
}

// sum adds up what is called name and has the labels, given as name and value by turns.
func sum(samples []sample, name string, labels ...string) (total int64) {
next:
	for _, s := range samples {
		if s.name != name {
			continue
		}
		for i := 0; i < len(labels); i += 2 {
			if s.labels[labels[i]] != labels[i+1] {
				continue next
			}
		}
		total += int64(s.value)
	}
	return total
}

// equations is what holds at any instant: the first is the sum of the others. See docs/guarantees.md.
var equations = [...][]string{
	{"gatemeter_source_read_lines_total", "gatemeter_source_skipped_lines_total", "gatemeter_parser_malformed_lines_total", "gatemeter_parser_parsed_records_total"},
	{"gatemeter_parser_parsed_records_total", "gatemeter_window_left_out_records_total", "gatemeter_window_counted_records_total"},
	{"gatemeter_index_submitted_documents_total", "gatemeter_index_settled_documents_total", "gatemeter_index_in_flight_documents"},
}

// checkEquations says which of a process's own sums are not what they must be.
func checkEquations(samples []sample, report func(Difference)) {
	for _, e := range equations {
		want, got := sum(samples, e[0]), int64(0)
		for _, name := range e[1:] {
			got += sum(samples, name)
		}
		if got != want {
			report(Difference{
				Kind: KindCounter, Series: e[0], Got: strconv.FormatInt(want, 10), Want: strconv.FormatInt(got, 10),
				Reason: "BUG in gatemeter: its parts, " + strings.Join(e[1:], ", ") + ", do not add up to it",
			})
		}
	}
}

// checkCounts compares what a process says of a log with what was counted below the cursor, where it has read just that: all of the
// log, and nothing since. It reports whether it could.
func checkCounts(samples []sample, l *logState, report func(Difference)) bool {
	of := []string{"source", l.cursor.Source, "partition", l.cursor.Name}
	if !l.whole || sum(samples, "gatemeter_source_read_lines_total", of...) != l.lines {
		return false
	}
	check := func(name string, want int64, labels ...string) {
		if got := sum(samples, name, append(of[:len(of):len(of)], labels...)...); got != want {
			report(Difference{
				Kind: KindCounter, Source: l.cursor.Source, Log: l.cursor.Name, Series: name + strings.Join(append([]string{""}, labels...), " "),
				Got: strconv.FormatInt(got, 10), Want: strconv.FormatInt(want, 10),
				Reason: "the log was changed since, or read when the clock or the config was another",
			})
		}
	}
	check("gatemeter_window_counted_records_total", l.counted)
	for reason := record.Blank; reason < record.NumReasons; reason++ {
		name := "gatemeter_window_left_out_records_total"
		switch {
		case reason == record.Blank || reason == record.Oversize:
			name = "gatemeter_source_skipped_lines_total"
		case reason.Malformed():
			name = "gatemeter_parser_malformed_lines_total"
		}
		check(name, l.reasons[reason], "reason", reason.String())
	}
	return true
}
