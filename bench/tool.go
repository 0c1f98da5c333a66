package main

import (
	"bytes"
	"fmt"
	"os/exec"
	"strconv"
)

// tool is a program to time.
type tool struct {
	name string
	does string // with a log, for the table

	// command returns what is run; its standard input, if any, is an *os.File.
	command func(*toolRun) (*exec.Cmd, error)
	// started is called after the start; nil: nothing is to be done.
	started func(*toolRun) error
	// finished reports whether the tool has read everything and may be told to end; nil: it ends by itself.
	finished func(*toolRun) bool
	// counted returns how many lines, or records, it counted. It is called after the end.
	counted  func(*toolRun) (int64, error)
	allLines bool // what it counts is lines, not records
}

// near returns the tools that are timed on the whole log: gatemeter, and those that do far less.
func (b *bench) near(format string) []*tool {
	tools := []*tool{lineCount(), b.gatemeter(format, false), b.gatemeter(format, true)}
	if found("mawk") && format != "kong" {
		tools = append(tools, statusCount())
	}
	return tools
}

func found(name string) bool {
	_, err := exec.LookPath(name)
	return err == nil
}

func printed(r *toolRun) (int64, error) { return firstNumber(r.stdout.Bytes()) }

func lineCount() *tool {
	return &tool{
		name: "wc -l", does: "counts newlines", allLines: true, counted: printed,
		command: func(r *toolRun) (*exec.Cmd, error) { return exec.Command("wc", "-l", r.in.path), nil },
	}
}

func statusCount() *tool {
	return &tool{
		name: "mawk", does: "one count by `$9`", allLines: true, counted: printed,
		command: func(r *toolRun) (*exec.Cmd, error) {
			return exec.Command("mawk", `{ c[$9]++ } END { for (s in c) n += c[s]; printf "%d\n", n }`, r.in.path), nil
		},
	}
}

// gatemeter is the binary with the default rollups, to Graphite, and with records to Elasticsearch too.
func (b *bench) gatemeter(format string, records bool) *tool {
	t := &tool{name: "gatemeter", does: "all metrics of the default rollups, to Graphite"}
	if records {
		t.name, t.does = "gatemeter, records", "the same, and each record to Elasticsearch"
	}
	t.command = func(r *toolRun) (*exec.Cmd, error) {
		path, err := r.write("gatemeter.yaml", b.gatemeterConfig(r.in, r.dir, "", records))
		if err != nil {
			return nil, err
		}
		b.sinks.reset()
		return exec.Command(b.binary, "run", "-c", path, "--once"), nil
	}
	t.counted = func(r *toolRun) (int64, error) {
		requests, documents := b.sinks.counts()
		if records && documents != r.in.lines {
			return 0, fmt.Errorf("%d documents of %d lines", documents, r.in.lines)
		}
		return requests, nil
	}
	return t
}

// gatemeterConfig is for a run in the folder dir.
func (b *bench) gatemeterConfig(in *input, dir, listen string, records bool) string {
	text := fmt.Sprintf("data_dir: %q\nlisten: %q\nsources:\n  log: {type: file, paths: [%q], format: %s}\nsinks:\n"+
		"  graphite: {type: graphite, address: \"tcp://%s\", prefix: bench}\n", dir+"/data", listen, in.path, in.format, b.sinks.graphite)
	if records {
		text += fmt.Sprintf("  elasticsearch: {type: elasticsearch, urls: [\"http://%s\"], setup: false}\n", b.sinks.elasticsearch)
	}
	return text
}

// samples adds up the values of the lines of Prometheus' text format that begin with name and have a status.
func samples(text []byte, name string) int64 {
	sum := 0.0
	for line := range bytes.Lines(text) {
		if !bytes.HasPrefix(line, []byte(name)) || bytes.Contains(line, []byte(`status=""`)) {
			continue
		}
		if i := bytes.LastIndexByte(bytes.TrimRight(line, " \n"), '}'); i >= 0 {
			if fields := bytes.Fields(line[i+1:]); len(fields) > 0 {
				v, _ := strconv.ParseFloat(string(fields[0]), 64)
				sum += v
			}
		}
	}
	return int64(sum)
}
