package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/gatemeter/gatemeter/config"
	"github.com/gatemeter/gatemeter/internal/admin"
	"github.com/gatemeter/gatemeter/pipeline"
	"github.com/gatemeter/gatemeter/sinks/live"
	"github.com/gatemeter/gatemeter/sources/cursorfile"
)

func newRunCommand() *cobra.Command {
	var path string
	var once bool
	cmd := &cobra.Command{
		Use:   "run -c FILE [--once] | run LOG…",
		Short: "Run the pipeline of a config, or show log files live with no config at all",
		Example: `  gatemeter run -c gatemeter.yaml
  gatemeter run -c gatemeter.yaml --once     # read all that is there, send it, exit
  gatemeter run /var/log/nginx/access.log    # no config: a live summary
  zcat access.log.7.gz | gatemeter run -     # standard input`,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			context.AfterFunc(ctx, stop) // a second signal ends the process at once
			switch {
			case path == "" && len(args) == 0:
				return &exitError{exitUsage, errors.New("run what? -c FILE for a config, or the names of log files")}
			case path != "" && len(args) > 0:
				return &exitError{exitUsage, errors.New("-c FILE and names of log files exclude each other: the config names the files")}
			case path != "":
				return runConfig(ctx, path, once)
			}
			return runFiles(ctx, args, once)
		},
	}
	cmd.Flags().StringVarP(&path, "config", "c", "", "config `file`")
	cmd.Flags().BoolVar(&once, "once", false, "read all that is there, make every window final, exit")
	return cmd
}

// loadConfig reads and checks the config at path.
func loadConfig(path string) (*config.Config, config.Problems, error) {
	c, warnings, err := config.Load(path)
	if err != nil {
		return nil, warnings, &exitError{exitWrongConfig, err}
	}
	return c, warnings, nil
}

// runConfig runs the config at path until ctx ends, anew after each SIGHUP that finds it right: certificates and keys may have changed where it has not.
func runConfig(ctx context.Context, path string, once bool) error {
	c, warnings, err := loadConfig(path)
	if err != nil {
		return err
	}
	reload := make(chan os.Signal, 1)
	signal.Notify(reload, syscall.SIGHUP)
	defer signal.Stop(reload)
	var done reloads
	var before *config.Config // what ran before c, to go back to when c cannot be run
	for {
		log := newLog(c.Log, os.Stderr)
		for _, w := range warnings {
			log.Warn(w.Error())
		}
		generation, stop := context.WithCancel(ctx)
		started, ended := make(chan struct{}), make(chan error, 1)
		go func() { ended <- runOnce(generation, c, once, log, &done, func() { close(started) }) }()
		select {
		case <-started:
			if before != nil {
				done.note(nil)
			}
		case err := <-ended:
			stop()
			if err == nil || before == nil {
				return err
			}
			log.Error("the new config cannot be run; the one before goes on", "error", err)
			done.note(err)
			c, before, warnings = before, nil, nil
			continue
		}
		var next *config.Config
		for next == nil {
			select {
			case err := <-ended:
				stop()
				return err
			case <-reload:
				if next, warnings, err = loadConfig(path); err != nil {
					log.Error("the config was not taken over; the old one goes on", "error", err)
					done.note(err)
					next = nil
				}
			}
		}
		log.Info("taking over a new config")
		stop()
		err = <-ended
		if ctx.Err() != nil {
			return err
		}
		if err != nil { // a sink that is away, most likely: no reason to stop for good
			log.Error("the old config did not end well", "error", err)
		}
		c, before = next, c
	}
}

// reloads counts how often the config was read again. It is safe for concurrent use.
type reloads struct {
	done, failed atomic.Int64
	lastFailed   atomic.Bool
}

// note notes that a new config runs, or why it does not.
func (r *reloads) note(err error) {
	if err == nil {
		r.done.Add(1)
	} else {
		r.failed.Add(1)
	}
	r.lastFailed.Store(err != nil)
}

// runOnce runs one configuration until ctx ends or, with once, everything is read. It calls started when nothing is left that a
// wrong config could make fail.
func runOnce(ctx context.Context, c *config.Config, once bool, log *slog.Logger, done *reloads, started func()) error {
	store, err := cursorfile.Open(c.DataDir)
	if err != nil {
		return &exitError{exitFailed, err}
	}
	defer store.Close()
	saved, report, err := store.Load()
	if err != nil {
		return &exitError{exitFailed, err}
	}
	for _, line := range report.Problems {
		log.Warn("the cursor file is damaged: "+line, "data_dir", c.DataDir)
	}
	proc, err := build(c, parts{once: once, log: log, in: os.Stdin, saved: saved, save: store.Save})
	if err != nil {
		return &exitError{exitFailed, err}
	}
	defer func() {
		if err := proc.shut(); err != nil {
			log.Error("close", "error", err)
		}
	}()
	proc.collect = append(proc.collect, func(emit func(admin.Sample)) {
		admin.Reloads(done.done.Load(), done.failed.Load(), done.lastFailed.Load(), emit)
	})
	stopServing, err := proc.serve(c.Listen, log)
	if err != nil {
		return &exitError{exitFailed, err}
	}
	defer stopServing()
	log.Info("running", "version", version, "sources", len(c.Sources), "sinks", len(c.Sinks), "shard", c.Shard, "data_dir", c.DataDir, "listen", c.Listen)
	started()
	if err := proc.run(ctx, once); err != nil {
		return &exitError{exitFailed, err}
	}
	stats := proc.pipeline.Stats()
	log.Info("stopped", "lines", total(&stats, func(p *pipeline.PartitionStats) int64 { return p.Read }),
		"counted", total(&stats, func(p *pipeline.PartitionStats) int64 { return p.Counted }))
	return nil
}

func total(s *pipeline.Stats, of func(*pipeline.PartitionStats) int64) (n int64) {
	for i := range s.Partitions {
		n += of(&s.Partitions[i])
	}
	return n
}

// serve starts the server of health and metrics, if there is to be one, and returns what stops it.
func (p *process) serve(listen string, log *slog.Logger) (stop func(), err error) {
	if listen == "" {
		return func() {}, nil
	}
	server, err := admin.New(admin.Settings{
		Listen: listen, Version: version, Log: log,
		Checks: func() []admin.Check {
			var checks []admin.Check
			for _, f := range p.checks {
				checks = append(checks, f())
			}
			return checks
		},
		Collect: func(emit func(admin.Sample)) {
			for _, f := range p.collect {
				f(emit)
			}
		},
	})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := server.Run(ctx); err != nil {
			log.Error("health and metrics are no longer served", "error", err)
		}
	}()
	return func() { cancel(); <-ended }, nil
}

// runFiles shows log files live, without a config and without keeping anything.
func runFiles(ctx context.Context, files []string, once bool) error {
	if len(files) == 1 && files[0] == "-" {
		once = true
	}
	for _, f := range files {
		if err := readable(f); err != nil {
			return &exitError{exitFailed, fmt.Errorf("read log: %w", err)}
		}
	}
	c := config.Default(files, "")
	screen := newScreen(os.Stdout, strings.Join(files, " "))
	proc, err := build(c, parts{
		once: once, log: newLog(config.Log{Level: "warn"}, os.Stderr), in: os.Stdin,
		sinks: []pipeline.MetricSinkSettings{{Name: "live", Sink: screen, Discarding: true}},
	})
	if err != nil {
		return &exitError{exitFailed, err}
	}
	screen.Watch(proc.pipeline.Stats)
	err = proc.run(ctx, once)
	_ = screen.Close()
	stats := proc.pipeline.Stats()
	if err = errors.Join(err, screen.WriteSummary(&stats), proc.shut()); err != nil {
		return &exitError{exitFailed, err}
	}
	return nil
}

// readable says why the log called f on the command line cannot be read. A pattern that the shell has left may match later.
func readable(f string) error {
	info, err := os.Stat(f)
	switch {
	case f == "-" || err != nil && strings.ContainsAny(f, "*?["):
		return nil
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is no regular file; name the log files themselves, or use - for standard input", f)
	case strings.HasSuffix(f, ".yaml") || strings.HasSuffix(f, ".yml"):
		return fmt.Errorf("%s looks like a config: gatemeter run -c %[1]s", f)
	}
	log, err := os.Open(f)
	if err != nil {
		return err
	}
	return log.Close()
}

// newScreen returns a live view on out: a table on a terminal, lines elsewhere.
func newScreen(out io.Writer, title string) *live.Sink {
	set := live.Settings{Out: out, Title: title, Name: "live", Color: os.Getenv("NO_COLOR") == "", Now: time.Now}
	kind := os.Getenv("TERM")
	if f, ok := out.(*os.File); ok && kind != "" && kind != "dumb" && term.IsTerminal(int(f.Fd())) {
		set.Size = func() (int, int) {
			width, height, err := term.GetSize(int(f.Fd()))
			if err != nil {
				return 80, 24
			}
			return width, height
		}
	}
	return live.New(set)
}
