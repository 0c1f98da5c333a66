package servers

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// StatsD is the StatsD daemon from npm, which flushes every second into a file.
type StatsD struct {
	*Server
	Address string // UDP and TCP
	flushes string
}

// StartStatsD starts the daemon.
func StartStatsD(t testing.TB) *StatsD {
	t.Helper()
	dir, home := t.TempDir(), installed(t, "statsd")
	s := &StatsD{Address: FreeAddress(t), flushes: filepath.Join(dir, "flushes.jsonl")}
	management := FreeAddress(t)
	config := map[string]any{
		"servers": []map[string]any{
			{"server": "./servers/udp", "address": host, "port": number(s.Address)},
			{"server": "./servers/tcp", "address": host, "port": number(s.Address)},
		},
		"mgmt_address": host, "mgmt_port": number(management),
		"flushInterval": 1000, "deleteIdleStats": true,
		"backends": []string{filepath.Join(home, "flushes.js")}, "flushes": s.flushes,
	}
	text, err := json.MarshalIndent(config, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	mustWrite(t, filepath.Join(dir, "config.js"), string(text))
	s.Server = Start(t, Command{
		Name:   "statsd",
		Args:   []string{"node", filepath.Join(home, "node_modules/statsd/stats.js"), filepath.Join(dir, "config.js")},
		Output: filepath.Join(dir, "output.log"),
		Ready:  func() error { return errors.Join(accepts(s.Address), accepts(management)) },
	})
	return s
}

// Flushed is what the daemon has flushed since it started, over all flushes.
type Flushed struct {
	Counters map[string]float64   // summed
	Gauges   map[string]float64   // the newest value
	Timers   map[string][]float64 // every value
	Sets     map[string]int       // the largest number of distinct values in one flush
}

// Flushed reads what has been flushed so far. A value sent now is in it after the next flush, within about a second. The
// daemon's own counters are in it too, as statsd.bad_lines_seen. It is safe for concurrent use.
func (s *StatsD) Flushed() (Flushed, error) {
	all := Flushed{Counters: map[string]float64{}, Gauges: map[string]float64{}, Timers: map[string][]float64{}, Sets: map[string]int{}}
	f, err := os.Open(s.flushes)
	if errors.Is(err, fs.ErrNotExist) {
		return all, nil
	}
	if err != nil {
		return all, err
	}
	defer f.Close()
	lines := bufio.NewReader(f)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return all, nil // the end; what follows the last newline is still being written
		}
		var one Flushed
		if err := json.Unmarshal(line, &one); err != nil {
			return all, fmt.Errorf("read statsd's flush %.200q: %w", line, err)
		}
		for name, v := range one.Counters {
			all.Counters[name] += v
		}
		for name, v := range one.Gauges {
			all.Gauges[name] = v
		}
		for name, v := range one.Timers {
			all.Timers[name] = append(all.Timers[name], v...)
		}
		for name, v := range one.Sets {
			all.Sets[name] = max(all.Sets[name], v)
		}
	}
}
