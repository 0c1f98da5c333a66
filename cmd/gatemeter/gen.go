package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/gatemeter/gatemeter/bench/loggen"
)

// genOptions is the command line of `gen`.
type genOptions struct {
	format    string
	lines     int64
	seed      uint64
	start     string
	rate      float64
	duration  time.Duration
	malformed float64
	disorder  time.Duration
	follow    bool
	output    string
}

func newGenCommand() *cobra.Command {
	o := &genOptions{}
	cmd := &cobra.Command{
		Use:   "gen --format FORMAT -n LINES",
		Short: "Write generated log lines: the same seed gives the same bytes",
		Long: `Write generated log lines to standard output or a file.

The traffic is forty routes of twelve services, a few of them hot, with log-normal latencies, one request in twenty not a
success, lines out of order, and one line in a thousand that is no record. The same flags give the same bytes on any machine.

The format strings of nginx, for gatemeter's "format:" and nginx's "log_format":
  nginx_combined  ` + loggen.NginxCombinedLogFormat + `
  nginx_timed     the same and: $request_time $upstream_response_time
  nginx_json      JSON, escape=json`,
		Example: `  gatemeter gen --format nginx_timed -n 1000000 --seed 1 -o access.log
  gatemeter gen --format kong --follow --rate 500 -o kong.log`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	f := cmd.Flags()
	f.StringVar(&o.format, "format", loggen.NginxCombined.String(), "one of "+strings.Join(loggen.FormatNames(), ", "))
	f.Int64VarP(&o.lines, "lines", "n", 10_000, "how many lines; with --follow, 0 for no end")
	f.Uint64Var(&o.seed, "seed", 1, "what the lines are made from")
	f.StringVar(&o.start, "start", "2026-01-01T00:00:00Z", "time of the first line, RFC 3339")
	f.Float64Var(&o.rate, "rate", 1000, "lines a second: of event time, with --follow of real time")
	f.DurationVar(&o.duration, "duration", 0, "event time that all lines span, instead of --rate")
	f.Float64Var(&o.malformed, "malformed", loggen.DefaultMalformed, "share of lines that are no record, 0 to 1")
	f.DurationVar(&o.disorder, "disorder", loggen.DefaultDisorder, "how far lines are out of order, at most")
	f.BoolVar(&o.follow, "follow", false, "write at the real rate with the time as it is now, until interrupted or -n is reached")
	f.StringVarP(&o.output, "output", "o", "", "file to write instead of standard output; what it holds is lost")
	cmd.MarkFlagsMutuallyExclusive("rate", "duration")
	cmd.MarkFlagsMutuallyExclusive("follow", "duration")
	cmd.MarkFlagsMutuallyExclusive("follow", "start")
	return cmd
}

func (o *genOptions) run(cmd *cobra.Command) (err error) {
	options, err := o.options()
	if err != nil {
		return &exitError{exitUsage, err}
	}
	if o.follow && !cmd.Flags().Changed("lines") {
		o.lines = 0
	}
	out := cmd.OutOrStdout()
	if o.output != "" {
		file, openErr := os.OpenFile(o.output, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
		if openErr != nil {
			return &exitError{exitFailed, fmt.Errorf("create the log: %w", openErr)}
		}
		defer func() {
			if closeErr := file.Close(); closeErr != nil {
				err = errors.Join(err, &exitError{exitFailed, closeErr})
			}
		}()
		out = file
	}
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	generator := loggen.New(options)
	if o.follow {
		err = loggen.Follow(ctx, generator, o.rate, o.lines, out)
	} else {
		err = writeLines(ctx, generator, o.lines, out)
	}
	if err != nil {
		return &exitError{exitFailed, fmt.Errorf("write the log: %w", err)}
	}
	return nil
}

// options returns what the command line says, or the first thing wrong with it.
func (o *genOptions) options() (loggen.Options, error) {
	format, err := loggen.ParseFormat(o.format)
	if err != nil {
		return loggen.Options{}, err
	}
	start, err := time.Parse(time.RFC3339, o.start)
	if err != nil {
		return loggen.Options{}, fmt.Errorf("--start %q is no time such as 2026-01-01T00:00:00Z", o.start)
	}
	switch {
	case o.lines < 0:
		return loggen.Options{}, errors.New("-n is below 0")
	case !(o.rate > 0 && o.rate <= 1e9):
		return loggen.Options{}, errors.New("--rate is not above 0 and at most 1e9")
	case o.duration < 0:
		return loggen.Options{}, errors.New("--duration is below 0")
	case !(o.malformed >= 0 && o.malformed <= 1):
		return loggen.Options{}, errors.New("--malformed is not from 0 to 1")
	case o.disorder < 0 || o.disorder > time.Hour:
		return loggen.Options{}, errors.New("--disorder is not from 0 to 1h")
	}
	interval := time.Duration(float64(time.Second) / o.rate)
	if o.duration > 0 {
		interval = o.duration / time.Duration(max(o.lines, 1))
	}
	options := loggen.Options{
		Format: format, Seed: o.seed, Start: start, Interval: max(interval, 1), Malformed: o.malformed, Disorder: o.disorder,
	}
	if o.follow {
		options.Start = time.Time{}
	}
	return options, nil
}

// writeLines writes n lines as fast as out takes them.
func writeLines(ctx context.Context, g *loggen.Generator, n int64, out io.Writer) error {
	w := bufio.NewWriterSize(out, 256<<10)
	var line []byte
	for i := range n {
		if i&0xfff == 0 && ctx.Err() != nil {
			break // interrupted: what was written is whole lines
		}
		line = g.Append(line[:0])
		if _, err := w.Write(line); err != nil {
			return err
		}
	}
	return w.Flush()
}
