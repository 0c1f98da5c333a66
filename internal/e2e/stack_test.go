package e2e

import (
	"errors"
	"strconv"
	"testing"

	"github.com/gatemeter/gatemeter/internal/servers"
)

// shard is the label of the windows in all tests.
const shard = "e2e"

// stack is the servers that gatemeter writes to.
type stack struct {
	graphite *servers.Graphite
	statsd   *servers.StatsD
	search   *servers.Elasticsearch
}

func startStack(t *testing.T, keep servers.Retentions) *stack {
	t.Helper()
	return &stack{graphite: servers.StartGraphite(t, keep), statsd: servers.StartStatsD(t), search: servers.StartElasticsearch(t)}
}

// sinks returns the config of all three. Each run of a test has a name of its own, by which its series and documents are
// told from the others'.
func (s *stack) sinks(run string) object {
	return object{
		"graphite":      object{"type": "graphite", "address": "tcp://" + s.graphite.Plaintext, "prefix": run},
		"statsd":        object{"type": "statsd", "address": "tcp://" + s.statsd.Address, "prefix": run, "max_age": "0s"},
		"elasticsearch": object{"type": "elasticsearch", "urls": []string{s.search.URL}, "data_stream": index(run)},
	}
}

func index(run string) string { return "logs-gateway." + run + "-default" }

// metrics returns the config that a job's windows are shaped by.
func (j *job) metrics() object {
	return object{
		"window": seconds(j.Window), "lateness": seconds(j.Lateness), "amend": seconds(j.Amend),
		"percentiles": j.Percentiles, "rollups": j.Rollups, "routes": append([]string{}, j.Routes...),
		"idle_timeout": "15s", // on a busy machine a log may be read in fits and starts
	}
}

// sources returns the config of a file source for each of a job's partitions.
func (j *job) sources() object {
	all := object{}
	for _, p := range j.Partitions {
		source := object{"type": "file", "paths": []string{p.Path}, "format": p.Format}
		switch p.Reader {
		case "kong":
			source["format"] = "kong"
		case "nginx_json":
			source["escape"] = "json"
		}
		all[p.Source] = source
	}
	return all
}

// compare says what the servers have of a run that is not what the oracle expects. StatsD is left out when it may differ.
func (s *stack) compare(t *testing.T, run string, rollups map[string][]string, want *expected, statsd bool) error {
	t.Helper()
	errs := []error{
		compareValues(want.values, graphiteValues(t, s.graphite, run, rollups, want.values)),
		compareDocuments(t, s.search, index(run), want.documents),
	}
	if statsd {
		flushed, err := s.statsd.Flushed()
		errs = append(errs, err, compareCounters(want.values.counters(), flushed.Counters, run+"."+shard+"."))
	}
	return errors.Join(errs...)
}

func seconds(n int) string { return strconv.Itoa(n) + "s" }
