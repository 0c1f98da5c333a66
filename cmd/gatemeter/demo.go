package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/gatemeter/gatemeter/config"
	"github.com/gatemeter/gatemeter/internal/demo"
	"github.com/gatemeter/gatemeter/internal/strict/elasticsearch"
	"github.com/gatemeter/gatemeter/internal/strict/graphite"
	"github.com/gatemeter/gatemeter/internal/strict/statsd"
	"github.com/gatemeter/gatemeter/pipeline"
)

func newDemoCommand() *cobra.Command {
	var seconds, rate int
	cmd := &cobra.Command{
		Use:   "demo [--seconds N]",
		Short: "Made-up traffic of three gateways through the whole pipeline, nothing else to install",
		Long: `Writes logs as nginx and Kong would, and runs the whole pipeline on them: windows, Graphite, StatsD and
Elasticsearch, for which small strict stand-ins are built in. Shows it live, and at the end holds what each of
them got against what was written. Everything lies in a temporary folder and is gone afterwards.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if seconds < 0 || rate < 1 || rate > 1_000_000 {
				return &exitError{exitUsage, errors.New("--seconds must not be negative, and --rate lie between 1 and 1000000")}
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			context.AfterFunc(ctx, stop)
			if err := runDemo(ctx, os.Stdout, time.Duration(seconds)*time.Second, float64(rate)); err != nil {
				return &exitError{exitFailed, err}
			}
			return nil
		},
	}
	cmd.Flags().IntVar(&seconds, "seconds", 0, "end by itself after so long; 0: on Ctrl-C")
	cmd.Flags().IntVar(&rate, "rate", 2000, "lines a second")
	return cmd
}

// receivers are the stand-ins for what gatemeter sends to.
type receivers struct {
	graphite *graphite.Server
	statsd   *statsd.Server
	search   *elasticsearch.Server
}

func runDemo(ctx context.Context, out io.Writer, length time.Duration, rate float64) (err error) {
	dir, err := os.MkdirTemp("", "gatemeter-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	r, err := startReceivers()
	if err != nil {
		return err
	}
	defer r.close()
	logs := filepath.Join(dir, "logs")
	if err := os.Mkdir(logs, 0o700); err != nil {
		return err
	}
	c, err := demoConfig(dir, logs, r)
	if err != nil {
		return err
	}
	writing, stopWriting := context.WithCancel(ctx)
	defer stopWriting()
	if length > 0 {
		writing, stopWriting = context.WithTimeout(ctx, length)
		defer stopWriting()
	}
	screen := newScreen(out, "generated traffic: nginx (two formats) and Kong")
	proc, err := build(c, parts{log: newLog(config.Log{Level: "error"}, os.Stderr), sinks: []pipeline.MetricSinkSettings{{Name: "live", Sink: screen, Discarding: true}}})
	if err != nil {
		return err
	}
	reading, stopReading := context.WithCancel(context.WithoutCancel(ctx))
	defer stopReading()
	ended := make(chan error, 1)
	go func() { ended <- proc.pipeline.Run(reading) }()
	screen.Watch(proc.pipeline.Stats)

	trafficErr := demo.Traffic(writing, logs, rate)
	// All is written. What nobody adds to any more leaves after the idle timeout, in early panes: that is waited for also when it
	// was a signal that ended the writing. The next one ends the waiting.
	waiting, stopWaiting := signal.NotifyContext(context.WithoutCancel(ctx), os.Interrupt, syscall.SIGTERM)
	defer stopWaiting()
	if trafficErr == nil {
		screen.SetTitle("the traffic has ended, the last windows leave; Ctrl-C: at once")
		r.settle(waiting, proc.pipeline, logs)
	}
	stopReading()
	err = errors.Join(trafficErr, <-ended)
	_ = screen.Close()
	stats := proc.pipeline.Stats()
	err = errors.Join(err, screen.WriteSummary(&stats), proc.shut())
	switch {
	case err != nil:
		return err
	case waiting.Err() != nil:
		_, err = fmt.Fprintln(out, "\nEnded before the last windows had left: nothing is compared.")
		return err
	}
	return r.compare(out, &stats, logs)
}

// settle waits until all lines have been read and the receivers have what is to come, but no longer than anybody would.
func (r *receivers) settle(ctx context.Context, p *pipeline.Pipeline, logs string) {
	written, err := countLines(logs)
	if err != nil {
		return // compare says so
	}
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if stats := p.Stats(); r.have(&stats).complete(written) {
			return
		}
	}
}

// numbers are how many records got how far.
type numbers struct{ read, indexed, counted, graphite, statsd int64 }

// complete reports whether of so many lines none is on its way, and none missing.
func (n numbers) complete(written int64) bool {
	return n.read == written && n.indexed == n.read && n.graphite == n.counted && n.statsd == n.counted
}

// have returns what the pipeline's stats say, and what has been received.
func (r *receivers) have(stats *pipeline.Stats) numbers {
	n := numbers{
		read:    total(stats, func(p *pipeline.PartitionStats) int64 { return p.Read }),
		counted: total(stats, func(p *pipeline.PartitionStats) int64 { return p.Counted }),
		indexed: int64(r.search.Count()), statsd: r.statsd.Counters()["gateway.demo.all.requests.count"],
	}
	for _, value := range r.graphite.Series("gateway.demo.all.requests.count") {
		var v int64
		fmt.Sscan(value, &v)
		n.graphite += v
	}
	return n
}

func startReceivers() (*receivers, error) {
	g, err := graphite.New(graphite.Options{})
	if err != nil {
		return nil, err
	}
	s, err := statsd.New(statsd.Options{})
	if err != nil {
		g.Close()
		return nil, err
	}
	e, err := elasticsearch.New()
	if err != nil {
		g.Close()
		s.Close()
		return nil, err
	}
	e.KeepSources(0)
	return &receivers{g, s, e}, nil
}

func (r *receivers) close() {
	r.graphite.Close()
	r.statsd.Close()
	r.search.Close()
}

func demoConfig(dir, logs string, r *receivers) (*config.Config, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "data_dir: %q\nlisten: \"\"\nshard: demo\nsources:\n", filepath.Join(dir, "data"))
	for _, l := range demo.Logs() {
		fmt.Fprintf(&b, "  %s: {type: file, paths: [%q], format: %q}\n", l.Name, l.Path(logs), l.Format)
	}
	fmt.Fprintf(&b, "metrics: {window: 2s, lateness: 2s, idle_timeout: 2s}\nsinks:\n  graphite: {type: graphite, address: %q}\n  statsd: {type: statsd, address: %q}\n  elasticsearch: {type: elasticsearch, urls: [%q]}\n",
		"tcp://"+r.graphite.Address, r.statsd.Address, r.search.URL)
	path := filepath.Join(dir, "gatemeter.yaml")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		return nil, err
	}
	c, _, err := config.Load(path)
	return c, err
}

// compare holds what the receivers have against what was written, and says so.
func (r *receivers) compare(out io.Writer, stats *pipeline.Stats, logs string) error {
	written, err := countLines(logs)
	if err != nil {
		return err
	}
	n := r.have(stats)
	fmt.Fprintf(out, "\nFrom end to end\n%12d  lines written\n%12d  lines read\n%12d  records indexed (malformed lines too)\n%12d  records counted\n%12d  of them in Graphite\n%12d  of them in StatsD\n",
		written, n.read, n.indexed, n.counted, n.graphite, n.statsd)
	violations := append(append(r.graphite.Violations(), r.statsd.Violations()...), r.search.Violations()...)
	switch {
	case len(violations) > 0:
		return fmt.Errorf("a receiver did not accept what it was sent: %s", violations[0])
	case !n.complete(written):
		return errors.New("the numbers do not agree")
	}
	fmt.Fprintln(out, "Every line is accounted for.")
	return nil
}

// countLines counts the lines of the demo's logs.
func countLines(dir string) (n int64, err error) {
	for _, l := range demo.Logs() {
		data, err := os.ReadFile(l.Path(dir))
		if err != nil {
			return 0, fmt.Errorf("count what was written: %w", err)
		}
		n += int64(strings.Count(string(data), "\n"))
	}
	return n, nil
}
