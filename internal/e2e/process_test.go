package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/internal/servers"
	strictgraphite "github.com/gatemeter/gatemeter/internal/strict/graphite"
	strictstatsd "github.com/gatemeter/gatemeter/internal/strict/statsd"
)

// fails runs gatemeter and wants it to end with a code, having said all of want.
func fails(t *testing.T, code int, args []string, want ...string) {
	t.Helper()
	c := exec.CommandContext(t.Context(), binary, args...)
	out, err := c.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != code {
		t.Errorf("gatemeter %q: %v, want exit code %d\n%s", args, err, code, out)
	}
	for _, w := range want {
		if !strings.Contains(string(out), w) {
			t.Errorf("gatemeter %q said %q, want %q", args, out, w)
		}
	}
	if strings.Contains(string(out), "goroutine ") {
		t.Errorf("gatemeter %q: %s", args, out)
	}
}

// TestWrongConfig: what is wrong in a config is said with its key and line, all of it at once, and nothing is started.
func TestWrongConfig(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "gatemeter.yaml")
	data := filepath.Join(dir, "data")
	f := func(text string, want ...string) {
		t.Helper()
		if err := os.WriteFile(file, []byte("data_dir: "+data+"\n"+text), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, command := range []string{"run", "check"} {
			fails(t, 78, []string{command, "-c", file}, want...)
		}
	}
	const source = "sources: {a: {type: file, paths: [/x.log]}}\n"
	f(source+"metrics:\n  windw: 10s\n", file+":4", "metrics.windw", "window")
	f(source+"metrics:\n  window: 10\n", file+":4", "metrics.window", "10s")
	f(source+"metrics:\n  window: 10 parsecs\n", file+":4", "metrics.window", "10 parsecs")
	f(source+"max_in_flight: 64 MegaB\n", file+":3", "max_in_flight", "64MiB")
	f(source+"sinks:\n  g: {type: grafite}\n", file+":4", "graphite")
	f(source+"sinks:\n  g: {type: graphite, address: 127.0.0.1:2003}\n", file+":4", "tcp://127.0.0.1:2003")
	f(source+"metrics:\n  windw: 10s\n  lateness: 5\nworkers: many\n", "metrics.windw", "metrics.lateness", "workers")
	f("sources: {a: {type: file, paths: [/x.log], format: '$remote_addr $'}}\n", "sources.a.format")
	f("sources: [\n", file)
	fails(t, 78, []string{"run", "-c", filepath.Join(dir, "none.yaml")}, "none.yaml", "no such file")
	fails(t, 2, []string{"run"}, "-c FILE")
	if _, err := os.Stat(data); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("data_dir: %v, want none", err)
	}
}

// TestSecondProcess: two gatemeters do not share a data_dir. The second says who has it, and the first does not notice.
func TestSecondProcess(t *testing.T) {
	w := newWorld(t, 300)
	w.addGraphite(strictgraphite.Options{})
	w.log.part(1, 2)
	w.start()
	w.settled()
	w.config["listen"] = servers.FreeAddress(t)
	second := w.write(t, "second.yaml", w.config)
	fails(t, 1, []string{"run", "-c", second}, "data_dir", w.config["data_dir"].(string), "in use by another process", fmt.Sprintf("pid %d", w.process.PID()))
	w.log.part(2, 2)
	w.settled()
	w.ready()
	w.said(0)
	w.process.Kill() // the lock goes with the process
	w.process.Start()
	w.settled()
}

// write writes a config file beside the instance's own and returns its name.
func (g *instance) write(t *testing.T, name string, config object) string {
	t.Helper()
	text, err := json.MarshalIndent(config, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	name = filepath.Join(g.dir, name)
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestServersAway: no server is needed to start. Each that is away is named, and said once.
func TestServersAway(t *testing.T) {
	w := newWorld(t, 1000)
	w.addGraphite(strictgraphite.Options{})
	w.addStatsD(strictstatsd.Options{Network: "tcp"})["delivery"] = "at_least_once"
	w.addElasticsearch()
	w.graphiteBehaves(strictgraphite.Behaviour{Refuse: true})
	w.statsdBehaves(strictstatsd.Behaviour{Refuse: true})
	w.search.Leave()
	w.log.part(1, 1)
	w.start()
	w.ready("sink/elasticsearch", "sink/graphite", "sink/statsd")
	w.reaches(4, "gatemeter_sink_failures_total")
	for _, sink := range []string{"graphite", "statsd", "elasticsearch"} {
		w.await(func() error {
			if len(w.messages(t, "sink="+sink)) == 0 {
				return fmt.Errorf("nothing said of %s", sink)
			}
			return nil
		})
		w.said(1, "sink="+sink, "connection refused")
	}
	w.said(3)
	w.graphiteBehaves(strictgraphite.Behaviour{})
	w.statsdBehaves(strictstatsd.Behaviour{})
	if err := w.search.Return(); err != nil {
		t.Fatal(err)
	}
	w.settled()
	w.ready()
	w.said(3)
}

// TestReload: SIGHUP takes over a new config and loses nothing; one that is wrong, or that cannot be run, leaves the old
// one running.
func TestReload(t *testing.T) {
	w := newWorld(t, 1200)
	w.addGraphite(strictgraphite.Options{})
	w.addElasticsearch()
	w.start()
	w.log.part(1, 4)
	w.settled()
	reload := func(text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(w.dir, "gatemeter.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Kill(w.process.PID(), syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	reloaded := func(times float64, outcome string) {
		t.Helper()
		w.await(func() error { // its server comes and goes
			select {
			case <-w.process.Exited():
				t.Fatal("gatemeter has ended")
			default:
			}
			m, err := w.scrape()
			if err != nil {
				return err
			}
			if got := m["gatemeter_config_reloads_total"][`outcome="`+outcome+`"`]; got != times {
				return fmt.Errorf("%v reloads are %s, want %v", got, outcome, times)
			}
			return nil
		})
	}
	config := func() string {
		text, err := json.Marshal(w.config)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	successful := func(want float64) {
		t.Helper()
		if got := w.metric(t, "gatemeter_config_last_reload_successful"); got != want {
			t.Errorf("gatemeter_config_last_reload_successful is %v, want %v", got, want)
		}
	}
	successful(1)

	reload(strings.Replace(config(), `"address"`, `"adress"`, 1))
	reloaded(1, "failed")
	successful(0)
	w.said(1, "not taken over", "sinks.graphite.adress")
	w.log.part(2, 4)
	w.settled()

	w.config["workers"] = 3
	reload(config())
	reloaded(1, "done")
	successful(1)
	w.log.part(3, 4)
	w.settled()

	// Right in itself, and its address is another's.
	other, err := strictgraphite.New(strictgraphite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	listen := w.config["listen"]
	w.config["listen"] = other.Address
	reload(config())
	reloaded(2, "failed")
	successful(0)
	w.said(1, "cannot be run", "address already in use")
	w.log.part(4, 4)
	w.settled()

	w.config["listen"] = listen
	reload(config())
	reloaded(2, "done")
	w.settled()
	w.ready()
	w.said(2)
}

// TestStop: SIGTERM sends what is counted and exits with 0, within shutdown_timeout and a second more, whatever the servers do;
// the next run brings what they have missed.
func TestStop(t *testing.T) {
	f := func(name string, stall bool) {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 2000)
			w.addGraphite(strictgraphite.Options{ReadBuffer: 4096})
			w.addStatsD(strictstatsd.Options{Network: "tcp"})["delivery"] = "at_least_once"
			w.addElasticsearch()
			w.config["shutdown_timeout"] = "30s"
			if stall {
				w.config["shutdown_timeout"] = "2s"
			}
			w.start()
			if stall {
				never := make(chan struct{})
				w.graphiteBehaves(strictgraphite.Behaviour{Stall: never})
				w.statsdBehaves(strictstatsd.Behaviour{Refuse: true})
				w.search.Leave()
			}
			w.log.part(1, 1)
			w.reaches(2000, "gatemeter_source_read_lines_total")
			began := time.Now()
			if err := syscall.Kill(w.process.PID(), syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			if err := w.process.Wait(within); err != nil {
				t.Errorf("exit: %v", err)
			}
			// The promise is a second more than the timeout; that it is not without end is what can be said on a busy machine.
			if took := time.Since(began); took > 20*time.Second {
				t.Errorf("the stop took %v", took)
			}
			if stall {
				w.said(1, "stopped before every sink had everything")
				w.graphiteBehaves(strictgraphite.Behaviour{})
				w.statsdBehaves(strictstatsd.Behaviour{})
				if err := w.search.Return(); err != nil {
					t.Fatal(err)
				}
			} else {
				w.said(0)
				if got := w.search.Count(); got != 2000 {
					t.Errorf("Elasticsearch has %d documents at the stop, want 2000", got)
				}
				closed := w.graphite.Values()["w."+shard+".all.requests.count"]
				if len(closed) < 30 { // of 40; those not closed yet are the next run's
					t.Errorf("Graphite has %d windows at the stop", len(closed))
				}
			}
			w.process.Start()
			w.settled()
		})
	}
	f("servers well", false)
	f("servers stalled", true)
}
