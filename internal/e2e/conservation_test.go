package e2e

import (
	"bufio"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// sample is one line of /metrics: a name, its labels and its value.
var sample = regexp.MustCompile(`^(gatemeter_[a-z_]+)(?:\{(.*)\})? ([^ ]+)$`)

// ownMetrics returns gatemeter's own metrics: name, then labels as they stand there, then value.
func (g *instance) ownMetrics(t *testing.T) map[string]map[string]float64 {
	t.Helper()
	all, err := g.scrape()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// scrape is ownMetrics for a gatemeter that may not serve now.
func (g *instance) scrape() (map[string]map[string]float64, error) {
	resp, err := http.Get("http://" + g.admin + "/metrics")
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("GET /metrics: %s", resp.Status)
	}
	all := map[string]map[string]float64{}
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		m := sample.FindStringSubmatch(lines.Text())
		if m == nil {
			continue
		}
		v, err := strconv.ParseFloat(m[3], 64)
		if err != nil {
			return nil, fmt.Errorf("/metrics: %q: %w", lines.Text(), err)
		}
		if all[m[1]] == nil {
			all[m[1]] = map[string]float64{}
		}
		all[m[1]][m[2]] = v
	}
	return all, nil
}

// checkConservation wants every line accounted for, in each partition: read = skipped + malformed + parsed, parsed = left out +
// counted, submitted = settled + in flight. It wants as many lines read as were written to each log.
func (g *instance) checkConservation(t *testing.T, written map[string]int) {
	t.Helper()
	m := g.ownMetrics(t)
	sum := func(name, source string) (total float64) {
		for labels, v := range m[name] {
			if source == "" || strings.Contains(","+labels, fmt.Sprintf(`,source=%q`, source)) {
				total += v
			}
		}
		return total
	}
	for source, lines := range written {
		read, parsed := sum("gatemeter_source_read_lines_total", source), sum("gatemeter_parser_parsed_records_total", source)
		if read != float64(lines) {
			t.Errorf("%s: %v lines read, %d written", source, read, lines)
		}
		skipped, malformed := sum("gatemeter_source_skipped_lines_total", source), sum("gatemeter_parser_malformed_lines_total", source)
		if read != skipped+malformed+parsed {
			t.Errorf("%s: read %v ≠ skipped %v + malformed %v + parsed %v", source, read, skipped, malformed, parsed)
		}
		leftOut, counted := sum("gatemeter_window_left_out_records_total", source), sum("gatemeter_window_counted_records_total", source)
		if parsed != leftOut+counted {
			t.Errorf("%s: parsed %v ≠ left out %v + counted %v", source, parsed, leftOut, counted)
		}
	}
	submitted, settled := sum("gatemeter_index_submitted_documents_total", ""), sum("gatemeter_index_settled_documents_total", "")
	if inFlight := sum("gatemeter_index_in_flight_documents", ""); submitted != settled+inFlight || submitted == 0 {
		t.Errorf("submitted %v ≠ settled %v + in flight %v, or nothing", submitted, settled, inFlight)
	}
}
