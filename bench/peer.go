package main

import (
	"bytes"
	"embed"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// configs are the peers' configurations: for each the least work that counts requests by status and method and has a latency
// histogram by user or service. @IN@, @PORT@, @DIR@ and @STATSD@ are filled in.
//
//go:embed peers
var configs embed.FS

// scrapePort is where peers that are asked for their metrics listen.
const scrapePort = "39003"

// far returns the tools that take much longer than gatemeter, and those two to compare with.
func (b *bench) far(format string) []*tool {
	tools := []*tool{lineCount(), b.gatemeter(format, false)}
	if found("mtail") && format != "kong" {
		tools = append(tools, &tool{
			name: "mtail", does: "counts and a histogram, by a regular expression",
			command: func(r *toolRun) (*exec.Cmd, error) {
				program, err := b.config(r, "mtail-"+format+".mtail")
				if err != nil {
					return nil, err
				}
				log, err := r.ascii() // it reads no further than to the first byte that is not UTF-8
				return exec.Command("mtail", "--one_shot", "--one_shot_format=prometheus", "--progs", program, "--logs", log,
					"--address", "127.0.0.1", "--port", scrapePort, "--log_dir", r.dir), err
			},
			counted: func(r *toolRun) (int64, error) { return samples(r.stdout.Bytes(), "requests_total"), nil },
		})
	}
	if found("goaccess") && format != "kong" {
		tools = append(tools, &tool{
			name: "goaccess", does: "totals at the end",
			command: func(r *toolRun) (*exec.Cmd, error) {
				config, err := b.config(r, "goaccess-"+format+".conf")
				return exec.Command("goaccess", r.in.path, "-p", config, "-o", filepath.Join(r.dir, "out.json"), "--no-global-config"), err
			},
			counted: func(r *toolRun) (int64, error) {
				text, err := os.ReadFile(filepath.Join(r.dir, "out.json"))
				_, after, _ := bytes.Cut(text, []byte(`"valid_requests":`))
				if err != nil {
					return 0, err
				}
				n, _, _ := bytes.Cut(after, []byte{','})
				return firstNumber(n)
			},
		})
	}
	if path := b.peer("vector"); path != "" {
		tools = append(tools, &tool{
			name: "Vector", does: "counts and a histogram, to StatsD",
			command: func(r *toolRun) (*exec.Cmd, error) {
				b.sinks.reset()
				config, err := b.config(r, "vector-"+format+".yaml")
				if err != nil {
					return nil, err
				}
				return r.onStdin(path, "--quiet", "--config", config)
			},
			counted: func(*toolRun) (int64, error) {
				b.sinks.mu.Lock()
				defer b.sinks.mu.Unlock()
				return b.sinks.counters, b.sinks.bad
			},
		})
	}
	if path := b.peer("fluent-bit"); path != "" {
		tools = append(tools, scraped(&tool{
			name: "Fluent Bit", does: "counts and a histogram, for Prometheus",
			command: func(r *toolRun) (*exec.Cmd, error) {
				if _, err := b.config(r, "fluent-bit-parsers.conf"); err != nil {
					return nil, err
				}
				config, err := b.config(r, "fluent-bit-"+format+".conf")
				return exec.Command(path, "-c", config), err
			},
		}, "log_metric_counter_requests_total{"))
	}
	if path := b.peer("prometheus-nginxlog-exporter"); path != "" && format != "kong" {
		tools = append(tools, scraped(&tool{
			name: "nginxlog-exporter", does: "counts and a histogram, for Prometheus",
			command: func(r *toolRun) (*exec.Cmd, error) {
				config, err := b.config(r, "nginxlog-exporter-"+format+".yaml")
				if err == nil {
					_, err = r.write("follow.log", "")
				}
				return exec.Command(path, "-config-file", config), err
			},
			started: follow, // it reads only what is written after its start
		}, "nginx_http_response_count_total{"))
	}
	return tools
}

// peer returns the path of a peer's binary, empty when there is none.
func (b *bench) peer(name string) string {
	if b.peers == "" {
		return ""
	}
	path := filepath.Join(b.peers, name)
	if info, err := os.Stat(path); err != nil || info.Mode()&0o111 == 0 {
		return ""
	}
	return path
}

// config writes a peer's configuration for this run and returns its path.
func (b *bench) config(r *toolRun, name string) (string, error) {
	text, err := configs.ReadFile("peers/" + name)
	if err != nil {
		return "", err
	}
	host, port, _ := strings.Cut(b.sinks.statsd, ":")
	fill := strings.NewReplacer("@IN@", r.in.path, "@DIR@", r.dir, "@PORT@", scrapePort, "@STATSD_HOST@", host, "@STATSD_PORT@", port)
	return r.write(name, fill.Replace(string(text)))
}

// scraped makes t one that goes on until it is told to end, when its metric has not grown for two seconds.
func scraped(t *tool, metric string) *tool {
	const still = 2 * time.Second
	next := time.Time{}
	t.finished = func(r *toolRun) bool {
		now := time.Now()
		if now.Before(next) {
			return false
		}
		next = now.Add(500 * time.Millisecond)
		answer, err := http.Get("http://127.0.0.1:" + scrapePort + "/metrics")
		if err != nil {
			return false // it does not listen yet, or no more
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(io.LimitReader(answer.Body, 16<<20))
		if err != nil {
			return false
		}
		if n := samples(text, metric); n != r.seen || r.since.IsZero() {
			r.seen, r.since = n, now
		}
		return r.seen > 0 && now.Sub(r.since) > still
	}
	t.counted = func(r *toolRun) (int64, error) {
		if r.seen == 0 {
			return 0, fmt.Errorf("%s was never there", metric)
		}
		return r.seen, nil
	}
	return t
}

// follow appends the input to the file that the tool follows, once it listens.
func follow(r *toolRun) error {
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		answer, err := http.Get("http://127.0.0.1:" + scrapePort + "/metrics")
		if err == nil {
			_ = answer.Body.Close()
			break
		}
		if time.Now().After(deadline) {
			return err
		}
	}
	in, err := os.Open(r.in.path)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(filepath.Join(r.dir, "follow.log"), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if closed := out.Close(); err == nil {
		err = closed
	}
	return err
}
